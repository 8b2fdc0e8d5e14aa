package claim_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

var (
	generatedFrom = flag.Uint64("generated-from", 0, "number of the first generated scenario")
	generatedMany = flag.Uint64("generated", 0, "how many generated scenarios there are; 0: some")
)

// generatedModels is how many generated scenarios there are unless the flag says so: in short tests, and in long ones.
func generatedModels(short, long uint64) uint64 {
	switch {
	case *generatedMany > 0:
		return *generatedMany
	case testing.Short():
		return short
	}
	return long
}

// A draw makes scenarios up: small programs of calls out of the whole vocabulary, on one or two
// mms of a page or two, on kernels of which rules are switched off.
type draw struct {
	*rand.Rand
	b       strings.Builder
	mms     int      // A, B, C
	forked  bool     // B is forked from A
	file    bool     // there is a file f
	hugetlb bool     // of huge pages
	regions []string // by mm: the name of its region, of pages pages
	pages   []int
	room    bool // there is a room for A's region
	next    int  // value to be written

	filePages int  // of f, if it has more than one
	once      bool // what is held is held until the end: no other page takes its variable

	collapses bool     // khugepaged collapses pages of f: few other calls are played beside it
	only      []string // the calls that are played; none: all
}

func (d *draw) one(of ...string) string { return of[d.IntN(len(of))] }

func (d *draw) chance(in int) bool { return d.IntN(in) == 0 }

// value is a content that nobody has written yet, so that a lost one is missed.
func (d *draw) value() string {
	d.next++
	return fmt.Sprintf("%q", string(rune('a'+d.next)))
}

// kernel is a release with up to three rules that it has otherwise.
func (d *draw) kernel() string {
	k := kernel.Versions[d.IntN(len(kernel.Versions))].Name
	for range d.IntN(4) {
		r := kernel.Rules[1+d.IntN(len(kernel.Rules)-1)]
		if len(r.Values) > 0 {
			k += " with " + r.Name + "=" + d.one(r.Values...)
		} else {
			k += " without " + r.Name
		}
	}
	return k
}

func (d *draw) memory() {
	d.mms = 1 + d.IntN(2)
	d.forked = d.mms == 2 && d.chance(3)
	if d.file = d.chance(4); d.file {
		kind := d.one("ext4", "ext4", "shmem", "shmem", "hugetlb")
		d.hugetlb = kind == "hugetlb"
		fmt.Fprintf(&d.b, "file f = %s 1 %s%s\n", kind, d.value(), d.one("", "", " dirty", " dropped"))
	}
	for mm := range d.mms {
		name, n := string(rune('A'+mm)), 1+d.IntN(3)/2
		if mm == 1 && d.forked {
			fmt.Fprintf(&d.b, "mm B forked from A\n")
			d.regions, d.pages = append(d.regions, d.regions[0]), append(d.pages, d.pages[0])
			continue
		}
		region := []string{"buf", "other"}[mm]
		d.regions, d.pages = append(d.regions, region), append(d.pages, n)
		fmt.Fprintf(&d.b, "mm %s { %s = ", name, region)
		switch {
		case d.file && (mm == 0 || d.chance(2)):
			d.pages[mm] = 1
			fmt.Fprintf(&d.b, "f %s rw", d.one("shared", "shared", "private"))
			if d.hugetlb {
				d.b.WriteString(d.one("", " gigabyte")) // what is private is no scenario then, and drawn again
			}
		case mm == 0 && d.chance(4):
			d.pages[mm] = 2
			fmt.Fprintf(&d.b, "thp 1 rw %s %s%s", d.value(), d.value(), d.one("", "", " split"))
		case d.chance(12):
			d.pages[mm] = 1
			fmt.Fprintf(&d.b, "hugetlb 1 rw%s", d.one("", " "+d.value()))
		default:
			fmt.Fprintf(&d.b, "anon %d rw", n)
			if mm == 0 || d.chance(3) {
				for range n {
					d.b.WriteString(" " + d.value())
				}
				d.b.WriteString(d.one("", "", "", " clean", " swapped"))
			}
		}
		if d.room = d.room || mm == 0 && d.chance(4); mm == 0 && d.room {
			d.b.WriteString("; new = room for buf")
		}
		d.b.WriteString(" }\n")
	}
	fmt.Fprintf(&d.b, "frames %d\n", d.IntN(3))
	if d.chance(4) {
		d.b.WriteString("swap async\n")
	}
	if d.file && d.chance(2) {
		d.b.WriteString("writers throttled\n")
	}
}

