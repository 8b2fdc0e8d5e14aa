package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// An Ahead is what may still be touched: classes of shared cells that are
// written, or read and written; those that are only read; of which of them any
// cell is written, or read, not only what can be named.
type Ahead struct {
	Touches, Reads     cell.Set
	Anywhere, Anyreads cell.Set
}

// And returns what either touches.
func (a Ahead) And(b Ahead) Ahead {
	return Ahead{a.Touches | b.Touches, a.Reads | b.Reads, a.Anywhere | b.Anywhere, a.Anyreads | b.Anyreads}
}

// lookAhead computes for every step what lies between it and the return of its
// function, calls and loops included: the least solution of "what the step touches, what its callees
// do, and what lies ahead of the steps that it may go to", found by going over all tables until nothing is added.
func lookAhead(funcs []Bound) {
	for i := range funcs {
		funcs[i].Ahead = make([]Ahead, len(funcs[i].Steps))
	}
	for added := true; added; {
		added = false
		for i := range funcs {
			b := &funcs[i]
			for s := len(b.Steps) - 1; s >= 0; s-- {
				if now := b.look(funcs, s); now != b.Ahead[s] {
					b.Ahead[s], added = now, true
				}
			}
		}
	}
}

// look is one step's part in lookAhead. All later steps are ahead of a step,
// because forward it may go anywhere.
func (b *Bound) look(funcs []Bound, step int) Ahead {
	now := b.From(step + 1)
	if b.Off[step] {
		return now
	}
	s := &b.Steps[step]
	now = now.And(Ahead{s.Touches, s.Reads, s.Touches & s.Anywhere, s.Reads & s.Anywhere})
	if s.Touches|s.Reads != 0 {
		now.Reads |= cell.Of(machine.Compounds) // no step says so: whoever comes to a page looks whose it is
	}
	if s.Touches.Has(machine.Slots) {
		now.Anyreads |= cell.Of(machine.Swap) // who takes a slot goes through all
	}
	for _, fn := range s.Calls {
		now = now.And(funcs[fn].From(0))
	}
	for _, back := range s.Back {
		now = now.And(b.From(back))
	}
	return now
}

// From returns what lies ahead from a step on; nothing behind the last.
func (b *Bound) From(step int) Ahead {
	if step >= len(b.Ahead) {
		return Ahead{}
	}
	return b.Ahead[step]
}

// Ahead returns what a task may still touch until its program ends: what lies
// ahead in every function that it is in, and in those of its statements to come.
func (s *Sim) Ahead(task int) Ahead {
	m := s.M
	a := s.after[task][m.Peek(m.PC(task))]
	for level := range int(m.Peek(m.Depth(task))) {
		at := m.PeekActivation(task, level)
		a = a.And(s.funcs[at.Fn].From(int(at.Step)))
	}
	return a
}

// statementsAhead computes for every task what lies ahead behind each of its
// statements: entry n is for a task that is in its n-th.
func (s *Sim) statementsAhead() {
	s.after = make([][]Ahead, len(s.Setup.Tasks))
	for t := range s.Setup.Tasks {
		body := s.Setup.Tasks[t].Body
		after := make([]Ahead, len(body)+1)
		if mm := s.Setup.Tasks[t].MM; mm >= 0 && s.Setup.MMs[mm].Parent != "" {
			after[len(body)].Reads = cell.Of(machine.MMs) // it waits for its mm
		}
		if s.Setup.Tasks[t].After > 0 {
			after[len(body)].Reads |= cell.Of(machine.Ends) // it waits for another task's end
		}
		if slices.ContainsFunc(s.Setup.Tasks, func(o TaskSetup) bool { return o.After == t+1 }) {
			after[len(body)].Touches |= cell.Of(machine.Ends) // another task waits for its end
		}
		if s.Setup.Turns {
			after[len(body)] = after[len(body)].And(s.funcs[fnContextSwitch].From(0))
		}
		for i := len(body) - 1; i >= 0; i-- {
			after[i] = after[i+1].And(s.funcs[body[i].Call.table(body[i].Args)].From(0))
			if body[i].Call.Result == PageResult {
				after[i] = after[i].And(Ahead{Reads: cell.Of(machine.PTEs, machine.PMDs)}) // a ghost looks at what is mapped when the call begins
			}
		}
		s.after[t] = after
	}
}
