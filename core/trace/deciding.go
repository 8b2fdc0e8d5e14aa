package trace

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// Two kernels may do many things differently before one of the differences matters:
//
//	v4.6                               v6.12
//	cpu0 reads the PTE                 cpu0 reads the PTE
//	cpu1 flushes: IPI                  cpu1 flushes: mask, then IPI           the first difference
//	cpu0 takes a reference             cpu0 takes a reference
//	                                   cpu0 asks: is the PTE the same? no     the one that decides
//	cpu0 returns the page              cpu0 puts the reference back
//
// It is found by trial: the better kernel without one of its rules, at the same choices, comes to what the worse one does. Where it has
// several rules each of which is enough, none of them is missed so; then it is the worse kernel with one of them that keeps the claim.

// A Decision is the difference between two runs side by side from which on they come to something else.
type Decision struct {
	At    int      // of the pairs, from 0; below zero: no single rule decides
	Rules []string // that the kernels have otherwise: the one that decides, or those each of which is enough, the first to act first
	Alone bool     // each is enough; else it is needed
	There bool     // what decides is what the right side does
	Says  string   // what is done by it: "cpu0 goes on in … with …"
	Claim string   // that breaks on the one side alone, "" if they differ in what variables hold
}

// Decide finds what decides between two runs that [Lockstep] has paired, both at their ends; nil if they come to the same.
func Decide(left, right *Run, pairs []Pair) *Decision {
	name, there, ok := partedBy(left, right)
	if !ok {
		return nil
	}
	bad, good := left, right
	if !there {
		bad, good = right, left
	}
	was := bad.cursor
	defer bad.Goto(was)
	v := bad.breaks(name)
	if name == "" {
		v = bad.Len()
	}
	bad.Goto(v)
	s := bad.newStory(v)
	d := &Decision{At: -1, There: there, Claim: name}
	all := s.otherwise(&good.Model.Kernel)
	first := decisive(left, right, pairs, all)
	for _, rules := range [][]*kernel.Rule{first, others(first, all)} {
		if s.without(d, rules, pairs, all, good); d.At < 0 && name != "" {
			s.enough(d, rules, pairs, all)
		}
		if d.At >= 0 || name == "" { // what variables hold is not worth trying every rule
			break
		}
	}
	return d
}

// without finds a rule without which the better kernel comes to what the worse one does: the one that acts first.
func (s *story) without(d *Decision, rules []*kernel.Rule, pairs []Pair, all []kernel.Setting, good *Run) {
	for _, rule := range rules {
		trial := s.play(lacking(all, rule))
		if len(all) == 1 {
			trial = &guard{right: s.r}
		}
		if trial == nil || d.Claim != "" && trial.right.breaks(d.Claim) == 0 || d.Claim == "" && differ(s.r, trial.right) {
			continue
		}
		g := &guard{k: good.Model.Kernel, right: New(claim.New(good.Model.Setup, good.Model.Kernel))}
		if g.pairs = differing(Lockstep(trial.right, g.right)); len(g.pairs) == 0 {
			continue
		}
		if at := rowOf(g, pairs, d.There); at >= 0 && (d.At < 0 || at < d.At) {
			end := trial.right.Len()
			trial.right.Goto(end)
			d.At, d.Rules, d.Says = at, []string{rule.Name}, trial.right.newStory(end).parting(g)
		}
	}
}

// others are the rules of settings that are none of some.
func others(some []*kernel.Rule, all []kernel.Setting) (out []*kernel.Rule) {
	for _, c := range all {
		if r := kernel.RuleByName(c.Rule); !slices.Contains(some, r) {
			out = append(out, r)
		}
	}
	return out
}

// mostEnough is how many rules are named each of which is enough.
const mostEnough = 3

// enough finds the rules each of which keeps the claim on the worse kernel, as far as a small check sees.
func (s *story) enough(d *Decision, rules []*kernel.Rule, pairs []Pair, all []kernel.Setting) {
	for _, rule := range rules {
		g := s.keeps(d.Claim, with(rule, all)...)
		if g == nil {
			continue
		}
		at := rowOf(g, pairs, d.There)
		switch {
		case at < 0:
			continue
		case d.At < 0 || at < d.At:
			d.At, d.Alone, d.Says = at, true, s.parting(g)
			d.Rules = slices.Insert(d.Rules, 0, rule.Name)
		default:
			d.Rules = append(d.Rules, rule.Name)
		}
		if len(d.Rules) == mostEnough {
			break
		}
	}
}

// with is a rule as the settings have it, and behind it those that it stands on.
func with(r *kernel.Rule, all []kernel.Setting) (out []kernel.Setting) {
	for _, c := range all {
		if c.Rule == r.Name || slices.Contains(r.Needs, kernel.RuleByName(c.Rule).ID) {
			out = append(out, c)
		}
	}
	return out
}

