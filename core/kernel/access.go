package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A thread's access to its memory, in straight line:
//
//	again:
//	if the TLB has the page (for a write: writable and dirty): its protection key forbids it: page fault; else access, done
//	with five levels, read the P4D; where nothing else lies near, every level from the PGD on
//	read the PMD; read the PTE, setting accessed and dirty in it, unless its protection key forbids the access; fill the TLB; again
//	not mapped, or not so: page fault; again
//
// The walk is two reads with time in between, and the access comes after it:
// an interrupt that flushes the TLB is taken between instructions, so it gives
// up a walk in flight and the access starts again.
//
//	CPU0 (store)                   CPU1 (reclaim)
//	read the PTE, set dirty
//	                               clear the PTE
//	store through the TLB entry    flush: waits until CPU0 took the interrupt
//
// compare x86: Intel SDM vol. 3, 4.10; the kernel has no code here.
var (
	_ = register(fnStore, &Func{Name: "store", File: "user space", Params: []int{accPage, accValue},
		Locals: []Local{{"page", PageLocal}, {"value", IntLocal}}, Steps: accessSteps(true, never)})
	_ = register(fnLoad, &Func{Name: "load", File: "user space", Params: []int{accPage},
		Locals: []Local{{"page", PageLocal}}, Steps: accessSteps(false, never)})
)

// The kernel's own access to the memory of the process that it works for is the same: by this CPU's TLB, and a page fault where that and the
// page tables do not do. With page faults off (pagefault_disable()), nothing is copied then: the copy comes back short.
//
// compare lib/iov_iter.c:copy_from_user_iter, copy_folio_from_iter_atomic; arch/x86/lib/copy_user_64.S
var (
	_ = register(fnRawCopyFromUser, &Func{Name: "raw_copy_from_user", Was: []Name{{"__copy_from_user_inatomic", 412}}, File: "arch/x86/include/asm/uaccess_64.h", Params: []int{accPage, accNoFault},
		Locals: []Local{{"page", PageLocal}, {"value", IntLocal}, {"pagefault_disabled", IntLocal}}, Steps: accessSteps(false, func(c *Ctx) bool { return c.L(accNoFault) != 0 })})
	_ = register(fnRawCopyToUser, &Func{Name: "raw_copy_to_user", Was: []Name{{"__copy_to_user", 412}}, File: "arch/x86/include/asm/uaccess_64.h", Params: []int{accPage, accValue},
		Locals: []Local{{"page", PageLocal}, {"value", IntLocal}}, Steps: accessSteps(true, never)})
)

func never(*Ctx) bool { return false }

const accPage, accValue, accNoFault = 0, 1, 2

const (
	accAccess = iota
	accLeaf
	accFault
	accRetry
	accHuge
	accP4D
	accPMD
	accUpper
)

// accessSteps are those of a read or a write; where faultsOff says so, it fails instead of faulting.
func accessSteps(write bool, faultsOff func(*Ctx) bool) []Step {
	says, fault := "read through the TLB, or begin the walk", "page fault: read"
	touches, order := cell.Of(machine.TLBs), Locked
	reads, anywhere := cell.Of(machine.PMDs, machine.Contents, machine.Refs, machine.Batches), cell.Of(machine.Batches) // see flushPutOff
	if write {
		reads, anywhere = cell.Of(machine.PMDs), 0
		order = Plain
		says, fault = "write through the TLB, or begin the walk", "page fault: write"
		touches |= cell.Of(machine.Contents)
	}
	return []Step{
		accAccess: {Label: "access", Says: says, Order: order, Touches: touches, Reads: reads, Anywhere: anywhere, Calls: []FuncID{fnDoUserAddrFault}, Do: func(c *Ctx) Next { return c.accessPage(write) }},
		accLeaf: {Label: "walk", Says: "read the PTE, fill the TLB", Order: Beside, Touches: cell.Of(machine.TLBs, machine.PTEs), Back: []int{accAccess}, Calls: []FuncID{fnDoUserAddrFault},
			Do: func(c *Ctx) Next { return c.walkLeaf(write) }},
		accHuge: {Label: "walk_huge", Says: "set accessed in the PMD of the huge page, fill the TLB", When: Large, Order: Beside, Touches: cell.Of(machine.TLBs, machine.PMDs), Back: []int{accAccess, accFault}, Calls: []FuncID{fnDoUserAddrFault},
			Do: func(c *Ctx) Next {
				if c.M.FreesUpper && !c.stillWalks(c.Page(accPage)) {
					return accAccess
				}
				if e := machine.Entry(c.Load(c.M.PMD(c.Page(accPage)))); e.Has(machine.PSE|machine.Present) && c.pkeyForbids(e, write) {
					return c.pkeyFault(e, write)
				}
				if c.fillHuge(c.Page(accPage), write) {
					return accAccess
				}
				return accFault
			}},
		accFault: {Label: "fault", Says: fault, Local: true, Calls: []FuncID{fnDoUserAddrFault}, Do: func(c *Ctx) Next {
			if faultsOff(c) {
				c.Say("page faults are off: nothing is copied")
				return c.Fail(EFAULT)
			}
			return c.Call(fnDoUserAddrFault, accRetry, c.L(accPage), faultFlags(write))
		}},
		accRetry: {Label: "retry", Says: "fixed: start the access again", Local: true, Back: []int{accAccess}, Do: func(c *Ctx) Next {
			if ret := c.Ret(); ret&failed != 0 {
				c.Say(machine.SignalName(errno(ret)))
				return c.Return(ret)
			}
			return accAccess
		}},
		accP4D: beside(p4dStep(accPage, "")),
		accPMD: {Label: "walk_pmd", Says: "read the PMD", When: FiveLevels, Order: Beside, Touches: cell.Of(machine.TLBs), Reads: cell.Of(machine.PMDs), Back: []int{accLeaf, accFault, accHuge},
			Do: func(c *Ctx) Next { return c.walkPMD(c.Page(accPage)) }},
		accUpper: walkUpperStep,
	}
}

