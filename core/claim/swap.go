package claim

import (
	"fmt"

	"gupscope/core/machine"
)

// swappedShared: for every slot, if the swap cache has its page and a PTE of an mm is an entry of that slot, then the page is not
// exclusive: who swaps it in is yet to learn whether it is. Judged while the page-table lock of that PTE is free.
// Compare the VM_BUG_ON_PAGE of mm/memory.c:do_swap_page.
func swappedShared(m *Model) []predicate {
	var reads []machine.Word
	for i := range m.M.TableCount() {
		t := m.M.TableFrame(i)
		reads = append(reads, m.M.PTL(t))
		for e := range m.M.Width() {
			reads = append(reads, m.M.Entry(t, e))
		}
	}
	for f := range m.M.FrameCount() {
		reads = append(reads, m.M.Flags(machine.Frame(f)))
	}
	for slot := range m.M.Slots {
		reads = append(reads, m.M.SwapCache(slot))
	}
	named := func(slot int) bool {
		// Who makes an entry one of this slot reads the page's flags: the others are of no interest.
		_, pte, found := m.M.FindEntry(func(t machine.Frame, e machine.Entry) bool {
			return e.IsSwap() && e.Slot() == slot && m.M.Load(m.M.PTL(t)) == 0
		})
		return found && m.M.Load(pte) != 0
	}
	broken := func() (slot int, f machine.Frame, is bool) {
		m.M.EachSwapCache(func(at int, h machine.Hold) {
			if !is && m.M.Load(m.M.Flags(h.Frame()))&machine.PGAnonExclusive != 0 && named(at) {
				slot, f, is = at, h.Frame(), true
			}
		})
		return
	}
	return []predicate{{
		what: "the swap cache", reads: reads,
		holds: func() bool { _, _, is := broken(); return !is },
		why: func() string {
			slot, f, _ := broken()
			return fmt.Sprintf("folio %d is exclusive, and a PTE is the entry of its swap slot %d", f, slot)
		},
	}}
}