// partedBy names the first claim that breaks on one side alone, and says whether the right one is without it; "" where only variables differ.
func partedBy(left, right *Run) (name string, there, ok bool) {
	for _, n := range left.Model.Claims() {
		if l, r := left.breaks(n), right.breaks(n); (l > 0) != (r > 0) {
			return n, r == 0, true
		}
	}
	return "", true, differ(left, right)
}

// differ reports whether a variable ends otherwise in two runs.
func differ(a, b *Run) bool { return len(Endings(a, b)) > 0 }

// An Ending is a variable that two runs have set, and to something else.
type Ending struct{ Name, Left, Right string }

// Endings are the variables that hold something else at the end of one run than at that of the other. Of pages, frames' numbers make no difference: another kernel
// may take others.
func Endings(a, b *Run) (out []Ending) {
	for _, r := range []*Run{a, b} {
		defer r.Goto(r.cursor)
		r.Goto(len(r.steps))
	}
	m, o := a.Model.M, b.Model.M
	m.EachVar(func(task, i int) {
		x, y := m.Var(task, i), o.Var(task, i)
		v, w := m.Peek(x), o.Peek(y)
		if v == 0 || w == 0 {
			return
		}
		e := Ending{m.Config.Tasks[task].Name + "'s " + m.Config.Tasks[task].Vars[i], m.Mem.Layout().Decode(x.Cell(), v), o.Mem.Layout().Decode(y.Cell(), w)}
		pages := machine.DecodeResult(v).Kind == machine.IsPage && machine.DecodeResult(w).Kind == machine.IsPage
		if e.Left != e.Right && !(pages && answer(e.Left) == answer(e.Right)) {
			out = append(out, e)
		}
	})
	return out
}

// otherwise is everything that another kernel has otherwise.
func (s *story) otherwise(its *kernel.Kernel) (out []kernel.Setting) {
	mine := &s.r.Model.Kernel
	for _, r := range kernel.Rules {
		if value := r.ValueName(its.Value(r.ID)); value != r.ValueName(mine.Value(r.ID)) {
			out = append(out, kernel.Setting{Rule: r.Name, Value: value})
		}
	}
	return out
}

// decisive are the rules of those that differ which steps belong to that are not the same on both sides, and by which the kernels depart from
// their releases.
func decisive(left, right *Run, pairs []Pair, all []kernel.Setting) (out []*kernel.Rule) {
	add := func(r *kernel.Rule) {
		if r != nil && !slices.Contains(out, r) && slices.ContainsFunc(all, func(c kernel.Setting) bool { return c.Rule == r.Name }) {
			out = append(out, r)
		}
	}
	for i := range pairs {
		for _, st := range []*Step{pairs[i].Left, pairs[i].Right} {
			if st != nil && !pairs[i].Same {
				add(st.rule)
			}
		}
	}
	for _, r := range [...]*Run{left, right} {
		for _, c := range r.Model.Kernel.Changes() {
			add(kernel.RuleByName(c.Rule))
		}
	}
	return out
}

// withAll are changes and behind them settings, which come instead of those of the same rule.
func withAll(changes, settings []kernel.Setting) (out []kernel.Setting) {
	for _, c := range changes {
		if !slices.ContainsFunc(settings, func(n kernel.Setting) bool { return n.Rule == c.Rule }) {
			out = append(out, c)
		}
	}
	return append(out, settings...)
}

// rowOf is the pair in which the better side makes the step that decides a guard; below zero if it does not come to that.
func rowOf(g *guard, pairs []Pair, there bool) int {
	var st *Step
	for _, t := range g.turns() {
		if st = t.does; st != nil {
			break
		}
	}
	if st == nil {
		st = g.pairs[0].step()
	}
	is := func(side *Step) bool { return side != nil && side.Alike(st) && side.Says == st.Says }
	at := slices.IndexFunc(pairs, func(p Pair) bool { return !p.Same && (there && is(p.Right) || !there && is(p.Left)) })
	if at < 0 { // who goes another way is the worse side
		at = slices.IndexFunc(pairs, func(p Pair) bool { return !p.Same && (is(p.Left) || is(p.Right)) })
	}
	return at
}

// Text is the decision in a sentence; better and worse are what the two kernels are called.
func (d *Decision) Text(better, worse string) string {
	comes := "comes to the same"
	if d.Claim != "" {
		comes = "breaks " + d.Claim
	}
	if d.At < 0 { // that two together would is not tried
		return "They come to something else, and no single rule that was tried decides between " + better + " and " + worse + "."
	}
	if d.Alone {
		text := fmt.Sprintf("With %s alone as the other kernel has it, %s keeps %s at these choices: %s.", d.Rules[0], worse, d.Claim, strings.TrimSuffix(d.Says, "."))
		if len(d.Rules) > 1 {
			text += " The same holds of " + listOf(d.Rules[1:]) + "."
		}
		return text
	}
	return fmt.Sprintf("On %s, %s. That is %s: without this one difference, %s %s at these choices, too.", better, strings.TrimSuffix(d.Says, "."), d.Rules[0], better, comes)
}
