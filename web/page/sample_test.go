package page

import (
	"strings"

	"gupscope/web/view"
)

// The sample is mail 002 as a page, made by hand: GUP-fast without its second
// look at the PTE, against reclaim, with a paravirtual flush. It tests what is drawn, not
// what is true: the product makes its pages from runs alone.
func sample(at int) *view.Page {
	p := &view.Page{
		Title: "GUP-fast against reclaim · gupscope",
		About: "Between GUP-fast's load of the PTE and its reference, reclaim can unmap, free and reuse the page.",
		Link: view.Link{
			Here: "/s/gup-fast-vs-reclaim?c=14", Path: "/s/gup-fast-vs-reclaim", Run: "0x3.1x6.2x3.0x3",
			SVG: "/embed/gup-fast-vs-reclaim.svg", Text: "/embed/gup-fast-vs-reclaim.txt", Embed: "/embed/gup-fast-vs-reclaim",
		},
		Header: view.Header{
			Scenario: "gup-fast-vs-reclaim", Title: "GUP-fast against reclaim",
			Scenarios: []view.Scenario{
				{Name: "gup-fast-vs-reclaim", Title: "GUP-fast against reclaim", On: true, Href: "/s/gup-fast-vs-reclaim",
					About: "Between GUP-fast's load of the PTE and its reference, reclaim can unmap, free and reuse the page."},
				{Name: "gup-fast-vs-munmap", Title: "GUP-fast against munmap", Href: "/s/gup-fast-vs-munmap",
					About: "munmap frees the page tables that GUP-fast walks."},
			},
			Kernel: view.Kernel{
				Name: "v6.12", Text: "v6.12 without gup_pte_recheck with tlb_flush=pv", Own: "v6.12",
				Changes: []string{"− gup_pte_recheck", "tlb_flush=pv"}, Override: true,
				WhatIf:   "what-if: no v6.12 was released without gup_pte_recheck",
				Versions: []view.Version{{Name: "v4.6", Kernel: "v4.6"}, {Name: "v6.1", Kernel: "v6.1"}, {Name: "v6.12", Kernel: "v6.12", On: true}},
				Rules:    rules(),
			},
		},
		Source:   source(),
		Listing:  listing(),
		Sentence: sentence(at),
		Race:     race(at),
		Memory:   memory(at),
		Claims: []view.Claim{
			{Name: "gup-returns-only-mapped-pages", Says: "What GUP returns was mapped there during the call.", Holds: at < 15,
				Why: "frame 3 was not mapped at buf during the call after step 4", Since: 15},
			{Name: "pinned-never-freed", Holds: true}, {Name: "refcount-is-sum-of-holders", Holds: true}, {Name: "no-stale-tlb-use", Holds: true},
		},
		Verdict: view.Verdict{State: view.Broken, Word: "Sometimes", States: "4,212", Decides: []string{"gup_pte_recheck"}, Expect: "as expected",
			Bad: []view.Counter{
				{Claim: "gup-returns-only-mapped-pages", Steps: 15, Switches: 3, Shortest: true, Run: "0x3.1x6.2x3.0x3", At: 12},
				{Claim: "no-lost-device-write", Steps: 17, Switches: 3, Run: "0x3.1x6.2x3.0x5", At: 14},
			}},
	}
	if at < 15 {
		for i := range p.Claims {
			p.Claims[i].Since = 0
		}
	}
	return p
}

