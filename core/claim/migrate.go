package claim

import (
	"fmt"

	"gupscope/core/machine"
)

// longtermPins: for every variable that holds a page, a pin for long is of a page that
// need not be moved away; so is a reference for long, of kernels that let one be taken.
func longtermPins(m *Model) []predicate {
	var out []predicate
	m.M.EachVar(func(t, i int) {
		v, at := m.M.Var(t, i), m.M.VarAt(t, i)
		if len(m.M.Zones) == 0 {
			return
		}
		out = append(out, predicate{
			what: m.varName(t, i), reads: []machine.Word{v, at},
			holds: func() bool {
				pin, ok := machine.PinAtOf(m.M.Load(at))
				r := machine.DecodeResult(m.M.Load(v))
				return !ok || !pin.Longterm || r.Kind != machine.IsPage || m.M.ZoneOf(r.Page.Frame()).LongtermPinnable()
			},
			why: func() string {
				f, does := machine.DecodeResult(m.M.Peek(v)).Page.Frame(), "holds"
				if pin, _ := machine.PinAtOf(m.M.Peek(at)); pin.Pin {
					does = "pins"
				}
				return fmt.Sprintf("%s %s folio %d for long, which lies in %v", m.varName(t, i), does, f, m.M.ZoneOf(f))
			},
		})
	})
	return out
}

// migrationEntries: when all have finished, no entry stands for a page that is being moved.
func migrationEntries(m *Model) []predicate {
	if !m.MovesPages() {
		return nil
	}
	var out []predicate
	table := func(name string, reads []machine.Word) {
		entry := func() machine.Entry {
			for _, w := range reads {
				if e := machine.Entry(m.M.Load(w)); e.IsMigration() {
					return e
				}
			}
			return 0
		}
		out = append(out, predicate{
			what: name, reads: append(m.doneWords(), reads...), end: true,
			holds: func() bool { return !m.Done() || entry() == 0 },
			why:   func() string { return fmt.Sprintf("the %s has an entry that nobody will remove: %v", name, entry()) },
		})
	}
	for i := range m.M.TableCount() {
		t := m.M.TableFrame(i)
		var reads []machine.Word
		for e := range m.M.Width() {
			reads = append(reads, m.M.Entry(t, e))
		}
		table(fmt.Sprintf("page table in frame %d", t), reads)
	}
	for mm := range m.M.MMs {
		t := m.M.Upper(mm, machine.LevelPMD)
		var reads []machine.Word
		for e := range m.M.UpperWidth() {
			reads = append(reads, m.M.Entry(t, e))
		}
		table(m.M.TableName(t), reads)
	}
	return out
}
