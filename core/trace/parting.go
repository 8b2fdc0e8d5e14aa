package trace

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// step is the step of a pair, the right one if there is one.
func (p *Pair) step() *Step {
	if p.Right != nil {
		return p.Right
	}
	return p.Left
}

// A turn is where somebody does something else on the right side: the step that decides it, or that matters most.
type turn struct {
	actor, stmt int
	at          int    // the first pair
	does        *Step  // on the right side, nil if he only waits there
	waits       string // what for, behind that step
	far         bool   // none of the first steps decides it
	asks        bool   // so far the right side only asks more, or disables interrupts: that keeps others waiting
	passed      bool   // and then both go on alike
}

// answer is what a step says without the numbers in it: frames and slots may be others on another kernel.
func answer(says string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, says)
}

// parallel reports whether both sides make the step, and it comes to the same; what it does without deciding anything may be otherwise
// where somebody has gone another way before.
func (p *Pair) parallel(first bool) bool {
	switch {
	case p.Left == nil || p.Right == nil || !p.Left.Alike(p.Right):
		return false
	case p.Left.Says == p.Right.Says:
		return true
	}
	return !p.Right.asks && (!first || answer(p.Left.Says) == answer(p.Right.Says))
}

// onlyAsks reports whether the step is one that the right side alone makes, and that changes nothing but interrupts: a question,
// such as "is the mm going? no".
func (p *Pair) onlyAsks() bool {
	if p.Left != nil {
		return false
	}
	effects := offStack(p.Right.Changes)
	for _, c := range effects {
		if c.Class != machine.IRQs {
			return false
		}
	}
	return len(effects) > 0 || strings.Contains(p.Right.Says, "?")
}

// turns are where actors go another way, or do something to another effect, the first of every call that has more to it than a question
// whose answer lets pass.
func (g *guard) turns() (out []turn) {
	open := map[int]bool{} // who is in a stretch of steps that are otherwise
	of := func(st *Step) int {
		return slices.IndexFunc(out, func(t turn) bool { return t.actor == st.Actor && t.stmt == st.Stmt })
	}
	for i := range g.pairs {
		p := &g.pairs[i]
		st := p.step()
		k := of(st)
		switch {
		case p.parallel(len(out) == 0):
			if k >= 0 && open[st.Actor] {
				out[k].passed = out[k].asks
			}
			open[st.Actor] = false
			continue
		case open[st.Actor]:
			if k >= 0 {
				out[k].asks = out[k].asks && p.onlyAsks()
			}
			continue
		case k >= 0 && !out[k].passed:
			continue
		}
		open[st.Actor] = true
		t := g.turn(i)
		t.asks = p.onlyAsks()
		if t.does == nil && t.waits == "" && !t.far && p.Why != "has finished" {
			continue
		}
		if k >= 0 {
			out = slices.Delete(out, k, k+1)
		}
		out = append(out, t)
	}
	return out
}

// turn is that of the stretch which begins with a pair: nothing in it, if the right side only reads there.
func (g *guard) turn(at int) turn {
	first := g.pairs[at].step()
	t := turn{actor: first.Actor, stmt: first.Stmt, at: at}
	var effective, last *Step
	n := 0
	for i := at; i < len(g.pairs); i++ {
		p := &g.pairs[i]
		if st := p.step(); st.Actor != t.actor {
			continue
		} else if i > at && (p.Same || st.Stmt != t.stmt) {
			break
		}
		if p.Right == nil && strings.HasPrefix(p.Why, "waits") {
			if t.does == nil || strings.Contains(t.does.Says, "?") { // what it asks on the way does not decide that it waits
				t.does = last
			}
			t.waits = p.Why
			return t
		}
		if p.Right == nil {
			continue
		}
		last = p.Right
		n++
		if effective == nil && len(offStack(last.Changes)) > 0 {
			effective = last
		}
		if last.asks && t.does == nil && n <= nearby {
			t.does = last
		}
	}
	if t.does == nil && n <= nearby {
		t.does = effective
	}
	if t.far = t.does == nil && n > nearby; t.far && g.pairs[at].Left == nil {
		t.does = effective
	}
	return t
}

// nearby is how many steps from where somebody goes another way the one is that decides it; if there is none, what he leaves out says more.
const nearby = 3

