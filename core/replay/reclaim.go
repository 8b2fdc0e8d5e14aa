package replay

import (
	"reflect"
	"slices"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// maxRounds is after how many rounds the corpus' runner gives up; quietRounds is how many
// that change nothing make it stop.
const maxRounds, quietRounds = 24, 3

// reclaim plays the corpus' operation, in straight line:
//
//	repeat, until nothing changes any more:
//	  for every frame that is observed: one pass of shrink_folio_list
//	  wait for I/O
//
// The accessed bits that the runner clears are not looked at by shrink_folio_list here.
func (p *Player) reclaim(*Op) (Result, error) {
	before, quiet := p.observe(), 0
	for range maxRounds {
		for _, f := range slices.Clone(p.seen) {
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
	m := p.sim.M
	mapping := m.Peek(m.Mapping(f))
	mm := machine.MappingMM(mapping)
	if m.Peek(m.Flags(f))&machine.PGLRU == 0 || mm < 0 {
		return nil
	}
	task := p.worker(0)
	page := kernel.Arg{MM: mm, Region: machine.MappingRegion(mapping), Page: int(m.Peek(m.Index(f)))}
	if err := p.begin(task, returned, "shrink_folio_list", page); err != nil {
		return err
	}
	p.do(task, int(f)) // isolate this one
	return p.run(task)
}
