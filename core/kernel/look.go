package kernel

import (
	"fmt"
	"hash/fnv"
	"strings"

	"gupscope/core/machine"
)

// A Look is what an actor can do next, for onlookers.
type Look struct {
	Actor    int
	Func     *Bound // nil for actors without a program, and finished tasks
	Step     int    // in Func.Steps
	Says     string
	Ready    bool
	Finished bool
	Keys     []int        // the values the step can be made with; {0} where there is one way
	Why      string       // why it is not ready, in words
	On       BlockKind    // what sort of thing a task waits for
	At       machine.Word // and which: a lock, what somebody is to change
	For      int          // the actor that is waited for, or -1
	Stmt     int          // the statement of a task, from 0; -1 none
}

// Look returns what an actor can do next.
func (s *Sim) Look(actor int) Look {
	a := &s.actors[actor]
	l := Look{Actor: actor, For: -1, Stmt: -1}
	s.offers(actor, func(key int) { l.Keys = append(l.Keys, key) })
	l.Ready = len(l.Keys) > 0
	if a.Kind != TaskActor {
		l.Says = s.deviceSays(a, l.Keys)
		if !l.Ready {
			l.Why = "has nothing to do"
		}
		if a.Kind == InterruptActor && !l.Ready && s.M.Peek(s.M.IPI(a.CPU)) != 0 {
			l.Why = s.deaf(a.CPU)
		}
		return l
	}
	l.Stmt = int(s.M.Peek(s.M.PC(a.Task))) - 1
	st, c := s.coming(a.Task)
	if st == nil {
		l.Finished, l.Why = true, "finished"
		return l
	}
	act := s.M.Activation(a.Task, c.level)
	l.Func, l.Step, l.Says = &s.funcs[act.Fn], int(act.Step), st.Says
	if s.out(a.Task) {
		l.Func, l.Step = &s.funcs[fnContextSwitch], csTake
	}
	if l.Ready {
		return l
	}
	if !s.running(a.CPU) {
		l.Why, l.For = fmt.Sprintf("cpu%d is preempted by the host", a.CPU), s.actorOf(HypervisorActor, a.CPU)
		return l
	}
	if !s.born(a.Task) {
		l.Why, l.For = s.unborn(a.Task)
		return l
	}
	if s.out(a.Task) {
		var b Block
		b, l.Why, l.For = s.waitsForTurn(a.Task)
		l.On, l.At = b.On, b.At
		return l
	}
	b := s.ordered(a.CPU, st)
	if !s.Setup.TSO || b.Ready() {
		s.M.As(a.CPU, false)
		b = st.Wait(c)
		s.M.As(-1, false)
	}
	l.On, l.At = b.On, b.At
	l.Why, l.For = s.blocked(b, a.CPU)
	return l
}

// waitsForTurn says that another task runs on a task's CPU, and which; or what it sleeps for.
func (s *Sim) waitsForTurn(task int) (b Block, why string, actor int) {
	cpu := s.Setup.Tasks[task].CPU
	runs := s.runner(cpu)
	if st, c := s.inner(task); st.Wait != nil {
		if b = st.Wait(c); !b.Ready() {
			why, actor = s.blocked(b, cpu)
			return b, "sleeps: " + why, actor
		}
	}
	return b, fmt.Sprintf("waits for cpu%d, on which %s runs", cpu, s.Setup.Tasks[runs].Name), runs
}

// unborn says that a task waits for its mm, or for the end of another task, and for whom.
func (s *Sim) unborn(task int) (why string, actor int) {
	if first := s.Setup.Tasks[task].After - 1; first >= 0 && s.M.Peek(s.M.Done(first)) == 0 {
		return fmt.Sprintf("begins when %s has ended", s.Setup.Tasks[first].Name), first
	}
	mm := s.Setup.Tasks[task].MM
	for t, task := range s.Setup.Tasks {
		for _, st := range task.Body {
			if st.Call.entry == fnFork && st.Args[0].MM == mm {
				return fmt.Sprintf("waits for %s to fork mm %s", task.Name, s.Setup.MMs[mm].Name), t
			}
		}
	}
	return "waits for its mm, which nobody forks", -1
}

