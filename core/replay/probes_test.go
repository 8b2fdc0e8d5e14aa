package replay

import (
	"bufio"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gupscope/core/kernel"
)

// The single probes: each builds one situation on a real kernel, acts once, and prints what it saw. Here each is a list
// of operations with looks between them; what a look finds is compared with what the kernel printed.

// A probe is a row of probes.csv.
type probe struct {
	branch, family, variant string
	words                   []string          // of the variant
	saw                     map[string]string // what was printed, by its name
}

// A staging is a probe as operations, in the order in which they are made.
type staging struct {
	saw   map[string]string
	ops   []Op
	looks []look
}

// A look compares what a probe has printed under a name with what is found behind an operation.
type look struct {
	name  string
	after int // index of the operation
	find  func(o *stage) string
}

// A stage is what has been observed when a look is due.
type stage struct {
	seen  []Observation // behind each operation
	after int
}

func (s *stage) now() *Observation      { return &s.seen[s.after] }
func (s *stage) at(i int) *Observation  { return &s.seen[i] }
func (s *stage) entry(who string) Entry { return entryOf(s.now(), who) }

func entryOf(o *Observation, who string) Entry {
	if t := o.Tables[who]["R"]; len(t) > 0 {
		return t[0]
	}
	return Entry{Kind: NoEntry}
}

// do adds an operation, as programs write it, and returns its index.
func (s *staging) do(format string, args ...any) int {
	op := ParseOp(fmt.Sprintf(format, args...))
	if op.Mistake != nil {
		panic(op.Mistake.Error())
	}
	s.ops = append(s.ops, op)
	return len(s.ops) - 1
}

// see adds a look behind the last operation.
func (s *staging) see(name string, find func(*stage) string) {
	if _, ok := s.saw[name]; !ok {
		panic("replay: the probe has printed nothing as " + name)
	}
	s.looks = append(s.looks, look{name, len(s.ops) - 1, find})
}

// Values that probes write: 0 is initial, 1 the process itself, 2 the other one, 3 the kernel. Files hold the first from the beginning.
const valueZero = 100

func valueName(v uint32) string {
	if v >= valueZero && v < valueZero+4 {
		return fmt.Sprintf("V%d", v-valueZero)
	}
	return strconv.Itoa(int(v))
}

// probeKinds are the regions of the probes that the model has, as programs name them.
var probeKinds = map[string]RegionKind{
	"anon": Anon, "thp": THP, "hugetlb": Hugetlb, "ext4_private": Ext4Private, "ext4_private_rofd": Ext4Private, "ext4_shared": Ext4Shared,
	"memfd_shared": ShmemShared, "memfd_private": ShmemPrivate, "tmpfs_shared": ShmemShared, "tmpfs_private": ShmemPrivate, "hugetlb_shared": HugetlbShared,
	"zero": Anon, "hugezero": THP,
}

var gupCall = regexp.MustCompile(`^(GET|PIN)(FO|F)?([rw])(L)?([FN])?$`)

// pin adds the pin that a probe writes as "PINFrL".
func (s *staging) pin(who, call string) (int, bool) {
	m := gupCall.FindStringSubmatch(call)
	if m == nil {
		return 0, false
	}
	op := Op{Verb: PinPage, Process: who, Region: "R", Slot: "s0", Pin: PinCall{Get: m[1] == "GET", Write: m[3] == "w", Longterm: m[4] != "", Force: m[5] == "F", NoFault: m[5] == "N",
		How: map[string]How{"": Slow, "F": Fast, "FO": FastOnly}[m[2]]}}
	op.Text = "pin " + call
	s.ops = append(s.ops, op)
	return len(s.ops) - 1, true
}

