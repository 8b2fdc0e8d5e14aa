package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Intervals holds where an mm has a device that goes by an interval notifier: what it guards would tell nothing elsewhere.
var Intervals = Cond{where: hasIntervals}

// AndIntervals holds where the condition does and an mm has such a device.
func (c Cond) AndIntervals() Cond { return c.and(hasIntervals) }

// What the mm does for its subscribers by interval notifiers, in straight line:
//
//	invalidate_range_start: under subs->lock: one range more is active; subs->invalidate_seq is odd
//	                        every subscriber of the range: invalidate(); then the callbacks
//	invalidate_range_end:   under subs->lock: one range less; none is left: invalidate_seq is even, who waits wakes up
//	                        then the callbacks
//
// A fault of the device asks the subscriber's own number, which invalidate() sets to the mm's:
//
//	CPU0 (the device faults)             CPU1 (who changes the PTE)
//	read_begin: seq = the subscriber's
//	it is not the mm's: do not wait
//	                                     the mm's number is odd: a new one
//	read the PTE                         lock umem_mutex; the subscriber's = the mm's; zap; unlock
//	                                     change the PTE
//	lock umem_mutex
//	read_retry: another than seq: again  the mm's number is even
//
// A fault that begins behind invalidate() reads a number that will not move any more when the invalidation ends: so it waits
// for the mm's to be another. Of invalidations that overlap the later ones find an odd number, and leave it.
//
// A section under subs->lock, or one in which a single word is seen without it, is one step; nobody ever waits for it.
//
// compare mm/mmu_notifier.c:mn_itree_inv_start_range, mn_itree_inv_end
var (
	_ = register(fnIntervalStart, itree(Func{Name: "__mmu_notifier_invalidate_range_start"}, true, false, fnInvalidateRangeStart, (*Ctx).guest))
	_ = register(fnIntervalEnd, itree(Func{Name: "__mmu_notifier_invalidate_range_end"}, false, true, fnInvalidateRangeEnd, (*Ctx).called))
	_ = register(fnIntervalOnlyEnd, itree(Func{Name: "__mmu_notifier_invalidate_range_end", Was: []Name{{"mmu_notifier_invalidate_range_only_end", 606}}}, false, true, fnInvalidateRangeOnlyEnd, (*Ctx).called))
	// invalidate_page was gone when interval notifiers came: where it is back, they are told as of a range.
	_ = register(fnIntervalPage, itree(Func{Name: "mmu_notifier_invalidate_page"}, true, true, fnInvalidatePage, (*Ctx).called))
	_ = register(fnIntervalRelease, itree(Func{Name: "__mmu_notifier_release"}, true, true, fnMMUNotifierRelease, (*Ctx).guest))
)

// called reports whether something is called at the end of an invalidation: KVM, or an IOMMU's driver.
func (c *Ctx) called(mm int) bool { return c.guest(mm) || c.bound(mm) }

// itree is a function that tells interval notifiers that an invalidation starts, or ends, or both, and behind them the callbacks by
// another, if there are such.
func itree(f Func, starts, ends bool, callbacks FuncID, has func(*Ctx, int) bool) *Func {
	f.File, f.Params, f.Locals = "mm/mmu_notifier.c", []int{inMM, inFirst, inLast}, invalidateLocals
	if starts {
		f.Steps = append(f.Steps, intervalStartStep, intervalInvalidateStep)
	}
	if ends {
		f.Steps = append(f.Steps,
			intervalEndStep("one range less is active; if none is, invalidate_seq becomes even, and who waits for that wakes up", With(IntervalEndEven), true),
			intervalEndStep("one range less is active", Without(IntervalEndEven), false))
	}
	f.Steps = append(f.Steps, Step{Label: "callbacks", Says: "callbacks, too", Ref: "hlist_for_each_entry_rcu", When: Intervals, Local: true, Calls: []FuncID{callbacks}, Do: func(c *Ctx) Next {
		if !has(c, int(c.L(inMM))) {
			return Return
		}
		return c.Call(callbacks, end, c.L(inMM), c.L(inFirst), c.L(inLast))
	}})
	return &f
}

var intervalStartStep = Step{Label: "inv_start", Says: "one range more is active; invalidate_seq is odd", Ref: "mn_itree_inv_start_range", When: Intervals, Touches: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
	mm := int(c.L(inMM))
	c.Add(c.M.ActiveRanges(mm), 1)
	c.Store(c.M.SubscriptionsSeq(mm), 1)
	return Then
}}

var intervalInvalidateStep = Step{Label: "invalidate", Says: "tell the subscriber", Ref: "interval_sub->ops->invalidate", When: Intervals, Local: true, Calls: []FuncID{fnODPInvalidate}, Do: func(c *Ctx) Next {
	return c.Call(fnODPInvalidate, c.next(), c.L(inMM), c.L(inFirst), c.L(inLast))
}}