// collapsedMemory is a file of a huge page's worth of small pages, in one or two mms.
func (d *draw) collapsedMemory() {
	d.mms = 1 + d.IntN(2)
	fmt.Fprintf(&d.b, "file f = shmem 2%s\n", d.one("", " "+d.value(), " "+d.value()+" "+d.value(), " "+d.value()+" "+d.value()+" thp"))
	for mm, region := range []string{"buf", "other"}[:d.mms] {
		fmt.Fprintf(&d.b, "mm %c { %s = f %s }\n", 'A'+mm, region, d.one("shared rw", "shared rw", "shared ro", "private rw"))
		d.regions, d.pages = append(d.regions, region), append(d.pages, 2)
	}
	fmt.Fprintf(&d.b, "frames %d\n", 2+d.IntN(4))
}

// calls of each kind of task.
func (d *draw) call(kernelTask bool) *kernel.Call {
	switch {
	case d.collapses && kernelTask:
		return kernel.CallByName("khugepaged")
	case d.collapses:
		return kernel.CallByName(d.one("store", "load", "munmap", "get_user_pages_fast", "pin_user_pages_fast", "get_user_pages", "device_write", "put_page", "madvise",
			"mprotect", "pread", "pwrite", "ftruncate", "guest_store"))
	}
	for {
		c := kernel.Calls[d.IntN(len(kernel.Calls))]
		if d.chance(3) { // what most races are about
			c = kernel.CallByName(d.one("store", "load", "munmap", "get_user_pages_fast", "pin_user_pages_fast", "shrink_folio_list", "madvise"))
		}
		if len(d.only) > 0 {
			c = kernel.CallByName(d.one(d.only...))
		}
		if (c.From == kernel.KernelTask) == kernelTask || c.From == kernel.Anywhere && kernelTask {
			return c
		}
	}
}

// statement writes a call of a task in an mm, if what it needs is there; held says whether p holds something by then.
func (d *draw) statement(kernelTask bool, mm int, held *bool) bool {
	c := d.call(kernelTask)
	if d.once && *held && c.Result == kernel.PageResult {
		return false
	}
	var args []string
	for _, p := range c.Params {
		of := mm
		if kernelTask || d.chance(6) && (c.From == kernel.Anywhere) {
			of = d.IntN(d.mms)
		}
		where := d.regions[of]
		if of != mm || kernelTask {
			where = string(rune('A'+of)) + "." + where
		}
		switch p.Kind {
		case kernel.PagesParam:
			first := d.IntN(d.pages[of])
			arg := fmt.Sprintf("%s[%d]", where, first)
			if d.chance(2) {
				arg += fmt.Sprintf(", %d", 1+d.IntN(d.pages[of]-first))
			}
			args = append(args, arg)
		case kernel.PageParam:
			if d.room && of == 0 && d.chance(3) {
				where = strings.Replace(where, "buf", "new", 1)
			}
			args = append(args, fmt.Sprintf("%s[%d]", where, d.IntN(d.pages[of])))
		case kernel.VMAParam:
			if d.room && of == 0 && d.chance(3) {
				where = strings.Replace(where, "buf", "new", 1)
			}
			if d.pages[of] > 1 && d.chance(3) {
				where += fmt.Sprintf("[%d]", d.IntN(d.pages[of]))
			}
			args = append(args, where)
		case kernel.VarParam, kernel.VarsParam:
			if !*held {
				return false
			}
			args = append(args, "p")
		case kernel.ValueParam:
			args = append(args, d.value())
		case kernel.SourceParam:
			if args = append(args, d.value()); !kernelTask && d.b.Len()%3 == 0 { // from its memory
				args[len(args)-1] = fmt.Sprintf("%s[0]", d.regions[mm])
			}
		case kernel.BufferParam:
			if !kernelTask && d.b.Len()%3 == 0 {
				args = append(args, fmt.Sprintf("%s[0]", d.regions[mm]))
			}
		case kernel.FlagsParam:
			args = append(args, d.one(p.Words[0], p.Words[0], "0", d.one(p.Words...)))
		case kernel.WordParam:
			if args = append(args, d.one(p.Words...)); d.collapses && c.Name == "madvise" {
				args[len(args)-1] = "MADV_DONTNEED"
			}
		case kernel.FileParam:
			args = append(args, "f")
		case kernel.FilePageParam:
			if args = append(args, "f[0]"); d.filePages > 1 {
				args[len(args)-1] = fmt.Sprintf("f[%d]", d.IntN(d.filePages))
			}
		case kernel.RoomParam:
			if !d.room || of != 0 {
				return false
			}
			to := "new"
			if strings.HasPrefix(args[0], "new") {
				to = "buf"
			}
			args = append(args, to)
		case kernel.PkeyParam:
			args = append(args, fmt.Sprint(d.IntN(3)))
		case kernel.NumberParam:
			if args = append(args, fmt.Sprint(d.IntN(2))); c.Name == "ftruncate" && d.collapses {
				args[len(args)-1] = d.one("0", "2") // no huge page is truncated in part
			} else if c.Name == "ftruncate" && d.filePages > 1 {
				args[len(args)-1] = fmt.Sprint(d.IntN(d.filePages + 1))
			}
		case kernel.MMParam:
			args = append(args, "B")
		case kernel.ProcessParam:
			args = append(args, string(rune('A'+d.IntN(d.mms))))
		}
	}
	result := ""
	if c.Result == kernel.PageResult {
		result, *held = "p = ", true
	} else if c.Result == kernel.ValueResult {
		result = "v = "
	}
	fmt.Fprintf(&d.b, " %s%s(%s)\n", result, c.Name, strings.Join(args, ", "))
	return true
}

