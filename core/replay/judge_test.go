package replay

import (
	"encoding/csv"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A real kernel is no different from itself, whatever its frames are called.
func TestSameUpToRenaming(t *testing.T) {
	for _, c := range corpora {
		var total Total
		for _, p := range corpus(t, c.branch) {
			total.Add(Judge(p, echoing(p, observations(p)), nil))
		}
		if total.Programs != c.programs || total.Matched != c.leaves || total.Observations != c.leaves || total.Differing != 0 {
			t.Errorf("%s: %+v", c.branch, total.Score)
		}
		for _, d := range total.Firsts {
			t.Log(d)
		}
	}
}

// The other kernel as the model: the programs that differ, and where they do so first,
// are those that were found when the corpus was made.
func TestKernelsDifferWhereTheyAreKnownTo(t *testing.T) {
	r := csv.NewReader(open(t, "kernel-diff-train.tsv.gz"))
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for _, row := range rows[1:] {
		if want[row[0]], err = strconv.Atoi(row[1]); err != nil {
			t.Fatal(err)
		}
	}
	old := corpus(t, "6.1")
	for i, p := range corpus(t, "6.12") {
		s := Judge(p, echoing(p, observations(old[i])), nil)
		at, differs := want[p.ID]
		if dumb := firstUnequal(p, old[i]); s.First == nil && dumb >= 0 || s.First != nil && s.First.Op != dumb {
			t.Errorf("%s: labels as they are written first differ in step %d\n%v", p.ID, dumb, s.First)
		}
		switch {
		case differs != (s.First != nil):
			t.Errorf("%s: %v, but it is known that: %v\n%v", p.ID, s.First != nil, differs, s.First)
		case differs && s.First.Op != at:
			t.Errorf("%s: first at op %d, not %d\n%v", p.ID, s.First.Op, at, s.First)
		}
		if s.Observations != s.Matched+s.Differing {
			t.Errorf("%s: %+v", p.ID, s)
		}
	}
	if len(want) != 723 {
		t.Errorf("%d programs are known to differ", len(want))
	}
}

// firstUnequal is the first step in which two runs of a program differ, or -1. Both are labelled by
// order of appearance, so no renaming is needed up to there.
func firstUnequal(a, b *Program) int {
	for i := range a.Steps {
		if !slices.Equal(a.Steps[i].After.leaves(a.Regions(), asItIs), b.Steps[i].After.leaves(b.Regions(), asItIs)) {
			return i
		}
	}
	return -1
}

// One changed leaf is one difference, in its place, whichever it is.
func TestOneChangeIsOneDifference(t *testing.T) {
	programs := corpus(t, "6.12")
	every, changed := 120, 0
	if testing.Short() {
		every = 600
	}
	for i := 0; i < len(programs); i += every {
		p := programs[i]
		for at := range p.Steps {
			for n := 0; ; n++ {
				answers := observations(p)
				answers[at] = clone(&answers[at])
				all := changes(&answers[at])
				if n == len(all) {
					break
				}
				all[n].make()
				judged := p
				if all[n].label { // what a label stands for is settled by what follows
					if s := Judge(p, echoing(p, answers), nil); s.Differing == 0 || s.First.Op < at {
						t.Fatalf("%s, op %d, %s: %+v\n%v", p.ID, at, all[n].path, s, s.First)
					}
					judged = &Program{ID: p.ID, Steps: p.Steps[:at+1]}
				}
				changed++
				s := Judge(judged, echoing(p, answers), nil)
				if s.Differing != 1 || s.Observations != s.Matched+1 || s.First.Op != at || s.First.leaf.path != all[n].path {
					t.Fatalf("%s, op %d, %s: %+v\n%v", p.ID, at, all[n].path, s, s.First)
				}
			}
		}
	}
	t.Logf("%d changes", changed)
}

// A change alters one leaf of an observation.
type change struct {
	path  string
	label bool
	make  func()
}

func changes(o *Observation) (all []change) {
	add := func(path string, make func()) { all = append(all, change{path, false, make}) }
	relabel := func(path string, make func()) { all = append(all, change{path, true, make}) }
	add("r", func() { o.Result.Ret++; o.Result.Signal, o.Result.Skip = "", "" })
	for p, regions := range o.Tables {
		for r, entries := range regions {
			for i := range entries {
				e, path := &entries[i], "pt."+p+"."+r+"."+strconv.Itoa(i)
				add(path, func() { *e = Entry{Kind: Migration} })
				switch e.Kind {
				case PTE, PMD:
					add(path, func() { e.Dirty = !e.Dirty })
					add(path, func() { e.Write = !e.Write })
					relabel(path, func() { e.Label = another(o, e.Label) })
				case Swapped:
					add(path, func() { e.Exclusive = !e.Exclusive })
					relabel(path, func() { e.Label = "S999" })
				}
			}
		}
	}
	for l := range o.Frames {
		at := "fr." + string(l)
		frame := func(field string, change func(*Frame)) {
			add(at+"."+field, func() { f := o.Frames[l]; change(&f); o.Frames[l] = f })
		}
		frame("ref", func(f *Frame) { f.Ref += 1024 })
		frame("map", func(f *Frame) { f.Map-- })
		frame("pin", func(f *Frame) { f.Pin++ })
		frame("fl", func(f *Frame) { f.Flags ^= FlagDirty })
		frame("val", func(f *Frame) { f.Val += 7 })
		if o.Frames[l].Order > 0 {
			frame("ord", func(f *Frame) { f.Order-- })
			frame("hd", func(f *Frame) { f.Index++ })
			frame("ent", func(f *Frame) { f.Entire++ })
		}
		if o.Frames[l].Order > 0 && o.Frames[l].Flags&FlagHugetlb == 0 {
			frame("pmap", func(f *Frame) { f.PageMap++ })
		}
		if o.Frames[l].Swap != NoLabel {
			frame("sw", func(f *Frame) { f.Swap = NoLabel })
		} else {
			frame("sw", func(f *Frame) { f.Swap = "S999" })
		}
	}
	for l := range o.Swap {
		slot := func(field string, change func(*Slot)) {
			add("sw."+string(l)+"."+field, func() { s := o.Swap[l]; change(&s); o.Swap[l] = s })
		}
		slot("cnt", func(s *Slot) { s.Count++ })
		slot("disk", func(s *Slot) { s.HasDisk = !s.HasDisk })
		slot("zero", func(s *Slot) { s.Zero = !s.Zero })
		slot("cache", func(s *Slot) {
			if s.Cache != NoLabel {
				s.Cache = NoLabel
			} else {
				s.Cache = "F999"
			}
		})
	}
	for r := range o.Cache {
		for i := range o.Cache[r] {
			relabel("pc."+r+"."+strconv.Itoa(i), func() { o.Cache[r][i] = another(o, o.Cache[r][i]) })
		}
	}
	for r := range o.Disk {
		for i := range o.Disk[r] {
			add("disk."+r+"."+strconv.Itoa(i), func() { o.Disk[r][i] = Block{State: Unwritten} })
		}
	}
	for r := range o.Size {
		add("size."+r, func() { o.Size[r]++ })
	}
	for s := range o.Pins {
		add("pins."+s+".val", func() { p := o.Pins[s]; p.Val++; o.Pins[s] = p })
		relabel("pins."+s+".f", func() { p := o.Pins[s]; p.Frame = another(o, p.Frame); o.Pins[s] = p })
	}
	return all
}

// another is a frame that is not the one named: one of the observation if there is, else one of nowhere.
func another(o *Observation, not Label) Label {
	for _, l := range byNumber(o.Frames) {
		if l != not {
			return l
		}
	}
	return "F999"
}

// A model that reuses a page which the kernel copies differs where it does
// so, and not ever after.
func TestAnotherFrameIsOneDifference(t *testing.T) {
	p := &Program{ID: "reuse", Steps: []Step{
		{ParseOp("mem R anon rw 1"), Observation{}},
		step("write A R.0 1", "F0"), step("write A R.0 1", "F1"), step("read A R.0", "F1"), step("write A R.0 1", "F2"),
	}}
	model := &Program{Steps: []Step{p.Steps[0],
		step("write A R.0 1", "F0"), step("write A R.0 1", "F0"), step("read A R.0", "F0"), step("write A R.0 1", "F1"),
	}}
	s := Judge(p, echoing(p, observations(model)), nil)
	if s.Differing != 1 || s.First.Op != 2 || s.First.leaf != (difference{"pt.A.R.0", "pte F1 WD", "pte F0 WD"}) {
		t.Errorf("%+v\n%v", s, s.First)
	}
}

func step(op string, l Label) Step {
	return Step{ParseOp(op), Observation{
		Tables: map[string]map[string][]Entry{"A": {"R": {{Kind: PTE, Label: l, Write: true, Dirty: true}}}},
		Frames: map[Label]Frame{l: {Ref: 1, Map: 1, Flags: FlagAnon | FlagExclusive | FlagSwapBacked, Val: 1}},
	}}
}

// failing is a model that answers like the kernel until an operation that it cannot do.
type failing struct {
	echo
	until Verb
	err   error
}

func (f *failing) Do(o Op) (Observation, error) {
	if o.Verb != f.until {
		return f.echo.Do(o)
	}
	if f.err == nil {
		panic("a table refers to a frame that is free")
	}
	return Observation{}, f.err
}

func TestTheRestOfAProgram(t *testing.T) {
	p := &Program{ID: "rest", Steps: []Step{step("mem R anon rw 1", "F0"), step("write A R.0 1", "F0"), step("ksm", "F0"), step("read A R.0", "F0")}}
	for _, c := range []struct {
		name                           string
		err                            error
		matched, differing, outOfScope int
		says                           string
	}{
		{"not modelled", &NotModelled{"ksm"}, 14, 0, 14, ""},
		{"stuck", errors.New("nobody is ready"), 14, 14, 0, "nobody is ready"},
		{"a panic", nil, 14, 14, 0, "the model panics: a table refers to a frame that is free"},
	} {
		s := Judge(p, func(*Program) (Model, error) {
			return &failing{echo{observations(p), 0}, KSM, c.err}, nil
		}, nil)
		if s.Matched != c.matched || s.Differing != c.differing || s.OutOfScope != c.outOfScope || s.Observations != 28 {
			t.Errorf("%s: %+v", c.name, s)
		}
		if s.Outside["ksm"] != c.outOfScope {
			t.Errorf("%s: %v", c.name, s.Outside)
		}
		if c.says != "" && (s.First.Op != 2 || s.First.leaf.model != c.says) {
			t.Errorf("%s: %v", c.name, s.First)
		}
	}
	p.Steps[2].Op = ParseOp("mlock A R")
	if s := Judge(p, echoing(p, observations(p)), nil); s.Matched != 14 || s.OutOfScope != 14 || s.Outside[`an operation that the reader does not know: "mlock" is no operation`] != 14 {
		t.Errorf("an unknown operation: %+v", s)
	}
	s := Judge(p, func(*Program) (Model, error) { return nil, &NotModelled{"two regions"} }, nil)
	if s.OutOfScope != 28 || s.Observations != 28 {
		t.Errorf("a program that cannot begin: %+v", s)
	}
}

func TestExclusions(t *testing.T) {
	p := &Program{ID: "excluded", Steps: []Step{step("mem R anon rw 1", "F0")}}
	o := observations(p)
	o[0] = clone(&o[0])
	o[0].Frames["F0"] = Frame{Ref: 2, Map: 1, Flags: FlagAnon, Val: 1, Swap: "S0"}
	s := Judge(p, echoing(p, o), []Exclusion{{"fr.*.ref", "no references"}, {"fr.*.fl", "no flags"}, {"fr.*.sw", "no swap"}, {"fr.*", "too short"}})
	if s.OutOfScope != 2 || s.Outside["no references"] != 1 || s.Outside["no flags"] != 1 || s.Differing != 0 || s.Matched != 5 {
		t.Errorf("%+v\n%v", s, s.First)
	}
}

// What only the model has is a difference too, and the counts are still those of the kernel's leaves.
func TestWhatOnlyTheModelHas(t *testing.T) {
	p := &Program{ID: "more", Steps: []Step{step("mem R anon rw 1", "F0")}}
	for name, add := range map[string]func(*Observation){
		"pt.B.R.0":   func(o *Observation) { o.Tables["B"] = map[string][]Entry{"R": {{Kind: NoEntry}}} },
		"pt.A.R.1":   func(o *Observation) { o.Tables["A"]["R"] = append(o.Tables["A"]["R"], Entry{Kind: NoVMA}) },
		"size.R":     func(o *Observation) { o.Size = map[string]int{"R": 1} },
		"fr.F0.sw":   func(o *Observation) { f := o.Frames["F0"]; f.Swap = "S0"; o.Frames["F0"] = f },
		"disk.R.0":   func(o *Observation) { o.Disk = map[string][]Block{"R": {{State: Hole}}} },
		"pc.R.0":     func(o *Observation) { o.Cache = map[string][]Label{"R": {NoLabel}} },
		"pins.s0.f":  func(o *Observation) { o.Pins = map[string]Pin{"s0": {"F0", 1}} },
		"sw.S0'.cnt": func(o *Observation) { o.Swap = map[Label]Slot{"S7": {}} },
	} {
		o := clone(&p.Steps[0].After)
		add(&o)
		s := Judge(p, func(*Program) (Model, error) { return &echo{[]Observation{o}, 0}, nil }, nil)
		if s.First == nil || s.First.leaf.path != name || s.First.leaf.kernel != absent || s.Observations != 7 || s.Matched+s.Differing != 7 || s.Matched == 7 {
			t.Errorf("%s: %+v\n%v", name, s, s.First)
		}
	}
}

func TestMistakesHaveAPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "column 1: an operation is missing",
		"mlock A R":                           `column 1: "mlock" is no operation`,
		"read A":                              "column 7: a page (R.0) is missing",
		"read A R":                            `column 8: "R" is not a page (R.0)`,
		"read A R.0 1":                        `column 12: "1" is one word too many`,
		"write a R.0 1":                       `column 7: "a" is not a process (A, B, C)`,
		"write A R.0 4294967296":              `column 13: "4294967296" is not a value of 32 bits`,
		"mem R floppy rw 1":                   `column 7: "floppy" is not a kind of region (anon, thp, anon2m, shmem_shared, shmem_private, ext4_shared, ext4_private, hugetlb, hugetlb_shared)`,
		"mem R anon rwx 1":                    `column 12: "rwx" is not a protection (r, rw, none)`,
		"madvise A R.1 nohugepage":            `column 15: "nohugepage" is not an advice (dontneed, pageout, free, cold, populate_read, populate_write, unmergeable)`,
		"pin A R.0 PIN w FORCE LONGTERM fast": `column 23: "LONGTERM" is not a way into GUP (slow, fast, fastonly)`,
		"pin A R.0 GRAB w slow -> s0":         `column 11: "GRAB" is not PIN or GET`,
		"pin A R.0 PIN w slow -> x0":          `column 25: "x0" is not a slot (s0)`,
		"unpin s0 clean":                      `column 10: "clean" is one word too many`,
		"munmap A R.x":                        `column 10: "R.x" is not a region or a page (R, R.0)`,
		"truncate R -1":                       `column 12: "-1" is not a number of pages`,
		"pin A R.0 PIN w LONGTERM FORCE slow": "column 36: -> is missing",
	} {
		o := ParseOp(text)
		if o.Verb != Unknown || o.Mistake == nil || o.Mistake.Error() != want {
			t.Errorf("%q: %v, not %s", text, o.Mistake, want)
		}
	}
}

