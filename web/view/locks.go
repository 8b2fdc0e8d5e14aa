package view

import (
	"cmp"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// outermost are the classes that locks are of, in the order in which they are taken: compare the head of mm/rmap.c.
var outermost = []cell.Class{machine.KSM, machine.InodeLocks, machine.MMLocks, machine.HugetlbPool, machine.FolioLocks, machine.RmapLocks, machine.Notifiers, machine.PTLs}

// locks are those that somebody holds, or that changed in this step, the outermost first; and who waits for each.
func (n *now) locks() {
	m := n.m
	layout := m.Mem.Layout()
	waits := n.waits()
	m.EachLock(func(k machine.Lock) {
		v := m.Peek(k.Word)
		if v == 0 && !n.did(k.Word) {
			return
		}
		l := Lock{ID: int(k.Cell()), Name: strings.Replace(layout.Name(k.Cell()), ": PG_locked", "", 1), State: "free", Waits: waits[k.Cell()], Changed: n.did(k.Word)}
		if v != 0 {
			l.State = layout.Decode(k.Cell(), v)
		}
		holders := 0
		for t := range m.Config.Tasks {
			if held, _ := k.Held(v, t); held {
				holders++
				l.Who = n.c.task(n.r.Model.Sim, t)
			}
		}
		if holders > 1 {
			l.Who = 0
		}
		n.out.Locks = append(n.out.Locks, l)
	})
	class := func(l Lock) int { return slices.Index(outermost, layout.Class(cell.ID(l.ID))) }
	slices.SortStableFunc(n.out.Locks, func(a, b Lock) int { return cmp.Compare(class(a), class(b)) })
}

// waits are the tasks that wait for each lock.
func (n *now) waits() map[cell.ID][]string {
	out := map[cell.ID][]string{}
	for _, a := range n.r.Lanes() {
		if l := n.r.Model.Look(a.ID); l.On == kernel.OnLock || l.On == kernel.OnReaders {
			out[l.At.Cell()] = append(out[l.At.Cell()], a.Name)
		}
	}
	return out
}
