package kernel

import (
	"fmt"
	"slices"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/machine"
)

// Objects are what the steps of a Sim may depend on, for reduced searches: the
// cells of one class and one instance (see cell.Region) are one. Beside them
// there is one for every instance that is what private places say of it, and
// one for the end of all programs.
type Objects struct {
	s *Sim

	byCell []int16 // the object of a cell; -1: none
	class  []cell.Class
	of     []cell.Instance
	named  []int16 // by instance: the object of what private places say of it; -1: nobody seeks it

	links   links
	reach   []reach // by actor
	claims  []readers
	joint   []cell.Set // classes of one instance that a claim reads together
	decides []int8     // by cell: whose Ahead depends on it, plus one; -1: whether actors without a program have something to do
	known   uint64     // tasks of which that is up to date, and devicesKnown
	hash    uint64     // of all that but the links
	none    set        // empty
	coarse  bool       // everything may touch everything: see NewObjects

	judged  set      // the roots of claims
	answers []answer // of Against, where the rest of their keys says
	stand   stand    // scratch
}

// Classes that stand for no cells.
const (
	names cell.Class = 62 + iota // what private places say of an instance
	theEnd
)

// NewObjects numbers the objects of a Sim. Where tasks share CPUs, or CPUs have store buffers, what a task can touch
// is not told apart: whoever may move may touch anything. Such scenarios are small.
func NewObjects(s *Sim) *Objects {
	m := s.M
	layout := m.Mem.Layout()
	o := &Objects{s: s, coarse: s.Setup.Turns || s.Setup.TSO || s.Setup.PAE, byCell: make([]int16, layout.Len()), decides: make([]int8, layout.Len())}
	type key struct {
		c cell.Class
		i cell.Instance
	}
	number := map[key]int16{}
	object := func(c cell.Class, i cell.Instance) int16 {
		k := key{c, i}
		if _, known := number[k]; !known {
			number[k] = int16(len(o.of))
			o.class, o.of = append(o.class, c), append(o.of, i)
		}
		return number[k]
	}
	object(theEnd, cell.Whole)
	for id := range o.byCell {
		r, _ := layout.Region(cell.ID(id))
		o.byCell[id] = object(r.Class, layout.Of(cell.ID(id)))
		if r.Class == machine.Ends {
			o.byCell[id] = -1 // ends are judged on states that do not depend on the order of what led there
		}
	}
	o.named = slices.Repeat([]int16{-1}, m.Instances())
	m.Pools(func(_, _ cell.Class, i cell.Instance, _ machine.Word) { o.named[i] = object(names, i) })
	for f := range m.FrameCount() { // a kernel without a rule may free what no kernel should
		if i := m.OfFrame(machine.Frame(f)); o.named[i] < 0 {
			o.named[i] = object(names, i)
		}
	}
	for t := range s.Setup.Tasks {
		for _, w := range m.CallWords(t) {
			o.decides[w.Cell()] = int8(t + 1)
		}
	}
	for i := range s.actors {
		s.work(&s.actors[i], func(w machine.Word) { o.decides[w.Cell()] = -1 })
	}
	o.links.init(m)
	o.roots()
	o.Begin()
	return o
}

// Len is how many objects there are.
func (o *Objects) Len() int { return len(o.of) }

// End is the object that stands for the end of all programs.
func (o *Objects) End() int { return 0 }

// Add adds what a footprint shows. touched reports whether a step has changed a
// cell, or may have: a sum that it left as it was it did not touch.
func (o *Objects) Add(foot *cell.Footprint, touched func(cell.ID) bool, a *check.Access) {
	layout := o.s.M.Mem.Layout()
	for _, id := range foot.Reads {
		if n := o.byCell[id]; n >= 0 {
			a.Reads.Add(int(n))
		}
	}
	for _, id := range foot.Writes {
		if n := o.byCell[id]; n >= 0 {
			if r, _ := layout.Region(id); !r.Sum || touched(id) {
				a.Writes.Add(int(n))
			}
		}
	}
	for _, i := range foot.Named {
		if n := o.named[i]; n >= 0 {
			a.Reads.Add(int(n))
		}
	}
	for _, i := range foot.Sought {
		a.Writes.Add(int(o.named[i]))
	}
}

// AddEnd adds that a step has a bearing on how programs end.
func (o *Objects) AddEnd(a *check.Access) { a.Writes.Add(o.End()) }

// Pauses returns the cell that only says whether the actor is suspended, false
// if there is none or it is suspended. While an actor is suspended, the host can move.
func (o *Objects) Pauses(actor int) (cell.ID, bool) {
	a := &o.s.actors[actor]
	if a.CPU < 0 || a.Kind == HypervisorActor || o.s.M.Peek(o.s.M.Steal(a.CPU))&machine.StealPreempted != 0 {
		return 0, false
	}
	return o.s.M.Steal(a.CPU).Cell(), true
}

// Object returns the object of a cell, -1 if it is none.
func (o *Objects) Object(id cell.ID) int { return int(o.byCell[id]) }

// Class returns the class of an object's cells.
func (o *Objects) Class(object int) cell.Class { return o.class[object] }

// WhatNames returns the object of what private places say of an object's instance, -1 if that is never free.
func (o *Objects) WhatNames(object int) int { return int(o.named[o.of[object]]) }

// Free reports whether an object is of an instance that can be taken from a pool.
func (o *Objects) Free(object int) bool {
	o.links.update()
	return o.links.isFree(int(o.of[object]))
}

// Name returns what an object is called.
func (o *Objects) Name(object int) string {
	of := o.s.M.InstanceName(o.of[object])
	switch o.class[object] {
	case names:
		return "what names " + of
	case theEnd:
		return "the end"
	}
	return fmt.Sprintf("%s of %s", machine.ClassName(o.class[object]), of)
}
