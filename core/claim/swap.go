package claim

import (
	"fmt"
	"slices"

	"gupscope/core/machine"
)

// swappedShared: for every slot, if the swap cache has its page and a PTE of an mm is an entry of that slot, then the page is not
// exclusive: who swaps it in is yet to learn whether it is. Judged while the page-table lock of that PTE is free.
// Compare the VM_BUG_ON_PAGE of mm/memory.c:do_swap_page.
func swappedShared(m *Model) []predicate {
	var tables, flags []machine.Word
	for i := range m.M.TableCount() {
		t := m.M.TableFrame(i)
		tables = append(tables, m.M.PTL(t))
		for e := range m.M.Width() {
			tables = append(tables, m.M.Entry(t, e))
		}
	}
	for f := range m.M.FrameCount() {
		flags = append(flags, m.M.Flags(machine.Frame(f)))
	}
	var out []predicate
	for slot := range m.M.Slots {
		named := func() bool {
			for i := range m.M.TableCount() {
				t := m.M.TableFrame(i)
				for i := range m.M.Width() {
					// Who makes an entry one of this slot reads the page's flags: the others are of no interest.
					e := machine.Entry(m.M.Glance(m.M.Entry(t, i)))
					if e.IsSwap() && e.Slot() == slot && m.M.Load(m.M.PTL(t)) == 0 && m.M.Load(m.M.Entry(t, i)) != 0 {
						return true
					}
				}
			}
			return false
		}
		out = append(out, predicate{
			what: fmt.Sprintf("swap slot %d", slot), reads: slices.Concat([]machine.Word{m.M.SwapCache(slot)}, flags, tables),
			holds: func() bool {
				h := machine.Hold(m.M.Load(m.M.SwapCache(slot)))
				return !h.Some() || m.M.Load(m.M.Flags(h.Frame()))&machine.PGAnonExclusive == 0 || !named()
			},
			why: func() string {
				f := machine.Hold(m.M.Peek(m.M.SwapCache(slot))).Frame()
				return fmt.Sprintf("folio %d is exclusive, and a PTE is the entry of its swap slot %d", f, slot)
			},
		})
	}
	return out
}