// lockName is a lock in a sentence: "the lock of folio 1", "A's mmap_lock", "the PTL of the PTE table of A buf".
func (s *Sim) lockName(name string) string {
	if f, ok := strings.CutSuffix(name, ": PG_locked"); ok {
		return "the lock of " + f
	}
	if file, lock, ok := strings.Cut(name, ": "); ok {
		return file + "'s " + lock
	}
	of, lock, ok := strings.Cut(name, " ")
	for i := range s.M.MMs {
		if ok && s.M.MMs[i].Name == of {
			return of + "'s " + lock
		}
	}
	if !ok {
		return name
	}
	return "the " + name
}

// blocked says what a task on a CPU waits for, and for whom.
func (s *Sim) blocked(b Block, cpu int) (why string, actor int) {
	name := ""
	if b.At != (machine.Word{}) {
		name = s.M.Mem.Layout().Name(b.At.Cell())
	}
	switch b.On {
	case OnLock:
		return fmt.Sprintf("waits for %s, which %s holds", s.lockName(name), s.Setup.Tasks[b.Who-1].Name), b.Who - 1
	case OnReaders:
		for t, task := range s.Setup.Tasks {
			if s.M.Peek(b.At)>>t&1 != 0 {
				return fmt.Sprintf("waits for %s, which %s holds for reading", s.lockName(name), task.Name), t
			}
		}
	case OnIPI:
		asked, to := b.Who-1, "take the IPI" // which says nothing: tlb_remove_table_sync_one()
		switch {
		case b.At != s.M.IPI(asked):
			to = "empty its LRU batch"
		case s.M.Peek(s.M.Request(cpu)) != 0:
			to = "acknowledge the TLB flush"
		}
		return fmt.Sprintf("waits for cpu%d to %s%s", asked, to, s.deafReason(asked)), s.acknowledger(asked)
	case OnGracePeriod:
		return "waits for a grace period: " + s.M.Mem.Layout().Decode(b.At.Cell(), s.M.Peek(b.At)), -1
	case OnStores:
		return "waits until what its CPU has stored is visible", s.actorOf(StoreBufferActor, b.Who-1)
	case OnInvalidation:
		return "waits for the end of the invalidation: " + name + " is " + s.M.Mem.Layout().Decode(b.At.Cell(), s.M.Peek(b.At)), -1
	case OnMemory:
		return "waits for a free frame: there is none", -1
	case OnWriteback:
		if file, ok := strings.CutSuffix(name, ": direct I/O in flight"); ok {
			return "waits until no direct I/O to " + file + " is in flight", s.actorOf(FileDiskActor, -1)
		}
		return "waits until " + strings.TrimSuffix(strings.TrimSuffix(name, ": flags"), ": tags") + " is written", s.actorOf(FileDiskActor, -1)
	}
	return "waits", -1
}

func (s *Sim) deaf(cpu int) string {
	return fmt.Sprintf("cpu%d does not take the interrupt%s", cpu, s.deafReason(cpu))
}

// acknowledger is who an acknowledgement of a CPU is waited for: its interrupt,
// or who keeps that from coming, the task that has interrupts off there.
func (s *Sim) acknowledger(cpu int) int {
	if s.running(cpu) && s.M.Peek(s.M.IRQOff(cpu)) != 0 {
		for t, task := range s.Setup.Tasks {
			if task.CPU == cpu && s.M.Peek(s.M.Done(t)) == 0 {
				return t
			}
		}
	}
	return s.actorOf(InterruptActor, cpu)
}

// deafReason says why a CPU does not take interrupts, if it does not.
func (s *Sim) deafReason(cpu int) string {
	switch {
	case !s.running(cpu):
		return ": the host has preempted it"
	case s.M.Peek(s.M.IRQOff(cpu)) != 0:
		return ": its interrupts are off"
	}
	return ""
}

