package trace

import (
	"slices"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
)

// play plays the run on its kernel with some settings; nil if there is no such kernel, or it is the same.
func (s *story) play(settings []kernel.Setting) *guard {
	k, err := kernel.Make(s.r.Model.Kernel.Version.Name, withAll(s.r.Model.Kernel.Changes(), settings)...)
	if err != nil || slices.Equal(k.Changes(), s.r.Model.Kernel.Changes()) {
		return nil // one stands on another that is not there, or nothing changes
	}
	g := &guard{rules: settings, k: k}
	g.right = New(claim.New(s.r.Model.Setup, k))
	if !sameActors(s.r, g.right) {
		return nil
	}
	g.pairs = differing(Lockstep(&Run{Model: s.r.Model, steps: s.r.steps[:s.v]}, g.right))
	return g
}

// differing are the pairs from the first on that is not the same on both sides.
func differing(pairs []Pair) []Pair {
	if first := slices.IndexFunc(pairs, func(p Pair) bool { return !p.Same }); first >= 0 {
		return pairs[first:]
	}
	return nil
}

// breaks returns the step that breaks a claim, 0 if none does.
func (r *Run) breaks(name string) int {
	for i := range r.steps {
		if holdsName(r.steps[i].Broken, name) {
			return r.steps[i].N
		}
	}
	return 0
}

// keeps plays the run on its kernel with some settings; nil if the claim is false there, too, or may become so.
func (s *story) keeps(name string, settings ...kernel.Setting) *guard {
	g := s.play(settings)
	if g == nil || len(g.pairs) == 0 || g.right.breaks(name) > 0 {
		return nil
	}
	if g.astray(name, g.before()) != nil {
		if g.astray(name, g.right.Len()) != nil {
			return nil
		}
		g.known = false
	}
	g.near = s.ofRace(&g.pairs[0])
	return g
}

// before is the number of right steps before the first that is otherwise.
func (g *guard) before() int {
	for _, p := range g.pairs {
		if p.Right != nil {
			return p.Right.N - 1
		}
	}
	return g.right.Len()
}

// mostStates is how many states are looked at for ways to go on that break the claim.
const mostStates = 3000

// astray returns a run that begins with the first n steps and breaks the claim, if a small check sees one; whether it has seen all is noted.
func (g *guard) astray(name string, n int) *Run {
	m := claim.New(g.right.Model.Setup, g.k)
	for _, st := range g.right.steps[:n] {
		m.Do(st.Choice)
	}
	c := check.Reduced(claim.Reduce(m), check.Limits{States: mostStates})
	for {
		p := c.Run(500)
		if slices.Contains(p.Broken, name) {
			break
		}
		if p.Phase != check.Proving {
			g.known = p.States < mostStates
			return nil
		}
	}
	all := c.Result().Claims
	found := all[slices.IndexFunc(all, func(b check.Broken) bool { return b.Claim == name })].Run
	run := New(claim.New(g.right.Model.Setup, g.k))
	for i := range n + len(found) {
		choice := check.Choice{}
		if i < n {
			choice = g.right.steps[i].Choice
		} else {
			choice = found[i-n]
		}
		if _, err := run.Do(choice); err != nil {
			panic("trace: a run that was found cannot be made: " + err.Error())
		}
	}
	return run
}
