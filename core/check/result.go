package check

import (
	"fmt"
	"math"
	"strings"
)

// A Verdict says whether claims can break.
type Verdict uint8

const (
	Unknown   Verdict = iota // not all states were seen; claims found broken are broken all the same
	Never                    // all states were seen, and no claim is false in any
	Sometimes                // all states were seen, and exactly the claims listed can be false
)

func (v Verdict) String() string { return [...]string{"Unknown", "Never", "Sometimes"}[v] }

// A Result is what is known so far. It is final when the phase is Done.
type Result struct {
	Verdict     Verdict
	States      uint64
	Transitions uint64 // steps taken, also those to states seen before
	Depth       int    // length of the longest run that the proof followed
	Claims      []Broken
	Exact       bool // whole states were compared: see [Exact]
}

// A Broken is a claim that can break, with a run that shows it.
type Broken struct {
	Claim    string
	Run      []Choice // from the initial state to the first state in which the claim is false
	Switches int      // steps in Run made by another actor than the step before

	// Shortest says that no run to a breach of the claim is shorter than Run,
	// none as short has fewer switches, and of those left Run is the least.
	// If it is false, Run is the best that was found within the limits. Runs of
	// more than 4096 steps are never shown to be shortest.
	Shortest bool

	// Cycle is, if the claim is NoLivelock, how many steps at the end of Run lead
	// from a state back to that state, so that they can go on for ever. Shortest
	// is said of Run without them; they are the shortest fair cycle from there, and of those
	// the least. 0: there was no room within the limits to look for it.
	Cycle int
}

// Omission returns the probability that some state was taken for another one
// because both have the same fingerprint: by the birthday bound at most
// n(n-1)/2 divided by 2⁶⁴, with n states; 0 if whole states were compared.
func (r Result) Omission() float64 {
	if r.Exact {
		return 0
	}
	n := float64(r.States)
	return math.Min(1, n*(n-1)/2/math.Exp2(64))
}

// String is the result in a line: "Never, 288 states", "Sometimes
// mutual-exclusion, 24 states", "unknown: stopped at 1000 states".
func (r Result) String() string {
	names := make([]string, len(r.Claims))
	for i, b := range r.Claims {
		names[i] = b.Claim
	}
	broken := strings.Join(names, ", ")
	switch {
	case r.Verdict == Never:
		return fmt.Sprintf("Never, %d states", r.States)
	case r.Verdict == Sometimes:
		return fmt.Sprintf("Sometimes %s, %d states", broken, r.States)
	case broken == "":
		return fmt.Sprintf("unknown: stopped at %d states", r.States)
	}
	return fmt.Sprintf("unknown: stopped at %d states, found %s", r.States, broken)
}

// Switches counts the steps of a run whose actor is another than that of the step before.
func Switches(run []Choice) int {
	n := 0
	for i := 1; i < len(run); i++ {
		if run[i].Actor != run[i-1].Actor {
			n++
		}
	}
	return n
}
