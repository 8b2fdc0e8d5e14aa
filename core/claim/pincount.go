package claim

import (
	"fmt"

	"gupscope/core/machine"
)

// pincounts: for every large folio, its pincount covers the pins that variables hold of its pages; when all have finished, it
// is their number. (In between GUP has pins in hand that it has counted, or is about to.)
func pincounts(m *Model) []predicate {
	var out []predicate
	for i := range m.M.FrameCount() {
		head := machine.Frame(i)
		thp := m.M.LargeFolios && m.M.IsData(head) && i > 0 && i%m.M.HugePages == 0 && !m.M.IsHugetlb(head)
		if !thp && !m.M.IsHugetlb(head) {
			continue
		}
		count := m.M.Pincount(head)
		reads := append(m.doneWords(), count)
		m.M.EachVar(func(t, v int) { reads = append(reads, m.M.Var(t, v), m.M.VarAt(t, v)) })
		if thp {
			for k := range m.M.HugePages {
				reads = append(reads, m.M.Compound(head+machine.Frame(k)))
			}
		}
		why := func() string {
			return fmt.Sprintf("folio %d has a pincount of %d, and %d of its pages are pinned", head, int64(m.M.Peek(count)), m.livePins(head, m.M.Peek, m.M.PeekHead))
		}
		out = append(out, predicate{
			what: fmt.Sprintf("folio %d", head), reads: reads,
			holds: func() bool {
				if !m.M.IsLarge(head) {
					return true
				}
				live := m.livePins(head, m.M.Load, m.M.Head)
				return live == 0 || m.M.Load(count) >= live // without pins the folio may be free: the count is anybody's then
			},
			why: why,
		}, predicate{
			what: fmt.Sprintf("folio %d", head), reads: reads, end: true,
			holds: func() bool {
				return !m.Done() || !m.M.IsLarge(head) || m.M.Load(count) == m.livePins(head, m.M.Load, m.M.Head)
			},
			why: why,
		})
	}
	return out
}

// livePins is how many pins of pages of a large folio variables hold.
func (m *Model) livePins(head machine.Frame, load func(machine.Word) uint64, headOf func(machine.Frame) machine.Frame) (n uint64) {
	m.M.EachVar(func(t, i int) {
		r := machine.DecodeResult(load(m.M.Var(t, i)))
		if r.Kind != machine.IsPage || r.Page.IsStale() || r.Page.Frame() < head || r.Page.Frame() >= head+machine.Frame(m.M.HugePages) || headOf(r.Page.Frame()) != head {
			return
		}
		if pin, ok := machine.PinAtOf(load(m.M.VarAt(t, i))); ok && pin.Pin {
			n++
		}
	})
	return n
}
