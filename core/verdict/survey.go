package verdict

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/claim"
	"gupscope/core/kernel"
)

// A Survey is what a walk through all states of a model saw on its way: which
// steps ran and where they led, who waited for what, what claims had to judge, how
// runs end. It is for people who ask what a Never rests on; the verdict itself is
// the Check's.
type Survey struct {
	States      uint64
	Transitions uint64
	Complete    bool // all states were seen; else it stopped at its limit

	Branches  []Branch
	Unreached []Place  // steps of functions that ran, which this kernel has and no run came to
	Untaken   []Branch // ways on from steps that ran, which the gallery knows and no run took
	Waits     []Wait   // what tasks waited for
	Vacuous   []string // claims that never had anything to judge
	Inverted  []Inversion
	Ends      []End
	False     []uint64 // for every claim: states in which it is false, each the end of a run

	model  *claim.Model
	walker *walker // nil when it is over
	visits map[Place]uint64
}

// A Place is a step of a function.
type Place struct {
	Func, Label, Says string
	fn                kernel.FuncID
	step              int // behind the last: the function's end
}

// A Branch is a way in which a step went on, and how often.
type Branch struct {
	Place
	Hop   kernel.Hop
	Said  string       // what the step said when it went this way; "": nothing but its own sentence
	Rule  *kernel.Rule // that the step belongs to; nil: none
	Stops bool         // it turned somebody away: the step did not do what its sentence says, and said why
	Times uint64

	way string // where it leads, in words
}

// Way is where the branch leads, in words.
func (b *Branch) Way() string {
	if b.Said != "" {
		return b.Said
	}
	return b.way
}

// A Wait is something that a task waited for in some states.
type Wait struct {
	Task   int
	Why    string
	Rule   *kernel.Rule // that makes it wait, where that is known
	States uint64
}

// An Inversion is two locks that were taken in either order. Locks that are only
// tried do not count: nobody waits for them.
type Inversion struct{ First, Second, Task, Other string }

// An End is one outcome of runs: the values of all variables.
type End struct {
	Values string // ending with the claims that are false there, each behind a star
	States uint64 // final states that have it
	Broken []int  // claims, end conditions among them, that are false there
}

// Explore walks through all states of a model, or as many as the limit allows (0: all).
func Explore(m *claim.Model, limit uint64) *Survey {
	s := NewSurvey(m, limit)
	for s.Run(1 << 20) {
	}
	return s
}

// NewSurvey returns a survey of a model that has yet to be made, by Run. It owns the model.
func NewSurvey(m *claim.Model, limit uint64) *Survey {
	s := &Survey{model: m, visits: map[Place]uint64{}, False: make([]uint64, len(m.Claims()))}
	s.walker = newWalker(s, limit)
	return s
}

// Run goes on for about so many transitions, and reports whether there are more
// to come. What the survey says beyond its counts it says when there are none.
func (s *Survey) Run(transitions int) (more bool) {
	if s.walker == nil {
		return false
	}
	if s.walker.walk(transitions) {
		return true
	}
	s.Complete = !s.walker.over
	s.walker.report()
	s.walker = nil
	return false
}

// Stopped returns the branches at which a step of a rule turned somebody away.
func (s *Survey) Stopped() []Branch {
	var out []Branch
	for _, b := range s.Branches {
		if b.Stops && b.Rule != nil && protects(b.Rule) {
			out = append(out, b)
		}
	}
	return out
}

// Caught returns the rules that turned somebody away, or made somebody wait.
func (s *Survey) Caught() []*kernel.Rule {
	var out []*kernel.Rule
	add := func(r *kernel.Rule) {
		if r != nil && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	for _, b := range s.Stopped() {
		add(b.Rule)
	}
	for _, w := range s.Waits {
		add(w.Rule)
	}
	return out
}

func (p Place) String() string {
	if p.Label == "" {
		return p.Func
	}
	return fmt.Sprintf("%s: %s", p.Func, p.Label)
}

// protects reports whether a rule is there to prevent something; others choose
// between ways of doing a thing.
func protects(r *kernel.Rule) bool {
	return r.Protects != "-" && !strings.HasPrefix(r.Protects, "nothing")
}