func rules() []view.Rule {
	toggle := func(name, says, protects, guards, since, commit, subject string, on bool) view.Rule {
		return view.Rule{Group: "GUP-fast", Name: name, Says: says, Protects: protects, Guards: guards, Since: since, Commit: commit, Subject: subject,
			Confidence: "read in source; commit seen", Changed: !on, Decides: !on,
			Values: []view.RuleValue{{Name: "off", On: !on, Kernel: "v6.12 without " + name}, {Name: "on", On: on, Kernel: "v6.12"}}}
	}
	out := []view.Rule{
		toggle("gup_irq_off", "GUP-fast walks with interrupts off on its CPU", "page tables are freed under the walk; with a flush by IPI, pages too",
			"gup_fast: disable interrupts", "always", "", "", true),
		toggle("gup_pte_recheck", "having its reference, GUP-fast looks at the PTE again",
			"the page was unmapped, freed and given to somebody else between the first look and the reference",
			"gup_fast_pte_range: is the PTE still the same?", "v4.13", "e585513b76f7",
			"x86/mm/gup: Switch GUP to the generic get_user_page_fast() implementation", false),
		toggle("gup_pmd_recheck", "having its reference, GUP-fast looks at the PMD again",
			"the page table was taken out of the tree (khugepaged) while its PTEs stayed as they were",
			"gup_fast_pte_range: is the PMD still the same?", "v6.1", "70cbc3cc78a9", "mm: gup: fix the fast GUP race against THP collapse", true),
		{Group: "TLB", Name: "tlb_flush", Says: "how other CPUs' TLBs are flushed", Protects: "-", Guards: "flush_tlb_multi", Since: "v4.16", Changed: true,
			Values: []view.RuleValue{{Name: "ipi", Kernel: "v6.12"}, {Name: "pv", On: true, Kernel: "v6.12 with tlb_flush=pv"}, {Name: "broadcast", Kernel: "v6.12 with tlb_flush=broadcast"}}},
	}
	out[2].Values[1].Refused = "gup_pmd_recheck needs gup_pte_recheck: switch gup_pte_recheck on first"
	return out
}

const sampleText = `GUP gup-fast-vs-reclaim
"Between GUP-fast's load of the PTE and its reference, reclaim can unmap, free and reuse the page."

kernel v6.12 without gup_pte_recheck with tlb_flush=pv

mm A { buf   = anon 1 rw "a" }
mm B { other = anon 1 rw }     // not touched yet
frames 1
swap sync

P0 on cpu0 in A {
    p = get_user_pages_fast(buf, FOLL_WRITE)
    device_write(p, "d")
    put_page(p)
}
P1 on cpu1 kernel { shrink_folio_list(buf) }
P2 on cpu2 in B   { store(other, "b") }

expect v6.12, v6.12 with tlb_flush=pv: Never
expect v6.12 without gup_pte_recheck with tlb_flush=pv: Sometimes gup-returns-only-mapped-pages`

func source() view.Source {
	kinds := map[string]string{
		"GUP": "keyword", "kernel": "keyword", "mm": "keyword", "frames": "keyword", "swap": "keyword", "on": "keyword", "in": "keyword",
		"expect": "keyword", "without": "keyword", "with": "keyword", "anon": "keyword", "get_user_pages_fast": "call", "device_write": "call",
		"put_page": "call", "shrink_folio_list": "call", "store": "call", "FOLL_WRITE": "flag", "Never": "verdict", "Sometimes": "verdict",
		"gup_pte_recheck": "rule", "tlb_flush": "rule", "P0": "task", "P1": "task", "P2": "task",
	}
	s := view.Source{Text: sampleText}
	for i, line := range strings.Split(sampleText, "\n") {
		l := view.Line{N: i + 1}
		for line != "" {
			n := strings.IndexFunc(line, func(r rune) bool {
				return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", r)
			})
			switch {
			case strings.HasPrefix(line, "//"):
				l.Tokens = append(l.Tokens, view.Token{Kind: "comment", Text: line})
				line = ""
			case line[0] == '"':
				n = strings.IndexByte(line[1:], '"') + 2
				l.Tokens = append(l.Tokens, view.Token{Kind: "string", Text: line[:n]})
				line = line[n:]
			case n == 0:
				l.Tokens = append(l.Tokens, view.Token{Text: line[:1]})
				line = line[1:]
			default:
				if n < 0 {
					n = len(line)
				}
				l.Tokens = append(l.Tokens, view.Token{Kind: kinds[line[:n]], Text: line[:n]})
				line = line[n:]
			}
		}
		if strings.Contains(sampleText[:0]+s.Text, "device_write") && i == 12 {
			l.Marks = []view.Mark{{Lane: "cpu0", Who: 1}}
		}
		s.Lines = append(s.Lines, l)
	}
	return s
}