func TestOperationsAreParsed(t *testing.T) {
	for text, want := range map[string]Op{
		"mem Q ext4_shared r 3":      {Verb: Mem, Region: "Q", Page: WholeRegion, Kind: Ext4Shared, Prot: ProtRead, Pages: 3},
		"write B R.1 12":             {Verb: Store, Process: "B", Region: "R", Page: 1, Value: 12},
		"fork A C":                   {Verb: Fork, Process: "A", Other: "C", Page: WholeRegion},
		"munmap A Q":                 {Verb: Munmap, Process: "A", Region: "Q", Page: WholeRegion},
		"mprotect A Q.2 none":        {Verb: Mprotect, Process: "A", Region: "Q", Page: 2, Prot: ProtNone},
		"vm_writev A B R.0 7":        {Verb: VMWritev, Process: "A", Other: "B", Region: "R", Value: 7},
		"unpin s3 dirty":             {Verb: Unpin, Slot: "s3", Dirty: true, Page: WholeRegion},
		"unpin s3":                   {Verb: Unpin, Slot: "s3", Page: WholeRegion},
		"ksm":                        {Verb: KSM, Page: WholeRegion},
		"madvise A R populate_write": {Verb: Madvise, Process: "A", Region: "R", Page: WholeRegion, Advice: PopulateWrite},
		"pin A R.0 PIN r LONGTERM FORCE fast -> s1": {Verb: PinPage, Process: "A", Region: "R", Slot: "s1", Pin: PinCall{Longterm: true, Force: true, How: Fast}},
		"pin A R.0 GET w fastonly -> s0":            {Verb: PinPage, Process: "A", Region: "R", Slot: "s0", Pin: PinCall{Get: true, Write: true, How: FastOnly}},
	} {
		want.Text = text
		if o := ParseOp(text); o != want {
			t.Errorf("%+v, not %+v", o, want)
		}
	}
}

