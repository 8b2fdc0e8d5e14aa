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
	IRQsOff     SpanKind = iota // a CPU has interrupts off
	Locked                      // a task holds a lock
	Preempted                   // the host does not run a CPU
	Waiting                     // a task waits: for a lock, an acknowledgement
	GracePeriod                 // something waits to be freed by RCU
)

// A Span is something that lasts over steps of a run: from after step From to
// step To, which ends it; To is 0 while it lasts.
type Span struct {
	Kind     SpanKind
	Actor    int // the task it belongs to
	CPU      int
	From, To int
	Text     string // "interrupts off", "PTL of the PTE table of A buf"
	For      int    // for Waiting: the actor that is waited for, -1: nobody in particular

	key spanKey
}

// Spans returns what lasts in the run, in order of From.
func (r *Run) Spans() []Span { return r.line.spans }

type begins func(key spanKey, s Span)

type ends func(key spanKey)

// span begins and ends what a change is about.
func (r *Run) span(st *Step, c *Change, begin begins, end ends) {
	if lock, ok := r.Model.M.LockAt(c.Cell); ok {
		r.locked(st, c, lock, begin, end)
		return
	}
	switch c.Class {
	case machine.IRQs:
		key := spanKey{kind: IRQsOff, id: c.Cell}
		if c.NewV != 0 {
			begin(key, Span{Kind: IRQsOff, Actor: st.Actor, CPU: st.CPU, From: st.N, Text: "interrupts off"})
		} else {
			end(key)
		}
	case machine.Steal:
		if !strings.HasSuffix(c.Name, "host") {
			return
		}
		key := spanKey{kind: Preempted, id: c.Cell}
		switch was, is := c.OldV&machine.StealPreempted, c.NewV&machine.StealPreempted; {
		case was == 0 && is != 0:
			begin(key, Span{Kind: Preempted, Actor: st.Actor, CPU: st.CPU, From: st.N, Text: fmt.Sprintf("cpu%d is preempted by the host", st.CPU)})
		case was != 0 && is == 0:
			end(key)
		}
	case machine.RCU:
		key := spanKey{kind: GracePeriod, id: c.Cell}
		if c.OldV == 0 && c.NewV != 0 {
			begin(key, Span{Kind: GracePeriod, Actor: r.rcu(), CPU: -1, From: st.N, Text: c.Name})
		} else if c.NewV == 0 {
			end(key)
		}
	}
}

// locked begins and ends the time in which tasks hold a lock. How they do is said of a rw-lock: alone, or with other readers.
func (r *Run) locked(st *Step, c *Change, lock machine.Lock, begin begins, end ends) {
	name := c.Name
	if f, ok := strings.CutSuffix(name, ": PG_locked"); ok {
		name = "lock of " + f
	}
	for t := range r.Model.Setup.Tasks {
		held, wasAlone := lock.Held(c.OldV, t)
		holds, alone := lock.Held(c.NewV, t)
		if held == holds && wasAlone == alone {
			continue
		}
		key := spanKey{Locked, c.Cell, t}
		if held {
			end(key)
		}
		if holds {
			begin(key, Span{Kind: Locked, Actor: t, CPU: r.Model.Setup.Tasks[t].CPU, From: st.N, Text: name + how(lock, alone)})
		}
	}
}

func how(lock machine.Lock, alone bool) string {
	switch {
	case !lock.Shared:
		return ""
	case alone:
		return ", for writing"
	}
	return ", for reading"
}

// rcu is the actor that ends grace periods.
func (r *Run) rcu() int {
	for _, a := range r.Model.Actors() {
		if a.Kind == kernel.RCUActor {
			return a.ID
		}
	}
	return -1
}

// waiting begins and ends the time in which a task cannot go on.
func (r *Run) waiting(st *Step, open map[spanKey]int, begin begins, end ends) {
	for t := range r.Model.Setup.Tasks {
		actor := r.taskActor(t)
		key := spanKey{kind: Waiting, task: t}
		at, waited := open[key]
		var now *Blocked
		for i := range st.Waits {
			if st.Waits[i].Actor == actor {
				now = &st.Waits[i]
			}
		}
		if waited && (now == nil || r.line.spans[at].Text != now.Why) {
			end(key)
		}
		if now != nil && (!waited || r.line.spans[at].Text != now.Why) {
			begin(key, Span{Kind: Waiting, Actor: actor, CPU: r.Model.Setup.Tasks[t].CPU, From: st.N, Text: now.Why, For: now.For})
		}
	}
}

func (r *Run) taskActor(task int) int {
	for _, a := range r.Model.Actors() {
		if a.Kind == kernel.TaskActor && a.Task == task {
			return a.ID
		}
	}
	panic("trace: every task has an actor")
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
