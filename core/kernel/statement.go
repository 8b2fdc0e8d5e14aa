package kernel

import (
	"fmt"

	"gupscope/core/machine"
)

// statement ends the task's statement, if it was in one, and begins the next.
// It reports whether there is one.
func (s *Sim) statement(task int) bool {
	t := &s.Setup.Tasks[task]
	pc := int(s.M.Load(s.M.PC(task)))
	if pc > 0 {
		s.finish(task, &t.Body[pc-1])
		s.M.ReturnToUser(task)
	}
	if pc == len(t.Body) {
		s.M.Store(s.M.Done(task), 1)
		return false
	}
	s.begin(task, pc)
	return true
}

// begin begins a statement of the task.
func (s *Sim) begin(task, pc int) {
	t := &s.Setup.Tasks[task]
	s.M.Store(s.M.PC(task), uint64(pc+1))
	if s.M.TakesTurns(t.CPU) {
		s.M.Store(s.M.Mode(task), machine.UserMode)
	}
	st := &t.Body[pc]
	var args []uint64
	for i, p := range st.Call.Params {
		if p.Kind == GUPArgParam {
			continue // among the flags
		}
		args = append(args, s.argument(p, st.Args[i]))
		switch p.Kind {
		case VMAParam:
			args = append(args, uint64(s.M.PageAt(st.Args[i].MM, st.Args[i].Region, st.Args[i].Last)))
		case PagesParam, VarsParam:
			args = append(args, uint64(st.Args[i].many()))
		case SourceParam:
			args = append(args, s.buffer(st.Args[i]))
		}
	}
	s.push(task, st.Call.table(st.Args), args...)
	if st.Call.Result == PageResult {
		page := st.Args[0]
		for k := range page.many() {
			s.M.BeginGUP(task, k, s.M.PageAt(page.MM, page.Region, page.Page+k), st.follFlags()&(FollWrite|FollForce) == FollWrite)
		}
	}
}

// many is how many pages, or variables, an argument stands for.
func (a *Arg) many() int { return max(a.Pages, 1) }

// Gets returns which of the pages that a statement gets comes into the variable; false if none does.
func (st *Stmt) Gets(v int) (k int, ok bool) {
	if st.Var < 0 || st.Call.Result != PageResult {
		return 0, st.Var == v
	}
	k = v - st.Var
	return k, k >= 0 && k < st.Args[0].many()
}

// argument is an argument as the entry function's local holds it.
func (s *Sim) argument(p Param, a Arg) uint64 {
	switch p.Kind {
	case PageParam, PagesParam, VMAParam, RoomParam:
		return uint64(s.M.PageAt(a.MM, a.Region, a.Page))
	case VarParam, VarsParam:
		return uint64(a.Var)
	case MMParam, ProcessParam:
		return uint64(a.MM)
	case FileParam:
		return uint64(a.File)
	case FilePageParam:
		o, ok := s.M.PgoffAt(a.File, a.Page)
		if !ok {
			panic(fmt.Sprintf("kernel: %s has no room for page %d: Setup.room counts what programs name", s.Setup.Files[a.File].Name, a.Page))
		}
		return uint64(o)
	case NumberParam:
		return uint64(a.Number)
	case PkeyParam:
		return uint64(a.Number) + 1
	case ValueParam:
		switch {
		case p.Optional && a.Value == "":
			return 0
		case p.Optional:
			return s.M.Value(a.Value) + 1
		}
		return s.M.Value(a.Value)
	case SourceParam:
		if a.Memory {
			return 0
		}
		return s.M.Value(a.Value)
	case BufferParam:
		return s.buffer(a)
	case FlagsParam:
		return uint64(a.Flags)
	case WordParam:
		for i, w := range p.Words {
			if w == a.Word || p.Optional && a.Word == "" {
				return uint64(i)
			}
		}
	}
	panic(fmt.Sprintf("kernel: no argument for %s: the scenario's checks let it through", p.Name))
}

// buffer is the page that an argument names plus one, or 0.
func (s *Sim) buffer(a Arg) uint64 {
	if !a.Memory {
		return 0
	}
	return uint64(s.M.PageAt(a.MM, a.Region, a.Page)) + 1
}