func intervalEndStep(says string, when Cond, even bool) Step {
	return Step{Label: "inv_end", Says: says, Ref: "mn_itree_inv_end", When: when.AndIntervals(), Touches: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
		mm := int(c.L(inMM))
		active := c.M.ActiveRanges(mm)
		if c.Load(active) > 0 && c.Add(active, -1) > 0 || !even { // none is active, where nobody says when it begins
			c.Sayf("one range less is active: %d", c.Load(active))
			return Then
		}
		c.Store(c.M.SubscriptionsSeq(mm), 0)
		c.AndNot(c.M.IntervalSeq(mm), machine.IntervalCurrent)
		return Then
	}}
}

// mlx5_ib_invalidate_range, in straight line:
//
//	lock umem_mutex; mmu_interval_set_seq()
//	zap the device's entries of the range, and wait until it goes by them no more; what it could write to is dirty; unlock
//
// No reference is put: there was none. The page is still there, because who changes the PTE waits here.
//
// compare drivers/infiniband/hw/mlx5/odp.c:mlx5_ib_invalidate_range, drivers/infiniband/core/umem_odp.c:ib_umem_odp_unmap_dma_pages
var _ = register(fnODPInvalidate, &Func{
	Name: "mlx5_ib_invalidate_range", File: "drivers/infiniband/hw/mlx5/odp.c", Params: []int{inMM, inFirst, inLast},
	Locals: invalidateLocals,
	Steps: []Step{
		{Label: "set_seq", Says: "lock umem_mutex; the subscriber's number is the mm's", Ref: "mmu_interval_set_seq", When: Intervals, Touches: cell.Of(machine.Notifiers),
			Wait: func(c *Ctx) Block { return c.Free(c.M.UmemMutex(int(c.L(inMM)))) },
			Do: func(c *Ctx) Next {
				mm := int(c.L(inMM))
				c.Lock(c.M.UmemMutex(mm))
				if w := c.M.IntervalSeq(mm); c.Load(w)&machine.IntervalCurrent == 0 {
					c.Store(w, machine.IntervalCurrent)
				} else {
					c.Say("lock umem_mutex; the subscriber's number is the mm's already: another invalidation is in progress")
				}
				return Then
			}},
		{Label: "zap", Says: "no entry of the range is left, and the device has none in use; what it could write to is dirty; unlock umem_mutex", Ref: "mlx5r_umr_update_xlt(MLX5_IB_UPD_XLT_ZAP)", When: Intervals, Touches: cell.Of(machine.Secondary, machine.Notifiers) | dirtyTouches, Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			c.M.EachMTT(c.Page(inFirst), c.Page(inLast), func(p machine.PageID, e machine.Entry) {
				if e.Has(machine.RW) && !c.M.Stale(e) {
					c.markDirty(c.M.Head(e.Frame()))
				}
				c.Store(c.M.MTT(p), 0)
			})
			c.Unlock(c.M.UmemMutex(int(c.L(inMM))))
			return Return
		}},
	},
})

// mmu_interval_read_begin, in straight line:
//
//	under subs->lock: seq = the subscriber's number; is it the mm's?
//	yes: an invalidation is in progress: wait until the mm's is another
//
// compare mm/mmu_notifier.c:mmu_interval_read_begin
var _ = register(fnIntervalReadBegin, &Func{
	Name: "mmu_interval_read_begin", File: "mm/mmu_notifier.c",
	Locals: []Local{{"seq", IntLocal}},
	Steps: []Step{
		{Label: "seq", Says: "read the subscriber's number: is an invalidation in progress?", Answer: "no", Ref: "interval_sub->invalidate_seq", When: Intervals, Touches: cell.Of(machine.Notifiers), Do: func(c *Ctx) Next {
			w := c.M.IntervalSeq(c.MM)
			c.Or(w, 1<<c.Task)
			if c.Load(w)&machine.IntervalCurrent == 0 {
				return Return
			}
			c.Say("read the subscriber's number: an invalidation is in progress")
			return Then
		}},
		{Label: "wait", Says: "the mm's number is another", Ref: "wait_event(subscriptions->wq)", When: With(IntervalBeginWaits).AndIntervals(), Reads: cell.Of(machine.Notifiers),
			Wait: func(c *Ctx) Block {
				if w := c.M.IntervalSeq(c.MM); c.Load(w)&machine.IntervalCurrent != 0 && c.sameInterval() {
					return Block{On: OnInvalidation, At: c.M.SubscriptionsSeq(c.MM)}
				}
				return Block{}
			},
			Do: func(c *Ctx) Next { return Return }},
	},
})

// sameInterval reports whether the subscriber's number is what the task has read.
// compare include/linux/mmu_notifier.h:mmu_interval_check_retry
func (c *Ctx) sameInterval() bool { return c.Load(c.M.IntervalSeq(c.MM))>>c.Task&1 != 0 }
