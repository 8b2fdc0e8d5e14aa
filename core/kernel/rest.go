package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/machine"
)

// restOfTask adds what lies ahead of a task, in its group's reach.
func (o *Objects) restOfTask(task, cpu int, a *check.Access) {
	m, s := o.s.M, o.s
	if m.Peek(m.Done(task)) != 0 {
		return
	}
	if len(m.Files) > 0 {
		o.everything(a) // the page cache is everybody's
		return
	}
	ahead, g := s.Ahead(task), o.groupOfTask(task)
	ahead.Touches.Each(func(c cell.Class) { o.class(c, g, cpu, true, &a.Writes) })
	ahead.Reads.Each(func(c cell.Class) { o.class(c, g, cpu, false, &a.Reads) })

	// The private: who may free or take a frame finds captures of it anywhere in
	// its group, and whoever steps captures.
	a.Writes.Add(o.task(task, taskStack))
	a.Writes.Add(o.task(task, taskVars))
	a.Writes.Add(o.cpu(cpu, cpuLRU))
	a.Reads.Add(o.cpu(cpu, cpuSteal))
	a.Reads.Add(o.end)
	for mm := range m.MMs {
		if o.group[mm] == g {
			a.Writes.Add(o.mm(mm, mmGhosts))
			a.Reads.Add(o.mm(mm, mmPMDs)) // where a GUP call begins, the ghosts look at the page
		}
	}
	each(o.reaches[g].frames, func(f int) {
		a.Writes.Add(o.frame(machine.Frame(f), frameCaptures))
		a.Reads.Add(o.frame(machine.Frame(f), frameEntries))
	})
	a.Writes.Add(o.capturedSlots)

	if ahead.Touches&cell.Of(machine.Frames, machine.RCU) != 0 { // the end of a grace period frees
		o.allocates(g, a)
	}
	if ahead.Touches&cell.Of(machine.Disk, machine.SwapCache) != 0 {
		o.whole(g, a)
	}
	if ahead.Touches.Has(machine.IPIs) {
		o.flush(g, a)
		for c := range m.CPUs { // a new generation makes all requests that are out older
			a.Reads.Add(o.cpu(c, cpuIPI))
		}
	}
	o.ofClaims(g, a)
}

// allocates adds what taking and giving back frames does: to all of the group's
// and all free ones, and to the captures of them wherever they are.
func (o *Objects) allocates(g int, a *check.Access) {
	m := o.s.M
	for i := range m.FrameCount() {
		a.Reads.Add(o.frame(machine.Frame(i), frameState))
	}
	o.whole(g, a)
	each(o.free, func(f int) {
		for k := range perFrame {
			a.Writes.Add(o.frame(machine.Frame(f), k))
		}
	})
	for other := range o.reaches {
		common := false
		each(o.reaches[other].frames, func(f int) {
			common = common || f != int(machine.ZeroPage) && (o.reaches[g].frames.has(f) || o.free.has(f))
		})
		if other != g && common {
			o.whole(other, a)
		}
	}
}

// ofClaims adds what claims read about the pages that a group's variables hold.
func (o *Objects) ofClaims(g int, a *check.Access) {
	m := o.s.M
	for t := range o.s.Setup.Tasks {
		if o.groupOfTask(t) == g {
			a.Reads.Add(o.task(t, taskVars))
		}
	}
	each(o.reaches[g].frames, func(i int) {
		f := machine.Frame(i)
		for _, k := range []int{frameCounts, frameFlags, frameMapping, frameEntries, framePTL} {
			a.Reads.Add(o.frame(f, k))
		}
	})
	each(o.reaches[g].slots, func(s int) { a.Reads.Add(o.slot(s, slotCache)) })
	for mm := range m.MMs {
		if o.group[mm] == g {
			a.Reads.Add(o.mm(mm, mmPMDs))
		}
	}
}

