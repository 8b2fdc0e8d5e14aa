package view

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
)

// A Matrix is every scenario on every kernel.
type Matrix struct {
	Columns   []Column
	Rows      []MatrixRow
	Done, All int    // so many rows are computed
	Now       string // the scenario that is being computed
	Failed    string

	// What it is narrowed to, and could be.
	Mail, Mechanism, Kernel string
	Mails                   []Mail
	MechanismNames          []string
	KernelNames             []string
}

// A Column is a kernel: a release with a way to flush.
type Column struct {
	Version, Flush string
	Kernel         string
	First          bool // of its version
}

// A MatrixRow is a scenario on every kernel.
type MatrixRow struct {
	Entry
	Cells []Verdicted // nil: not computed yet
}

// A Verdicted is a scenario on one kernel: what the check has found, and the run that shows it.
type Verdicted struct {
	Kernel string       `json:"kernel"`
	State  VerdictState `json:"state"`
	Word   string       `json:"word"` // as scenarios write it: "Sometimes A, B"
	Steps  int          `json:"steps,omitempty"`
	Run    string       `json:"run,omitempty"`
	At     int          `json:"at,omitempty"`
	Wrong  bool         `json:"wrong,omitempty"` // the scenario expects something else
	Told   bool         `json:"told,omitempty"`  // the scenario has an expect line for it
}

// Columns are the kernels of the matrix.
func Columns() []Column {
	var out []Column
	for _, k := range kernel.EveryFlush() {
		c := Column{Version: k.Version.Name, Flush: kernel.Rules[kernel.TLBFlush].ValueName(k.Value(kernel.TLBFlush)), Kernel: k.String()}
		c.First = len(out) == 0 || out[len(out)-1].Version != c.Version
		out = append(out, c)
	}
	return out
}

// OfTrial is what a trial of a scenario has come to. It plays the shortest counterexample, to write it as links do.
func OfTrial(f *scenario.File, t *verdict.Trial) Verdicted {
	v := Verdicted{Kernel: t.Kernel.String(), Word: t.Outcome.String()}
	switch {
	case t.NA != "":
		v.State, v.Word = NotOnThis, "n/a: "+t.NA
		return v
	case t.Passes():
		v.State = Held
	case t.Outcome.Verdict == check.Unknown && len(t.Outcome.Broken) == 0:
		v.State = Stopped
	default:
		v.State = Broken
	}
	if len(t.Outcome.Unseen) > 0 {
		v.Word = strings.TrimPrefix(v.Word+"; no run ends with "+strings.Join(t.Outcome.Unseen, ", "), "Never; ")
	}
	var shortest *check.Broken
	for i := range t.Outcome.Broken {
		if b := &t.Outcome.Broken[i]; shortest == nil || len(b.Run) < len(shortest.Run) {
			shortest = b
		}
	}
	if shortest != nil {
		r := Played(f, t.Kernel, shortest.Run)
		v.Steps, v.At, v.Run = r.Len(), Before(r), r.String()
		if r.Starved() {
			v.Word += ", as the scenario has too few frames"
		}
	}
	for i := range f.Expects {
		e := &f.Expects[i]
		if at := slices.IndexFunc(e.Kernels, func(k kernel.Kernel) bool { return k.String() == v.Kernel }); at >= 0 && e.Judge == nil && v.State != Stopped {
			met, _ := t.Outcome.Met(e, at)
			v.Told, v.Wrong = true, !met
		}
	}
	return v
}

// Says is the cell in words.
func (v *Verdicted) Says() string {
	s := v.Word
	if v.Steps > 0 {
		s += fmt.Sprintf(" (%d steps)", v.Steps)
	}
	switch {
	case v.Wrong:
		s += "; the scenario expects something else"
	case v.Told:
		s += "; as the scenario expects"
	}
	return s
}

// Played is a run that a check has found, made in a model of its own.
func Played(f *scenario.File, k kernel.Kernel, choices []check.Choice) *trace.Run {
	m, _, _ := verdict.Model(f, k, nil)
	r := trace.New(m)
	for _, c := range choices {
		if _, err := r.Do(c); err != nil {
			panic("view: the check has found a run that cannot be made: " + err.Error())
		}
	}
	return r
}

// Narrow takes over the rows, and of them the kernels, that are asked for.
func (m *Matrix) Narrow(rows []MatrixRow) {
	var at []int
	for i, c := range Columns() {
		if m.Kernel == "" || c.Version == m.Kernel {
			at = append(at, i)
			m.Columns = append(m.Columns, c)
		}
	}
	for _, r := range rows {
		if m.Mail != "" && !r.by(m.Mail) || m.Mechanism != "" && !slices.Contains(r.Mechanisms, m.Mechanism) {
			continue
		}
		if r.Cells != nil {
			all := r.Cells
			r.Cells = nil
			for _, i := range at {
				r.Cells = append(r.Cells, all[i])
			}
		}
		m.Rows = append(m.Rows, r)
	}
}
