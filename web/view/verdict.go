package view

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/trace"
	"gupscope/core/verdict"
)

// A Claim is something that must hold.
type Claim struct {
	Name   string
	Says   string // what holds, in a sentence
	Holds  bool
	Why    string // why it is false here
	Since  int    // the step from which on it is false
	Spoken bool   // the scenario names it: as what can break, or as what is judged
	Wanted bool   // a scenario's "sometimes": false is what one looks for
}

// A Verdict is what the check found, or finds just now.
type Verdict struct {
	State    VerdictState
	Word     string // "Never", "Sometimes", "unknown", "n/a"
	Says     string // "no claim is ever false", "stopped at 1,000,000 states"
	States   string // "4,212", grouped for people; "4,212 reduced"
	Moves    string // transitions
	Rate     string // "1.6 M/s"
	Depth    int
	Omitted  string    // how likely it is that a state was overlooked: "below 1e-10"
	Bad      []Counter // one per claim that can break, the shortest first
	Decides  []string  // the settings any of which turns the verdict: "gup_pte_recheck"
	Expect   string    // what the scenario says of this kernel: "expected", "expected Never", ""
	Wrong    bool      // the expectation failed
	Unjudged []string  // claims of which the scenario expects something on this kernel, and which the check did not judge
	Stop     string    // what holds it up, in a word: "its bound", "memory is full"
	More     bool      // it came to a bound, or was stopped, and can go on
	Next     string    // up to where, if that is further than it could go before: "30,000,000 states"
	Rests    Rests     // what it hangs on: asked for separately
}

// A Counter is a counterexample.
type Counter struct {
	Claim    string
	Steps    int
	Switches int
	Shortest bool   // proved
	Run      string // as in links
	At       int    // where to stand in it: before it goes wrong
	Why      string // in a paragraph
}

// A VerdictState is how far the check is.
type VerdictState uint8

const (
	Unchecked VerdictState = iota
	Running
	Held      // Never
	Broken    // Sometimes
	Stopped   // unknown
	NotOnThis // n/a
)

// String is the verdict's class on the page.
func (s VerdictState) String() string {
	return [...]string{"unchecked", "running", "never", "sometimes", "unknown", "na"}[s]
}