func listing() []view.Listing {
	return []view.Listing{
		{Task: "P0", Lane: "cpu0", Who: 1, Func: "gup_fast_pte_range", File: "mm/gup.c", Stack: []string{"get_user_pages_fast", "gup_fast"}, Steps: []view.ListingStep{
			{N: 1, Says: "read the PTE", Ref: "ptep_get_lockless"},
			{N: 2, Says: "present, and allows what is asked?"},
			{N: 3, Says: "take a reference, if not 0", Ref: "try_grab_folio_fast", Rule: "gup_get_unless_zero"},
			{N: 4, Says: "PMD and PTE still the same?", Rule: "gup_pte_recheck", Off: true},
			{N: 5, Says: "may a shared page be pinned?", Ref: "gup_must_unshare", Rule: "gup_unshare"},
			{N: 6, Says: "return the page", Marks: []view.Mark{{Lane: "cpu0", Who: 1}}},
		}},
		{Task: "P1", Lane: "cpu1", Who: 2, Func: "shrink_folio_list", File: "mm/vmscan.c", Steps: []view.ListingStep{
			{N: 1, Says: "isolate the folio"}, {N: 2, Says: "done", Marks: []view.Mark{{Lane: "cpu1", Who: 2}}},
		}},
	}
}

func sentence(at int) view.Sentence {
	if at < 15 {
		return view.Sentence{{Text: "cpu0", Who: 1}, {Text: " takes a reference on frame 3, because the PTE it read at step 2 named it. Since step 10 that frame belongs to "},
			{Text: "mm B", Who: 3}, {Text: "."}}
	}
	return view.Sentence{{Text: "cpu0", Who: 1}, {Text: " returns frame 3 as the page at "}, {Text: "buf", Code: true},
		{Text: ". Since step 10 that frame belongs to "}, {Text: "mm B", Who: 3}, {Text: ": "},
		{Text: "the device write that comes next will hit somebody else's memory.", Bad: true}}
}

