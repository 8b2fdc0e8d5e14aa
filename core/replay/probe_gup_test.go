package replay

import (
	"fmt"
	"slices"
	"strings"
)

// Probes of GUP's calls, of what is written to a pinned page, of forks, and of others' ways to memory.

// gupProbe: a page in some state, one call.
func gupProbe(p *probe) (*staging, string) {
	kind, state, call := p.words[0], p.words[1], p.words[2]
	s, why := p.stage(kind, map[bool]string{true: "r", false: "rw"}[state == "map_r" || kind == "ext4_shared_rofd"], 1)
	if s == nil {
		return nil, why
	}
	switch state {
	case "read", "map_r":
		s.do("read A R.0")
	case "write":
		s.do("write A R.0 %d", valueZero+1)
	case "mprot_r":
		s.do("write A R.0 %d", valueZero+1)
		s.do("mprotect A R r")
	case "forked":
		s.do("write A R.0 %d", valueZero+1)
		s.do("fork A B")
	case "map_none":
		s.do("mprotect A R none")
	}
	if kind == "unmapped" {
		s.do("munmap A R")
	}
	before := len(s.steps) - 1
	s.see("before", func(s *stage) string { return short(s.now(), "A") })
	if _, ok := s.pin("A", call); !ok {
		return nil, "a call that is not GUP's: " + call
	}
	s.see("ret", ret)
	s.see("after", func(s *stage) string { return short(s.now(), "A") })
	if p.saw["map"] != "" {
		s.see("map", snap("A"))
		s.see("pinnedIsMapped", yes(pinnedIsMapped("A")))
		s.see("pinnedIsOld", yes(func(s *stage) bool {
			e := entryOf(s.at(before), "A")
			return (e.Kind == PTE || e.Kind == PMD) && e.Label == s.now().Pins["s0"].Frame
		}))
	}
	return s, ""
}

// underWay are those of the probes that met the write to swap on v6.1: with the one reference more the page
// stayed in the swap cache. Alike situations without that (PINw, GETFw, all of v6.12) did not.
var underWay = []string{"anon/swapout_parentpins/PINwL/w=self", "anon/swapout_parentpins/PINFw/w=self", "anon/swapout_parentpins/PINFwL/w=self"}

const writesToSwap = "the write to swap was still under way, and had a reference"

// reliabProbe: a page is pinned, and then written to by the process that has it pinned, or by the other one.
func reliabProbe(p *probe) (*staging, string) {
	kind, state, call, writers := p.words[0], p.words[1], p.words[2], p.words[3]
	if p.branch == "6.1" && slices.Contains(underWay, p.variant) {
		return nil, writesToSwap
	}
	s, why := p.stage(kind, "rw", 2)
	if s == nil {
		return nil, why
	}
	if strings.HasSuffix(kind, "private") || strings.HasSuffix(kind, "zero") {
		s.do("read A R.0")
	} else {
		s.do("write A R.0 %d", valueZero)
	}
	if kind == "ksm" {
		s.do("write A R.1 %d", valueZero)
		s.do("ksm")
	}
	self, other := "A", "B"
	forks := strings.Contains(state, "fork") && state != "nofork"
	after := strings.HasPrefix(state, "pin_") // the fork
	switch {
	case state == "mprotr_parentpins":
		s.do("mprotect A R r")
	case state == "swapout_parentpins":
		s.do("madvise A R pageout")
	}
	if forks && !after {
		s.do("fork A B")
		switch state {
		case "fork_childpins":
			self, other = "B", "A"
		case "fork_childexit_parentpins":
			s.do("exit B")
		case "forkswapout_parentpins":
			s.do("reclaim")
			s.see("parent_swp", snap("A"))
			s.see("child_swp", snap("B"))
		}
	}
	before := len(s.steps) - 1
	s.see("before", snap(self))
	s.pin(self, call)
	s.see("pinret", ret)
	if p.saw["pinret"] != "1" {
		s.see("after", snap(self))
		return s, ""
	}
	s.see("unshared", yes(func(s *stage) bool {
		was, is := entryOf(s.at(before), self), s.entry(self)
		return (was.Kind == PTE || was.Kind == PMD) && was.Label != is.Label
	}))
	s.see("pinIsMap", yes(pinnedIsMapped(self)))
	s.see("mid", snap(self))
	if after {
		s.do("fork A B")
		if state == "pin_fork_childexit" {
			s.do("exit B")
		} else {
			s.see("childmid", snap("B"))
		}
	}
	device := func(s *stage) string { return valueName(s.now().Pins["s0"].Val) }
	s.see("pin0", device)
	if strings.Contains(writers, "other") {
		s.do("write %s R.0 %d", other, valueZero+2)
		s.see("ow", ret)
	}
	s.see("pinAfterOther", device)
	if strings.Contains(writers, "self") {
		if state == "mprotr_parentpins" {
			s.do("mprotect A R rw")
		}
		s.do("write %s R.0 %d", self, valueZero+1)
		s.see("sw", ret)
	}
	s.see("pinFinal", device)
	read := func(s *stage) string { return valueName(s.now().Result.Val) }
	s.do("read %s R.0", self)
	s.see("self", read)
	if p.saw["other"] != "" {
		s.do("read %s R.0", other)
		s.see("other", read)
	}
	s.see("eqAfter", yes(pinnedIsMapped(self)))
	s.see("after", snap(self))
	s.see("pinpg", inSlot)
	return s, ""
}

