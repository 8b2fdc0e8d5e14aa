package verdict

import (
	"slices"

	"gupscope/core/check"
	"gupscope/core/kernel"
)

// An Inquiry asks which rules a verdict hangs on: of a pass, what breaks without
// each of them; of what breaks, the smallest set that repairs it, and the first release
// that is free of it. It goes in rounds, because what is tried next depends on what came of the
// last:
//
//	for trials := q.Round(); trials != nil; trials = q.Round() {
//		// run them where they stand, in any order, or at once
//	}
type Inquiry struct {
	Pairs bool // of a pass: two changes at once too, of those that break nothing alone
	Most  int  // of what breaks: sets of at most so many changes

	Broken   bool    // what it is about
	Alone    []Trial // of a pass: one change each
	Both     []Trial // of a pass: two
	Cures    []Trial // of what breaks: the smallest sets of changes with which nothing does
	Tried    []Trial // of what breaks: all sets that were tried
	Releases []Trial // of what breaks: the releases, oldest first, configured as the kernel asked about

	s     *Survey
	k     kernel.Kernel
	size  int     // of the sets of the round
	round []Trial // that the caller runs
	stage stage
}

type stage uint8

const (
	begins stage = iota
	alone
	both
	cures
	releases
	over
)

// Inquire returns an inquiry about the kernel that was surveyed.
func (s *Survey) Inquire(k kernel.Kernel, broken bool) *Inquiry {
	return &Inquiry{Broken: broken, Most: 3, s: s, k: k}
}

// Round takes over what came of the last round's trials and returns the next one's; nil: that is all.
func (q *Inquiry) Round() []Trial {
	q.take()
	for q.stage != over && len(q.round) == 0 {
		q.next()
		if len(q.round) == 0 {
			q.take()
		}
	}
	return q.round
}

// take files the trials of the round.
func (q *Inquiry) take() {
	switch q.stage {
	case alone:
		q.Alone = q.round
	case both:
		q.Both = q.round
	case cures:
		q.Tried = append(q.Tried, q.round...)
	case releases:
		q.Releases = q.round
	}
	q.round = nil
}

// next makes the trials of the next round.
func (q *Inquiry) next() {
	switch {
	case q.stage == begins && !q.Broken:
		q.stage, q.round = alone, q.s.Matter(q.k)
	case q.stage == alone && q.Pairs:
		q.stage, q.round = both, Pairs(q.k, q.Alone)
	case q.stage == begins || q.stage == cures && !q.cured() && q.size < q.Most:
		q.size++
		q.stage, q.round = cures, q.s.Cures(q.k, q.size)
	case q.stage == cures:
		q.stage, q.round = releases, q.releases()
	default:
		q.stage = over
	}
}

// cured reports whether the smallest sets are found. A change may need others, which
// count: then a set that is chosen larger can still be as small.
func (q *Inquiry) cured() bool {
	best := 0
	for i := range q.Tried {
		if t := &q.Tried[i]; t.Passes() && (best == 0 || len(t.Changes) < best) {
			best = len(t.Changes)
		}
	}
	q.Cures = nil
	for i := range q.Tried {
		if t := &q.Tried[i]; t.Passes() && len(t.Changes) == best && !contains(q.Cures, t) {
			q.Cures = append(q.Cures, *t)
		}
	}
	return best > 0 && best <= q.size
}

// Stopped is how many of the sets that were tried came to their bound: nothing is known of these.
func (q *Inquiry) Stopped() int {
	n := 0
	for i := range q.Tried {
		if q.Tried[i].NA == "" && q.Tried[i].Outcome.Verdict == check.Unknown {
			n++
		}
	}
	return n
}

// configured reports whether a setting is a configuration that some release had.
func configured(s kernel.Setting) bool {
	r := kernel.RuleByName(s.Rule)
	for v := range r.Config {
		if r.ValueName(v) == s.Value {
			return true
		}
	}
	return false
}

// releases lists the releases, oldest first, configured as the kernel is; then, if that is
// how none ever was, without what none was.
func (q *Inquiry) releases() []Trial {
	var all, real []kernel.Setting
	for _, s := range q.k.Changes() {
		if kernel.RuleByName(s.Rule).Config != nil {
			all = append(all, s)
		}
		if configured(s) {
			real = append(real, s)
		}
	}
	var out []Trial
	for _, keep := range [][]kernel.Setting{all, real} {
		for _, v := range kernel.Versions {
			if made, err := kernel.Make(v.Name, keep...); err == nil && !contains(out, &Trial{Kernel: made}) {
				out = append(out, Trial{Kernel: made})
			}
		}
	}
	return out
}

// Release returns the first of Releases on which nothing breaks, nil if there is none.
func (q *Inquiry) Release() *Trial {
	i := slices.IndexFunc(q.Releases, func(t Trial) bool { return t.Passes() })
	if i < 0 {
		return nil
	}
	return &q.Releases[i]
}
