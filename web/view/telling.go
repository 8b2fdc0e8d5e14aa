package view

import (
	"cmp"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/machine"
	"gupscope/core/trace"
)

// What a card says that its step changed: the most telling first, in the kernel's words.

// private are the classes that are nobody's news: a task's own stack, the
// ghosts of the claims, and what a sentence says already. Locks are bars.
var private = cell.Of(machine.Stacks, machine.Vars, machine.Ghosts, machine.Ends, machine.Batches)

func shared(r *trace.Run, id cell.ID) bool {
	_, lock := r.Model.M.LockAt(id)
	return !lock && !private.Has(r.Model.Memory().Layout().Class(id))
}

// shown is how many changes a card has room for; the rest is counted, and stands in memory.
const shown = 2

// telling are the classes of cells in the order of what they tell of a race.
var telling = []cell.Class{machine.PTEs, machine.PMDs, machine.Frames, machine.Refs, machine.PageCache, machine.Contents, machine.Inodes, machine.Blocks, machine.Disk, machine.SwapCache,
	machine.IPIs, machine.Steal, machine.IRQs, machine.TLBs, machine.Secondary, machine.Notifiers, machine.Mapcounts, machine.Flags, machine.Buffers, machine.Swap, machine.HugetlbPool,
	machine.KSM, machine.RCU, machine.Runs, machine.Signals, machine.VMAs, machine.MMs, machine.LRU, machine.Mappings, machine.StoreBuffers, machine.Compounds}

// changes are what a card says that the step changed, the most telling first,
// and how many more there are.
func (c *columns) changes(r *trace.Run, st *trace.Step) (out []Change, more int) {
	var cs []*trace.Change
	freed := ""
	for i := range st.Changes {
		x := &st.Changes[i]
		if x.Class == machine.Frames && x.NewV == machine.FrameFree {
			freed, _, _ = strings.Cut(x.Name, ":")
		}
		_, lock := r.Model.M.LockAt(x.Cell)
		if telling := slices.Contains(telling, x.Class); telling && !lock && !hidden(x) {
			cs = append(cs, x)
		}
	}
	slices.SortStableFunc(cs, func(a, b *trace.Change) int {
		return cmp.Compare(slices.Index(telling, a.Class), slices.Index(telling, b.Class))
	})
	for _, x := range cs {
		if folio, _, _ := strings.Cut(x.Name, ":"); folio == freed && x.Class != machine.Frames {
			continue // a free frame has no flags, mapping or content
		}
		if len(out) == shown {
			more++
			continue
		}
		out = append(out, change(x))
	}
	return out, more
}

// hidden are cells of telling classes that only repeat what others say, or that a machine keeps for itself: what is kept of a
// sequence number is who has read it.
func hidden(c *trace.Change) bool {
	switch c.Class {
	default:
		return c.Old == c.New // what is told of the value is the same
	case machine.Mappings:
		return !strings.HasSuffix(c.Name, "mapping")
	case machine.Steal:
		return !strings.HasSuffix(c.Name, "host")
	case machine.IPIs:
		return strings.HasSuffix(c.Name, "request")
	case machine.MMs:
		return strings.Contains(c.Name, "behind") || c.Old == c.New
	case machine.TLBs:
		return strings.HasSuffix(c.Name, "walker")
	case machine.Notifiers:
		seq := strings.HasSuffix(c.Name, "mmu_invalidate_seq") || strings.Contains(c.Name, "interval_sub")
		return seq && (c.OldV&^c.NewV == 0 || strings.Contains(c.Name, "interval_sub")) && c.NewV&machine.IntervalCurrent == c.OldV&machine.IntervalCurrent
	case machine.Runs:
		return strings.HasSuffix(c.Name, "mode")
	case machine.StoreBuffers:
		return !strings.HasSuffix(c.Name, "to") || c.OldV != 0
	}
}

func change(c *trace.Change) Change {
	folio, _, _ := strings.Cut(c.Name, ":")
	x := Change{What: strings.Replace(c.Name, ": ", " ", 1), Old: c.Old, New: c.New}
	if c.Class == machine.Notifiers {
		x.Old, _, _ = strings.Cut(x.Old, ", as read by ")
		x.New = trace.Unread(c)
	}
	switch {
	case c.Class == machine.Flags:
		return Change{What: folio, Delta: delta(machine.FlagNames(c.OldV&^c.NewV), machine.FlagNames(c.NewV&^c.OldV))}
	case c.Class == machine.Frames && strings.HasPrefix(folio, "folio "):
		x.What = "frame " + strings.TrimPrefix(folio, "folio ")
	case c.Class == machine.Buffers, strings.HasSuffix(c.Name, ": tags"): // words, some of which come and go
		x.Delta = delta(without(c.Old, c.New), without(c.New, c.Old))
	case strings.HasPrefix(c.Name, "VMA ") && c.OldV != 0 && c.NewV != 0: // so are its flags
		old, is := strings.Replace(c.Old, "pkey ", "pkey=", 1), strings.Replace(c.New, "pkey ", "pkey=", 1)
		x.Delta = delta(without(old, is), without(is, old))
	case c.Class == machine.StoreBuffers:
		x = Change{What: strings.TrimSuffix(x.What, " to"), Delta: "+" + c.New}
	case strings.HasSuffix(c.Name, " mmu_invalidate_seq"):
		x.Delta = "+1"
	}
	return x
}

// without are the words of a text that another one has not.
func without(text, other string) []string {
	rest := strings.Fields(other)
	return slices.DeleteFunc(strings.Fields(text), func(w string) bool { return w == "none" || slices.Contains(rest, w) })
}

// delta says which flags went and which came.
func delta(gone, come []string) string {
	var out []string
	for _, f := range come {
		out = append(out, "+"+f)
	}
	for _, f := range gone {
		out = append(out, "−"+f)
	}
	return strings.Join(out, " ")
}