// beside is a step that the MMU's walker makes.
func beside(s Step) Step {
	s.Order = Beside
	return s
}

// accessPage uses the TLB entry if it allows the access, else reads the PMD.
func (c *Ctx) accessPage(write bool) Next {
	p := c.Page(accPage)
	e := machine.Entry(c.Load(c.M.TLB(c.CPU, p)))
	if e.Present() && (!write || e.Has(machine.RW|machine.Dirty)) {
		if c.pkeyForbids(e, write) {
			return c.pkeyFault(e, write)
		}
		return c.touch(e, p, write)
	}
	switch {
	case c.M.FreesUpper:
		return c.beginWalk(p)
	case c.M.FiveLevels:
		c.Say("TLB miss: begin the walk")
		return accP4D
	}
	return c.walkPMD(p)
}

// touch reads or writes the frame that a TLB entry names.
func (c *Ctx) touch(e machine.Entry, p machine.PageID, write bool) Next {
	if c.M.Stale(e) {
		c.M.Raise(machine.AlarmStaleTLB, uint64(c.CPU))
	}
	content := c.M.Contents(e.Frame())
	if write {
		c.Sayf("store %s", c.M.Content(c.L(accValue)))
		if c.M.StoreBuffered(e.Frame(), c.L(accValue), p) {
			c.Sayf(storeWaits, c.M.Content(c.L(accValue)))
			return Return
		}
		c.Store(content, c.L(accValue))
		c.M.WrittenBy(e, p)
		c.M.StoredTo(e.Frame(), false)
		c.M.Wrote(p, c.L(accValue))
		c.M.Stored(p, e.Frame())
		return Return
	}
	v := c.Load(content)
	c.Sayf("load: %s", c.M.Content(v))
	if _, own := c.M.Forwarded(content); own {
		c.Sayf(loadForwarded, c.M.Content(v))
		return c.Return(v)
	}
	if lost, _ := c.M.Lost(p, v); !lost || !c.flushPutOff(e) {
		c.M.Read(p, v)
	}
	return c.Return(v)
}

// flushPutOff reports whether reclaim has yet to flush this CPU's TLB of a page that it has
// unmapped and frozen, and not freed: a load may read there what was there, although the page has come back from swap as
// another and was written to. The page is freed behind the flush alone.
// Compare mm/vmscan.c:shrink_folio_list, which calls try_to_unmap_flush before free_unref_folios.
func (c *Ctx) flushPutOff(e machine.Entry) bool {
	if c.M.Stale(e) || c.Load(c.M.Ref(c.M.Head(e.Frame()))) != 0 {
		return false
	}
	for t := range c.sim.Setup.Tasks {
		if ubc := c.Load(c.M.UBC(t)); ubc&machine.UBCRequired != 0 && machine.UBCMask(ubc)>>c.CPU&1 != 0 {
			return true
		}
	}
	return false
}

// What an access says where the CPU has a store buffer.
const storeWaits, loadForwarded = "store %s: it waits in the store buffer", "load: %s, from the store buffer"

// walkPMD comes to the PMD in a walk: the tables above it never change while the mm lives. Where they do, see upper_tables.go.
func (c *Ctx) walkPMD(p machine.PageID) Next {
	pmd := machine.Entry(c.Load(c.M.PMD(p)))
	if !pmd.Present() {
		c.Say("TLB miss: no page table")
		return accFault
	}
	if pmd.Has(machine.PSE) {
		c.Say("TLB miss: the PMD maps a huge page")
		return accHuge
	}
	c.Sayf("TLB miss: read the PMD (page table: frame %d)", pmd.Frame())
	c.M.SetWalker(c.CPU, pmd, p, machine.LevelPTE)
	return accLeaf
}

