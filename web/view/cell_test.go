package view

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/machine"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
)

// A cell's history is what the steps say, and its bits are its value.
func TestCellHistory(t *testing.T) { cellHistory.test(t) }

var cellHistory = law{meets: []string{"cell of bits that was written"}, holds: func(s *state) error {
	r := s.run
	if r.Cursor() == 0 || r.Cursor()%7 != 0 {
		return nil
	}
	layout := r.Model.Memory().Layout()
	for _, ch := range r.Steps()[r.Cursor()-1].Changes {
		x, ok := OfCell(r, int(ch.Cell), []cell.ID{ch.Cell})
		if !ok || x.Last != r.Cursor() || !x.Watched {
			return fmt.Errorf("%s was written last at %d, %+v", ch.Name, r.Cursor(), x)
		}
		var want []int
		for _, st := range r.Steps() {
			for _, c := range st.Changes {
				if c.Cell == ch.Cell {
					want = append(want, st.N)
				}
			}
		}
		var got []int
		for _, w := range x.Writes {
			got = append(got, w.N)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("%s was written at %v, the cell says %v", ch.Name, want, got)
		}
		changed := false
		for _, b := range x.Bits {
			if b.Changed != (b.Value != b.Was) {
				return fmt.Errorf("%s: %+v", ch.Name, b)
			}
			changed = changed || b.Changed
		}
		if class := layout.Class(ch.Cell); class == machine.PTEs || class == machine.Flags {
			s.met["cell of bits that was written"]++
			if !changed {
				return fmt.Errorf("%s went from %s to %s, and no bit says so: %+v", ch.Name, ch.Old, ch.New, x.Bits)
			}
		}
	}
	return nil
}}

