package view

// A Claim is something that must hold.
type Claim struct {
	Name  string
	Says  string // what holds, in a sentence
	Holds bool
	Why   string // why it is false here
	Since int    // the step from which on it is false
	Found bool   // the check has a counterexample of it, to be shown
}

// A Verdict is what the check found, or finds just now.
type Verdict struct {
	State   VerdictState
	Word    string // "Never", "Sometimes", "unknown", "n/a"
	Says    string // "no claim is ever false", "stopped at 1,000,000 states"
	States  string // "4,212", grouped for people
	Moves   string // transitions
	Rate    string // "1.6 M/s"
	Depth   int
	Bad     []Counter // one per claim that can break, the shortest first
	Decides string    // the rule whose change turns the verdict: "gup_pte_recheck"
	Expect  string    // what the scenario says of this kernel: "expected", "expected Never", ""
	Wrong   bool      // the expectation failed
}

// A Counter is a counterexample.
type Counter struct {
	Claim    string
	Steps    int
	Switches int
	Shortest bool   // proved
	Run      string // as in links
	At       int    // where to stand in it: before it goes wrong
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
