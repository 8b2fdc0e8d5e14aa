package session

import (
	"slices"
	"time"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
	"gupscope/web/page"
	"gupscope/web/view"
)

// A checking is the check of what is shown: first the check itself, then, if a
// claim can break on a kernel that departs from its version, which of the departures
// it hangs on. It runs in slices; nothing goes on between two events.
type checking struct {
	c      *verdict.Check
	limits check.Limits
	done   bool
	stop   bool // by the reader
	drawn  time.Time
	spent  time.Duration
	moves  uint64
	probes []probe
}

// A probe is the same check with one departure of the kernel taken back.
type probe struct {
	c       *verdict.Check
	setting kernel.Setting
}

// Bounds of a check where the event names none.
const (
	checkStates = 10_000_000
	checkBytes  = 1 << 30
	mostBytes   = 3 << 30 // a WASM has 4 GiB, for everything
	slice       = 50_000  // transitions
)

// drawEvery is how often progress is shown: as often as one can read it, for each time the page is painted. Slices are shorter, so that Stop is heard soon.
const drawEvery = 250 * time.Millisecond

func (s *Session) stopCheck() {
	s.checking, s.resting = nil, nil
	s.verdict = view.Verdict{Says: s.expectation()}
	if s.run == nil {
		s.verdict.Says = ""
	}
	if s.na != "" {
		s.verdict = view.Verdict{State: view.NotOnThis, Word: "n/a", Says: s.na}
	}
}

// proofs are the ways to check, by what events call them.
var proofs = map[string]func(*scenario.File, kernel.Kernel, []string, check.Limits) (*verdict.Check, []scenario.Diagnostic){
	"": verdict.New, "exact": verdict.Exact, "reduced": verdict.Reduced,
}

// startCheck begins to check what is shown, with a bound of n states, in one of the ways of proofs.
func (s *Session) startCheck(n int, way string) []Fragment {
	if s.run == nil || s.shown != s.file {
		s.notice("error", "There is nothing to check: %s", s.because())
		return []Fragment{answer("check", map[string]any{"running": false})}
	}
	s.resting = nil
	if c := s.checking; c != nil && !c.done { // go on with a check that was stopped
		switch {
		case n > 0:
			c.limits.States = uint64(n)
		case !c.stop:
			c.limits = c.raised()
		}
		c.stop, c.drawn, c.probes = false, time.Time{}, nil
		c.c.Limit(c.limits)
		return s.moreCheck(0)
	}
	if n <= 0 {
		n = checkStates
	}
	limits := check.Limits{States: uint64(n), Bytes: checkBytes}
	begin := proofs[way]
	if begin == nil {
		s.notice("error", "There is no way to check %q.", way)
		return []Fragment{answer("check", map[string]any{"running": false})}
	}
	c, ds := begin(s.file, s.kernel, nil, limits)
	if c == nil {
		s.notice("error", "%s.", upper(ds[0].Message))
		return []Fragment{answer("check", map[string]any{"running": false})}
	}
	s.checking = &checking{c: c, limits: limits}
	return s.moreCheck(0)
}

// raised are the limits with which a check goes on that came to them.
func (c *checking) raised() check.Limits {
	l, r := c.limits, c.c.Result()
	proved := r.Verdict != check.Unknown // then it is the search for shortest runs that has no room
	if proved || r.States >= l.States {
		l.States *= 3
	}
	if proved || r.States < c.limits.States {
		l.Bytes = min(3*l.Bytes, mostBytes)
	}
	return l
}

// moreCheck goes on for about n transitions.
func (s *Session) moreCheck(n int) []Fragment {
	c := s.checking
	if c == nil || c.done || c.stop {
		return []Fragment{answer("check", map[string]any{"running": false})}
	}
	if n <= 0 {
		n = slice
	}
	begin := time.Now()
	running := false
	if len(c.probes) > 0 {
		running = s.probe(n)
	} else {
		p := c.c.Run(n)
		if p.Phase == check.Proving { // the rate is that of the proof
			c.spent += time.Since(begin)
			c.moves = p.Transitions
		}
		if p.Phase < check.Stopped {
			s.verdict = view.OfProgress(p, c.c.Reduced(), c.rate())
			running = true
		} else {
			running = s.finish(p.Phase)
		}
	}
	c.done = !running && !s.verdict.More
	if running && time.Since(c.drawn) < drawEvery {
		return []Fragment{answer("check", map[string]any{"running": true})}
	}
	c.drawn = time.Now()
	return s.verdictFragments(running)
}

func (c *checking) rate() float64 {
	if c.spent <= 0 {
		return 0
	}
	return float64(c.moves) / c.spent.Seconds()
}

// finish takes the outcome over and says whether there is more to find out.
func (s *Session) finish(phase check.Phase) (more bool) {
	c := s.checking
	o := c.c.Outcome()
	s.verdict = view.OfOutcome(&o, c.rate(), s.made)
	if phase == check.Stopped {
		s.verdict.Bound(o.States, c.limits, c.raised())
	}
	if phase == check.Done {
		s.verdict.Expect, s.verdict.Wrong, s.verdict.Unjudged = s.asExpected(&o)
	}
	if o.Verdict != check.Sometimes {
		return false
	}
	limit := check.Limits{States: 3*o.States + 100_000, Bytes: checkBytes}
	changes := s.kernel.Changes()
	for i, x := range changes {
		k, err := kernel.Make(s.kernel.Version.Name, slices.Delete(slices.Clone(changes), i, i+1)...)
		if err != nil {
			continue
		}
		if p, _ := verdict.New(s.file, k, o.Names(), limit); p != nil {
			c.probes = append(c.probes, probe{p, x})
		}
	}
	return len(c.probes) > 0
}

// probe goes on with the first probe; if nothing breaks in it, its departure decides.
func (s *Session) probe(n int) (more bool) {
	c := s.checking
	p := &c.probes[0]
	if p.c.Run(n).Phase < check.Stopped {
		return true
	}
	if o := p.c.Outcome(); o.Verdict == check.Never {
		s.verdict.Decides = append(s.verdict.Decides, undone(p.setting, p.c.Kernel))
	}
	c.probes = c.probes[1:]
	return len(c.probes) > 0
}

// undone is what would stop it: a departure taken back, as rules are named.
func undone(s kernel.Setting, version kernel.Kernel) string {
	r := kernel.RuleByName(s.Rule)
	switch was := r.ValueName(version.Value(r.ID)); was {
	case "on":
		return s.Rule
	case "off":
		return "no " + s.Rule
	default:
		return s.Rule + "=" + was
	}
}

// pauseCheck leaves the check where it is.
func (s *Session) pauseCheck(seconds int) []Fragment {
	c := s.checking
	if c == nil || c.done {
		return s.verdictFragments(false)
	}
	c.stop = true
	if len(c.probes) > 0 {
		c.probes, c.done = nil, true
		return s.verdictFragments(false)
	}
	o := c.c.Outcome()
	s.verdict = view.OfOutcome(&o, c.rate(), s.made)
	s.verdict.Stopped(seconds)
	return s.verdictFragments(false)
}

func (s *Session) verdictFragments(running bool) []Fragment {
	s.page.Verdict = s.verdict
	var p check.Result
	if s.checking != nil {
		p = s.checking.c.Result()
	}
	return []Fragment{morph("verdict", page.Verdict(&s.verdict)),
		answer("check", map[string]any{"running": running, "verdict": s.verdict.Word, "more": s.verdict.More, "states": p.States, "transitions": p.Transitions})}
}