// parting tells where the guarded run goes another way, and what comes of it:
//
//	cpu0 goes on in gup_fast_pte_range() with "the PTE has changed: it is none", and puts the reference back
func (s *story) parting(g *guard) string {
	turns := g.turns()
	if len(turns) == 0 {
		turns = []turn{{actor: g.pairs[0].step().Actor, stmt: g.pairs[0].step().Stmt, does: g.pairs[0].Right}}
	}
	var said []string
	for i, t := range turns[:min(len(turns), 2)] {
		text, then := s.turned(g, t), s.comesOf(g, t)
		if i > 0 && then == "" && t.waits == "" && (t.does == nil || !t.does.asks || turns[0].does != nil && t.does.Says == turns[0].does.Says) {
			break // it says nothing more
		}
		if then != "" {
			text += ", and " + then
		}
		said = append(said, text)
		if then != "" || t.waits != "" {
			break
		}
	}
	return strings.Join(said, ", and then ")
}

// who names an actor.
func (s *story) who(actor int) string {
	a := s.r.Model.Actors()[actor]
	if a.CPU >= 0 {
		return fmt.Sprintf("cpu%d", a.CPU)
	}
	return a.Name
}

// turned tells of a turn.
func (s *story) turned(g *guard, t turn) string {
	p := &g.pairs[t.at]
	who := s.who(t.actor)
	does := t.does
	switch {
	case does == nil && t.waits != "":
		return fmt.Sprintf("%s stops before %s in %s(): it %s", who, quoted(p.Left.Says), p.Left.Func, t.waits)
	case does == nil && p.Why == "has finished":
		does = g.lastOf(t.actor)
	}
	switch {
	case does == nil && p.Left != nil:
		return fmt.Sprintf("%s does not come to %s in %s()", who, quoted(p.Left.Says), p.Left.Func)
	case does == nil:
		does = p.Right
	}
	text := fmt.Sprintf("%s goes on in %s() with %s", who, does.Func, quoted(does.Says))
	if p.Left != nil && p.Right == does && p.Left.Alike(does) && p.Left.Says != does.Says {
		text += fmt.Sprintf(" (not %s)", quoted(p.Left.Says))
	}
	if t.waits != "" {
		return text + ", and " + t.waits
	}
	return text
}

// quoted is a step's sentence in quotes: single ones, where it quotes what a page holds.
func quoted(says string) string {
	if strings.Contains(says, `"`) {
		return "'" + says + "'"
	}
	return `"` + says + `"`
}

// lastOf is the last step that an actor makes on the right side: he has finished.
func (g *guard) lastOf(actor int) *Step {
	for i := len(g.right.steps) - 1; i >= 0; i-- {
		if st := &g.right.steps[i]; st.Actor == actor {
			return st
		}
	}
	return nil
}

// longestCall is how many steps are waited for the end of a call.
const longestCall = 150

// comesOf tells what the call of a turn comes to on the right side, as far as it does not come to that on the left one.
func (s *story) comesOf(g *guard, t turn) string {
	r := g.right
	if r.Model.Actors()[t.actor].Kind != kernel.TaskActor || t.waits != "" {
		return ""
	}
	for range longestCall {
		if l := r.Model.Look(t.actor); l.Finished || l.Stmt != t.stmt || !r.goOn(t.actor) {
			break
		}
	}
	var said []string
	there := s.results(t)
	right := r.newStory(r.cursor)
	for _, says := range right.results(t) {
		if !slices.Contains(there, says) && !slices.Contains(said, says) {
			said = append(said, says)
		}
	}
	return listOf(said[max(0, len(said)-2):])
}

// results are what the call of a turn comes to: what it maps, and what it returns.
func (s *story) results(t turn) (out []string) {
	for i := range s.r.steps[:s.v] {
		st := &s.r.steps[i]
		if st.Actor != t.actor || st.Stmt != t.stmt {
			continue
		}
		for _, e := range s.events(st) {
			if e.kind == evReturns || e.kind == evMaps {
				out = append(out, e.says)
			}
		}
	}
	return out
}

// goOn makes a step of the actor, or if he waits of anybody else who can go on.
func (r *Run) goOn(actor int) bool {
	all := []int{actor}
	for i := range r.Model.Actors() {
		if i != actor && r.Model.Actors()[i].Kind != kernel.HypervisorActor {
			all = append(all, i)
		}
	}
	for _, i := range all {
		if l := r.Model.Look(i); l.Ready && len(l.Keys) > 0 {
			_, err := r.Do(check.Choice{Actor: uint16(i), Key: uint16(l.Keys[0])})
			return err == nil
		}
	}
	return false
}