// gupProbe: a page in some state, one call.
func gupProbe(p *probe) (*staging, string) {
	kind, state, call := p.words[0], p.words[1], p.words[2]
	region, ok := probeKinds[kind]
	if !ok {
		return nil, "memory that the model has not: " + kind
	}
	s := &staging{saw: p.saw}
	prot := map[bool]string{true: "r", false: "rw"}[state == "map_r"]
	s.do("mem R %s %s 1", region, prot)
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
	before := len(s.ops) - 1
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

// reliabProbe: a page is pinned, and then written to by the process that has it pinned, or by the other one.
func reliabProbe(p *probe) (*staging, string) {
	kind, state, call, writers := p.words[0], p.words[1], p.words[2], p.words[3]
	region, ok := probeKinds[kind]
	if !ok {
		return nil, "memory that the model has not: " + kind
	}
	if p.branch == "6.1" && slices.Contains(underWay, p.variant) {
		return nil, "the write to swap was still under way, and had a reference"
	}
	s := &staging{saw: p.saw}
	s.do("mem R %s rw 1", region)
	if strings.HasSuffix(kind, "_private") || strings.HasSuffix(kind, "zero") {
		s.do("read A R.0")
	} else {
		s.do("write A R.0 %d", valueZero)
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
	before := len(s.ops) - 1
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
	region, ok := probeKinds[kind]
	if !ok || strings.HasSuffix(kind, "zero") {
		return nil, "memory that the model has not: " + kind
	}
	s := &staging{saw: p.saw}
	s.do("mem R %s rw 1", region)
	s.do("write A R.0 %d", valueZero)
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
	region, ok := probeKinds[kind]
	if !ok {
		return nil, "memory that the model has not: " + kind
	}
	s := &staging{saw: p.saw}
	s.do("mem R %s %s 1", region, map[bool]string{true: "r", false: "rw"}[prot == "r"])
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
	s.see("ret", func(s *stage) string {
		if s.now().Result.Err != "" {
			return "-1"
		}
		return ret(s)
	})
	s.see("errno", func(s *stage) string {
		if r := s.now().Result; r.Err != "" {
			return strconv.Itoa(-r.Ret)
		}
		return "0"
	})
	s.see("after", snap("A"))
	return s, ""
}

// probeFamilies are the probes that are staged.
var probeFamilies = map[string]func(*probe) (*staging, string){
	"gup": gupProbe, "reliab": reliabProbe, "fork": forkProbe, "access": accessProbe,
}

// probes reads the rows.
func probes(t *testing.T) (all []*probe) {
	t.Helper()
	lines := bufio.NewScanner(open(t, "probes.csv.gz"))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.SplitN(lines.Text(), ",", 4)
		if len(f) != 4 {
			t.Fatalf("no row: %s", lines.Text())
		}
		if f[0] == "kernel" {
			continue
		}
		p := &probe{branch: f[0], family: f[1], variant: f[2], words: strings.Split(f[2], "/"), saw: map[string]string{}}
		for _, field := range strings.Split(f[3], ";") {
			k, v, ok := strings.Cut(field, "=")
			if _, twice := p.saw[k]; ok && !twice {
				p.saw[k] = v
			}
		}
		all = append(all, p)
	}
	return all
}

// TestProbes stages every probe that the model has the memory and the call for, and compares what each look finds. Rows
// of which nothing is staged are counted by their reason.
func TestProbes(t *testing.T) {
	staged, looks, left := 0, 0, map[string]int{}
	different := map[string]int{}
	for _, p := range probes(t) {
		stageIt := probeFamilies[p.family]
		if stageIt == nil {
			left["the probe "+p.family]++
			continue
		}
		s, why := stageIt(p)
		if s == nil {
			left[why]++
			continue
		}
		staged++
		for _, miss := range s.play(t, p, &looks) {
			different[p.family]++
			if different[p.family] < 30 {
				t.Errorf("%s %s %s: %s", p.branch, p.family, p.variant, miss)
			}
		}
	}
	t.Logf("%d rows staged, %d looks", staged, looks)
	for why, n := range left {
		t.Logf("%d rows left out: %s", n, why)
	}
	for f, n := range different {
		t.Errorf("%s: %d looks differ", f, n)
	}
}

// play makes the operations, and returns what was found otherwise.
func (s *staging) play(t *testing.T, p *probe, looks *int) (misses []string) {
	t.Helper()
	k, err := kernel.Make(testedOn[p.branch])
	if err != nil {
		t.Fatal(err)
	}
	program := &Program{ID: p.variant, Family: p.family, Kernel: p.branch}
	for _, op := range s.ops {
		program.Steps = append(program.Steps, Step{Op: op})
	}
	m, err := newPlayer(program, k)
	if err != nil {
		return []string{err.Error()}
	}
	seen := &stage{}
	for i, op := range s.ops {
		o, err := m.Do(op)
		if err != nil {
			return append(misses, fmt.Sprintf("%s: %v", op.Text, err))
		}
		seen.seen = append(seen.seen, o)
		seen.after = i
		for _, l := range s.looks {
			if l.after != i {
				continue
			}
			want := p.saw[l.name]
			if strings.HasPrefix(want, "[") {
				want = printed(want)
			}
			*looks++
			if got := l.find(seen); got != want {
				misses = append(misses, fmt.Sprintf("%s is %q, and here %q", l.name, want, got))
			}
		}
	}
	return misses
}

// testedOn are the kernels that ran the probes.
var testedOn = map[string]string{"6.1": "v6.1.192", "6.12": "v6.12.117"}
