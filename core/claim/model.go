package claim

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A Model is a scenario on a kernel with the claims that are judged.
type Model struct {
	*kernel.Sim

	claims []judged
	preds  []predicate // those at the end behind the others
	always int         // how many are not at the end
	alarms []alarm
	watch  []uint64 // the predicates that read a cell, as a bit set as long as dirty, for every cell
	dirty  []uint64 // scratch of Broken
}

var _ check.Finite = (*Model)(nil)

// judged is a claim of the catalogue, or a condition of the scenario on the ends of runs.
type judged struct {
	name, says string
	end        *kernel.Condition
}

type alarm struct {
	claim int
	kind  machine.Alarm
}

// New sets a scenario up on a kernel. The claims judged are those in
// setup.Judge, or all that the kernel promises; never those about what the kernel has not.
func New(setup kernel.Setup, k kernel.Kernel) *Model {
	var judge []*Claim
	var track machine.Track
	for _, c := range Catalogue {
		if setup.Judge == nil && k.Version.Order < c.Promised || setup.Judge != nil && !slices.Contains(setup.Judge, c.Name) || c.Lacks(&k) != nil {
			continue
		}
		judge = append(judge, c)
		track.Seen = track.Seen || c.track.Seen
		track.Values = track.Values || c.track.Values
		track.Pins = track.Pins || c.track.Pins
		track.Notice = track.Notice || c.track.Notice
		track.Stores = track.Stores || c.track.Stores
		track.Shared = track.Shared || c.track.Shared
		track.Copies = track.Copies || c.track.Copies
		track.Swapped = track.Swapped || c.track.Swapped
	}
	for _, c := range judge {
		for _, a := range c.alarms {
			track.Alarms |= 1 << a
		}
	}
	m := &Model{Sim: kernel.New(setup, k, track)}
	for _, c := range judge {
		m.add(c)
	}
	for i := range setup.Ends {
		e := &setup.Ends[i]
		m.claims = append(m.claims, judged{name: e.Text, says: e.Text, end: e})
		p := ends(m, *e)
		p.claim = len(m.claims) - 1
		m.preds = append(m.preds, p)
	}
	m.index()
	return m
}

func (m *Model) add(c *Claim) {
	n := len(m.claims)
	m.claims = append(m.claims, judged{name: c.Name, says: c.Says})
	for _, a := range c.alarms {
		m.alarms = append(m.alarms, alarm{n, a})
		w := m.M.Alarm(a)
		m.preds = append(m.preds, predicate{claim: n, what: c.Name, reads: []machine.Word{w},
			holds: func() bool { return m.M.Load(w) == 0 },
			why:   func() string { return m.alarmed(a) },
			about: func() []machine.Word { return m.alarming(a) }})
	}
	if c.family != nil {
		for _, p := range c.family(m) {
			p.claim = n
			m.preds = append(m.preds, p)
		}
	}
}

// index notes for every cell which predicates read it.
func (m *Model) index() {
	slices.SortStableFunc(m.preds, func(a, b predicate) int {
		switch {
		case a.end == b.end:
			return 0
		case b.end:
			return -1
		}
		return 1
	})
	m.always = len(m.preds)
	if i := slices.IndexFunc(m.preds, func(p predicate) bool { return p.end }); i >= 0 {
		m.always = i
	}
	words := (len(m.preds) + 63) / 64
	m.dirty = make([]uint64, words)
	m.watch = make([]uint64, m.Memory().Layout().Len()*words)
	for i, p := range m.preds {
		when := p.when
		if when == nil {
			when = p.reads
		}
		for _, w := range when {
			m.watch[int(w.Cell())*words+i/64] |= 1 << (i % 64)
		}
	}
}

// Tasks is that of the Sim, if livelocks are judged: see check.Finite.
func (m *Model) Tasks() uint64 {
	if !m.Judges(check.NoLivelock) {
		return 0
	}
	return m.Sim.Tasks()
}

// Judges reports whether one of [Progress] is judged.
func (m *Model) Judges(name string) bool {
	return m.Setup.Judge == nil || slices.Contains(m.Setup.Judge, name)
}

// Claims returns the names of what is judged.
func (m *Model) Claims() []string {
	var out []string
	for _, c := range m.claims {
		out = append(out, c.name)
	}
	return out
}

// Wanted reports whether "broken" is good news for a claim: a scenario's
// "sometimes" condition, whose breach is the witness.
func (m *Model) Wanted(claim int) bool {
	return m.claims[claim].end != nil && m.claims[claim].end.When == kernel.Sometimes
}

// Says returns a claim's sentence.
func (m *Model) Says(claim int) string { return m.claims[claim].says }

