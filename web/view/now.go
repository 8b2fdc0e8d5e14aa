package view

import (
	"fmt"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/machine"
	"gupscope/core/trace"
)

// A now is one look at the machine, while it stands at the cursor.
type now struct {
	r    *trace.Run
	m    *machine.Machine
	c    *columns
	step *trace.Step // the one before the cursor; nil at the start

	changed map[cell.ID]string // what that step changed: what it was
	touched map[cell.ID]int    // the last step that changed a cell, over the run up to the cursor
	beliefs []belief
	targets map[string]bool
	out     Memory
}

// OfMemory is what memory looks like at the cursor.
func OfMemory(r *trace.Run) Memory {
	n := &now{r: r, m: r.Model.M, c: columnsOf(r), changed: map[cell.ID]string{}, touched: map[cell.ID]int{}, targets: map[string]bool{}}
	steps := r.Steps()[:r.Cursor()]
	for i := range steps {
		for _, c := range steps[i].Changes {
			n.touched[c.Cell] = steps[i].N
		}
	}
	if len(steps) > 0 {
		n.step = &steps[len(steps)-1]
		for _, c := range n.step.Changes {
			n.changed[c.Cell] = c.Old
		}
	}
	n.believe(steps)
	n.walks()
	n.folios()
	n.slots()
	n.tlbs()
	n.locks()
	return n.out
}

// did reports whether the last step changed any of the words.
func (n *now) did(ws ...machine.Word) bool {
	for _, w := range ws {
		if _, ok := n.changed[w.Cell()]; ok {
			return true
		}
	}
	return false
}

// ever returns the last step up to the cursor that changed any of the words, or 0.
func (n *now) ever(ws ...machine.Word) int {
	last := 0
	for _, w := range ws {
		last = max(last, n.touched[w.Cell()])
	}
	return last
}

// A belief is a local that remembers what a cell of a page table held.
type belief struct {
	lane  int
	task  string // for a variable: whose, and its name
	from  cell.ID
	value machine.Entry // as it was read, with the stale mark
	read  int           // step
	since int           // the step that made it untrue, or 0
}

// believe collects what the tasks' locals remember of page tables.
func (n *now) believe(steps []trace.Step) {
	layout := n.m.Mem.Layout()
	over := map[cell.ID]bool{} // locals that their own task has set since
	for i := len(steps) - 1; i >= 0; i-- {
		st := &steps[i]
		for _, k := range st.Kept {
			class := layout.Class(k.From)
			if over[k.Into] || class != machine.PTEs && class != machine.PMDs || n.c.actor[st.Actor] < 0 {
				continue
			}
			v := machine.Entry(n.m.Mem.Peek(k.Into))
			if v == 0 {
				continue
			}
			b := belief{lane: n.c.actor[st.Actor], from: k.From, value: v, read: st.N}
			if layout.Decode(k.From, n.m.Mem.Peek(k.From)) != k.Value || v.IsStale() {
				b.since = n.lost(steps[i:], k.From, k.Value)
			}
			n.beliefs = append(n.beliefs, b)
		}
		for _, c := range st.Changes {
			if (c.Class == machine.Stacks || c.Class == machine.Vars) && n.owns(st, c.Cell) {
				over[c.Cell] = true
			}
		}
	}
	n.got(steps)
}

// lost returns the last of the steps that made a cell another value than this.
func (n *now) lost(steps []trace.Step, id cell.ID, value string) int {
	at := steps[0].N
	for i := range steps {
		for _, c := range steps[i].Changes {
			if c.Cell == id && c.Old == value {
				at = steps[i].N
			}
		}
	}
	return at
}

// owns reports whether a stack cell is that of the step's own task. (Freeing a
// frame marks what others remember of it.)
func (n *now) owns(st *trace.Step, id cell.ID) bool {
	for _, k := range st.Kept {
		if k.Into == id {
			return true
		}
	}
	return strings.HasPrefix(n.m.Mem.Layout().Name(id), n.r.Model.Actors()[st.Actor].Name+" ")
}

