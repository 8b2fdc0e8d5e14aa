package verdict

import (
	"slices"

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
	Releases []Trial // of what breaks: the releases, oldest first, flushed and configured as the kernel asked about

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

func (q *Inquiry) releases() []Trial {
	var keep []kernel.Setting
	for _, s := range q.k.Changes() {
		if kernel.RuleByName(s.Rule).Config != nil {
			keep = append(keep, s)
		}
	}
	var out []Trial
	for _, v := range kernel.Versions {
		if made, err := kernel.Make(v.Name, keep...); err == nil {
			out = append(out, Trial{Kernel: made})
		}
	}
	return out
}

// Release returns the first release on which nothing breaks, nil if there is none.
func (q *Inquiry) Release() *Trial {
	i := slices.IndexFunc(q.Releases, func(t Trial) bool { return t.Passes() })
	if i < 0 {
		return nil
	}
	return &q.Releases[i]
}