// Broken appends the claims that are false now; see check.Model. What is claimed of the end is judged of runs that come there with
// nothing else broken: a run ends at its first breach, and a step that breaks a claim may as well have been made before the others' last ones.
func (m *Model) Broken(since cell.Mark, dst []int) []int {
	// Predicates at the end are as many as there are pages, and nearly every step writes what
	// they read; so while there is a task that runs, they are left out.
	judged := len(m.preds)
	if !m.Done() {
		judged = m.always
	}
	dirty := m.dirty[:(judged+63)/64]
	if since < 0 {
		for i := range judged {
			dirty[i/64] |= 1 << (i % 64)
		}
	} else {
		m.Memory().Written(since, func(id cell.ID) {
			for i, w := range m.watch[int(id)*len(m.dirty):][:len(dirty)] {
				dirty[i] |= w
			}
		})
	}
	start, before := len(dst), false
	for i, w := range dirty {
		dirty[i] = 0
		if i == judged/64 {
			w &= 1<<(judged%64) - 1
		}
		for ; w != 0; w &= w - 1 {
			n := i*64 + bits.TrailingZeros64(w)
			p := &m.preds[n]
			if p.end && before || p.holds() {
				continue
			}
			before = before || !p.end
			if !slices.Contains(dst[start:], p.claim) {
				dst = append(dst, p.claim)
			}
		}
	}
	slices.Sort(dst[start:])
	return dst
}

// A Truth is how a claim stands in the present state.
type Truth struct {
	Name, Says string
	Holds      bool
	Why        []string  // why it is false: a sentence for every instance
	Cells      []cell.ID // the cells that make it false
	About      []cell.ID // of an alarm: the cells that say why it was raised
}

// Truths returns how every judged claim stands in the present state.
func (m *Model) Truths() []Truth {
	out := make([]Truth, len(m.claims))
	for i, c := range m.claims {
		out[i] = Truth{Name: c.name, Says: c.says, Holds: true}
	}
	for _, p := range m.preds {
		var f cell.Footprint
		was := m.Memory().Record(&f)
		holds := p.holds()
		m.Memory().Record(was)
		if !holds {
			t := &out[p.claim]
			t.Holds = false
			if why := p.why(); !slices.Contains(t.Why, why) {
				t.Why = append(t.Why, why)
			}
			t.Cells = append(t.Cells, f.Reads...)
			if p.about != nil {
				for _, w := range p.about() {
					t.About = append(t.About, w.Cell())
				}
			}
		}
	}
	return out
}

// varName is what people call a variable: "P0's p".
func (m *Model) varName(task, i int) string {
	t := m.Setup.Tasks[task]
	return t.Name + "'s " + t.Vars[i]
}

// variables lists the variables named, by task and number, with their values.
func (m *Model) variables(named map[[2]int]bool) string {
	var out []string
	m.M.EachVar(func(t, i int) {
		if !named[[2]int{t, i}] {
			return
		}
		out = append(out, fmt.Sprintf("%s = %s", m.varName(t, i), m.M.ResultText(m.M.Peek(m.M.Var(t, i)))))
	})
	if out == nil {
		return "memory as it is"
	}
	return strings.Join(out, ", ")
}

// eval evaluates a condition on the variables.
func (m *Model) eval(e *kernel.Expr) bool {
	switch e.Op {
	case "and":
		return m.eval(e.Left) && m.eval(e.Right)
	case "or":
		return m.eval(e.Left) || m.eval(e.Right)
	case "not":
		return !m.eval(e.Left)
	}
	if e.Huge {
		p := m.pageOf(e.Memory)
		return (!m.M.HugetlbPage(p) && machine.Entry(m.M.Load(m.M.PMD(p))).Has(machine.PSE)) == (e.Op == "==")
	}
	if e.SoftDirty {
		return m.SoftDirty(m.pageOf(e.Memory)) == (e.Op == "==")
	}
	if e.Memory != nil {
		content, ok := m.content(m.pageOf(e.Memory))
		return (ok && m.M.Values[content] == e.Value) == (e.Op == "==")
	}
	r := machine.DecodeResult(m.M.Load(m.M.Var(e.Task, e.Var)))
	equal := r.Kind == machine.IsNumber && e.IsNumber && e.Number == r.Errno ||
		r.Kind == machine.IsSignal && e.Signal != 0 && e.Signal == r.Errno ||
		r.Kind == machine.IsErrno && !e.IsNumber && e.Signal == 0 && r.Errno == e.Errno && e.Value == "" ||
		r.Kind == machine.IsContent && !e.IsNumber && e.Errno == 0 && e.Signal == 0 && m.M.Values[r.Content] == e.Value
	return equal == (e.Op == "==")
}