func (s *Sim) actorOf(k ActorKind, cpu int) int {
	for _, a := range s.actors {
		if a.Kind == k && a.CPU == cpu {
			return a.ID
		}
	}
	return -1
}

// deviceSays is what an actor without a program does next, in words.
func (s *Sim) deviceSays(a *Actor, keys []int) string {
	m := s.M
	switch a.Kind {
	case InterruptActor:
		return "take the flush IPI: flush, acknowledge"
	case WalkerActor:
		if t, p := m.WalkerAt(a.CPU); t.Present() {
			if level := m.WalkerLevel(a.CPU); level != machine.LevelPTE {
				return fmt.Sprintf("the walker reads the %s: %s", machine.LevelName(level), m.Pages()[p].Name)
			}
			return fmt.Sprintf("the walker fills the TLB: %s", m.Pages()[p].Name)
		}
		return "the walker looks ahead"
	case StoreBufferActor:
		if to, v, ok := m.Oldest(a.CPU); ok {
			return fmt.Sprintf("what cpu%d has stored becomes visible: %s = %s", a.CPU, m.Mem.Layout().Name(to.Cell()), m.Mem.Layout().Decode(to.Cell(), v))
		}
		return "what the CPU has stored becomes visible"
	case HypervisorActor:
		if s.running(a.CPU) {
			return fmt.Sprintf("the host preempts cpu%d", a.CPU)
		}
		if m.Peek(m.Steal(a.CPU))&machine.StealFlush != 0 {
			return fmt.Sprintf("the host lets cpu%d run again; it flushes its TLB", a.CPU)
		}
		return fmt.Sprintf("the host lets cpu%d run again", a.CPU)
	case RCUActor:
		if len(keys) > 0 && keys[0] >= m.FrameCount() {
			return "the grace period ends: free the inode"
		}
		return "the grace period ends: free the page table"
	case DiskActor:
		if len(keys) > 0 && m.Peek(m.IO(keys[0])) == machine.IOWritten {
			return "the write to swap ends: end writeback"
		}
		return "the device reads the page and writes it to swap"
	case FileDiskActor:
		if len(keys) > 0 && m.Peek(m.BlockIO(machine.Pgoff(keys[0]))) == machine.IOWritten {
			return "the write to the disk ends: end writeback"
		}
		return "the disk reads the page and writes it to its block"
	}
	return ""
}

// FuncOf returns the function name under which an actor without a program appears.
func (a *Actor) FuncOf() string {
	return [...]string{"", "flush_tlb_func", "MMU walker", "store buffer", "host", "rcu_core", "swap device", "disk"}[a.Kind]
}

// KeyText says what a key of an actor's next step stands for.
func (s *Sim) KeyText(l *Look, key int) string {
	a := &s.actors[l.Actor]
	switch a.Kind {
	case TaskActor:
		if l.Func == nil || l.Func.Steps[l.Step].Choose == nil {
			return ""
		}
		if keys := l.Func.Steps[l.Step].Keys; keys != nil {
			return keys[key]
		}
		switch FuncID(l.Func.ID) {
		case fnShrinkFolioList:
			if l.Step == slAddToSwap {
				return fmt.Sprintf("slot %d", key)
			}
			if key == 0 {
				return "none"
			}
			return fmt.Sprintf("folio %d", key)
		}
		return fmt.Sprintf("frame %d", key)
	case InterruptActor:
		return fmt.Sprintf("from cpu%d", key)
	case WalkerActor:
		return s.M.Pages()[key].Name
	case RCUActor:
		if file := key - s.M.FrameCount(); file >= 0 {
			return "the inode of " + s.M.Files[file].Name
		}
		return s.M.TableName(machine.Frame(key))
	case DiskActor:
		return fmt.Sprintf("slot %d", key)
	case FileDiskActor:
		return s.M.FilePages()[key].Name
	}
	return ""
}

