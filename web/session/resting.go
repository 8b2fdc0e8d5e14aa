package session

import (
	"time"

	"gupscope/core/check"
	"gupscope/core/trace"
	"gupscope/core/verdict"
	"gupscope/web/page"
	"gupscope/web/view"
)

// A resting is the question what a verdict rests on, under way: first a survey of all
// states, then the shortest runs to what that saw, then the check once more, and of one kernel after
// the other that differs in a rule. Like a check it runs in slices, and it is asked in a worker of its own.
type resting struct {
	survey  *verdict.Survey
	seeker  *verdict.Seeker
	base    *verdict.Trial // the kernel itself
	inquiry *verdict.Inquiry
	round   []verdict.Trial
	at      int  // the trial of the round that is under way
	begun   bool // it is
	stop    bool // by the reader
	view    view.Rests
	drawn   time.Time
}

// Bounds of what is looked at for this.
const (
	restStates = 1_000_000
	trialBytes = 256 << 20
)

// startRests begins to find out what the verdict rests on, or goes on with it.
func (s *Session) startRests() []Fragment {
	if s.run == nil || s.shown != s.file {
		s.notice("error", "There is nothing to ask about: %s", s.because())
		return []Fragment{answer("check", map[string]any{"running": false})}
	}
	if r := s.resting; r != nil && r.view.State == view.Paused {
		r.stop, r.view.State = false, view.Asking
		return s.restFragments(true)
	}
	m, _, _ := verdict.Model(s.file, s.kernel, nil)
	s.resting = &resting{survey: verdict.NewSurvey(m, restStates)}
	s.resting.view.State = view.Asking
	return s.moreRests(1)
}

// moreRests goes on for about n transitions.
func (s *Session) moreRests(n int) []Fragment {
	r := s.resting
	if n <= 0 {
		n = slice
	}
	if r.stop || r.view.State != view.Asking {
		return []Fragment{answer("check", map[string]any{"running": false})}
	}
	switch {
	case r.inquiry == nil:
		s.look(n)
	case r.at < len(r.round):
		s.try(n)
	}
	if r.inquiry != nil && r.at == len(r.round) {
		if r.round, r.at = r.inquiry.Round(), 0; r.round == nil {
			r.view.State, r.view.Doing = view.Answered, ""
			if r.inquiry.Broken {
				r.view.OfCures(r.inquiry)
			}
			return s.restFragments(false)
		}
		r.view.Of += len(r.round)
	}
	if time.Since(r.drawn) < drawEvery {
		return []Fragment{answer("check", map[string]any{"running": true})}
	}
	return s.restFragments(true)
}

// look goes on with the survey and what follows of it.
func (s *Session) look(n int) {
	r := s.resting
	if r.seeker == nil {
		r.view.Doing = view.Looking(r.survey.States)
		if r.survey.Run(n) {
			return
		}
		r.view.OfSurvey(r.survey, s.file.Name, func(task int) string { return s.run.Model.Setup.Tasks[task].Name })
		m, _, _ := verdict.Model(s.file, s.kernel, nil)
		r.seeker = r.survey.Seek(m, restStates)
		return
	}
	if r.base == nil {
		r.view.Doing = "looking for the shortest runs to them"
		if r.seeker.Run(n / 4) { // a node has several transitions
			return
		}
		r.view.OfWitnesses(&r.seeker.Found, s.write)
		r.base = &verdict.Trial{Kernel: s.kernel}
		r.base.Begin(s.file, nil, check.Limits{States: checkStates, Bytes: checkBytes})
	}
	r.view.Doing = view.Trying(r.base)
	if r.base.Go(n) {
		return
	}
	o := &r.base.Outcome
	r.view.Broken = len(o.Broken) > 0 || o.Verdict != check.Unknown && !r.base.Passes()
	r.inquiry = r.survey.Inquire(s.kernel, r.view.Broken)
}

// try goes on with the present trial.
func (s *Session) try(n int) {
	r := s.resting
	t := &r.round[r.at]
	r.view.Doing = view.Trying(t)
	if !r.begun {
		t.Begin(s.file, nil, check.Limits{States: 3*r.survey.States + 100_000, Bytes: trialBytes})
		r.begun = true
	}
	if t.Go(n) {
		return
	}
	r.begun = false
	r.at++
	r.view.Done++
	if r.inquiry.Broken {
		return
	}
	there := func(run []check.Choice) *trace.Run { return s.madeOn(t.Kernel, run) }
	r.view.OfTrial(t, t.Calls(s.file, s.kernel, nil), s.write, there)
}

// pauseRests leaves the question where it is.
func (s *Session) pauseRests() []Fragment {
	r := s.resting
	if r.view.State != view.Asking {
		return s.restFragments(false)
	}
	r.stop, r.view.State = true, view.Paused
	return s.restFragments(false)
}

// restFragments shows how far it is. Only its own part of the panel changes: the
// verdict is another worker's.
func (s *Session) restFragments(running bool) []Fragment {
	r := s.resting
	r.drawn = time.Now()
	return []Fragment{morph("rests", page.Rests(&r.view)),
		answer("check", map[string]any{"running": running, "more": r.view.State == view.Paused, "states": r.survey.States, "transitions": r.survey.Transitions})}
}
