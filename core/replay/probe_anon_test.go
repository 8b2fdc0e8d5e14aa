package replay

import "strings"

// Probes of anonymous memory: swap, KSM, and the references of LRU batches.

// swapProbe: a page goes to swap, and comes back.
func swapProbe(p *probe) (*staging, string) {
	kind, story := p.words[0], p.words[1]
	if story == "refault_clean_then_write" {
		return nil, writesToSwap
	}
	s, why := p.stage(kind, "rw", 1)
	if s == nil {
		return nil, why
	}
	s.do("write A R.0 %d", valueZero)
	s.see("a0", snap("A"))
	if story == "PINw_pageout_twice" {
		s.pin("A", "PINw")
		s.see("pin", ret)
		s.do("madvise A R pageout")
		s.see("po1", snap("A"))
		s.do("madvise A R pageout")
		s.see("po2", snap("A"))
		s.see("pinpg", inSlot)
		s.writesBack()
		return s, ""
	}
	forks := strings.HasPrefix(story, "fork_")
	if forks {
		s.do("fork A B")
	}
	s.do("madvise A R pageout")
	s.see("pageout", ret)
	s.see("out", snap("A"))
	switch {
	case forks:
		s.see("madv_pageout_shared_out", yes(func(s *stage) bool { return s.entry("A").Kind == Swapped }))
		s.do("reclaim")
		s.see("out_child", snap("B"))
		s.see("out_parent", snap("A"))
	case strings.HasPrefix(story, "swapout_fork"):
		s.do("fork A B")
		s.see("fork_parent", snap("A"))
		s.see("fork_child", snap("B"))
	}
	switch {
	case strings.Contains(story, "PINrL"):
		s.pin("A", "PINrL")
		s.see("pin", ret)
		s.see("in", snap("A"))
	case strings.HasSuffix(story, "readin"):
		s.do("read A R.0")
		s.see("in", snap("A"))
	}
	s.writesBack()
	if s.saw["child"] != "" {
		s.do("read B R.0")
		s.see("child", loaded)
		s.see("child_in", snap("B"))
	}
	return s, ""
}

// writesBack has the process write to its page, which somebody may hold.
func (s *staging) writesBack() {
	s.do("write A R.0 %d", valueZero+1)
	s.see("w", snap("A"))
	if s.saw["pinsees"] != "" {
		s.see("pinsees", yes(func(s *stage) bool { return s.now().Pins["s0"].Val == valueZero+1 }))
	}
}

// ksmProbe: two pages that hold the same are pinned, or one of them, before ksmd merges them or behind that.
func ksmProbe(p *probe) (*staging, string) {
	call, which, when := p.words[0], p.words[1], p.words[2]
	s, _ := p.stage("ksm", "rw", 2)
	a, b := "A.R.1", "A.R.0" // mappings of their own: mmap puts the second one below the first, where ksmd comes to it first
	s.do("write A R.0 %d", valueZero)
	s.do("write A R.1 %d", valueZero)
	pin := func() {
		s.pinInto("s0", "A", 1, call)
		s.see("pinret", ret)
		if which == "both_pinned" {
			s.pinInto("s1", "A", 0, call)
			s.see("pin2ret", ret)
		}
	}
	if when == "pin_before_merge" && call != "nopin" {
		pin()
	}
	s.see("a0", snap(a))
	s.see("b0", snap(b))
	s.do("ksm")
	s.see("a1", snap(a))
	s.see("b1", snap(b))
	s.see("merged", yes(func(s *stage) bool { return entryOf(s.now(), a).Label == entryOf(s.now(), b).Label }))
	if when == "pin_after_merge" && call != "nopin" {
		pin()
		s.see("a2", snap(a))
		s.see("b2", snap(b))
	}
	if call != "nopin" {
		s.see("pinIsMap", yes(pinnedIsMapped(a)))
	}
	s.do("write A R.1 %d", valueZero+1)
	s.see("a3", snap(a))
	if call != "nopin" {
		s.see("pinSeesWrite", yes(func(s *stage) bool { return s.now().Pins["s0"].Val == valueZero+1 }))
		s.see("eq", yes(pinnedIsMapped(a)))
	}
	s.do("read A R.0")
	s.see("other", loaded)
	return s, ""
}

// noDrainProbe: forks, with LRU batches that are drained before each look, or not.
func noDrainProbe(p *probe) (*staging, string) {
	kind, story, drain := p.words[0], p.words[1], p.words[2]
	if drain == "drain=0" {
		return nil, "LRU batches are not drained, and parent and child share the CPU's"
	}
	s, why := p.stage(kind, "rw", 1)
	if s == nil {
		return nil, why
	}
	s.do("write A R.0 %d", valueZero)
	s.see("a0", snap("A"))
	if story == "fresh_write" {
		return s, ""
	}
	s.do("fork A B")
	s.see("forked", snap("A"))
	switch story {
	case "fork_grandchild":
		s.do("fork B C")
		s.see("forked2", snap("A"))
		s.do("exit B")
	case "fork_childexit_parentwrite":
		s.do("exit B")
	case "fork_childwrite_parentwrite":
		s.do("write B R.0 %d", valueZero+2)
		s.see("child", snap("B"))
	}
	before := len(s.steps) - 1
	s.see("prewrite", snap("A"))
	s.do("write A R.0 %d", valueZero+1)
	s.see("written", snap("A"))
	s.see("reused", yes(sameAs(before, "A", "A")))
	return s, ""
}