func TestReading(t *testing.T) {
	const good = `{"id":"a","fam":"f","kernel":"6.12","ops":[{"op":"mem R anon rw 1","r":{"ret":0},"pt":{"A":{"R":["none"]}},"fr":{},"nz":{}}]}` + "\n"
	for text, want := range map[string]string{
		good + good:             "",
		strings.TrimSpace(good): "",
		"\n" + good + "\n":      "",
		good + "{":              "line 2: unexpected end of JSON input",
		"{}":                    "line 1: this is no program: it has no id, or no ops",
		strings.Replace(good, `"r":{"ret":0}`, `"r":{"re":0}`, 1):           `line 1: json: unknown field "re"`,
		strings.Replace(good, `"r":{"ret":0},`, ``, 1):                      "line 1: a, op 0: it has no result (r)",
		strings.Replace(good, `"none"`, `"pte F0 X"`, 1):                    `line 1: "pte F0 X" is no page-table entry`,
		strings.Replace(good, `{},`, `{"F0":{"ref":1,"fl":"shiny"}},`, 1):   `line 1: "shiny" is no flag of a frame`,
		strings.Replace(good, `"none"`, `"swap X0"`, 1):                     `line 1: "X0" names neither a frame (F0) nor a swap entry (S0)`,
		strings.Replace(good, `{},`, `{"F0":{"ref":1,"hue":1}},`, 1):        `line 1: json: unknown field "hue"`,
		strings.Replace(good, `{},`, `{"F0":{"ord":9,"fl":"anon"}},`, 1):    "line 1: a, op 0: frame F0: pmap is recorded of the pages of a THP, and of no other",
		strings.Replace(good, `{},`, `{},"disk":{"R":["gone",1]},`, 1):      `line 1: "gone" is no state of a block`,
		strings.Replace(good, `{},`, `{},"disk":{"R":["unwritten",1]},`, 1): "",
		"\x1f\x8bthis is no gzip":                                           "gzip: invalid header",
	} {
		got := ""
		for _, err := range Programs(strings.NewReader(text)) {
			if err != nil {
				got = err.Error()
			}
		}
		if got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

func TestRegionsInTheOrderOfDeclaration(t *testing.T) {
	p := &Program{Steps: []Step{{Op: ParseOp("mem R anon rw 1")}, {Op: ParseOp("mem Q anon rw 1")}}}
	if got := inOrder(map[string]int{"B": 1, "A": 1, "Q": 1, "R": 1}, p.Regions()); !slices.Equal(got, []string{"R", "Q", "A", "B"}) {
		t.Error(got)
	}
}

// A label is retired when nothing reaches what it named, whether that was freed or not. The model need not know.
func TestRetiredLabels(t *testing.T) {
	unmapped := Step{ParseOp("madvise A R dontneed"), Observation{Tables: map[string]map[string][]Entry{"A": {"R": {{Kind: NoEntry}}}}}}
	p := &Program{ID: "retired", Steps: []Step{step("mem R anon rw 1", "F0"), unmapped, step("write A R.0 1", "F1")}}
	model := &Program{ID: "retired", Steps: []Step{step("mem R anon rw 1", "F5"), unmapped, step("write A R.0 1", "F5")}}
	if s := Judge(p, echoing(p, observations(model)), nil); s.Differing != 0 {
		t.Errorf("%+v\n%v", s, s.First)
	}
	kept := &Program{ID: "kept", Steps: []Step{step("mem R anon rw 1", "F0"), step("write A R.0 1", "F0")}}
	model = &Program{ID: "kept", Steps: []Step{step("mem R anon rw 1", "F5"), step("write A R.0 1", "F6")}}
	if s := Judge(kept, echoing(kept, observations(model)), nil); s.Differing != 1 {
		t.Errorf("%+v\n%v", s, s.First)
	}
}