func TestEntryBits(t *testing.T) {
	was := machine.MakePTE(3, machine.RW|machine.Dirty)
	is := machine.MakePTE(3, 0)
	got := map[string]string{}
	for _, b := range bitsOf(machine.PTEs, uint64(is), uint64(was)) {
		got[b.Name] = b.Was + b.Value
	}
	for name, want := range map[string]string{"P (0)": "11", "R/W (1)": "10", "D (6)": "10", "A (5)": "11", "pfn (12–51)": "33", "NX (63)": "11"} {
		if got[name] != want {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
	swap := bitsOf(machine.PTEs, uint64(machine.MakeSwap(2, true)), uint64(is))
	if s := fmt.Sprint(swap); !strings.Contains(s, "{offset (9–58) 2 ") || !strings.Contains(s, "{E (3) 1 ") {
		t.Errorf("a swap entry: %s", s)
	}
}

// What a folio's card copies is what dump_page() prints: its format, and the card's own numbers.
func TestDumpPage(t *testing.T) { dumpPage.test(t) }

var (
	dumpOfPage = regexp.MustCompile(`^page: refcount:(-?\d+) mapcount:(-?\d+) mapping:[0-9a-f]{16} index:0x(?:[0-9a-f]+|…) pfn:0x([0-9a-f]+)$`)
	dumpOfFlag = regexp.MustCompile(`^(anon |ksm )?flags: 0x…\(([a-z0-9_]+\|)*…\)$`)
	dumpOfHead = regexp.MustCompile(`^head: order:\d+ mapcount:(-?\d+) entire_mapcount:-?\d+ nr_pages_mapped:\d+ pincount:(-?\d+)$`)
)

// dumpedFlags are flags of the card, and what dump_page calls them.
var dumpedFlags = map[string]string{"referenced": "referenced", "uptodate": "uptodate", "dirty": "dirty", "lru": "lru", "active": "active", "writeback": "writeback", "swapbacked": "swapbacked",
	"swapcache": "owner_priv_1", "hwpoison": "hwpoison"}

var dumpPage = law{meets: []string{"small folio", "large folio"}, holds: func(s *state) error {
	for _, f := range s.memory.Folios {
		lines := strings.Split(f.Dump, "\n")
		flags := lines[len(lines)-1]
		lines = lines[:len(lines)-1]
		if !dumpOfFlag.MatchString(flags) {
			return fmt.Errorf("%s has its flags dumped as %q", f.Title, flags)
		}
		named := strings.Split(flags[strings.IndexByte(flags, '(')+1:len(flags)-1], "|")
		for _, x := range f.Flags {
			as, known := dumpedFlags[x.Name]
			if own := len(lines) == 1 || f.CellOf.Pincount >= 0; known && own && slices.Contains(named, as) == x.Gone { // a tail's are its head's
				return fmt.Errorf("%s has the flag %s, gone: %v, and is dumped as %q", f.Title, x.Name, x.Gone, flags)
			}
		}
		m := dumpOfPage.FindStringSubmatch(lines[0])
		if m == nil || len(lines) > 2 || len(lines) == 2 && !dumpOfHead.MatchString(lines[1]) {
			return fmt.Errorf("%s is dumped as %q", f.Title, f.Dump)
		}
		if len(lines) == 2 {
			s.met["large folio"]++
			// The head's card counts what maps the folio, a tail's what maps its page: by a PTE, or with the others by a PMD.
			counts, want := dumpOfHead.FindStringSubmatch(lines[1]), m[2]
			if f.CellOf.Pincount >= 0 {
				want = counts[1]
				if counts[2] != fmt.Sprint(f.Pincount) {
					return fmt.Errorf("%s is pinned %d times, and is dumped as %q", f.Title, f.Pincount, f.Dump)
				}
			}
			if want != fmt.Sprint(f.Mapcount) {
				return fmt.Errorf("%s has the mapcount %d, and is dumped as %q", f.Title, f.Mapcount, f.Dump)
			}
			continue
		}
		s.met["small folio"]++
		if m[1] != fmt.Sprint(f.Refcount) || m[2] != fmt.Sprint(f.Mapcount) || "frame-"+m[3] != f.ID && f.ID < "frame-10" {
			return fmt.Errorf("%s has %d and %d, and is dumped as %q", f.Title, f.Refcount, f.Mapcount, f.Dump)
		}
	}
	return nil
}}

// A page's index is what linear_page_index() makes of its address: that of anonymous memory has the address in it, in whichever mm it is mapped; that of
// a copy in a private mapping is the file's.
func TestDumpIndex(t *testing.T) {
	const text = "GUP test\n\"A test.\"\n\nkernel v6.12\nfile f = ext4 2 \"a\" \"b\"\nmm A {\n    one = anon 2 rw \"c\" \"d\"\n    own = f private rw\n    big = thp 1 rw \"e\" \"f\"\n}\nframes 4\n\nP0 on cpu0 in A {\n    store(own[1], \"x\")\n}\n"
	f, ds := scenario.Parse("test", []byte(text))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	model, _, _ := verdict.Model(f, f.Kernel, nil)
	run := trace.New(model)
	for len(model.Choices(nil)) > 0 {
		if _, err := run.Do(model.Choices(nil)[0]); err != nil {
			t.Fatal(err)
		}
	}
	m, seen := model.M, 0
	want := map[string]uint64{"A one[0]": 0x7f0000000, "A one[1]": 0x7f0000001, "A own[1]": 1, "A big[0]": 0x7f0000400, "A big[1]": 0x7f0000401}
	for p, at := range m.Pages() {
		index, there := want[at.Name]
		if !there {
			continue
		}
		seen++
		frame, _, ok := m.Resolve(machine.PageID(p))
		if !ok {
			t.Fatalf("nothing is mapped at %s", at.Name)
		}
		n := now{r: run, m: m}
		if dump := n.dump(frame); !strings.Contains(dump, fmt.Sprintf(" index:%#x pfn", index)) {
			t.Errorf("%s, at %#x: want index %#x in %q", at.Name, at.Addr, index, dump)
		}
	}
	if seen != len(want) {
		t.Errorf("%d of %d pages are there", seen, len(want))
	}
}

// A file's card says what memory has and the disk has not, and nothing else.
func TestFiles(t *testing.T) { files.test(t) }

var files = law{meets: []string{"page that differs from its disk", "page that is as its disk has it"}, holds: func(s *state) error {
	m := s.run.Model.M
	for i, f := range s.memory.Files {
		for _, p := range f.Pages {
			var want bool
			for o, fp := range m.FilePages() {
				if fp.File != i || fp.Name != p.Name {
					continue
				}
				if frame, ok := machine.Cached(m.Peek(m.CacheSlot(machine.Pgoff(o)))); ok && m.Files[i].Kind == machine.Ext4 {
					want = m.Peek(m.Contents(frame)) != machine.BlockContent(m.Peek(m.Block(machine.Pgoff(o))))
				}
			}
			if p.Differs != want {
				return fmt.Errorf("%+v, want %v", p, want)
			}
			if p.Differs {
				s.met["page that differs from its disk"]++
			} else {
				s.met["page that is as its disk has it"]++
			}
		}
	}
	return nil
}}
