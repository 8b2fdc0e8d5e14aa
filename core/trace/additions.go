package trace

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/machine"
)

// Below is what a story would be hard to follow without, though it changes nothing that the claim is about.

// namedBy adds, where somebody is told to take a reference on a page, the read of the entry that named the page to him: whether that was before
// or after somebody took the entry out is what such a story is about.
func (s *story) namedBy() {
	for _, n := range s.numbers() {
		if !slices.ContainsFunc(s.told[n], func(e event) bool { return e.kind == evTakesRef || e.kind == evFromZero }) {
			continue
		}
		if b := s.leafOf(n); b != nil {
			for m := b.read + 1; m < n; m++ { // the reference, before the pin is counted
				if s.leafOf(m) == b && len(s.told[m]) == 0 {
					s.mention(m)
				}
			}
			if !slices.ContainsFunc(s.told[b.read], func(e event) bool { return e.kind == evBelieves }) {
				s.told[b.read] = append(s.told[b.read], event{kind: evBelieves, frame: b.entry.Frame(), page: -1, cpu: b.cpu, says: s.believes(b)})
			}
			continue
		}
		grab, halves := &s.r.steps[n-1], 0
		for m := n - 1; m > 0 && halves < 2; m-- {
			if st := &s.r.steps[m-1]; st.Actor == grab.Actor && st.Stmt == grab.Stmt && strings.HasPrefix(st.Says, "read the ") && strings.Contains(st.Says, " half of the PTE") {
				s.mention(m)
				halves++
			}
		}
	}
}

// lookBefore adds the look for pins that somebody took before taking a page's exclusivity away: he saw none.
func (s *story) lookBefore() {
	for n, events := range s.told {
		for _, e := range events {
			if e.kind != evShares {
				continue
			}
			ref := s.m.Ref(e.frame).Cell()
			for i := n - 2; i >= 0; i-- {
				st := &s.r.steps[i]
				if st.Actor != s.r.steps[n-1].Actor || st.Stmt != s.r.steps[n-1].Stmt || !strings.Contains(st.Says, "pinned") {
					continue
				}
				says := thirdPerson(st.Says)
				if strings.HasSuffix(st.Says, "? no") {
					says = "finds no pin"
				}
				if reads(st, ref) {
					says = "finds no pin (the count is " + s.valueAt(st.N, ref) + ")"
				}
				s.told[st.N] = []event{{kind: evLooks, frame: e.frame, page: -1, cpu: -1, says: says}}
				break
			}
		}
	}
}

// keptByFlush tells of a flush that leaves in the TLB what somebody goes by afterwards: it was for another address.
func (s *story) keptByFlush() {
	for n, events := range s.told {
		for i := range events {
			if events[i].kind != evAcknowledges {
				continue
			}
			for _, b := range s.beliefs {
				at, tlb := s.x.tlb[b.into]
				if tlb && at.cpu == events[i].cpu && b.read < n && s.goneBy(&b, n) && s.entryAt(n, b.into) == b.entry {
					events[i].says = "takes the flush IPI" + fmt.Sprintf(", its TLB keeping frame %d for %s", b.entry.Frame(), s.page(at.page))
				}
			}
		}
	}
}

// goneBy reports whether somebody acts by what he believes after a step.
func (s *story) goneBy(b *belief, n int) bool {
	for _, r := range s.races {
		if r.first == b.read && r.Cell == b.from && r.Use > n {
			return true
		}
	}
	return false
}

// interruptsOff adds the step that kept flushes out, where any was tried.
func (s *story) interruptsOff() {
	tried := false
	for _, events := range s.told {
		for _, e := range events {
			tried = tried || e.kind == evSends || e.kind == evMarks || e.kind == evInvalidates
		}
	}
	if !tried || len(s.races) == 0 {
		return
	}
	cpu := s.r.Model.Actors()[s.races[len(s.races)-1].Actor].CPU
	off := 0
	for i := range s.r.steps[:s.races[len(s.races)-1].Read] {
		for _, c := range s.r.steps[i].Changes {
			if at, ok := s.x.irq[c.Cell]; ok && c.Class == machine.IRQs && at == cpu {
				off = 0
				if c.NewV != 0 {
					off = s.r.steps[i].N
				}
			}
		}
	}
	if off != 0 {
		s.told[off] = []event{{kind: evIRQsOff, cpu: cpu, says: "disables interrupts"}}
	}
}

// lastWrite adds, where something is lost that somebody has written, who wrote it.
func (s *story) lastWrite() {
	if !s.lost || s.ends {
		return
	}
	for n := s.v - 1; n > 0; n-- {
		st := &s.r.steps[n-1]
		if call := s.r.callOf(st); len(s.told[n]) > 0 && slices.ContainsFunc(s.told[n], func(e event) bool { return e.kind == evWrites }) || call != "store" && call != "guest_store" && call != "odp_store" && call != "sva_store" && call != "device_write" {
			if len(s.told[n]) > 0 && slices.ContainsFunc(s.told[n], func(e event) bool { return e.kind == evWrites && !strings.HasPrefix(e.says, "puts ") }) {
				return
			}
			continue
		}
		for _, e := range s.events(st) {
			if e.kind == evWrites && s.frames[e.frame] {
				s.told[n] = append(s.told[n], e)
				return
			}
		}
	}
}

