package claim

import (
	"fmt"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// Judging reports for every claim whether there is something for it to judge in
// the present state: a page that is held, a table that was freed. A claim that
// never has anything to judge holds for no merit of the kernel's.
func (m *Model) Judging(dst []bool) []bool {
	at := m.presence()
	for _, c := range m.claims {
		judges := true
		switch c.name {
		case "gup-returns-only-mapped-pages", "pinned-never-freed":
			judges = at.held
		case "pin-matches-page-table":
			judges = at.writePin
		case "read-only-pin-matches-page-table", "longterm-pin-matches-page-table":
			judges = at.readPin
		case "pinned-anon-exclusive":
			judges = at.pin
		case "pincount-is-live-pins":
			judges = at.hugePin
		case "no-lost-device-write":
			judges = at.deviceWrote
		case "no-lost-store":
			judges = at.stored
		case "clean-page-is-on-disk":
			judges = at.fileOnDisk && m.Done()
		case "mapping-outlives-its-readers":
			judges = len(m.M.Files) > 0 && (at.held || m.M.Throttled)
		case "writes-are-soft-dirty":
			judges = m.M.SoftDirty
		case "no-block-freed-under-io":
			judges = m.M.AsyncDIO
		case "file-system-asked-before-stores", "no-unexpected-dirty-page", "no-bug-in-writeback":
			judges = at.fileOnDisk
		case "stable-under-writeback":
			judges = at.fileOnDisk || m.M.StableSwap && at.stored
		case "ksm-page-read-only", "ksm-page-keeps-content", "ksm-merges-equal-pages":
			judges = m.M.KSM
		case "no-stale-secondary-use", "secondary-follows-page-table", "guest-tlb-follows-secondary":
			judges = m.M.Secondary
		case "no-walk-of-freed-table":
			judges = at.tableGone
		case "no-stale-tlb-use", "tlb-follows-page-table":
			judges = at.translated
		case "no-small-and-huge-translation":
			judges = at.translated && m.hugePMDs()
		case "swap-keeps-content":
			judges = m.M.Slots > 0
		case "moved-page-misses-no-store":
			judges = m.MovesPages()
		default:
			judges = c.end == nil || m.Done()
		}
		dst = append(dst, judges)
	}
	return dst
}

// presence is what there is to judge.
type presence struct {
	held, writePin, readPin, pin, hugePin bool
	stored, deviceWrote                   bool
	tableGone, translated                 bool
	fileOnDisk                            bool // there is a file that is written back
}

func (m *Model) presence() presence {
	var at presence
	m.M.EachVar(func(t, i int) {
		r := machine.DecodeResult(m.M.Peek(m.M.Var(t, i)))
		if r.Kind != machine.IsPage {
			return
		}
		at.held = true
		if pin, ok := machine.PinAtOf(m.M.Peek(m.M.VarAt(t, i))); ok && !pin.Excused {
			at.pin = at.pin || pin.Pin
			at.hugePin = at.hugePin || pin.Pin && m.M.PeekLarge(r.Page.Frame())
			at.writePin = at.writePin || pin.Write && m.covers(pin)
			at.readPin = at.readPin || !pin.Write && m.covers(pin)
		}
	})
	for _, f := range m.M.Files {
		at.fileOnDisk = at.fileOnDisk || f.Kind.OnDisk()
	}
	for p := range m.M.Pages() {
		if v := m.M.Peek(m.M.Should(machine.PageID(p))); v != 0 {
			_, device := m.M.Lost(machine.PageID(p), ^uint64(0)>>8)
			at.deviceWrote = at.deviceWrote || device
			at.stored = at.stored || !device
		}
		for c := range m.M.CPUs {
			at.translated = at.translated || m.M.Peek(m.M.TLB(c, machine.PageID(p))) != 0
		}
	}
	for mm := range m.M.MMs {
		for v := range m.M.MMs[mm].Regions {
			if !machine.Entry(m.M.Peek(m.M.PMD(m.M.PageAt(mm, v, 0)))).Present() {
				at.tableGone = true
			}
		}
	}
	return at
}

// Values is the value of every variable, as litmus tools print a final state:
// "P0:p=frame 1; P1:v="a";".
func (m *Model) Values() string {
	var out []string
	m.M.EachVar(func(t, i int) {
		v := m.M.Peek(m.M.Var(t, i))
		text := m.M.ResultText(v)
		if machine.DecodeResult(v).Kind == machine.IsPage {
			text = "page" // which frame it is, is a matter of names
		}
		out = append(out, fmt.Sprintf("%s:%s=%s;", m.Setup.Tasks[t].Name, m.Setup.Tasks[t].Vars[i], text))
	})
	if len(out) == 0 {
		return "(no variables)"
	}
	return strings.Join(out, " ")
}

// AtEnd reports whether a claim is a condition of the scenario on the ends of runs,
// and whether it is to hold at all of them.
func (m *Model) AtEnd(claim int) (always, ok bool) {
	end := m.claims[claim].end
	return end != nil && end.When == kernel.Always, end != nil
}
