package trace

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/claim"
	"gupscope/core/kernel"
)

// A kernel that departs from its release breaks a claim that the release keeps. What the release does at the
// same choices is the other half of the story:
//
//	without gup_pte_recheck            v6.12 itself
//	cpu0 takes a reference             cpu0 takes a reference
//	                                   cpu0 asks: is the PTE still the same? no
//	cpu0 returns the page              cpu0 puts the reference back
//
// A rule guards a claim only if no way to go on breaks it, from where the guarded run parts from the other, as far as a small
// check sees: else a rule that only delays a step would seem to mend what comes a little later.

// A guard is a kernel that keeps a claim at the choices of a run that breaks it on another.
type guard struct {
	rules []kernel.Setting // that it has otherwise
	k     kernel.Kernel
	right *Run
	pairs []Pair // from the first on in which it does something else
	known bool   // all ways to go on were seen
	near  bool   // it parts in a call of the racing pair
}

// guards tells of every rule that the kernel lacks, or has another value of, what its release does by it at the first v
// choices of the run, so that they break the claim no more: a sentence each. Where no rule alone does it, the fewest together.
func (s *story) guards(claim string) (out []string) {
	r := s.r
	version := r.Model.Kernel.Version
	var all []kernel.Setting
	for _, c := range r.Model.Kernel.Changes() {
		rule := kernel.RuleByName(c.Rule)
		was := kernel.Setting{Rule: c.Rule, Value: valueIn(version, rule)}
		all = append(all, was)
		if g := s.keeps(claim, was); g != nil {
			as := "as in " + version.Name + " itself"
			if rule.Config != nil {
				as = "as in " + version.Name + " by default"
			}
			out = append(out, s.guarded(g, as))
		}
	}
	if len(out) > 0 {
		return out
	}
	if len(all) > 1 {
		if g := s.fewest(claim, all); g != nil {
			return []string{s.guarded(g, "as in "+version.Name+" itself")}
		}
	}
	return s.mends(claim)
}

// mostMends is how many rules a release may mend the run by: who is mended by more is another kernel altogether.
const mostMends = 2

// mostTogether is how many rules together are said to mend a run that none mends alone.
const mostTogether = 4

// mends tells by which rules the next release that keeps the claim here does so: those without any one of which it would break it, too;
// else those each of which would mend the run's own kernel. Last, by which rule that no release has.
func (s *story) mends(claim string) []string {
	later := s.later()
	for _, w := range later {
		g := s.keeps(claim, s.upTo(w)...)
		if g == nil {
			continue
		}
		if needed := s.needed(claim, w, g); needed != nil {
			as := s.origins(w, needed.rules)
			if s.keeps(claim, s.standing(w, needed.rules)...) == nil {
				as += ", and what came before it"
			}
			return []string{s.guarded(needed, as)}
		}
		if found := s.mendsIn(w, claim); len(found) > 0 {
			return found
		}
		return []string{w.Name + " keeps it here, by several rules together."}
	}
	for _, r := range unreleased() {
		if g := s.keeps(claim, kernel.Setting{Rule: r.Name, Value: "on"}); g != nil {
			as := "which no release at hand has"
			if r.Config != nil {
				as = "which is a matter of configuration"
			}
			return []string{s.guarded(g, as)}
		}
	}
	if len(later) > 0 && later[len(later)-1].Year != 0 {
		return []string{"No later release at hand keeps it, up to " + later[len(later)-1].Name + "."}
	}
	return nil
}

