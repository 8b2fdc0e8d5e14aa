package trace

import (
	"fmt"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A SpanKind says what lasts.
type SpanKind uint8

const (
	IRQsOff   SpanKind = iota // a CPU has interrupts off
	Locked                    // a task holds a lock
	Preempted                 // the host does not run a CPU
	Waiting                   // a task waits: for a lock, an acknowledgement
)

// A Span is something that lasts over steps of a run: from after step From to
// step To, which ends it; To is 0 while it lasts.
type Span struct {
	Kind     SpanKind
	Actor    int // the task it belongs to
	CPU      int
	From, To int
	Text     string // "interrupts off", "PTL of the PTE table of A buf"
}

// Spans returns what lasts in the run, in order of From.
func (r *Run) Spans() []Span {
	var out []Span
	open := map[string]int{}
	begin := func(key string, s Span) {
		open[key] = len(out)
		out = append(out, s)
	}
	end := func(key string, n int) {
		if i, ok := open[key]; ok {
			out[i].To = n
			delete(open, key)
		}
	}
	for i := range r.steps {
		st := &r.steps[i]
		for _, c := range st.Changes {
			r.span(st, &c, begin, end)
		}
	}
	return out
}

func (r *Run) span(st *Step, c *Change, begin func(string, Span), end func(string, int)) {
	switch c.Class {
	case machine.IRQs:
		if c.NewV != 0 {
			begin(c.Name, Span{Kind: IRQsOff, Actor: st.Actor, CPU: st.CPU, From: st.N, Text: "interrupts off"})
		} else {
			end(c.Name, st.N)
		}
	case machine.Steal:
		if !strings.HasSuffix(c.Name, "host") {
			return
		}
		switch was, is := c.OldV&machine.StealPreempted, c.NewV&machine.StealPreempted; {
		case was == 0 && is != 0:
			begin(c.Name, Span{Kind: Preempted, Actor: st.Actor, CPU: st.CPU, From: st.N, Text: fmt.Sprintf("cpu%d is preempted by the host", st.CPU)})
		case was != 0 && is == 0:
			end(c.Name, st.N)
		}
	case machine.PTLs, machine.FolioLocks:
		r.lockSpan(st, c.Name, c.OldV, c.NewV, begin, end)
	case machine.MMLocks:
		for t := range r.Model.Setup.Tasks {
			was, is := holds(c.OldV, t), holds(c.NewV, t)
			key := fmt.Sprintf("%s/%d", c.Name, t)
			if was != "" && was != is {
				end(key, st.N)
			}
			if is != "" && was != is {
				begin(key, Span{Kind: Locked, Actor: t, CPU: r.Model.Setup.Tasks[t].CPU, From: st.N, Text: c.Name + is})
			}
		}
	}
}

func (r *Run) lockSpan(st *Step, name string, was, is uint64, begin func(string, Span), end func(string, int)) {
	if f, ok := strings.CutSuffix(name, ": PG_locked"); ok {
		name = "lock of " + f
	}
	if was != 0 {
		end(name, st.N)
	}
	if is != 0 {
		t := int(is) - 1
		begin(name, Span{Kind: Locked, Actor: t, CPU: r.Model.Setup.Tasks[t].CPU, From: st.N, Text: name})
	}
}

// holds says how a task holds a rw-lock: not at all, for reading, for writing.
func holds(v uint64, task int) string {
	switch {
	case machine.MmapWriter(v) == task:
		return ", for writing"
	case machine.MmapReaders(v)>>task&1 != 0 && machine.MmapWriter(v) < 0:
		return ", for reading"
	}
	return ""
}

// Deadlock reports whether, at the cursor, somebody has program left and nobody
// can go on.
func (r *Run) Deadlock() bool {
	return len(r.Model.Choices(nil)) == 0 && !r.Model.Done()
}

// Lanes returns the CPUs that the scenario has tasks on, in order, with the
// name of the task.
func (r *Run) Lanes() []kernel.Actor {
	var out []kernel.Actor
	for _, a := range r.Model.Actors() {
		if a.Kind == kernel.TaskActor {
			out = append(out, a)
		}
	}
	return out
}
