package replay

import (
	"fmt"
	"strings"

	"gupscope/core/kernel"
)

// Probes of who holds pages: the zero pages, other processes' pages, pipes, io_uring; and of what meets a page that is held: the
// move out of ZONE_MOVABLE, writeback, collapse, uprobes.

// zeroPageProbe: the zero page, or the huge one, is pinned, and then the process writes. How often a zero page is referenced is not recorded.
func zeroPageProbe(p *probe) (*staging, string) {
	s, why := p.stage(p.words[0], "rw", 1)
	if s == nil {
		return nil, why
	}
	isZero := yes(func(s *stage) bool { l := s.entry("A").Label; return l == ZeroPage || l == HugeZeroPage })
	s.do("read A R.0")
	s.see("waszero", isZero)
	s.pin("A", p.words[1])
	s.see("ret", ret)
	s.see("iszero", isZero)
	s.see("map", snap("A"))
	s.see("pinpg", inSlot)
	s.do("write A R.0 %d", valueZero+1)
	s.see("pinSeesWrite", yes(func(s *stage) bool { return s.now().Pins["s0"].Val == valueZero+1 }))
	s.see("eq", yes(pinnedIsMapped("A")))
	return s, ""
}

// remoteProbe: a process pins a page of its child.
func remoteProbe(p *probe) (*staging, string) {
	s, why := p.stage(p.words[0], "rw", 1)
	if s == nil {
		return nil, why
	}
	m := gupCall.FindStringSubmatch(p.words[1])
	f := uint64(0)
	if m[3] == "w" {
		f |= kernel.FollWrite
	}
	if m[4] != "" {
		f |= kernel.FollLongterm
	}
	s.do("write A R.0 %d", valueZero)
	s.do("fork A B")
	s.take("A", "s0", map[string]string{"GET": "get_user_pages_remote", "PIN": "pin_user_pages_remote"}[m[1]], pageOf("B", "R"), flags(f))
	s.see("ret", ret)
	s.see("parent", snap("A"))
	s.see("child", snap("B"))
	s.see("pinIsParent", yes(pinnedIsMapped("A")))
	s.see("pinIsChild", yes(pinnedIsMapped("B")))
	s.do("write A R.0 %d", valueZero+1)
	s.see("afterParentWrite:pin", device)
	s.do("write B R.0 %d", valueZero+2)
	s.see("afterChildWrite:pin", device)
	s.see("eqChild", yes(pinnedIsMapped("B")))
	return s, ""
}

// vmspliceProbe: a process puts its page into a pipe; that page is written to by another process, or it.
func vmspliceProbe(p *probe) (*staging, string) {
	kind, story := p.words[0], p.words[1]
	s, why := p.stage(kind, "rw", 1)
	if s == nil {
		return nil, why
	}
	if kind == "zero" || strings.HasSuffix(kind, "private") {
		s.do("read A R.0")
	} else {
		s.do("write A R.0 %d", valueZero)
	}
	forksLater, forks := strings.Contains(story, "then_fork"), !strings.HasSuffix(story, "nofork")
	if forks && !forksLater {
		s.do("fork A B")
	}
	s.see("a0", snap("A"))
	splices, writes := "A", "A"
	if strings.HasPrefix(story, "child") {
		splices = "B"
	}
	if strings.HasSuffix(story, "child_writes") {
		writes = "B"
	}
	s.take(splices, "s0", "vmsplice", pageOf(splices, "R"))
	s.see("a1", snap("A"))
	if forksLater {
		s.do("fork A B")
		s.see("parent_fork", snap("A"))
		s.see("child_fork", snap("B"))
	}
	switch {
	case strings.Contains(story, "unmaps"):
		s.do("munmap %s R", splices)
	case strings.Contains(story, "exits"):
		s.do("exit %s", splices)
	}
	s.do("write %s R.0 %d", writes, valueZero+1)
	if s.saw["a2"] != "" {
		s.see("a2", snap("A"))
	}
	s.give("pipe_read")
	s.see("pipe", loaded)
	if s.saw["a3"] != "" {
		s.see("a3", snap("A"))
	}
	return s, ""
}

// iouringProbe: memory is registered as a fixed buffer; a fork; it is given back.
func iouringProbe(p *probe) (*staging, string) {
	kind, state := p.words[0], p.words[1]
	s, why := p.stage(kind, map[bool]string{true: "r", false: "rw"}[state == "mapped_ro"], 1)
	if s == nil {
		return nil, why
	}
	if state == "written" {
		s.do("write A R.0 %d", valueZero)
	}
	if p.branch == "6.1" && strings.HasPrefix(kind, "hugetlb") && s.saw["register"] == "0" {
		return nil, "a buffer of 512 pages, of which 6.1 holds each"
	}
	s.see("before", snap("A"))
	s.take("A", "s0", "io_uring_register", pageOf("A", "R"))
	s.see("register", func(s *stage) string {
		if r := s.now().Result; r.Err != "" {
			return ret(s)
		}
		return "0"
	})
	s.see("after", snap("A"))
	if s.saw["register"] != "0" {
		return s, ""
	}
	s.do("fork A B")
	s.see("forked_parent", snap("A"))
	s.see("forked_child", snap("B"))
	s.give("io_uring_unregister")
	s.see("unreg", snap("A"))
	return s, ""
}