// needed is the guard of a release that keeps the claim, told by those rules that came with it and that it cannot do without: the release
// without one of them breaks the claim, too. The guard's pairs are then those of the two. nil if there is none, or if there are too many.
func (s *story) needed(name string, w *kernel.Version, g *guard) *guard {
	out := *g
	out.rules = nil
	var broken *Run // on the release without the first of the rules
	for _, d := range w.Differences() {
		at := slices.IndexFunc(g.rules, func(c kernel.Setting) bool { return c.Rule == d.Rule.Name })
		if at < 0 || strings.HasPrefix(d.Rule.Protects, "nothing") {
			continue
		}
		without := s.play(lacking(g.rules, d.Rule))
		if without == nil || len(without.pairs) == 0 {
			continue
		}
		run := without.right
		straight := run.breaks(name) > 0
		if !straight {
			run = without.astray(name, without.before())
		}
		if run == nil {
			continue
		}
		if v := run.breaks(name); broken == nil || straight && len(broken.steps) > v {
			broken = &Run{Model: run.Model, steps: run.steps[:v]}
		}
		out.rules = append(out.rules, g.rules[at])
	}
	out.rules = slices.DeleteFunc(out.rules, func(c kernel.Setting) bool { // what another of them stands on goes without saying
		return slices.ContainsFunc(out.rules, func(other kernel.Setting) bool {
			return slices.Contains(kernel.RuleByName(other.Rule).Needs, kernel.RuleByName(c.Rule).ID)
		})
	})
	if len(out.rules) == 0 || len(out.rules) > mostTogether {
		return nil
	}
	out.right = New(claim.New(s.r.Model.Setup, g.k))
	out.pairs = differing(Lockstep(broken, out.right))
	if len(out.pairs) == 0 {
		return nil
	}
	return &out
}

// lacking is settings without a rule, and without those that stand on it.
func lacking(settings []kernel.Setting, r *kernel.Rule) (out []kernel.Setting) {
	for _, c := range settings {
		if c.Rule != r.Name && !slices.Contains(kernel.RuleByName(c.Rule).Needs, r.ID) {
			out = append(out, c)
		}
	}
	return out
}

// later are the releases behind the run's, and its stable tree; not the code of other architectures, nor stable trees of others.
func (s *story) later() (out []*kernel.Version) {
	mine := s.r.Model.Kernel.Version
	for _, w := range kernel.Versions {
		if w.Generic == nil && (w.Order > mine.Order && w.Year != 0 || w.Before() == mine) {
			out = append(out, w)
		}
	}
	return out
}

// mendsIn tells of the rules that came with a release and mend the run, each with those that it stands on: those of the racing pair first.
func (s *story) mendsIn(w *kernel.Version, claim string) (out []string) {
	var found []*guard
	for _, d := range w.Differences() {
		if strings.HasPrefix(d.Rule.Protects, "nothing") {
			continue
		}
		if g := s.keeps(claim, s.standing(w, []kernel.Setting{{Rule: d.Rule.Name, Value: d.Now}})...); g != nil {
			found = append(found, g)
		}
	}
	slices.SortStableFunc(found, func(a, b *guard) int { return b.worth() - a.worth() })
	for _, g := range found[:min(len(found), mostMends)] {
		out = append(out, s.guarded(g, s.origins(w, g.rules)))
	}
	return out
}

func (g *guard) worth() (n int) {
	if g.near {
		n += 2
	}
	if g.known {
		n++
	}
	return n
}

// standing are rules and behind them those that they stand on, as a release has them and as far as the run's kernel lacks them.
func (s *story) standing(w *kernel.Version, rules []kernel.Setting) []kernel.Setting {
	out := slices.Clone(rules)
	for i := 0; i < len(out); i++ {
		for _, n := range kernel.RuleByName(out[i].Rule).Needs {
			need := kernel.Rules[n]
			if !s.r.Model.Kernel.On(n) && !slices.ContainsFunc(out, func(c kernel.Setting) bool { return c.Rule == need.Name }) {
				out = append(out, kernel.Setting{Rule: need.Name, Value: valueIn(w, need)})
			}
		}
	}
	return out
}

