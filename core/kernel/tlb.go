package kernel

import (
	"math/bits"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// flush_tlb_mm_range, in straight line:
//
//	since 4.14: inc_mm_tlb_gen(mm)
//	flush_tlb_multi(every CPU that has the mm loaded)
//	newer: flush the TLB of a device that is bound to the mm
//
// With generations a CPU knows whether it has flushed for later requests, too, and flushes all of the mm if it has more to make up for than
// the request says. A request is for the generation that it has begun (flush_tlb_info.new_tlb_gen): one that comes late, behind those of others, does
// not pass for the newest. Without them it does what the request says, each time.
//
// compare arch/x86/mm/tlb.c:flush_tlb_mm_range
var _ = register(fnFlushTLBMMRange, &Func{
	Name: "flush_tlb_mm_range", File: "arch/x86/mm/tlb.c", Params: []int{ftMM, ftFirst, ftLast, ftTables},
	Locals: []Local{{"mm", IntLocal}, {"first", PageLocal}, {"last", PageLocal}, {"freed_tables", IntLocal}},
	Steps: []Step{
		{Label: "generation", Says: "a new TLB generation of the mm begins", Ref: "inc_mm_tlb_gen", When: With(TLBGenerations), Touches: cell.Of(machine.MMs, machine.IPIs), Calls: []FuncID{fnFlushTLBMulti},
			Do: func(c *Ctx) Next {
				mm := int(c.L(ftMM))
				c.M.AdvanceGeneration(mm)
				if c.M.Cpumask(mm) != 0 {
					c.M.SetRequest(c.CPU, machine.Flush{MM: mm, First: c.Page(ftFirst), Last: c.Page(ftLast), Tables: c.L(ftTables) != 0})
				}
				return c.flushMulti()
			}},
		{Label: "cpumask", Says: "which CPUs have the mm loaded?", Answer: "those are to flush", Ref: "mm_cpumask", When: Without(TLBGenerations), Reads: cell.Of(machine.MMs), Calls: []FuncID{fnFlushTLBMulti}, Do: (*Ctx).flushMulti},
		iotlbStep(If(SecondaryTLBs, SecondaryTLBsFlush), end, func(c *Ctx) (machine.PageID, machine.PageID) { return c.Page(ftFirst), c.Page(ftLast) }),
	},
})

const ftMM, ftFirst, ftLast, ftTables = 0, 1, 2, 3

// Who flushes tells flush_tlb_mm_range whether lazy CPUs must know: flush_tlb_mm always does, flush_tlb_page never, an mmu_gather where page
// tables go. flushRange is what flush_tlb_range says of it.
// compare arch/x86/include/asm/tlbflush.h
func (c *Ctx) flushRange() uint64 {
	if c.sim.rangeTellsTables {
		return 1
	}
	return 0
}

// flushMulti has every CPU flush that has the mm loaded.
func (c *Ctx) flushMulti() Next {
	mm := int(c.L(ftMM))
	return c.Call(fnFlushTLBMulti, 2, uint64(mm+1), c.L(ftFirst), c.L(ftLast), c.L(ftTables), c.M.Cpumask(mm))
}

// flush_tlb_multi, in straight line:
//
//	a target that only borrows the mm, and no page table goes: leave it out
//	for every target: enqueue the request, send an IPI; flush here, if we are one
//	wait until every target has acknowledged
//
// A CPU with interrupts off acknowledges when it has them on again: that is
// what GUP-fast of old relied on. As a KVM guest, a CPU that the host has
// preempted is taken off the list, marked to flush when it runs again: one
// atomic exchange on its preempted byte. A broadcast waits for nobody.
//
// compare arch/x86/mm/tlb.c:native_flush_tlb_multi, arch/x86/kernel/kvm.c:kvm_flush_tlb_multi
var _ = register(fnFlushTLBMulti, &Func{
	Name: "flush_tlb_multi", Was: []Name{{"flush_tlb_others", 513}}, File: "arch/x86/mm/tlb.c",
	Params: []int{fmMM, fmFirst, fmLast, fmTables, fmTargets},
	Locals: []Local{{"mm", IntLocal}, {"first", PageLocal}, {"last", PageLocal}, {"freed_tables", IntLocal}, {"cpumask", IntLocal}, {"cpu", IntLocal}},
	Steps: []Step{
		fmNobody: {Label: "nobody", Says: "only this CPU?", Local: true, Do: func(c *Ctx) Next {
			if c.L(fmTargets) == 0 {
				return Return
			}
			return Then
		}},
		fmLazy: {Label: "lazy", Says: "does the CPU only borrow the mm?", Ref: "should_flush_tlb", When: If(LazyTLB, LazyTLBSkipsPages).AndTurns(),
			Touches: cell.Of(machine.Runs, machine.IPIs), Anywhere: cell.Of(machine.Runs), Back: []int{fmLazy}, Do: func(c *Ctx) Next { return c.flushLazy(fmLazy, c.L(fmTables) != 0) }},
		fmLazyAll: {Label: "lazy_all", Says: "does the CPU only borrow the mm?", Ref: "should_flush_tlb", When: If(LazyTLB, LazyTLBSkipsAll).AndTurns(),
			Touches: cell.Of(machine.Runs, machine.IPIs), Anywhere: cell.Of(machine.Runs), Back: []int{fmLazyAll}, Do: func(c *Ctx) Next { return c.flushLazy(fmLazyAll, false) }},
		fmBusy: {Label: "busy", Says: "nobody is left?", When: If(LazyTLB, LazyTLBSkipsPages, LazyTLBSkipsAll).AndTurns(), Local: true, Do: func(c *Ctx) Next {
			c.Set(fmCPU, 0)
			if c.L(fmTargets) == 0 {
				return Return
			}
			return Then
		}},
		fmBroadcast: {Label: "broadcast", Says: "invalidate it in every CPU's TLB", Ref: "INVLPGB", When: If(TLBFlush, TLBFlushBroadcast),
			Touches: flushTouches, Anywhere: cell.Of(machine.TLBs), Do: (*Ctx).flushBroadcast},
		fmSteal: {Label: "preempted", Says: "is the CPU preempted by the host?", Ref: "kvm_flush_tlb_multi", When: If(TLBFlush, TLBFlushPV),
			Touches: cell.Of(machine.Steal), Back: []int{fmSteal}, Do: (*Ctx).flushPreempted},
		fmSend: {Label: "send", Says: "send the flush IPI", Ref: "smp_call_function_many_cond", When: If(TLBFlush, TLBFlushIPI, TLBFlushPV),
			Touches: flushTouches, Do: (*Ctx).flushSend},
		fmWait: {Label: "wait", Says: "every CPU has acknowledged the flush", Ref: "csd_lock_wait", When: If(TLBFlush, TLBFlushIPI, TLBFlushPV),
			Wait: (*Ctx).flushAcknowledged, Touches: cell.Of(machine.IPIs),
			Do: func(c *Ctx) Next {
				c.Store(c.M.Request(c.CPU), 0)
				return Then
			}},
	},
})

const fmMM, fmFirst, fmLast, fmTables, fmTargets, fmCPU = 0, 1, 2, 3, 4, 5

const (
	fmNobody = iota
	fmLazy
	fmLazyAll
	fmBusy
	fmBroadcast
	fmSteal
	fmSend
	fmWait
)

var flushTouches = cell.Of(machine.IPIs, machine.TLBs, machine.MMs)

// flushRequest is what the CPU has published with a new generation, and else what is flushed for.
func (c *Ctx) flushRequest() machine.Flush {
	if f, ok := c.M.RequestOf(c.CPU); ok {
		return f
	}
	return machine.Flush{MM: int(c.L(fmMM)) - 1, First: machine.PageID(c.L(fmFirst)), Last: machine.PageID(c.L(fmLast)), Tables: c.L(fmTables) != 0}
}

// flushBroadcast invalidates everywhere at once; walks in flight end or give up first.
func (c *Ctx) flushBroadcast() Next {
	f := c.flushRequest()
	for t := c.L(fmTargets); t != 0; t &= t - 1 {
		c.M.FlushTold(bits.TrailingZeros64(t), f)
	}
	c.Store(c.M.Request(c.CPU), 0)
	return Return
}

// flushLazy looks at one CPU after the other whether it is lazy. One that is need not
// know of pages: before a thread runs there again, it looks at the generation. It walks page tables by itself, though, so
// that it must know of those that go.
// compare arch/x86/mm/tlb.c:should_flush_tlb
func (c *Ctx) flushLazy(again Next, all bool) Next {
	others := c.L(fmTargets) &^ (1<<(c.L(fmCPU)) - 1) &^ (1 << c.CPU)
	if others == 0 {
		c.Say("no other CPU is to be flushed")
		return Then
	}
	cpu := bits.TrailingZeros64(others)
	lazy := c.M.TakesTurns(cpu) && c.Load(c.M.Lazy(cpu)) != 0
	switch {
	case !lazy:
		c.Sayf("cpu%d runs it", cpu)
	case all:
		c.Sayf("cpu%d only borrows the mm, but page tables go", cpu)
	default:
		c.Sayf("cpu%d only borrows the mm: no IPI", cpu)
		c.Set(fmTargets, c.L(fmTargets)&^(1<<cpu))
		if c.L(fmTargets) == 0 {
			c.Store(c.M.Request(c.CPU), 0)
		}
	}
	c.Set(fmCPU, uint64(cpu+1))
	if others&(others-1) != 0 {
		return again
	}
	return Then
}

// flushPreempted looks at one CPU's preempted byte after the other.
func (c *Ctx) flushPreempted() Next {
	others := c.L(fmTargets) &^ (1<<(c.L(fmCPU)) - 1) &^ (1 << c.CPU)
	if others == 0 {
		c.Say("no other CPU is to be flushed")
		return Then
	}
	cpu := bits.TrailingZeros64(others)
	w := c.M.Steal(cpu)
	if v := c.Load(w); v&machine.StealPreempted != 0 {
		c.Sayf("cpu%d is preempted: mark it, send no IPI", cpu)
		c.Store(w, v|machine.StealFlush)
		c.Set(fmTargets, c.L(fmTargets)&^(1<<cpu))
	} else {
		c.Sayf("cpu%d runs: it gets an IPI", cpu)
	}
	c.Set(fmCPU, uint64(cpu+1))
	if others&(others-1) != 0 {
		return fmSteal
	}
	return Then
}

// flushSend sets every target's pending bit, and flushes here.
func (c *Ctx) flushSend() Next {
	f, others := c.flushRequest(), c.L(fmTargets)&^(1<<c.CPU)
	if c.L(fmTargets)>>c.CPU&1 != 0 {
		c.M.FlushLocal(c.CPU, f)
	}
	if others == 0 {
		c.Say("no other CPU is left to interrupt")
		c.Store(c.M.Request(c.CPU), 0)
		return Return
	}
	c.M.SetRequest(c.CPU, f)
	for t := others; t != 0; t &= t - 1 {
		c.Or(c.M.IPI(bits.TrailingZeros64(t)), 1<<c.CPU)
	}
	return Then
}

func (c *Ctx) flushAcknowledged() Block {
	for t := c.L(fmTargets) &^ (1 << c.CPU); t != 0; t &= t - 1 {
		cpu := bits.TrailingZeros64(t)
		if w := c.M.IPI(cpu); c.Load(w)>>c.CPU&1 != 0 {
			return Block{OnIPI, cpu + 1, w}
		}
	}
	return Block{}
}

// try_to_unmap_flush, in straight line:
//
//	if any PTE was cleared without a flush: flush_tlb_multi(the CPUs noted), forget it
//
// compare mm/rmap.c:try_to_unmap_flush, arch/x86/mm/tlb.c:arch_tlbbatch_flush
var _ = register(fnTryToUnmapFlush, &Func{
	Name: "try_to_unmap_flush", File: "mm/rmap.c",
	Steps: []Step{
		{Label: "required", Says: "was a flush put off?", Local: true, Calls: []FuncID{fnFlushTLBMulti}, Do: func(c *Ctx) Next {
			ubc := c.M.Load(c.M.UBC(c.Task))
			if ubc&machine.UBCRequired == 0 {
				return Return
			}
			return c.Call(fnFlushTLBMulti, 1, 0, 0, 0, 0, machine.UBCMask(ubc))
		}},
		{Label: "done", Says: "nothing is put off any more", Local: true, Do: func(c *Ctx) Next {
			c.M.Store(c.M.UBC(c.Task), 0)
			return Return
		}},
	},
})