// finish stores what a statement's call has returned.
func (s *Sim) finish(task int, st *Stmt) {
	ret := s.M.Load(s.M.Ret(task))
	s.M.Store(s.M.Ret(task), 0)
	switch st.Call.Result {
	case PageResult:
		s.finishGUP(task, st, ret)
	case ErrResult:
		switch {
		case st.Var < 0:
		case ret&signalled != 0:
			s.M.SetVarSignal(task, st.Var, errno(ret))
		default:
			s.M.SetVarErrno(task, st.Var, errno(ret))
		}
	case NumberResult:
		switch {
		case st.Var < 0:
		case errno(ret) != 0:
			s.M.SetVarErrno(task, st.Var, errno(ret))
		default:
			s.M.SetVarNumber(task, st.Var, int(ret))
		}
	case ValueResult:
		switch {
		case st.Var < 0:
		case ret&signalled != 0: // nothing was read
			s.M.SetVarSignal(task, st.Var, errno(ret))
		case errno(ret) != 0:
			s.M.SetVarErrno(task, st.Var, errno(ret))
		default:
			s.M.SetVarContent(task, st.Var, ret)
		}
	}
}

// finishGUP hands the pages that a GUP call has collected to the variables. If it got some, and not all, what it lacks is
// not said: the variables of the others are NULL.
func (s *Sim) finishGUP(task int, st *Stmt, ret uint64) {
	a := st.Args[0]
	flags := st.follFlags()
	for k := range a.many() {
		h := machine.Hold(s.M.Load(s.M.GUPPage(task, k)))
		at := s.M.EndGUP(task, k, s.M.PageAt(a.MM, a.Region, a.Page+k), h.Frame(), h.Some())
		s.M.SetGUPPage(task, k, 0)
		switch {
		case st.Var < 0: // nobody holds the reference any more: a leak, and a claim says so
		case h.Some():
			s.M.SetVarPage(task, st.Var+k, h)
			at.Write, at.Longterm, at.Pin = flags&FollWrite != 0, flags&FollLongterm != 0, s.pins(st.Call)
			s.M.SetPinAt(task, st.Var+k, at)
		case k == 0 && ret&signalled != 0:
			s.M.SetVarSignal(task, st.Var, errno(ret))
		case k == 0:
			s.M.SetVarErrno(task, st.Var, errno(ret))
		default:
			s.M.SetVarErrno(task, st.Var+k, 0)
		}
	}
	s.M.SetGUPGot(task, 0)
}

// follFlags are the FOLL_ flags with which the statement gets its page.
func (st *Stmt) follFlags() uint64 {
	if st.Call.holds != 0 {
		return st.Call.holds
	}
	return st.Args[1].Flags
}

// failed marks a returned error, whose number is in the low bits; signalled, too, one
// that the thread gets as a signal.
const (
	failed    = 1 << 32
	signalled = 1 << 33
)

// Signals that a thread gets.
const (
	SIGBUS  = 7
	SIGSEGV = 11

	// BUG is none, but what becomes of a thread with which the kernel meets what it has ruled out (BUG_ON): it ends there. What it would have done behind it is played all the same.
	BUG = 255
)

// Signal returns a signal to the thread.
func (c *Ctx) Signal(signal uint64) Next { return c.Return(failed | signalled | signal) }

// Fail returns an error.
func (c *Ctx) Fail(errno uint64) Next { return c.Return(failed | errno) }

func errno(ret uint64) int {
	if ret&failed == 0 {
		return 0
	}
	return int(ret &^ (failed | signalled))
}

// calledAgain says which call of one function a task's statement is, if not the first: ", call 2". What the first has for itself is named without it.
func (s *Sim) calledAgain(task, pc int) string {
	if pc == 0 {
		return ""
	}
	n, body := 0, s.Setup.Tasks[task].Body[:pc]
	for _, st := range body {
		if st.Call == body[pc-1].Call {
			n++
		}
	}
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(", call %d", n)
}