// walkLeaf ends a walk: it sets accessed, and dirty for a write, in the PTE
// with one locked access that succeeds only while the entry allows it, and
// fills the TLB.
func (c *Ctx) walkLeaf(write bool) Next {
	p := c.Page(accPage)
	table, at := c.M.WalkerAt(c.CPU)
	if !table.Present() || at != p {
		c.Say("the walk was interrupted: start again")
		return accAccess
	}
	c.M.ClearWalker(c.CPU)
	if c.M.Pkeys {
		c.walked(table)
		if e := machine.Entry(c.Load(c.PTE(table.Frame(), p))); e.Has(machine.Present) && c.pkeyForbids(e, write) {
			return c.pkeyFault(e, write)
		}
	}
	if !c.fill(table, p, write) {
		return accFault
	}
	return accAccess
}

// fill reads the PTE that a walker has come to and fills the TLB; false if the
// entry does not allow the access.
func (c *Ctx) fill(table machine.Entry, p machine.PageID, write bool) bool {
	c.walked(table)
	e := machine.Entry(c.Load(c.PTE(table.Frame(), p)))
	if !e.Has(machine.Present) || write && !e.Has(machine.RW) {
		c.Sayf("the PTE is %v: page fault", e)
		return false
	}
	e |= machine.Accessed
	if write {
		e |= machine.Dirty
	}
	c.SetPTE(table.Frame(), p, e)
	c.M.Store(c.M.TLB(c.CPU, p), uint64(e))
	return true
}

// fillHuge is fill for a PMD that maps a huge page. (The TLB keeps the page
// that was asked for: a CPU may break a huge translation up.)
func (c *Ctx) fillHuge(p machine.PageID, write bool) bool {
	e := machine.Entry(c.Load(c.M.PMD(p)))
	if !e.Has(machine.PSE|machine.Present) || write && !e.Has(machine.RW) {
		c.Sayf("the PMD is %v: page fault", e)
		return false
	}
	e |= machine.Accessed
	if write {
		e |= machine.Dirty
	}
	c.SetPMD(p, e)
	c.M.Store(c.M.TLB(c.CPU, p), uint64(c.M.OfHuge(e, p)))
	return true
}

// speculations offers what a CPU's walker may do unasked: begin a walk for a
// page of the loaded mm that is not in the TLB, or end the one it is in.
func (s *Sim) speculations(cpu int, f func(key int)) {
	m := s.M
	mm := m.Loaded(cpu)
	if mm < 0 || cpu >= len(s.Setup.Speculate) || !s.Setup.Speculate[cpu] || !s.running(cpu) {
		return
	}
	if table, p := m.WalkerAt(cpu); table.Present() {
		if !s.walks(cpu) {
			f(int(p))
		}
		return
	}
	for i, p := range m.Pages() {
		id := machine.PageID(i)
		if p.MM == mm && m.Load(m.TLB(cpu, id)) == 0 && s.mayWalk(id) {
			f(i)
		}
	}
}

// walks reports whether the CPU's thread itself is in the middle of a walk.
func (s *Sim) walks(cpu int) bool {
	for t, task := range s.Setup.Tasks {
		if task.CPU == cpu {
			d := int(s.M.Load(s.M.Depth(t)))
			if d > 0 {
				a := s.M.Activation(t, d-1)
				switch FuncID(a.Fn) {
				case fnStore, fnLoad, fnRawCopyFromUser, fnRawCopyToUser:
					return a.Step == accLeaf || s.Setup.FreesUpper && (a.Step == accUpper || a.Step == accHuge)
				}
				return false
			}
		}
	}
	return false
}

// doSpeculate makes a step of an unasked walk.
func (s *Sim) doSpeculate(cpu int, p machine.PageID) {
	m := s.M
	t := slices.IndexFunc(s.Setup.Tasks, func(t TaskSetup) bool { return t.CPU == cpu })
	c := Ctx{M: m, CPU: cpu, Task: t, sim: s}
	if table, _ := m.WalkerAt(cpu); s.Setup.FreesUpper && (!table.Present() || m.WalkerLevel(cpu) != machine.LevelPTE) {
		c.speculateUpper(p)
		return
	}
	table, _ := m.WalkerAt(cpu)
	pmd := machine.Entry(m.Load(m.PMD(p)))
	if !table.Present() && !pmd.Has(machine.PSE) {
		m.SetWalker(cpu, pmd, p, machine.LevelPTE)
		return
	}
	m.ClearWalker(cpu)
	if table.Present() {
		c.fill(table, p, false)
	} else {
		c.fillHuge(p, false)
	}
}