// upTo is everything that a later release has otherwise.
func (s *story) upTo(w *kernel.Version) (out []kernel.Setting) {
	mine, its := &s.r.Model.Kernel, w.Plain()
	for _, r := range kernel.Rules {
		if r.Config != nil {
			continue // a property of the machine, which a release does not change
		}
		if value := r.ValueName(its.Value(r.ID)); value != r.ValueName(mine.Value(r.ID)) {
			out = append(out, kernel.Setting{Rule: r.Name, Value: value})
		}
	}
	return out
}

// fewest returns a guard by settings none of which can be left out; nil if all together do not keep the claim.
func (s *story) fewest(claim string, all []kernel.Setting) *guard {
	best := s.keeps(claim, all...)
	if best == nil {
		return nil
	}
	for size := len(all) / 2; size > 0; size /= 2 {
		for from := 0; from < len(best.rules); {
			if len(best.rules) == 1 {
				return best
			}
			left := slices.Delete(slices.Clone(best.rules), from, min(from+size, len(best.rules)))
			if g := s.keeps(claim, left...); g != nil {
				best = g
			} else {
				from += size
			}
		}
	}
	return best
}

// unreleased are the rules that every version has off, and that would protect something.
func unreleased() (out []*kernel.Rule) {
	on := map[kernel.RuleID]bool{}
	for _, v := range kernel.Versions {
		k := v.Plain()
		for _, r := range kernel.Rules {
			on[r.ID] = on[r.ID] || k.On(r.ID)
		}
	}
	for _, r := range kernel.Rules {
		if !on[r.ID] && r.Values == nil && !strings.HasPrefix(r.Protects, "nothing") {
			out = append(out, r)
		}
	}
	return out
}

// valueIn is the name of the value that a rule has in a version.
func valueIn(v *kernel.Version, r *kernel.Rule) string {
	k := v.Plain()
	return r.ValueName(k.Value(r.ID))
}

// ofRace reports whether a pair of steps is in a call that one of the races is in.
func (s *story) ofRace(p *Pair) bool {
	st := p.step()
	for _, race := range s.races {
		for _, n := range []int{race.Read, race.Stale, race.Use} {
			if n > 0 && s.r.steps[n-1].Actor == st.Actor && s.r.steps[n-1].Stmt == st.Stmt {
				return true
			}
		}
	}
	return false
}

// origins says which release has the settings, and with which commits they came.
func (s *story) origins(w *kernel.Version, settings []kernel.Setting) string {
	var commits []string
	for _, c := range settings {
		r := kernel.RuleByName(c.Rule)
		if commit := r.CommitOf(c.Value); commit != "" && !slices.Contains(commits, commit) {
			commits = append(commits, commit)
		}
	}
	if len(commits) == 0 {
		return "as in " + w.Name
	}
	return "as in " + w.Name + " (" + strings.Join(commits, ", ") + ")"
}

// asIn is the rules as a kernel has them: "with" their names, or name and value, or "without".
func asIn(k *kernel.Kernel, settings []kernel.Setting) string {
	var out []string
	for i, s := range settings {
		r := kernel.RuleByName(s.Rule)
		word := "with "
		name := r.Name
		switch {
		case r.Values != nil || k.Value(r.ID) > 1:
			name += "=" + r.ValueName(k.Value(r.ID))
		case !k.On(r.ID):
			word = "without "
		}
		if i > 0 && strings.HasPrefix(out[0], word) {
			word = ""
		}
		out = append(out, word+name)
	}
	return listOf(out)
}

// sameActors reports whether two runs have the same actors.
func sameActors(a, b *Run) bool {
	return slices.EqualFunc(a.Model.Actors(), b.Model.Actors(), func(x, y kernel.Actor) bool { return x.Name == y.Name })
}

// guarded says what a guard does instead.
func (s *story) guarded(g *guard, as string) string {
	with := asIn(&g.k, g.rules)
	return fmt.Sprintf("%s, %s, %s.", capital(with), as, s.parting(g))
}
