package replay

import (
	"errors"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// operations says what each operation is in statements.
var operations map[Verb]func(*Player, *Op) (Result, error)

func init() {
	operations = map[Verb]func(*Player, *Op) (Result, error){
		Mem:       (*Player).mem,
		Load:      (*Player).load,
		Store:     (*Player).store,
		Fork:      (*Player).fork,
		Exit:      (*Player).exit,
		Mprotect:  (*Player).mprotect,
		Munmap:    (*Player).munmap,
		Madvise:   (*Player).madvise,
		Collapse:  (*Player).collapse,
		PinPage:   (*Player).pin,
		Unpin:     (*Player).unpin,
		DMARead:   (*Player).dmaRead,
		DMAWrite:  (*Player).dmaWrite,
		VMReadv:   (*Player).vmReadv,
		VMWritev:  (*Player).vmWritev,
		MemRead:   (*Player).memRead,
		MemWrite:  (*Player).memWrite,
		Reclaim:   (*Player).reclaim,
		Migrate:   (*Player).migrate,
		KSM:       (*Player).ksm,
		Fsync:     (*Player).fsync,
		Msync:     (*Player).msync,
		FileWrite: (*Player).fileWrite,
		FileRead:  (*Player).fileRead,
		Truncate:  (*Player).truncate,
		Punch:     (*Player).punch,
		DropCache: (*Player).dropCache,
	}
}

func (p *Player) mem(*Op) (Result, error) {
	p.mapped++
	return Result{}, nil
}

func (p *Player) load(op *Op) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		r, err := p.call(proc.task, "load", p.page(proc, op))
		return p.result(r), err
	})
}

func (p *Player) store(op *Op) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		r, err := p.call(proc.task, "store", p.page(proc, op), value(op))
		return p.result(r), err
	})
}

func (p *Player) fork(op *Op) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		if child := p.process[op.Other]; child != nil && child.alive {
			return Result{Skip: "target"}, nil
		}
		var child *process
		for _, f := range p.forks {
			if f.name == op.Other && !f.alive && f != p.process[op.Other] {
				child = f
				break
			}
		}
		if child == nil {
			return Result{}, errors.New("replay: more forks than the program has")
		}
		r, err := p.call(proc.task, "fork", kernel.Arg{MM: child.mm})
		if err == nil {
			child.alive = true
			p.process[op.Other] = child
		}
		return p.result(r), err
	})
}

func (p *Player) exit(op *Op) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		r, err := p.call(proc.task, "exit")
		proc.alive = false
		return p.result(r), err
	})
}

func (p *Player) mprotect(op *Op) (Result, error) {
	prot := map[Prot]string{ProtNone: "PROT_NONE", ProtRead: "PROT_READ", ProtReadWrite: "PROT_READ_WRITE"}[op.Prot]
	return p.byProcess(op, func(proc *process) (Result, error) {
		r, err := p.call(proc.task, "mprotect", p.target(proc, op), kernel.Arg{Word: prot})
		return p.result(r), err
	})
}

func (p *Player) munmap(op *Op) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		r, err := p.call(proc.task, "munmap", p.target(proc, op))
		return p.result(r), err
	})
}

func (p *Player) madvise(op *Op) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		r, err := p.call(proc.task, "madvise", p.target(proc, op), kernel.Arg{Word: "MADV_" + strings.ToUpper(string(op.Advice))})
		return p.result(r), err
	})
}

func (p *Player) collapse(op *Op) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		r, err := p.call(proc.task, "madvise", p.target(proc, op), kernel.Arg{Word: "MADV_COLLAPSE"})
		return p.result(r), err
	})
}

func (p *Player) pin(op *Op) (Result, error) {
	name := map[bool]string{true: "get_user_pages", false: "pin_user_pages"}[op.Pin.Get]
	name += map[How]string{Slow: "", Fast: "_fast", FastOnly: "_fast_only"}[op.Pin.How]
	var flags uint64
	for _, f := range []struct {
		is   bool
		flag uint64
	}{{op.Pin.Write, kernel.FollWrite}, {op.Pin.Longterm, kernel.FollLongterm}, {op.Pin.Force, kernel.FollForce}, {op.Pin.NoFault, kernel.FollNoFault}} {
		if f.is {
			flags |= f.flag
		}
	}
	return p.byProcess(op, func(proc *process) (Result, error) {
		variable := p.variable(op.Slot)
		r, err := p.callInto(proc.task, variable, name, p.page(proc, op), kernel.Arg{Flags: flags})
		if err == nil && r.Kind == machine.IsPage {
			p.pins[op.Slot] = &slot{proc.task, variable, op.Pin.Write, !op.Pin.Get}
			return Result{Ret: 1}, nil
		}
		return p.result(r), err
	})
}

// variable is the variable of every task that a slot has.
func (p *Player) variable(slot string) int {
	for i, v := range p.sim.Setup.Tasks[0].Vars {
		if v == slot {
			return i
		}
	}
	panic("replay: a slot that no operation of the program fills: the program was read twice")
}

