package replay

import (
	"fmt"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// fileRoom is how many pages a file may have in a program, at least: what is written or
// truncated to beyond that is not modelled.
const fileRoom = 8

// fileSetup is the file behind a region, as it is before the program begins.
func fileSetup(op *Op, region int) (kernel.FileSetup, bool) {
	f := kernel.FileSetup{Name: op.Region + "'s file", Pages: op.Pages, Room: fileRoom}
	switch op.Kind {
	case Ext4Shared, Ext4Private:
		f.Kind = machine.Ext4
	case ShmemShared, ShmemPrivate:
		f.Kind = machine.Shmem
	case HugetlbPrivate:
		f.Kind = machine.Hugetlbfs
	case HugetlbShared:
		f.Kind = machine.Hugetlbfs
		return f, true
	case AnonShared:
		f.Kind = machine.Shmem
		return f, true
	case Ext4Hole:
		f.Kind = machine.Ext4
		return f, true
	case SecretMemory:
		f.Kind = machine.Secretmem
		return f, true
	default:
		return f, false
	}
	for i := range op.Pages {
		f.Fill = append(f.Fill, fmt.Sprint(100*(region+1)+i))
	}
	return f, true
}

// onFile has the process that controls the run make a call on the file of the operation's region.
func (p *Player) onFile(op *Op, name string, args ...kernel.Arg) (Result, error) {
	r, err := p.call(p.worker(0), name, append([]kernel.Arg{p.file(op)}, args...)...)
	return p.result(r), err
}

// file is the file behind the operation's region, or a page of it.
func (p *Player) file(op *Op) kernel.Arg {
	return kernel.Arg{File: p.regions[p.region(op.Region)].file, Page: max(op.Page, 0)}
}

func (p *Player) fsync(op *Op) (Result, error) { return p.onFile(op, "fsync") }

func (p *Player) fileWrite(op *Op) (Result, error) {
	r, err := p.onFile(op, "pwrite", value(op))
	return copied(r), err
}

func (p *Player) fileRead(op *Op) (Result, error) {
	m := p.sim.M
	beyond := uint64(op.Page)*pageBytes >= m.Peek(m.Size(p.file(op).File))
	r, err := p.onFile(op, "pread")
	if beyond {
		return Result{}, err
	}
	return copied(r), err
}

func (p *Player) truncate(op *Op) (Result, error) {
	return p.onFile(op, "ftruncate", kernel.Arg{Number: op.Pages})
}

func (p *Player) punch(op *Op) (Result, error) {
	return p.onFile(op, "fallocate", kernel.Arg{Word: "FALLOC_FL_PUNCH_HOLE"})
}

// dropCache is fdatasync, then POSIX_FADV_DONTNEED on the whole file.
func (p *Player) dropCache(op *Op) (Result, error) {
	if _, err := p.onFile(op, "fsync"); err != nil {
		return Result{}, err
	}
	if err := p.rest(); err != nil {
		return Result{}, err
	}
	return p.onFile(op, "posix_fadvise", kernel.Arg{Word: "POSIX_FADV_DONTNEED"})
}

func (p *Player) msync(op *Op) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		r, err := p.call(proc.task, "msync", p.target(proc, op))
		return p.result(r), err
	})
}

const pageBytes = 4096

// files looks at page caches, disks and sizes.
func (w *observer) files() {
	m := w.m
	w.o.Cache, w.o.Disk, w.o.Size = map[string][]Label{}, map[string][]Block{}, map[string]int{}
	for _, r := range w.regions {
		if r.file < 0 {
			continue
		}
		var cached []Label
		var blocks []Block
		for i := range r.pages {
			o, _ := w.pgoff(r, i)
			cached = append(cached, w.cached(o))
			blocks = append(blocks, w.block(o))
		}
		w.o.Cache[r.name] = cached
		if r.onDisk() {
			w.o.Disk[r.name] = blocks
		}
		w.o.Size[r.name] = int(m.Peek(m.Size(r.file)) / pageBytes)
	}
}

// pgoff is the file's page behind a page of a region; false if no file is.
func (p *Player) pgoff(r region, page int) (machine.Pgoff, bool) {
	if r.file < 0 {
		return 0, false
	}
	o, ok := p.sim.M.PgoffAt(r.file, page)
	if !ok {
		panic("replay: a file has no room for the pages that are mapped of it: its setup says how many it has")
	}
	return o, true
}

// cached is what the page cache has at a page of a file.
func (w *observer) cached(o machine.Pgoff) Label {
	v := w.m.Peek(w.m.CacheSlot(o))
	if f, ok := machine.Cached(v); ok {
		return w.frame(f)
	}
	if e := machine.Entry(v); e.IsSwap() {
		return w.slot(e.Slot())
	}
	return NoLabel
}

func (w *observer) block(o machine.Pgoff) Block {
	v := w.m.Peek(w.m.Block(o))
	switch machine.BlockState(v) {
	case machine.BlockHole:
		return Block{State: Hole}
	case machine.BlockDelalloc:
		return Block{State: Delalloc}
	case machine.BlockUnwritten:
		return Block{State: Unwritten}
	}
	return Block{Word: number(w.m.Values[machine.BlockContent(v)])}
}
