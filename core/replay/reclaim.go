package replay

import (
	"reflect"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// maxRounds is after how many rounds the corpus' runner gives up; quietRounds is how many
// that change nothing make it stop.
const maxRounds, quietRounds = 24, 3

// reclaim plays the corpus' operation, in straight line:
//
//	fdatasync() of every file on the disk
//	repeat, until nothing changes any more:
//	  for every folio on the LRU list: one pass of shrink_folio_list
//	  wait for I/O
//
// The accessed bits that the runner clears are not looked at by shrink_folio_list here.
func (p *Player) reclaim(*Op) (Result, error) {
	for _, r := range p.regions {
		if r.onDisk() {
			if _, err := p.call(p.worker(0), "fsync", kernel.Arg{File: r.file}); err != nil {
				return Result{}, err
			}
		}
	}
	if err := p.rest(); err != nil {
		return Result{}, err
	}
	before, quiet := p.observe(), 0
	for range maxRounds {
		for f := machine.Frame(1); p.sim.M.IsData(f); f++ {
			if err := p.shrink(f); err != nil {
				return Result{}, err
			}
		}
		if err := p.rest(); err != nil {
			return Result{}, err
		}
		after := p.observe()
		if quiet++; !reflect.DeepEqual(before, after) {
			quiet = 0
		}
		if quiet == quietRounds {
			break
		}
		before = after
	}
	return Result{}, nil
}

// shrink has a kernel thread make one pass of reclaim over a folio, if it is on the LRU list.
func (p *Player) shrink(f machine.Frame) error {
	if p.sim.M.Peek(p.sim.M.Flags(f))&machine.PGLRU == 0 {
		return nil
	}
	page, ok := p.home(f)
	if !ok {
		return nil
	}
	task := p.worker(0)
	if err := p.begin(task, returned, "shrink_folio_list", page); err != nil {
		return err
	}
	p.do(task, int(f)) // isolate this one
	return p.run(task)
}

// home is a page of a process at whose address the folio is, or would be, mapped.
func (p *Player) home(f machine.Frame) (kernel.Arg, bool) {
	m := p.sim.M
	mapping := m.Peek(m.Mapping(f))
	if mm := machine.MappingMM(mapping); mm >= 0 {
		return kernel.Arg{MM: mm, Region: machine.MappingRegion(mapping), Page: int(m.Peek(m.Index(f)))}, true
	}
	if place, ok := m.NextMapping(f, machine.NoPage); machine.IsKSM(mapping) && ok {
		at := m.Pages()[place]
		return kernel.Arg{MM: at.MM, Region: at.Region, Page: at.Index}, true
	}
	if mapping == machine.KSMNoNode { // no reverse mapping leads to where it is mapped: any page at its index
		index := int(m.Peek(m.Index(f)))
		for i, r := range m.MMs[0].Regions {
			if index < r.Pages {
				return kernel.Arg{Region: i, Page: index}, true
			}
		}
	}
	for i, r := range p.regions {
		for page := range r.pages {
			if o, ok := p.pgoff(r, page); ok && p.cachedFolio(o) == f {
				return kernel.Arg{Region: i, Page: page}, true
			}
		}
	}
	return kernel.Arg{}, false
}

// cachedFolio is the folio that the page cache has at a page of a file, or the swap cache for it.
func (p *Player) cachedFolio(o machine.Pgoff) machine.Frame {
	v := p.sim.M.Peek(p.sim.M.CacheSlot(o))
	if e := machine.Entry(v); e.IsSwap() {
		v = p.sim.M.Peek(p.sim.M.SwapCache(e.Slot()))
	}
	f, _ := machine.Cached(v)
	return f
}