func (d *draw) tasks() {
	n := 2 + d.IntN(5)/3
	for t := range n {
		kernelTask, mm := d.chance(4), d.IntN(d.mms)
		if t == 0 {
			kernelTask, mm = false, 0
		}
		if t == 1 && d.forked {
			kernelTask, mm = false, 1
		}
		kernelTask = kernelTask && !d.collapses || d.collapses && t == n-1
		where := "in " + string(rune('A'+mm))
		if kernelTask {
			where = "kernel"
		}
		fmt.Fprintf(&d.b, "P%d on cpu%d %s {\n", t, t, where)
		held := false
		if t == 0 && d.forked {
			d.b.WriteString(" fork(B)\n")
		}
		for range 1 + d.IntN(5-n) {
			for !d.statement(kernelTask, mm, &held) {
			}
		}
		d.b.WriteString("}\n")
	}
	if d.chance(3) {
		fmt.Fprintf(&d.b, "preempt cpu%d 1\n", d.IntN(n))
	}
	if d.chance(5) {
		fmt.Fprintf(&d.b, "speculate cpu%d\n", d.IntN(n))
	}
	if d.chance(12) {
		d.b.WriteString("arch x86-32-pae\n")
	}
}

// judge picks the claims: those that the kernel promises, or a few, so that one does not hide what another would find.
func (d *draw) judge() {
	if d.chance(3) {
		return
	}
	names := claim.Names()
	d.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	fmt.Fprintf(&d.b, "judge %s\n", strings.Join(names[:1+d.IntN(3)], ", "))
}

// generate returns the scenario of a number, on its kernel. What is no scenario is drawn again.
func generate(number uint64) (text string, m *claim.Model) {
	for try := uint64(0); ; try++ {
		d := &draw{Rand: rand.New(rand.NewPCG(number, try))}
		fmt.Fprintf(&d.b, "GUP generated\nkernel %s\n", d.kernel())
		if d.collapses = number%10 == 9; d.collapses {
			d.collapsedMemory()
		} else {
			d.memory()
		}
		d.tasks()
		d.judge()
		file, ds := scenario.Parse("generated", []byte(d.b.String()))
		if scenario.Failed(ds) {
			continue
		}
		setup, ds := file.ForKernel(file.Kernel)
		if scenario.Failed(ds) {
			continue
		}
		return d.b.String(), claim.New(setup, file.Kernel)
	}
}

// A doubter asks afresh, now and then, what the model remembers.
type doubter struct {
	*claim.Reducible
	rng  *rand.Rand
	fail func(format string, args ...any)
}

func (d *doubter) Next(actor int) *check.Access {
	kept := d.Reducible.Next(actor)
	if d.rng.IntN(16) == 0 {
		if fresh := d.Afresh(actor); !equal(kept, fresh) {
			d.fail("%s: %s: remembered is that it %q, and it does not; not that it %q", d.Sim.Actors()[actor].Name, d.Look(actor).Says, d.Beyond(kept, fresh), d.Beyond(fresh, kept))
		}
	}
	return kept
}

func (d *doubter) Choices(dst []check.Choice) []check.Choice {
	first := len(dst)
	dst = d.Reducible.Choices(dst)
	if d.rng.IntN(4) == 0 {
		if fresh := d.Model.Choices(nil); !slices.Equal(dst[first:], fresh) {
			d.fail("remembered are the choices %v, there are %v", dst[first:], fresh)
		}
	}
	return dst
}

func (d *doubter) Broken(since cell.Mark, dst []int) []int {
	first := len(dst)
	dst = d.Reducible.Broken(since, dst)
	if d.rng.IntN(16) == 0 {
		if fresh := d.Model.Broken(-1, nil); !slices.Equal(dst[first:], fresh) {
			d.fail("behind a step the claims %v are broken, afresh %v", dst[first:], fresh)
		}
	}
	return dst
}