// class adds the objects of a class that a group's task on a CPU may come by.
func (o *Objects) class(c cell.Class, g, cpu int, write bool, to *check.Objects) {
	m := o.s.M
	frames := func(kind int) {
		each(o.reaches[g].frames, func(f int) { to.Add(o.frame(machine.Frame(f), kind)) })
	}
	mms := func(kinds ...int) {
		for mm := range m.MMs {
			for _, k := range kinds {
				if o.group[mm] == g {
					to.Add(o.mm(mm, k))
				}
			}
		}
	}
	cpus := func(kind int) {
		for c := range m.CPUs {
			if h := o.groupOfCPU(c); h == g || h < 0 {
				to.Add(o.cpu(c, kind))
			}
		}
	}
	slots := func(kind int) {
		for s := range m.Slots {
			if o.reaches[g].slots.has(s) || m.Peek(m.SwapMap(s)) == 0 {
				to.Add(o.slot(s, kind))
			}
		}
	}
	switch c {
	case machine.PTEs:
		frames(frameEntries)
	case machine.PMDs:
		mms(mmPMDs)
	case machine.Refs, machine.Mapcounts:
		frames(frameCounts)
	case machine.Flags:
		frames(frameFlags)
	case machine.Mappings:
		frames(frameMapping)
	case machine.Contents:
		frames(frameContents)
	case machine.Frames:
		if !write { // else see allocates
			o.scan(to)
		}
	case machine.PTLs:
		frames(framePTL)
		mms(mmPMDLock)
	case machine.FolioLocks:
		frames(frameLock)
	case machine.TLBs:
		cpus(cpuTLB)
	case machine.IPIs:
		cpus(cpuIPI)
	case machine.IRQs:
		if write {
			to.Add(o.cpu(cpu, cpuIRQ))
			break
		}
		for c := range m.CPUs {
			to.Add(o.cpu(c, cpuIRQ))
		}
	case machine.Steal:
		cpus(cpuSteal)
	case machine.MMLocks:
		mms(mmLocks)
	case machine.MMs:
		mms(mmWords, mmGenerations)
	case machine.VMAs:
		mms(mmVMAs)
	case machine.Swap:
		slots(slotMap)
		slots(slotCache)
		slots(slotDisk)
	case machine.SwapCache:
		slots(slotCache)
	case machine.Disk:
		slots(slotDisk)
	case machine.RCU:
		to.Add(o.rcu)
	case machine.LRU:
		to.Add(o.cpu(cpu, cpuLRU))
	}
}

// scan adds what a step looks at that goes through all frames.
func (o *Objects) scan(to *check.Objects) {
	for i := range o.s.M.FrameCount() {
		for _, k := range []int{frameState, frameFlags, frameMapping, frameCounts, frameCaptures} {
			to.Add(o.frame(machine.Frame(i), k))
		}
	}
}

// Next adds what a step of an actor accesses that its footprint does not
// show, given the footprint and what it changed: values that are copied from
// place to place without a load, captures that the allocator looks for, ghosts.
func (o *Objects) Next(actor int, foot *cell.Footprint, changes []cell.Change, a *check.Access) {
	o.look()
	m, layout := o.s.M, o.s.M.Mem.Layout()
	act := &o.s.actors[actor]
	if act.Kind != TaskActor {
		a.Writes.Add(o.end)
	}
	if act.Kind == TaskActor || act.Kind == WalkerActor {
		for mm := range m.MMs {
			if o.group[mm] == o.groupOfCPU(act.CPU) {
				a.Reads.Add(o.mm(mm, mmGhosts))
			}
		}
	}
	for _, id := range foot.Reads {
		switch layout.Class(id) {
		case machine.Frames:
			each(o.free, func(f int) { a.Reads.Add(o.frame(machine.Frame(f), frameCaptures)) })
			for i := range m.FrameCount() {
				if m.Taken(i/64).Cell() == id {
					a.Reads.Add(o.frame(machine.Frame(i), frameState))
				}
			}
		case machine.Swap:
			a.Reads.Add(o.capturedSlots)
			for i := range m.Slots {
				if m.SlotTaken(i/64).Cell() == id {
					a.Reads.Add(o.slot(i, slotMap))
				}
			}
		}
	}
	for _, c := range changes {
		switch layout.Class(c.Cell) {
		case machine.Stacks, machine.TLBs:
			o.captured(c.Old, a)
			o.captured(c.New, a)
		case machine.Frames:
			for i := range m.FrameCount() {
				if m.State(machine.Frame(i)).Cell() == c.Cell {
					a.Writes.Add(o.frame(machine.Frame(i), frameCaptures))
				}
			}
		case machine.Ghosts:
			if act.Task >= 0 && c.Cell == m.GUPAt(act.Task).Cell() && c.Old == 0 {
				each(o.reaches[o.groupOfTask(act.Task)].frames, func(f int) {
					a.Reads.Add(o.frame(machine.Frame(f), frameEntries))
				})
			}
		}
	}
}

// captured adds that what names a frame or a slot has changed.
func (o *Objects) captured(v uint64, a *check.Access) {
	switch e := machine.Entry(v); {
	case e.Present() && int(e.Frame()) < o.s.M.FrameCount() && e.Frame() != machine.ZeroPage:
		a.Writes.Add(o.frame(e.Frame(), frameCaptures))
	case e.IsSwap() && e.Slot() < o.s.M.Slots:
		a.Writes.Add(o.capturedSlots)
	}
}

// Offers calls f with every key an actor can move with now.
func (s *Sim) Offers(actor int, f func(key int)) { s.offers(actor, f) }
