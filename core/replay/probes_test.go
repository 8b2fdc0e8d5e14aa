package replay

import (
	"bufio"
	"fmt"
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
	saw    map[string]string
	region string // the one that is looked at: "R", and where it is after mremap
	steps  []stagingStep
	looks  []look
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

// entryOf is the entry of a process for the page that is looked at: "A"; or, of another region or page, "A.M.0".
func entryOf(o *Observation, who string) Entry {
	page := 0
	region := "R"
	if w := strings.Split(who, "."); len(w) == 3 {
		who, region, page = w[0], w[1], int(w[2][0]-'0')
	}
	if t := o.Tables[who][region]; len(t) > page {
		return t[page]
	}
	return Entry{Kind: NoEntry}
}

// see adds a look behind the last operation.
func (s *staging) see(name string, find func(*stage) string) {
	if _, ok := s.saw[name]; !ok {
		panic("replay: the probe has printed nothing as " + name)
	}
	s.looks = append(s.looks, look{name, len(s.steps) - 1, find})
}

// Values that probes write: 0 is initial, 1 the process itself, 2 the other one, 3 the kernel. Files hold the first from the beginning.
const valueZero = 100

func valueName(v uint32) string {
	if v >= valueZero && v < valueZero+4 {
		return fmt.Sprintf("V%d", v-valueZero)
	}
	return strconv.Itoa(int(v))
}

// probeFamilies are the probes that are staged.
var probeFamilies = map[string]func(*probe) (*staging, string){
	"gup": gupProbe, "reliab": reliabProbe, "fork": forkProbe, "access": accessProbe, "ops": opsProbe,
	"zeropage": zeroPageProbe, "remote": remoteProbe, "swap": swapProbe, "ksm": ksmProbe, "nodrain": noDrainProbe, "vmsplice": vmspliceProbe,
	"iouring": iouringProbe, "writeback": writebackProbe, "movable": movableProbe, "collapse": collapseProbe, "uprobe": uprobeProbe,
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

// stagedRows is how many rows are staged, of 6,162.
const stagedRows = 5769

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
	if staged < stagedRows {
		t.Errorf("only %d rows are staged, and %d were before", staged, stagedRows)
	}
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
	for _, st := range s.steps {
		program.Steps = append(program.Steps, Step{Op: st.op})
	}
	m, err := newPlayer(program, k)
	if err != nil {
		return []string{err.Error()}
	}
	seen := &stage{}
	for i, st := range s.steps {
		o, err := st.make(m)
		if err != nil {
			return append(misses, fmt.Sprintf("%s: %v", st.op.Text, err))
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

// make makes the step, and looks.
func (st *stagingStep) make(m *Player) (Observation, error) {
	if st.play == nil {
		return m.Do(st.op)
	}
	return m.finish(st.play(m))
}

// testedOn are the kernels that ran the probes.
var testedOn = map[string]string{"6.1": "v6.1.192", "6.12": "v6.12.117"}
