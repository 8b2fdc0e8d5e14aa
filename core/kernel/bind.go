package kernel

import (
	"fmt"
	"sync"
)

// funcs are the step tables by FuncID, filled by the init of each operation's file.
var funcs [funcCount]*Func

// register gives a table its number; each file does so for its own.
func register(id FuncID, f *Func) bool {
	if funcs[id] != nil {
		panic(fmt.Sprintf("kernel: function %d is both %s and %s", id, funcs[id].Name, f.Name))
	}
	for i, l := range f.Locals {
		if i > 0 && l.Kind.capture() && !f.Locals[i-1].Kind.capture() {
			panic(fmt.Sprintf("kernel: %s: the capture %s stands behind the number %s", f.Name, l.Name, f.Locals[i-1].Name))
		}
	}
	funcs[id] = f
	return true
}

// within is what a scenario must have for any step of the function to be there.
func (f *Func) within() (h has) {
	if f.Migrating {
		h |= hasMoves
	}
	if f.Hugetlb {
		h |= hasHugetlb
	}
	return h
}

// A Bound function is a table as one kernel has it.
type Bound struct {
	*Func
	ID       FuncID
	Title    string // its name in this version
	Source   string // the file that has it there
	Steps    []Step
	Variant  int      // 0: Steps are Func.Steps; n: those of Instead[n-1]
	Own      int      // how many of Steps are the function's own; those of its Notify come behind them
	Off      []bool   // steps that this kernel passes over
	Lacking  []string // of those: what the scenario lacks, "" where it is a rule
	Ahead    []Ahead  // by step: what lies between it and the function's return
	captures int

	enters, leaves int // the steps where it is entered and left, if not at its first and behind its last: see Notify
}

// Bind returns the tables of a kernel, for whoever asks to look at, and not to write to.
func Bind(k *Kernel) []Bound {
	key := tables{k.Version, k.value, k.has}
	bound.Lock()
	defer bound.Unlock()
	if known, ok := bound.of[key]; ok {
		return known
	}
	if len(bound.of) == mostBound {
		clear(bound.of)
	}
	out := bind(k)
	bound.of[key] = out
	return out
}

// Models of one kernel and kind of scenario have the same tables. Who explains a run makes dozens of models, and a text that is being written
// becomes one with every key: the last few tables are kept, of which each takes some 200 KB.
const mostBound = 64

type tables struct {
	version *Version
	value   [ruleCount]uint8
	has     has
}

var bound = struct {
	sync.Mutex
	of map[tables][]Bound
}{of: map[tables][]Bound{}}

func bind(k *Kernel) []Bound {
	out := make([]Bound, len(funcs))
	for id, f := range funcs {
		if f == nil {
			continue
		}
		b := Bound{Func: f, ID: FuncID(id), Title: nameIn(f.Name, f.Was, k.Version), Source: nameIn(f.File, f.FileWas, k.Version), Steps: f.Steps}
		for i, v := range f.Instead {
			if v.When.holds(k) {
				b.Steps, b.Variant = v.Steps, i+1
				break
			}
		}
		if k.has&hasHalves != 0 {
			b.Steps = withHalves(b.Steps)
		}
		if k.has&hasFileTHP != 0 && k.On(PTEMapMayFail) {
			b.Steps = withTableMaps(b.Steps)
		}
		if k.has&hasGigantic != 0 {
			b.Title, b.Steps = oneLevelUp(b.Title), withPUDs(b.Steps)
		}
		b.Own = len(b.Steps)
		b.notified(k)
		for _, s := range b.Steps {
			when := s.When.and(f.within())
			b.Off, b.Lacking = append(b.Off, !when.holds(k)), append(b.Lacking, when.Lacking(k))
		}
		if b.Off[b.enters] {
			b.enters = 0
		}
		for _, l := range f.Locals {
			if l.Kind.capture() {
				b.captures++
			}
		}
		out[id] = b
	}
	lookAhead(out)
	return out
}

// ownGUP is the first release in which x86 has no GUP-fast of its own: names until then are x86's alone.
const ownGUP = 413

func nameIn(name string, was []Name, v *Version) string {
	for _, w := range was {
		if v.Order < w.Before && (w.Before != ownGUP || v.Generic == nil) {
			return w.Name
		}
	}
	return name
}