// got collects the pages that the tasks' variables hold: what GUP has returned is
// believed of the page it was asked for.
func (n *now) got(steps []trace.Step) {
	n.m.EachVar(func(task, i int) {
		w := n.m.Var(task, i)
		res := machine.DecodeResult(n.m.Peek(w))
		if res.Kind != machine.IsPage {
			return
		}
		b := belief{task: n.r.Model.Setup.Tasks[task].Name + "'s " + n.r.Model.Setup.Tasks[task].Vars[i], value: machine.MakePTE(res.Page.Frame(), 0)}
		body := n.r.Model.Setup.Tasks[task].Body
		for j := min(int(n.m.Peek(n.m.PC(task))), len(body)) - 1; j >= 0; j-- {
			if st := &body[j]; st.Var == i {
				page := n.m.PageAt(st.Args[0].MM, st.Args[0].Region, st.Args[0].Page)
				b.lane = n.c.cpu[n.r.Model.Setup.Tasks[task].CPU]
				table, ok := n.m.Find(page, machine.LevelPTE)
				if !ok || b.lane < 0 {
					return
				}
				b.from = n.m.Entry(table, n.m.Slot(page, machine.LevelPTE)).Cell()
				b.read = n.touched[w.Cell()]
				if f, _, ok := n.m.Resolve(page); !ok || f != res.Page.Frame() || res.Page.IsStale() {
					b.since = b.read
					for k := range steps {
						for _, c := range steps[k].Changes {
							if was := machine.Entry(c.OldV); c.Cell == b.from && was.Present() && was.Frame() == res.Page.Frame() {
								b.since = steps[k].N
							}
						}
					}
				}
				n.beliefs = append(n.beliefs, b)
				return
			}
		}
	})
}

// at returns the walkers that stand at an entry: what was read there.
func (n *now) at(id cell.ID) []Walker {
	var out []Walker
	for i := len(n.beliefs) - 1; i >= 0; i-- {
		b := &n.beliefs[i]
		if b.from != id {
			continue
		}
		l := n.c.lanes[b.lane]
		w := Walker{Lane: l.Name, Who: l.Who, Holds: b.value.Fresh().String(), Note: fmt.Sprintf("read at %d", b.read), Stale: b.since > 0}
		if b.task != "" {
			w.Lane, w.Holds, w.Note = b.task, n.m.FrameName(b.value.Frame()), fmt.Sprintf("got at %d", b.read)
		}
		if b.since > 0 {
			w.Note += fmt.Sprintf(", not there since %d", b.since)
		}
		if n.m.Mem.Layout().Class(id) == machine.PMDs {
			w.Holds = "the table"
		} else {
			w.To = n.target(b.value)
		}
		out = append(out, w)
	}
	return out
}

// target returns the ID of what an entry points at, and sees to it that it is shown.
func (n *now) target(e machine.Entry) string {
	switch {
	case e.Present() && e.Frame() == machine.ZeroPage:
		return n.point("frame-0", Target{Text: "zero page"})
	case e.Present():
		f := e.Frame()
		t := Target{Text: n.m.FrameName(f), Changed: n.did(n.m.Contents(f), n.m.State(f))}
		switch n.m.Peek(n.m.State(f)) {
		case machine.FrameFree:
			t.Note = "free"
		case machine.FrameTable:
			t.Note = "table"
		case machine.FrameLeaked:
			t.Note, t.Bad = "bad page", true
		default:
			t.Note = n.m.Content(n.m.Peek(n.m.Contents(f)))
		}
		return n.point(fmt.Sprint("frame-", f), t)
	case e.IsSwap():
		return n.point(fmt.Sprint("slot-", e.Slot()), Target{Text: fmt.Sprintf("slot %d", e.Slot()), Note: n.m.Content(n.m.Peek(n.m.Disk(e.Slot())))})
	}
	return ""
}

func (n *now) point(id string, t Target) string {
	if !n.targets[id] {
		n.targets[id] = true
		t.ID = id
		n.out.Targets = append(n.out.Targets, t)
	}
	return id
}