func race(at int) view.Race {
	c := func(what, old, new string) []view.Change {
		return []view.Change{{What: what, Old: old, New: new}}
	}
	r := view.Race{
		At: at,
		Lanes: []view.Lane{
			{Name: "cpu0", What: "P0 in A", Who: 1, State: "IRQs off"}, {Name: "cpu1", What: "P1 kernel", Who: 2}, {Name: "cpu2", What: "P2 in B", Who: 3}},
		Rows: []view.Row{
			{Lane: 0, Func: "gup_fast", Says: "disable interrupts", Changes: c("irq", "on", "off")},
			{Lane: 0, Func: "gup_fast_pte_range", Says: "read the PTE", Keeps: []view.Keep{{Name: "pte", Value: "frame 3 W D"}}},
			{Lane: 0, Func: "hypervisor", Says: "preempts cpu0", Changes: c("cpu0", "running", "preempted")},
			{Lane: 1, Func: "try_to_unmap_one", Says: "clear the PTE", Changes: c("pte", "frame 3 W D", "none"), Pair: true},
			{Lane: 1, Func: "kvm_flush_tlb_multi", Says: "cpu0 is preempted: skip it, and leave it a note to flush when it runs again", Changes: c("cpu0.flush_pending", "0", "1")},
			{Lane: 1, Func: "try_to_unmap_one", Says: "put the swap entry", Changes: c("pte", "none", "swap 0")},
			{Lane: 1, Func: "pageout", Says: "write the page to swap", Changes: c("slot 0", `""`, `"a"`)},
			{Lane: 1, Func: "__remove_mapping", Says: "freeze the last 2 references", Changes: c("refcount", "2", "0")},
			{Lane: 1, Func: "free_unref_folio", Says: "give frame 3 back", Changes: c("frame 3", "folio", "free")},
			{Lane: 2, Func: "do_anonymous_page", Says: "take a free frame", Chose: "frame 3", Changes: c("refcount", "0", "1")},
			{Lane: 2, Says: "map it", In: "do_anonymous_page", Changes: c("pte", "none", "frame 3 W")},
			{Lane: 2, Func: "store", Says: `store "b"`, Changes: c("frame 3", `""`, `"b"`)},
			{Lane: 0, Func: "hypervisor", Says: "resumes cpu0", Changes: c("flush_pending", "1", "0")},
			{Lane: 0, Func: "try_grab_folio_fast", Says: "take a reference, if not 0", Changes: c("refcount", "1", "2"), Pair: true,
				Note: "uses what it read at step 2, untrue since step 4"},
			{Lane: 0, Func: "gup_fast_pte_range", Says: "return the page", Keeps: []view.Keep{{Name: "p", Value: "frame 3"}},
				Bad: "frame 3 was not mapped at buf during the call after step 4"},
			{Lane: 0, Func: "device_write", Says: "the device writes", Changes: c("frame 3", `"b"`, `"d"`)},
			{Lane: 0, Func: "put_page", Says: "drop the reference", Changes: c("refcount", "2", "1")},
		},
		Spans: []view.Span{
			{ID: "span-1", Kind: view.IRQsOff, Lane: 0, From: 1, To: 15, Text: "IRQs off"},
			{ID: "span-2", Kind: view.Preempted, Lane: 0, Track: 1, From: 3, To: 13, Text: "preempted by the host"},
			{ID: "span-3", Kind: view.LockHeld, Lane: 1, From: 4, To: 6, Text: "page-table lock of A buf"},
		},
		Edges: []view.Edge{
			{ID: "edge-1", From: 2, To: 4, FromLane: 0, ToLane: 1, Text: "A pte[buf]", Race: true},
			{ID: "edge-2", Kind: view.HandOver, From: 9, To: 10, FromLane: 1, ToLane: 2, Text: "frame 3"},
			{ID: "edge-3", From: 10, To: 14, FromLane: 2, ToLane: 0, Text: "folio 3._refcount", Race: true},
		},
		Windows: []view.Window{{ID: "window-1", Lane: 0, Read: 2, From: 4, To: 13, Gap: [2]int{4, 12}, Bad: true,
			Head: "race window, 11 steps", Texts: []string{"cpu0 believes buf is frame 3"}}},
	}
	r.Len, r.To, r.Few, r.Bars = len(r.Rows), len(r.Rows), len(r.Rows), make([]int, len(r.Lanes))
	for i := range r.Spans {
		r.Bars[r.Spans[i].Lane] = max(r.Bars[r.Spans[i].Lane], r.Spans[i].Track+1)
		r.Spans[i].Short = r.Spans[i].Text
	}
	for i := range r.Rows {
		r.Rows[i].N = i + 1
		if r.Rows[i].In == "" {
			r.Rows[i].In = r.Rows[i].Func
		}
	}
	for i := range r.Edges {
		e := &r.Edges[i]
		e.FromHead, e.ToHead = r.Rows[e.From-1].Func != "", r.Rows[e.To-1].Func != ""
	}
	r.Next = []view.Next{
		{Lane: 0, Moves: []view.Move{{Choice: "0", Says: `device_write(p, "d")`, Note: "ready: writes frame 3", On: -1, Ready: true, Follows: true}}},
		{Lane: 1, Moves: []view.Move{{Says: "shrink_folio_list(buf)", Note: "finished", On: -1, Done: true}}},
		{Lane: 2, Moves: []view.Move{{Says: `store(other, "b")`, Note: "finished", On: -1, Done: true}}},
	}
	if at == 12 {
		r.Next[0].Moves = []view.Move{
			{Says: "take a reference, if not 0", Func: "try_grab_folio_fast", Note: "the host has preempted cpu0", On: -1},
			{Actor: 3, Choice: "3", By: "hypervisor", Func: "hypervisor", Says: "resumes cpu0", Note: "ready", On: -1, Ready: true, Follows: true}}
		r.Next[1].Moves = []view.Move{{Says: "flush the TLBs", Func: "flush_tlb_multi", Note: "waits for cpu0 to acknowledge the TLB flush: its IRQs are off", On: 0}}
		r.Branches = []view.Branch{{At: 9, Text: "6 steps, cpu1 first", Bad: true, Run: "0x3"}}
	}
	return r
}