// forkProbe: a page is pinned, or not; a fork; both write, one after the other.
func forkProbe(p *probe) (*staging, string) {
	kind, call, order := p.words[0], p.words[1], p.words[2]
	s, why := p.stage(kind, "rw", 1)
	if s == nil {
		return nil, why
	}
	if kind == "zero" {
		s.do("read A R.0")
	} else {
		s.do("write A R.0 %d", valueZero)
	}
	if call != "nopin" {
		s.pin("A", call)
		s.see("pinret", ret)
	}
	s.see("prefork", snap("A"))
	s.do("fork A B")
	s.see("parent", snap("A"))
	s.see("child", snap("B"))
	writes := []string{fmt.Sprintf("write A R.0 %d", valueZero+1), fmt.Sprintf("write B R.0 %d", valueZero+2)}
	switch order {
	case "child_writes_first":
		slices.Reverse(writes)
	case "parent_writes_first":
	default:
		return nil, "an order that is not staged: " + order
	}
	for _, w := range writes {
		s.do("%s", w)
		s.do("read A R.0")
		s.do("read B R.0")
	}
	s.see("parentEnd", snap("A"))
	s.see("childEnd", snap("B"))
	if p.saw["parentEqPin"] != "" {
		s.see("parentEqPin", yes(pinnedIsMapped("A")))
	}
	return s, ""
}

// accessProbe: memory is read or written by others' ways.
func accessProbe(p *probe) (*staging, string) {
	kind, prot, action := p.words[0], p.words[1], p.words[2]
	s, why := p.stage(kind, map[bool]string{true: "r", false: "rw"}[prot == "r" || kind == "ext4_shared_rofd"], 1)
	if s == nil {
		return nil, why
	}
	switch prot {
	case "none":
		s.do("mprotect A R none")
	default:
		s.do("read A R.0")
	}
	s.see("before", snap("A"))
	switch action {
	case "mem_read":
		s.do("memread A R.0")
	case "mem_write":
		s.do("memwrite A R.0 %d", valueZero+1)
	case "vm_readv":
		s.do("vm_readv A A R.0")
	case "vm_writev":
		s.do("vm_writev A A R.0 %d", valueZero+1)
	case "populate_r":
		s.do("madvise A R populate_read")
	case "populate_w":
		s.do("madvise A R populate_write")
	default:
		return nil, "an action that is not staged: " + action
	}
	s.see("ret", rc(-1))
	s.see("errno", errno(-1))
	s.see("after", snap("A"))
	return s, ""
}