func (p *Player) unpin(op *Op) (Result, error) {
	return p.bySlot(op, func(s *slot) (Result, error) {
		held := kernel.Arg{Var: s.variable}
		var err error
		switch {
		case s.pin && op.Dirty:
			_, err = p.call(s.task, "unpin_user_pages_dirty_lock", held)
		case s.pin:
			_, err = p.call(s.task, "unpin_user_page", held)
		default:
			if op.Dirty {
				if _, err = p.call(s.task, "set_page_dirty_lock", held); err != nil {
					return Result{}, err
				}
			}
			_, err = p.call(s.task, "put_page", held)
		}
		delete(p.pins, op.Slot)
		return Result{}, err
	})
}

func (p *Player) dmaRead(op *Op) (Result, error) {
	return p.bySlot(op, func(s *slot) (Result, error) {
		r, err := p.call(s.task, "device_read", kernel.Arg{Var: s.variable})
		return p.result(r), err
	})
}

func (p *Player) dmaWrite(op *Op) (Result, error) {
	return p.bySlot(op, func(s *slot) (Result, error) {
		if !s.write {
			return Result{Skip: "ropin"}, nil
		}
		_, err := p.call(s.task, "device_write", kernel.Arg{Var: s.variable}, value(op))
		return Result{}, err
	})
}

// word is how many bytes the corpus' runner copies at a time.
const wordBytes = 4

func (p *Player) vmReadv(op *Op) (Result, error) { return p.remote(op, "process_vm_readv") }
func (p *Player) vmWritev(op *Op) (Result, error) {
	return p.remote(op, "process_vm_writev", value(op))
}

func (p *Player) remote(op *Op, name string, more ...kernel.Arg) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		target := p.process[op.Other]
		if target == nil || !target.alive {
			return Result{Skip: "target"}, nil
		}
		r, err := p.call(proc.task, name, append([]kernel.Arg{p.page(target, op)}, more...)...)
		return copied(p.result(r)), err
	})
}

// copied is the result of a call that returns how many bytes it has copied.
func copied(r Result) Result {
	if r.Err == "" {
		r.Ret = wordBytes
	}
	return r
}

func (p *Player) memRead(op *Op) (Result, error)  { return p.throughMem(op, "mem_read") }
func (p *Player) memWrite(op *Op) (Result, error) { return p.throughMem(op, "mem_write", value(op)) }

// throughMem reads or writes /proc/PID/mem.
func (p *Player) throughMem(op *Op, name string, more ...kernel.Arg) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		r, err := p.call(proc.task, name, append([]kernel.Arg{p.page(proc, op)}, more...)...)
		return copied(p.result(r)), err
	})
}

// byProcess makes an operation of a process, unless that is dead.
func (p *Player) byProcess(op *Op, do func(*process) (Result, error)) (Result, error) {
	proc := p.process[op.Process]
	if proc == nil || !proc.alive {
		return Result{Skip: "proc"}, nil
	}
	return do(proc)
}

// bySlot makes an operation on what a slot holds, unless it is empty.
func (p *Player) bySlot(op *Op, do func(*slot) (Result, error)) (Result, error) {
	s := p.pins[op.Slot]
	if s == nil {
		return Result{Skip: "slot"}, nil
	}
	return do(s)
}

// page is the page of the operation, in a process.
func (p *Player) page(proc *process, op *Op) kernel.Arg {
	return kernel.Arg{MM: proc.mm, Region: p.region(op.Region), Page: op.Page}
}

// target is the page or the whole region of the operation, in a process.
func (p *Player) target(proc *process, op *Op) kernel.Arg {
	a := kernel.Arg{MM: proc.mm, Region: p.region(op.Region), Page: op.Page, Last: op.Page}
	if op.Page == WholeRegion {
		a.Page, a.Last = 0, p.sim.Setup.MMs[0].Regions[a.Region].Pages-1
	}
	return a
}

func (p *Player) region(name string) int {
	for i, r := range p.regions {
		if r.name == name {
			return i
		}
	}
	panic("replay: a region that the program does not declare: the program is not one of the corpus")
}

func value(op *Op) kernel.Arg { return kernel.Arg{Value: content(op.Value)} }

// result is what a statement returned, as the corpus writes it.
func (p *Player) result(r machine.Result) Result {
	switch r.Kind {
	case machine.IsErrno:
		if r.Errno != 0 {
			return Result{Ret: -r.Errno, Err: strings.TrimPrefix(machine.ErrnoName(r.Errno), "-")}
		}
	case machine.IsSignal:
		return Result{Signal: strings.TrimPrefix(machine.SignalName(r.Errno), "SIG")}
	case machine.IsContent:
		return Result{Val: number(p.sim.M.Values[r.Content]), HasVal: true}
	}
	return Result{}
}