func memory(at int) view.Memory {
	up := func() []view.Level {
		return []view.Level{{Name: "PGD", Entries: []view.PTE{{Index: "[0]"}}}, {Name: "PUD", Entries: []view.PTE{{Index: "[0]"}}}}
	}
	return view.Memory{
		Walks: []view.Walk{
			{MM: "mm A", Who: 9, Upper: up(), Leaves: []view.Table{{VMA: "buf", Flags: "rw", PMD: view.PTE{Index: "[0]"}, Entries: []view.PTE{
				{Cell: "A pte[buf]", Index: "[0]", Text: "swap 0", To: "slot-0",
					Walkers: []view.Walker{{Lane: "cpu0", Who: 1, Holds: "frame 3", Note: "read at 2, stale since 4", Stale: true, To: "frame-3"}}},
				{Index: "[1]", Text: "none"}}}}},
			{MM: "mm B", Who: 3, Upper: up(), Leaves: []view.Table{{VMA: "other", Flags: "rw", PMD: view.PTE{Index: "[0]"}, Entries: []view.PTE{
				{Index: "[0]", Text: "frame 3 W D", To: "frame-3", Changed: at == 11, Was: "none"}, {Index: "[1]", Text: "none"}}}}},
		},
		Targets: []view.Target{{ID: "slot-0", Text: "slot 0", Note: `"a"`}, {ID: "frame-3", Text: "frame 3", Note: `"b"`, Bad: at >= 15}},
		Folios: []view.Folio{{ID: "frame-3", Title: "folio 3", Kind: "anon of B", Refcount: 2, Mapcount: 1, Sum: "= 1 + 1", AddsUp: true, ChangedAt: 14,
			Holders: []view.Holder{{Count: 1, Text: "mapping in B", Who: 3}, {Count: 1, Text: "GUP by P0", Who: 1}}, Changed: []string{"refcount"},
			Flags:   []view.Flag{{Name: "swapbacked"}, {Name: "dirty"}, {Name: "uptodate"}, {Name: "exclusive"}, {Name: "lru", Gone: true, Changed: true}},
			Mapping: "anon_vma of B", Content: `"b"`, Bad: map[bool]string{true: "returned by GUP as a page that is not mapped there"}[at >= 15]}},
		Slots: []view.Slot{{ID: "slot-0", Title: "swap slot 0", Kind: "entry of A buf", Count: 1, Content: `"a"`, Cache: "not in the swap cache"}},
		TLBs: []view.TLB{{Lane: "cpu0", Who: 1, Note: "a flush is pending"}, {Lane: "cpu1", Who: 2},
			{Lane: "cpu2", Who: 3, Entries: []view.TLBEntry{{Text: "B other → frame 3 W"}, {Text: "A buf → frame 3 W", Stale: true, Note: "the PTE says swap 0 since 6"}}}},
		Locks: []view.Lock{{Name: "page-table lock of A buf", State: "held by cpu1", Who: 2}},
	}
}
