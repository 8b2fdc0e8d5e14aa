package view

import (
	"cmp"
	"fmt"
	"slices"
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
	beliefs []belief
	targets map[string]bool
	entered map[machine.Frame]entered // see byEntries
	out     Memory
}

// OfMemory is what memory looks like at the cursor.
func OfMemory(r *trace.Run) Memory {
	n := &now{r: r, m: r.Model.M, c: columnsOf(r), changed: map[cell.ID]string{}, targets: map[string]bool{}}
	if at := r.Cursor(); at > 0 {
		n.step = &r.Steps()[at-1]
		for _, c := range n.step.Changes {
			n.changed[c.Cell] = c.Old
		}
	}
	n.out.At = r.Cursor()
	n.news()
	n.believe()
	n.walks()
	n.folios()
	n.slots()
	n.files()
	n.tlbs()
	n.secondary()
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
		last = max(last, n.r.WrittenBy(w.Cell(), n.r.Cursor()))
	}
	return last
}

// A belief is a local that remembers what a cell of a page table held.
type belief struct {
	lane  int
	task  string // for a variable: whose, and its name
	from  cell.ID
	into  cell.ID
	value machine.Entry // as it was read, with the stale mark
	read  int           // step
	since int           // the step that made it untrue, or 0
}

// believe collects what the tasks' locals remember of page tables, the latest first.
func (n *now) believe() {
	layout := n.m.Mem.Layout()
	at := n.r.Cursor()
	n.r.EachKept(func(into cell.ID) {
		read := n.r.KeptBy(into, at)
		v := machine.Entry(n.m.Mem.Peek(into))
		if read == 0 || v == 0 {
			return
		}
		st := &n.r.Steps()[read-1]
		if n.c.actor[st.Actor] < 0 {
			return
		}
		for i := range st.Kept {
			k := &st.Kept[i]
			class := layout.Class(k.From)
			if k.Into != into || class != machine.PTEs && class != machine.PMDs || n.over(into, read) {
				continue
			}
			b := belief{lane: n.c.actor[st.Actor], from: k.From, into: into, value: v, read: read}
			if layout.Decode(k.From, n.m.Mem.Peek(k.From)) != k.Value || v.IsStale() {
				b.since = n.lost(k.From, k.Value, read)
			}
			n.beliefs = append(n.beliefs, b)
		}
	})
	slices.SortFunc(n.beliefs, func(a, b belief) int { return cmp.Or(cmp.Compare(b.read, a.read), cmp.Compare(b.into, a.into)) })
	n.got()
}

// over reports whether a task has set its local anew since it kept something there.
func (n *now) over(into cell.ID, read int) bool {
	for at := n.r.WrittenBy(into, n.r.Cursor()); at > read; at = n.r.WrittenBy(into, at-1) {
		if n.owns(&n.r.Steps()[at-1], into) {
			return true
		}
	}
	return false
}

// lost returns the last step, from one on, that made a cell another value than this.
func (n *now) lost(id cell.ID, value string, from int) int {
	for at := n.r.WrittenBy(id, n.r.Cursor()); at >= from && at > 0; at = n.r.WrittenBy(id, at-1) {
		if n.r.Steps()[at-1].Change(id).Old == value {
			return at
		}
	}
	return from
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
func (n *now) got() {
	n.m.EachVar(func(task, i int) {
		w := n.m.Var(task, i)
		res := machine.DecodeResult(n.m.Peek(w))
		if res.Kind != machine.IsPage {
			return
		}
		b := belief{task: n.r.Model.Setup.Tasks[task].Name + "'s " + n.r.Model.Setup.Tasks[task].Vars[i], value: machine.MakePTE(res.Page.Frame(), 0)}
		body := n.r.Model.Setup.Tasks[task].Body
		for j := min(int(n.m.Peek(n.m.PC(task))), len(body)) - 1; j >= 0; j-- {
			if k, ok := body[j].Gets(i); ok {
				st := &body[j]
				page := n.m.PageAt(st.Args[0].MM, st.Args[0].Region, st.Args[0].Page+k)
				b.lane = n.c.cpu[n.r.Model.Setup.Tasks[task].CPU]
				table, ok := n.m.Find(page, machine.LevelPTE)
				if !ok || b.lane < 0 {
					return
				}
				b.from = n.m.Entry(table, n.m.Slot(page, machine.LevelPTE)).Cell()
				b.read = n.ever(w)
				if f, _, ok := n.m.Resolve(page); !ok || f != res.Page.Frame() || res.Page.IsStale() {
					b.since = b.read
					for at := n.r.WrittenBy(b.from, n.r.Cursor()); at > 0; at = n.r.WrittenBy(b.from, at-1) {
						if was := machine.Entry(n.r.Steps()[at-1].Change(b.from).OldV); was.Present() && was.Frame() == res.Page.Frame() {
							b.since = at
							break
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
		if n.m.Mem.Layout().Class(id) == machine.PMDs && !b.value.Has(machine.PSE) {
			w.Holds = "the table"
			if level, upper := n.m.UpperLevel(b.value.Frame()); upper {
				w.Holds = "the " + machine.LevelName(level) + " table"
			}
		} else {
			w.To = n.target(b.value)
		}
		out = append(out, w)
	}
	return out
}

// target returns the ID of what an entry points at, and sees to it that it is shown.
func (n *now) target(e machine.Entry) string {
	if id, t := n.pointsAt(e); id != "" {
		return n.point(id, t)
	}
	return ""
}

// pointsAt is what an entry points at, and its ID; "" if at nothing.
func (n *now) pointsAt(e machine.Entry) (string, Target) {
	switch {
	case e.Present() && e.Frame() == machine.ZeroPage:
		return "frame-0", Target{Text: "zero page"}
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
		case machine.FramePoisoned:
			t.Note, t.Bad = "poisoned", true
		default:
			t.Note = n.m.Content(n.m.Peek(n.m.Contents(f)))
		}
		return fmt.Sprint("frame-", f), t
	case e.IsSwap():
		return fmt.Sprint("slot-", e.Slot()), Target{Text: fmt.Sprintf("slot %d", e.Slot()), Note: n.m.Content(n.m.Peek(n.m.Disk(e.Slot())))}
	}
	return "", Target{}
}

func (n *now) point(id string, t Target) string {
	if !n.targets[id] {
		n.targets[id] = true
		t.ID = id
		n.out.Targets = append(n.out.Targets, t)
	}
	return id
}
