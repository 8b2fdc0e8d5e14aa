package trace

import (
	"fmt"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// A claim about a held page breaks where a write copies the page away from who holds it. Why it is copied belongs to the story, and
// where it began to be shared:
//
//	cpu0's fork         write-protects the PTE, maps the page in the child
//	cpu0's GUP-fast     reads the PTE, takes a reference
//	cpu1's store        counts the references: one too many, so it copies

// copied adds the fork that has shared a held page, and what who copies it has counted.
func (s *story) copied() {
	if !strings.HasSuffix(s.claim, "pin-matches-page-table") {
		return
	}
	for i := range s.races {
		if r := &s.races[i]; !r.Check && r.Stale > 0 {
			s.looked(r)
			s.forked(r)
		}
	}
}

// looked adds the step in which the copying of the race's page was decided.
func (s *story) looked(r *Race) {
	stale := &s.r.steps[r.Stale-1]
	for n := r.Stale - 1; n > 0; n-- {
		st := &s.r.steps[n-1]
		if st.Actor != stale.Actor || st.Stmt != stale.Stmt || !st.asks {
			continue
		}
		for f := range s.frames {
			saw := reads(st, s.m.Ref(f).Cell()) || reads(st, s.m.Mapcount(f).Cell()) || reads(st, s.m.Flags(f).Cell())
			if says := whyCopied(st.Says, f); saw && says != "" {
				s.told[n] = []event{{kind: evLooks, frame: f, page: -1, cpu: -1, says: says}}
				return
			}
		}
	}
}

// whyCopied is what a look at who uses a page comes to, if it is that the page is copied.
func whyCopied(says string, f machine.Frame) string {
	if n, ok := strings.CutPrefix(says, "how many references? "); ok {
		return fmt.Sprintf("counts %s references on frame %d and therefore copies it", n, f)
	}
	if why, ok := strings.CutSuffix(says, ": copy"); ok {
		return fmt.Sprintf("finds, of frame %d, that %s, and therefore copies it", f, why)
	}
	return ""
}

// forked adds the steps in which fork has write-protected the race's entry, before it was read, and has mapped its page in the child.
func (s *story) forked(r *Race) {
	for n := r.first - 1; n > 0; n-- {
		st := &s.r.steps[n-1]
		if !protects(st, r.Cell) || s.r.callOf(st) != "fork" {
			continue
		}
		for m := n; m < r.first; m++ {
			other := &s.r.steps[m-1]
			if other.Actor != st.Actor || other.Stmt != st.Stmt {
				continue
			}
			for _, e := range s.events(other) {
				if (e.kind == evUnmaps || e.kind == evMaps) && s.frames[e.frame] {
					s.told[m] = append(s.told[m], e)
				}
			}
		}
		return
	}
}

// protects reports whether a step write-protects the entry in a cell.
func protects(st *Step, id cell.ID) bool {
	for _, c := range st.Changes {
		was, is := machine.Entry(c.OldV), machine.Entry(c.NewV)
		if c.Cell == id && was.Present() && is.Present() && was.Frame() == is.Frame() && was.Has(machine.RW) && !is.Has(machine.RW) {
			return true
		}
	}
	return false
}

// cameBy adds by which entry GUP came to the folio whose mapping it follows, and that it has a reference on it.
func (s *story) cameBy() {
	if !s.mapping || len(s.races) == 0 {
		return
	}
	look := &s.r.steps[s.races[0].first-1]
	for n := look.N - 1; n > 0; n-- {
		st := &s.r.steps[n-1]
		if st.Actor != look.Actor || st.Stmt != look.Stmt {
			continue
		}
		for _, e := range s.events(st) {
			if s.frames[e.frame] && (e.kind == evBelieves || e.kind == evTakesRef) {
				s.told[n] = append(s.told[n], e)
			}
		}
	}
}