// reused adds, where somebody stores to a page that another has, or reads, why he did so in place: the step that let him write to it, and the
// question before.
func (s *story) reused() {
	if s.ends && s.began == 0 || len(s.led) > 0 {
		return
	}
	for _, n := range s.numbers() {
		st := &s.r.steps[n-1]
		if s.r.callOf(st) != "store" || !slices.ContainsFunc(s.told[n], func(e event) bool { return e.kind == evWrites }) {
			continue
		}
		for m := n - 1; m > 0; m-- {
			made := &s.r.steps[m-1]
			if made.Actor != st.Actor || made.Stmt != st.Stmt {
				continue
			}
			if !slices.ContainsFunc(s.told[n], func(e event) bool { return s.makesWritable(made, e.frame) }) {
				continue
			}
			if what, _, huge := strings.Cut(made.Says, ": reuse"); huge { // one step decides, and changes the PMD
				s.told[m] = []event{{kind: evLooks, page: -1, cpu: -1, says: "finds that " + what + ", makes its PMD writable"}}
				break
			}
			if len(s.told[m]) == 0 {
				s.told[m] = []event{{kind: evLooks, page: -1, cpu: -1, says: "makes its " + s.writableEntry(made) + " writable"}}
			}
			for q := m - 1; q > 0; q-- {
				if asked := &s.r.steps[q-1]; asked.Actor == st.Actor {
					if asked.origin == made.origin && len(s.told[q]) == 0 {
						what, _, _ := strings.Cut(asked.Says, ": ")
						s.told[q] = []event{{kind: evLooks, page: -1, cpu: -1, says: "finds that " + what}}
					}
					break
				}
			}
			break
		}
	}
}

// passedBy adds, where somebody goes on by what his CPU's TLB or walker has, the flush that has left this CPU out as it only borrowed the mm, and
// the turns to a kernel thread and back:
//
//	CPU0                             CPU1
//	take the translation
//	a kernel thread: borrow the mm
//	                                 clear the PTE
//	                                 CPU0 only borrows the mm: no IPI
//	back: borrow it no more
//	go by the translation
func (s *story) passedBy() {
	first := s.v
	if ns := s.numbers(); len(ns) > 0 {
		first = ns[0]
	}
	cpus := map[int]bool{s.r.steps[s.v-1].CPU: true}
	for _, r := range s.races {
		cpus[s.r.Model.Actors()[r.Actor].CPU] = true
	}
	for cpu := range cpus {
		left := 0
		for n := first; n < s.v; n++ {
			if strings.HasPrefix(s.r.steps[n-1].Says, fmt.Sprintf("cpu%d only borrows the mm: no IPI", cpu)) {
				left = n
			}
		}
		if left == 0 {
			continue
		}
		s.add(left, fmt.Sprintf("sends no flush IPI to cpu%d, which only borrows the mm", cpu))
		lazy, back := 0, 0
		for n := range s.r.steps[:s.v-1] {
			st := &s.r.steps[n]
			lent := slices.ContainsFunc(st.Changes, func(c Change) bool { return c.Cell == s.m.Lazy(cpu).Cell() })
			switch {
			case st.CPU != cpu || st.origin != "context_switch" || !lent && !strings.HasPrefix(st.Says, "borrow the mm") && !strings.HasSuffix(st.Says, "borrow it no more"):
			case strings.HasPrefix(st.Says, "borrow ") && st.N < left:
				lazy, back = st.N, 0
			case strings.HasSuffix(st.Says, "borrow it no more") && lazy > 0 && back == 0:
				back = st.N
			}
		}
		if lazy > 0 {
			s.add(lazy, "turns to a kernel thread, which borrows the mm")
		}
		switch {
		case back > 0 && back < left:
			s.add(back, "turns back to the mm's own thread, of which its store buffer keeps what others look at")
		case back > 0:
			s.add(back, "turns back to the mm's own thread")
		}
	}
}

// discarded adds, where reclaim takes a page out of a page table that was freed lazily, why it is not written to swap, and who had made the PTE clean.
func (s *story) discarded() {
	for _, n := range s.numbers() {
		if s.r.steps[n-1].origin != "try_to_unmap_one" || !slices.ContainsFunc(s.told[n], func(e event) bool { return e.kind == evUnmaps }) {
			continue
		}
		for m := n + 1; m < s.v; m++ {
			st := &s.r.steps[m-1]
			if st.Actor != s.r.steps[n-1].Actor || !strings.HasPrefix(st.Says, "lazyfree: ") {
				continue
			}
			if strings.HasSuffix(st.Says, "discard it") {
				s.add(m, "discards the page, which was freed lazily and has a clean PTE")
				s.madeClean(n)
			}
			break
		}
	}
}

// madeClean adds the MADV_FREE that made the PTE clean which a step clears.
func (s *story) madeClean(n int) {
	for m := n - 1; m > 0; m-- {
		st := &s.r.steps[m-1]
		for _, c := range st.Changes {
			p, ok := s.x.pte[c.Cell]
			if is := machine.Entry(c.NewV); ok && st.origin == "madvise_free_pte_range" && changes(&s.r.steps[n-1], c.Cell) && is.Present() && !is.Has(machine.Dirty) {
				s.add(m, "makes the PTE of "+s.page(p)+" clean")
				return
			}
		}
	}
}

// add tells of a step that is not told yet.
func (s *story) add(n int, says string) {
	if len(s.told[n]) == 0 {
		s.told[n] = []event{{kind: evLooks, page: -1, cpu: -1, says: says}}
	}
}