// OfClaims is how every judged claim stands at the cursor: the broken ones first, then
// those that the scenario speaks of, then the others.
func OfClaims(r *trace.Run, spoken []string) []Claim {
	var out []Claim
	since := map[string]int{}
	for _, n := range r.Violations() {
		if n > r.Cursor() {
			break
		}
		for _, b := range r.Steps()[n-1].Broken {
			since[b] = n
		}
	}
	for _, p := range claim.Progress {
		c := Claim{Name: p.Name, Says: p.Says, Holds: true, Spoken: slices.Contains(spoken, p.Name)}
		switch {
		case p.Name == check.NoDeadlock && r.Deadlock():
			c.Holds, c.Why, c.Since = false, "somebody has program left, and nobody can go on", r.Cursor()
		case p.Name == check.NoLivelock && r.Livelock() > 0:
			if e, err := r.Explain(check.NoLivelock); err == nil {
				c.Holds, c.Why, c.Since = false, strings.Join(e.Why, "; "), r.Cursor()
			}
		}
		if !c.Holds || r.Model.Judges(p.Name) {
			out = append(out, c)
		}
	}
	for i, t := range r.Model.Truths() {
		c := Claim{Name: t.Name, Says: t.Says, Holds: t.Holds, Since: since[t.Name], Wanted: r.Model.Wanted(i), Spoken: slices.Contains(spoken, t.Name)}
		if c.Wanted {
			c.Why = "not at this end of a run"
			if !t.Holds {
				c.Why = "this run ends so"
			}
		} else if !t.Holds && len(t.Why) > 0 {
			c.Why = t.Why[0]
			if n := len(t.Why) - 1; n > 0 {
				c.Why += fmt.Sprintf(" (and %d more)", n)
			}
		}
		out = append(out, c)
	}
	slices.SortStableFunc(out, func(a, b Claim) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

func rank(c Claim) int {
	switch {
	case !c.Holds && !c.Wanted:
		return 0
	case c.Wanted || c.Spoken:
		return 1
	}
	return 2
}

// counted is how many states a search has kept, for people: "4,212", "4,212 reduced".
func counted(states uint64, reduced bool) string {
	if reduced {
		return grouped(states) + " reduced"
	}
	return grouped(states)
}

// OfProgress is a check that runs, reduced or not; rate is in transitions per second.
func OfProgress(p check.Progress, reduced bool, rate float64) Verdict {
	v := Verdict{State: Running, States: counted(p.States, reduced), Moves: grouped(p.Transitions), Depth: p.Depth, Rate: perSecond(rate)}
	if p.Phase == check.Shortening {
		v.Says = fmt.Sprintf("looking for the shortest run, at %d steps", p.Layer)
	}
	return v
}

// OfOutcome is what a check has found. run makes the run of a counterexample.
func OfOutcome(o *verdict.Outcome, rate float64, run func([]check.Choice) *trace.Run) Verdict {
	v := Verdict{States: counted(o.States, o.Reduced), Moves: grouped(o.Transitions), Depth: o.Depth, Rate: perSecond(rate)}
	v.Omitted = "none: whole states were kept"
	if p := o.Omission(); p > 0 {
		v.Omitted = fmt.Sprintf("a state, with a probability of %.0e at most: what is kept of states are fingerprints", p)
	}
	switch o.Verdict {
	case check.Never:
		v.State, v.Word, v.Says = Held, "Never", "no run breaks a claim"
	case check.Sometimes:
		v.State, v.Word = Broken, "Sometimes"
	default:
		v.State, v.Word = Stopped, "Unknown"
	}
	v.Rests.Broken = v.State == Broken
	for _, b := range o.Broken {
		r := run(b.Run)
		c := Counter{Claim: b.Claim, Steps: len(b.Run), Switches: b.Switches, Shortest: b.Shortest, Run: r.String(), At: Before(r)}
		if e, err := r.Explain(b.Claim); err == nil {
			c.Why = e.Text
		}
		v.Bad = append(v.Bad, c)
	}
	slices.SortStableFunc(v.Bad, func(a, b Counter) int { return cmp.Compare(a.Steps, b.Steps) })
	for _, name := range o.Unseen {
		v.Says = strings.TrimPrefix(v.Says+"; no run ends with "+name, "; ")
	}
	return v
}

// Bound says which bound a check came to, and how far it can go on.
func (v *Verdict) Bound(states uint64, now, next check.Limits) {
	v.More = now != next
	switch {
	case v.State != Stopped:
		v.says("proved; the search for the shortest runs came to its bound")
	case states >= now.States:
		v.Stop, v.Next = "its bound", grouped(next.States)+" states"
		v.says("the bound of %s states is reached", grouped(now.States))
	case v.More:
		v.Stop, v.Next = "memory is full", gib(next.Bytes)
		v.says("its %s of memory are full", gib(now.Bytes))
	default:
		v.Stop = "memory is full"
		v.says("its %s of memory are full, and a tab has no more: gupscope check, on the command line, has", gib(now.Bytes))
	}
}

// Stopped says that the check was stopped: by the reader, or by a host after so many seconds.
func (v *Verdict) Stopped(seconds int) {
	v.Stop, v.More = "stopped by you", true
	if seconds > 0 {
		v.Stop = "stopped after " + strconv.Itoa(seconds) + " s"
	}
	v.says("%s", v.Stop)
}

// says adds a sentence in front of the others.
func (v *Verdict) says(format string, args ...any) {
	v.Says = strings.TrimSuffix(fmt.Sprintf(format, args...)+"; "+v.Says, "; ")
}

func gib(bytes uint64) string { return fmt.Sprintf("%.3g GiB", float64(bytes)/(1<<30)) }

// Before is where to stand in a counterexample: three steps before the end, so that the next few presses lead over the edge.
func Before(r *trace.Run) int { return max(0, r.Len()-3) }

// grouped is a number with its thousands apart.
func grouped(n uint64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func perSecond(rate float64) string {
	switch {
	case rate <= 0:
		return ""
	case rate < 1e3:
		return fmt.Sprintf("%.0f /s", rate)
	case rate < 1e6:
		return fmt.Sprintf("%.0f k/s", rate/1e3)
	}
	return fmt.Sprintf("%.1f M/s", rate/1e6)
}