// Listen makes the steps of all tasks note in n what they tell; nil stops it.
func (s *Sim) Listen(n *Notes) {
	for i := range s.ctx {
		s.ctx[i].notes = n
	}
}

// Stack returns the functions that a task is in, outermost first, with the step
// that each is at.
func (s *Sim) Stack(task int) []Look {
	var out []Look
	for l := range int(s.M.Peek(s.M.Depth(task))) {
		a := s.M.Activation(task, l)
		out = append(out, Look{Actor: task, Func: &s.funcs[a.Fn], Step: int(a.Step), For: -1})
	}
	return out
}

// StmtText is a statement of a task as the scenario writes it.
func (s *Sim) StmtText(task, stmt int) string {
	t := &s.Setup.Tasks[task]
	st := &t.Body[stmt]
	var args []string
	for i, p := range st.Call.Params {
		if text := s.argText(t, p, st.Args[i]); text != "" {
			args = append(args, text)
		}
	}
	call := st.Call.NameIn(s.Kernel.Version) + "(" + strings.Join(args, ", ") + ")"
	if st.Var >= 0 {
		call = t.Vars[st.Var] + " = " + call
	}
	return call
}

func (s *Sim) argText(t *TaskSetup, p Param, a Arg) string {
	kind := p.Kind
	switch {
	case a.Memory:
		kind = PageParam
	case kind == SourceParam:
		kind = ValueParam
	}
	switch kind {
	case PageParam, PagesParam, VMAParam:
		vma := s.Setup.MMs[a.MM].Regions[a.Region]
		text := vma.Name
		if vma.Pages > 1 && (p.Kind != VMAParam || a.Last == a.Page) {
			text += fmt.Sprintf("[%d]", a.Page)
		}
		if t.MM >= 0 && t.MM != a.MM {
			text = s.Setup.MMs[a.MM].Name + "." + text
		}
		if a.many() > 1 {
			text += fmt.Sprintf(", %d", a.many())
		}
		return text
	case RoomParam:
		return s.Setup.MMs[a.MM].Regions[a.Region].Name
	case FileParam:
		return s.Setup.Files[a.File].Name
	case FilePageParam:
		if s.Setup.Files[a.File].Pages == 1 && a.Page == 0 {
			return s.Setup.Files[a.File].Name
		}
		return fmt.Sprintf("%s[%d]", s.Setup.Files[a.File].Name, a.Page)
	case NumberParam, PkeyParam:
		return fmt.Sprint(a.Number)
	case VarParam, VarsParam:
		return t.Vars[a.Var]
	case ValueParam:
		return `"` + a.Value + `"`
	case WordParam, GUPArgParam:
		return a.Word
	case MMParam, ProcessParam:
		return s.Setup.MMs[a.MM].Name
	}
	var flags []string
	for _, w := range p.Words {
		if a.Flags&p.Bit(w) != 0 {
			flags = append(flags, w)
		}
	}
	return strings.Join(flags, " | ")
}

// ModelVersion is a hash over the tables and the rules: two programs with the
// same version replay each other's runs.
func ModelVersion() string {
	h := fnv.New64a()
	for _, f := range funcs {
		if f == nil {
			continue
		}
		fmt.Fprintln(h, f.Name, f.Locals, f.Params)
		for _, steps := range append([][]Step{f.Steps}, variants(f)...) {
			for _, s := range steps {
				fmt.Fprintln(h, s.Label, s.When, s.Local, s.Touches)
			}
		}
	}
	for _, r := range Rules {
		fmt.Fprintln(h, r.Name, r.ValueNames(), r.History)
	}
	return fmt.Sprintf("%08x", uint32(h.Sum64()))
}

func variants(f *Func) [][]Step {
	var out [][]Step
	for _, v := range f.Instead {
		out = append(out, v.Steps)
	}
	return out
}
