package replay

import (
	"slices"
	"strings"
)

// opsProbe: a page that the process has written, pinned or not; something is done to its memory; the process reads and
// writes it, and the kernel writes to it through the pin.
func opsProbe(p *probe) (*staging, string) {
	kind, action, call := p.words[0], p.words[1], p.words[2]
	s, why := p.stage(kind, "rw", 1)
	if s == nil {
		return nil, why
	}
	act := opsActions[action]
	switch {
	case act == nil:
		return nil, "an action that the model has not: " + action
	case slices.Contains(spared, p.words[0]+"/"+action+"/"+call):
		return nil, "memory.reclaim spared the page, which was active"
	case p.branch == "6.12" && p.variant == "thp/free_pageout/nopin":
		return nil, "the kernel has split the PMD of a huge page which by its source it discards whole: not explained"
	case action == "mremap":
		if strings.HasPrefix(kind, "hugetlb") {
			return nil, "mremap of hugetlb, which the model has not"
		}
		s.add(stagingStep{op: Op{Text: "mem M room", Verb: Mem, Region: "M", Kind: Room}})
	}
	s.do("write A R.0 %d", valueZero)
	if call != "nopin" {
		s.pin("A", call)
		s.see("pinret", ret)
	}
	before := len(s.steps) - 1
	s.see("before", snap("A"))
	act(s)
	self := "A." + s.region + ".0"
	s.see("after", snap(self))
	if _, ok := s.saw["mapSame"]; ok {
		s.see("mapSame", yes(sameAs(before, "A", self)))
	}
	pinned := s.saw["pinpg"] != ""
	if pinned {
		s.see("pinpg", inSlot)
		s.see("pinval", device)
	}
	if s.saw["after"] != "[NOVMA]" {
		s.do("read A %s.0", s.region)
		s.see("va", loaded)
		s.see("after_read", snap(self))
	}
	s.do("write A %s.0 %d", s.region, valueZero+1)
	s.see("write", wrote)
	s.see("after_write", snap(self))
	if !pinned {
		return s, ""
	}
	s.see("pinval2", device)
	s.see("eq", yes(pinnedIsMapped(self)))
	s.kernelWrites(valueZero + 3)
	s.do("read A %s.0", s.region)
	s.see("kwrite_then_va", loaded)
	if s.saw["file"] != "" {
		s.do("fread R.0")
		s.see("file", fromFile)
	}
	s.do("unpin s0 dirty")
	s.see("unpin", ret)
	s.see("after_unpin", snap(self))
	return s, ""
}

// spared are those of the probes in which one pass of memory.reclaim was not enough: behind it the page was still mapped, and on
// the active list.
var spared = []string{"memfd_private/reclaim/GETr"}

// returns adds the looks at what one or several system calls have returned.
func (s *staging) returns(steps ...int) {
	s.see("rc", rc(steps...))
	s.see("errno", errno(steps...))
}

// one is an action that is one operation.
func one(format string) func(*staging) {
	return func(s *staging) { s.returns(s.do("%s", format)) }
}

// two is an action that is two operations, with a look at the page between them.
func two(first, between, second string) func(*staging) {
	return func(s *staging) {
		a := s.do("%s", first)
		if slices.Contains([]string{"freed", "ro", "none"}, between) {
			s.see(between, snap("A"))
		}
		s.returns(a, s.do("%s", second))
	}
}

// opsActions are what is done to the memory. What memory.reclaim returns (-EAGAIN: not as much as was asked for) is not looked at.
var opsActions = map[string]func(*staging){
	"pageout": one("madvise A R pageout"), "dontneed": one("madvise A R dontneed"), "cold": one("madvise A R cold"), "free": one("madvise A R free"),
	"populate_write": one("madvise A R populate_write"), "munmap": one("munmap A R"), "msync": one("msync A R"),
	"truncate": one("truncate R 0"), "punch": one("punch R.0"),
	"dontneed_sub7": one("madvise A R.7 dontneed"), "munmap_sub7": one("munmap A R.7"), "mprot_sub7": one("mprotect A R.7 r"),
	"free_pageout":  two("madvise A R free", "freed", "madvise A R pageout"),
	"mprot_r_rw":    two("mprotect A R r", "ro", "mprotect A R rw"),
	"mprot_none_rw": two("mprotect A R none", "none", "mprotect A R rw"),
	"reclaim":       func(s *staging) { s.do("reclaim") },
	"fork_reclaim": func(s *staging) {
		s.do("fork A B")
		s.see("forked", snap("A"))
		s.do("reclaim")
		s.see("child_r", snap("B"))
	},
	"unpin_pageout": func(s *staging) {
		s.do("unpin s0")
		s.returns(s.do("madvise A R pageout"))
	},
	"mremap": func(s *staging) {
		s.region = "M"
		s.returns(s.make("A", "mremap", pageOf("A", "R"), pageOf("A", "M")))
	},
	"split": func(s *staging) { s.make("", "split_huge_page", pageOf("A", "R")) }, // debugfs does not say whether it was split
	"movepages": func(s *staging) {
		s.do("migrate A R.0")
		s.see("rc", ret)
		s.see("status", func(s *stage) string { return map[string]string{"moved": "1", "failed": "-99"}[s.now().Result.Status] })
	},
	// The page tables of the process are emptied first, so that the page cache alone has the page.
	"dropcaches": func(s *staging) {
		s.do("madvise A R dontneed")
		at := len(s.steps) - 1
		if s.steps[0].op.Kind == Ext4Shared || s.steps[0].op.Kind == Ext4Private {
			at = s.do("dropcache R")
		}
		s.returns(at)
	},
	"collapse_thp": func(s *staging) {
		s.do("mprotect A R.7 r")
		s.do("mprotect A R.7 rw")
		s.see("splitpmd", snap("A"))
		s.returns(s.do("collapse A R"))
	},
}