// movableProbe: a page that is held in some way already is pinned for long. (Nothing of the machine was ZONE_MOVABLE.)
func movableProbe(p *probe) (*staging, string) {
	kind, state, call := p.words[0], p.words[1], p.words[2]
	s, why := p.stage(kind, "rw", 1)
	if s == nil {
		return nil, why
	}
	s.do("write A R.0 %d", valueZero)
	switch state {
	case "short_pinned":
		s.pinInto("s1", "A", 0, "PINw")
		s.see("pre", ret)
	case "get_ref":
		s.pinInto("s1", "A", 0, "GETw")
		s.see("pre", ret)
	case "forked":
		s.do("fork A B")
	}
	before := len(s.steps) - 1
	s.see("before", snap("A"))
	s.pin("A", call)
	s.see("ret", ret)
	s.see("after", snap("A"))
	s.see("migrated", yes(func(s *stage) bool { return !sameAs(before, "A", "A")(s) }))
	s.do("read A R.0")
	s.see("va", loaded)
	return s, ""
}

// writebackProbe: a page of a file is held while it is written to its disk, and the kernel writes to it behind that.
func writebackProbe(p *probe) (*staging, string) {
	kind, call, unpin := p.words[0], p.words[1], p.words[2]
	s, why := p.stage(kind, "rw", 1)
	if s == nil {
		return nil, why
	}
	s.do("write A R.0 %d", valueZero)
	s.see("dirtied", snap("A"))
	s.pin("A", call)
	s.see("pinret", ret)
	if s.saw["pinret"] != "1" {
		return s, ""
	}
	s.see("pinned", snap("A"))
	s.do("msync A R")
	s.see("msync", ret)
	s.see("synced", snap("A"))
	s.kernelWrites(valueZero + 3)
	s.do("read A R.0")
	s.see("va", loaded)
	s.see("kwritten", snap("A"))
	s.do("fsync R")
	s.see("fsync", ret)
	if probeKinds[kind] == Ext4Shared || probeKinds[kind] == Ext4Private {
		s.do("dropcache R")
	}
	s.see("dropped", snap("A"))
	s.do("unpin s0%s", map[bool]string{true: " dirty"}[unpin == "unpin_dirty=1"])
	s.see("unpin", ret)
	s.see("unpinned", snap("A"))
	s.do("fsync R")
	s.see("fsync2", ret)
	s.see("synced2", snap("A"))
	if probeKinds[kind] == ShmemShared {
		s.do("fread R.0") // which has no disk: what is read is the page cache
		s.see("disk", loaded)
		return s, ""
	}
	s.see("disk", func(s *stage) string { return valueName(s.now().Disk["R"][0].Word) })
	return s, ""
}

// collapseProbe: small pages are made a huge one while one of them is held, or shared.
func collapseProbe(p *probe) (*staging, string) {
	kind, call, action := p.words[0], p.words[1], p.words[2]
	if kind != "region" {
		return nil, "memory that the model has not: huge pages of shmem"
	}
	s := &staging{saw: p.saw, region: "R"}
	s.do("mem R anon2m rw 1")
	s.do("write A R.0 %d", valueZero)
	if call != "nopin" {
		s.pin("A", call)
		s.see("pinret", ret)
	}
	before := len(s.steps) - 1
	s.see("before", snap("A"))
	switch action {
	case "MADV_COLLAPSE_after_unpin":
		s.do("unpin s0")
		s.returns(s.do("collapse A R"))
	case "MADV_COLLAPSE_forked":
		s.do("fork A B")
		s.returns(s.do("collapse A R"))
		s.see("child", snap("B"))
	case "khugepaged":
		s.add(stagingStep{op: Op{Text: "khugepaged", Verb: Collapse, Region: "R"}, play: func(m *Player) (Result, error) {
			_, err := m.call(m.worker(0), "khugepaged", pageOf("A", "R")(m))
			return Result{}, err
		}})
	default:
		s.returns(s.do("collapse A R"))
	}
	s.see("after", snap("A"))
	s.see("collapsed", yes(func(s *stage) bool { return s.entry("A").Kind == PMD }))
	s.see("same", yes(sameAs(before, "A", "A")))
	s.do("write A R.0 %d", valueZero+1)
	s.see("after_write", snap("A"))
	if s.saw["pinSees"] != "" {
		s.see("pinSees", yes(func(s *stage) bool { return s.now().Pins["s0"].Val == valueZero+1 }))
	}
	return s, ""
}

// uprobeProbe: a breakpoint is put into text that somebody holds. The probes print the first byte: nop before, int3 after.
func uprobeProbe(p *probe) (*staging, string) {
	s := &staging{saw: p.saw, region: "R"}
	byteName := func(v uint32) string {
		return fmt.Sprintf("%02x", map[uint32]int{valueZero: 0x90, valueZero + 1: 0xcc}[v])
	}
	s.do("mem R shmem_private r 1")
	s.do("read A R.0")
	s.see("before", snap("A"))
	s.pin("A", p.words[1])
	s.see("pinret", ret)
	s.see("pinned", snap("A"))
	s.make("", "uprobe_register", pageOf("A", "R"), stored(valueZero+1))
	s.see("probed", snap("A"))
	if s.saw["eq"] != "" {
		s.see("pinbyte", func(s *stage) string { return byteName(s.now().Pins["s0"].Val) })
		s.see("eq", yes(pinnedIsMapped("A")))
	}
	s.do("read A R.0")
	s.see("byte0", func(s *stage) string { return byteName(s.now().Result.Val) })
	s.make("", "uprobe_unregister", pageOf("A", "R"), stored(valueZero))
	s.see("unprobed", snap("A"))
	return s, ""
}