func (d *doubter) Against(actor int) uint64 {
	kept := d.Reducible.Against(actor)
	if d.rng.IntN(16) == 0 {
		next := clone(d.Firm(actor))
		for a := range d.Actors() {
			if a != actor && next.Conflicts(d.Rest(a, actor)) != (kept>>a&1 != 0) {
				d.fail("%s is against %s: %v, but by its rest it is not so", d.Sim.Actors()[a].Name, d.Sim.Actors()[actor].Name, kept>>a&1 != 0)
			}
		}
	}
	return kept
}

// TestFindsWhatWasMissed proves reduced what reduced searches have missed once.
func TestFindsWhatWasMissed(t *testing.T) {
	for _, path := range found(t) {
		setup, k := readFound(t, path)
		want := proof(check.New(claim.New(setup, k), check.Limits{}))
		got := proof(check.Reduced(claim.Reduce(claim.New(setup, k)), check.Limits{}))
		if want.Verdict != check.Sometimes || got.Verdict != want.Verdict || !slices.Equal(names(got), names(want)) {
			t.Errorf("%s: %v %v, reduced %v %v", path, want.Verdict, names(want), got.Verdict, names(got))
		}
		t.Logf("%s: %d states, reduced %d", path, want.States, got.States)
	}
}

// found are the paths of the scenarios on which a law has failed once.
func found(t *testing.T) []string {
	paths, err := filepath.Glob("testdata/*.gup")
	if err != nil || len(paths) == 0 {
		t.Fatal("no scenarios", err)
	}
	return paths
}

// readFound reads a scenario for the kernel that it is about.
func readFound(t *testing.T, path string) (kernel.Setup, kernel.Kernel) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, ds := scenario.Parse(path, text)
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	setup, ds := file.ForKernel(file.Kernel)
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	return setup, file.Kernel
}

// proof runs a check until its proof is over.
func proof(c *check.Check) check.Result {
	for c.Run(1<<12).Phase == check.Proving {
	}
	return c.Result()
}

// TestGeneratedAgree proves scenarios that were made up both ways. Whatever of claims, deadlocks and
// livelocks the whole search finds, the reduced one does, by the same shortest runs, and nothing else. And what the model remembers on the way is so.
//
//	go test ./core/claim -run TestGeneratedAgree -timeout 0 -generated 5000 -generated-from 1000
func TestGeneratedAgree(t *testing.T) {
	many, limit := generatedModels(60, 300), uint64(30_000)
	var proved, broken, saved int
	var text string
	defer func() {
		if r := recover(); r != nil {
			t.Log(text)
			panic(r)
		}
	}()
	for number := *generatedFrom; number < *generatedFrom+many; number++ {
		var m *claim.Model
		text, m = generate(number)
		whole := check.New(m, check.Limits{States: limit})
		want := proof(whole)
		if want.Verdict == check.Unknown {
			continue
		}
		fail := func(format string, args ...any) {
			t.Fatalf("scenario %d: %s\n%s", number, fmt.Sprintf(format, args...), text)
		}
		_, m = generate(number)
		d := &doubter{claim.Reduce(m), rand.New(rand.NewPCG(number, 1)), fail}
		reduced := check.Reduced(d, check.Limits{})
		got := proof(reduced)
		proved++
		if len(want.Claims) > 0 {
			broken++
		}
		if got.States < want.States/2 {
			saved++
		}
		if got.Verdict != want.Verdict || fmt.Sprint(names(got)) != fmt.Sprint(names(want)) {
			fail("%v %v of %d states, reduced %v %v of %d", want.Verdict, names(want), want.States, got.Verdict, names(got), got.States)
		}
		if want, got := finish(whole), finish(reduced); !reflect.DeepEqual(got.Claims, want.Claims) {
			fail("the shortest runs are %v, reduced %v", want.Claims, got.Claims)
		}
	}
	t.Logf("%d scenarios: %d broken, %d with less than half of the states", proved, broken, saved)
	if proved == 0 || broken == 0 || saved == 0 {
		t.Errorf("of %d scenarios %d were proved, %d of them broken, %d with less than half of the states: they tell nothing", many, proved, broken, saved)
	}
}

// finish runs a check to its end.
func finish(c *check.Check) check.Result {
	for c.Run(1<<16).Phase < check.Stopped {
	}
	return c.Result()
}

func names(r check.Result) (out []string) {
	for _, c := range r.Claims {
		out = append(out, c.Claim)
	}
	return out
}
