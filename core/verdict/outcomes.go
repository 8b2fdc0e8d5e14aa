package verdict

import (
	"fmt"
	"slices"
	"strings"
)

// Histogram is how runs end, as litmus tools print it: a line for every outcome
// with the number of final states that have it, and an observation for every end
// condition of the scenario and for every claim that breaks; if there is neither,
// one for the scenario. A run that breaks a claim before its end is in none of the
// lines; one that breaks it with its last step has the claim behind a star.
//
//	Test store-vs-reclaim
//	States 2
//	     3  P0:v="a";
//	     1  P0:v="b";
//	Observation P0.v == "a" Sometimes 3 1
func (s *Survey) Histogram(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Test %s\nStates %d\n", name, len(s.Ends))
	for _, e := range s.Ends {
		fmt.Fprintf(&b, "%8d  %s\n", e.States, e.Values)
	}
	for _, o := range s.Observations(name) {
		b.WriteString(s.Line(o) + "\n")
	}
	return b.String()
}

// Line is an observation as litmus tools print it. Where not all states were seen,
// neither Never nor Always can be said.
func (s *Survey) Line(o Observation) string {
	word := o.Verdict()
	if !s.Complete && word != "Sometimes" {
		word = "Unknown"
	}
	return fmt.Sprintf("Observation %s %s %d %d", o.Name, word, o.Positive, o.Negative)
}

// An Observation counts the final states in which an end condition holds, and
// those in which it does not; or the states in which a claim breaks, and the final
// states of runs in which none does.
type Observation struct {
	Name               string
	Positive, Negative uint64
}

// Verdict is the word that litmus tools have for it.
func (o Observation) Verdict() string {
	switch {
	case o.Positive == 0:
		return "Never"
	case o.Negative == 0:
		return "Always"
	}
	return "Sometimes"
}

// Observations returns one for every end condition of the scenario and every claim
// that breaks; if there is neither, one by the scenario's name.
func (s *Survey) Observations(name string) []Observation {
	var out []Observation
	for i, claim := range s.model.Claims() {
		always, ok := s.model.AtEnd(i)
		if !ok {
			if s.False[i] > 0 {
				out = append(out, Observation{claim, s.False[i], s.finals(i)})
			}
			continue
		}
		o := Observation{Name: claim}
		for _, e := range s.Ends {
			// An "always" condition is broken where it does not hold, the others where they do.
			if slices.Contains(e.Broken, i) != always {
				o.Positive += e.States
			} else {
				o.Negative += e.States
			}
		}
		out = append(out, o)
	}
	if out == nil {
		out = []Observation{{name, 0, s.finals(-1)}}
	}
	return out
}

// finals is the number of final states in which a claim holds.
func (s *Survey) finals(claim int) uint64 {
	var n uint64
	for _, e := range s.Ends {
		if !slices.Contains(e.Broken, claim) {
			n += e.States
		}
	}
	return n
}

// String is what a pass rests on, for people.
func (s *Survey) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d states, %d transitions", s.States, s.Transitions)
	if !s.Complete {
		b.WriteString("; stopped there: not exhaustive")
	}
	b.WriteString("\n")
	section := func(title string, n int, line func(i int) string) {
		if n > 0 {
			b.WriteString("\n" + title + s.SoFar() + "\n")
		}
		for i := range n {
			b.WriteString("    " + line(i) + "\n")
		}
	}
	stopped := s.Stopped()
	section("What a rule caught", len(stopped), func(i int) string {
		x := &stopped[i]
		return fmt.Sprintf("%s: %s: %s (%s)", x.Rule.Name, x.Func, x.Said, times(x.Times))
	})
	section("Who waited", len(s.Waits), func(i int) string {
		x := &s.Waits[i]
		rule := ""
		if x.Rule != nil {
			rule = x.Rule.Name + ": "
		}
		why := x.Why
		if !strings.HasPrefix(why, "waits") {
			why = "cannot go on: " + why
		}
		return fmt.Sprintf("%s%s %s (%s)", rule, s.model.Setup.Tasks[x.Task].Name, why, plural(x.States, "state", "states"))
	})
	section("Locks taken in either order", len(s.Inverted), func(i int) string {
		x := &s.Inverted[i]
		return fmt.Sprintf("%s takes %s, then %s; %s the other way round", x.Task, x.First, x.Second, x.Other)
	})
	section("Claims that never had anything to judge", len(s.Vacuous), func(i int) string { return s.Vacuous[i] })
	section("Steps that no run came to", len(s.Unreached), func(i int) string {
		return fmt.Sprintf("%s: %s", s.Unreached[i].Func, s.Unreached[i].Says)
	})
	section("Branches that no run took, of those that other scenarios take", len(s.Untaken), func(i int) string {
		x := &s.Untaken[i]
		return fmt.Sprintf("%s: %s; never: %s", x.Func, x.Says, x.Way())
	})
	return b.String()
}

// SoFar is what a list of what never happened must say where not all states were seen.
func (s *Survey) SoFar() string {
	if s.Complete {
		return ""
	}
	return ", as far as was looked"
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
