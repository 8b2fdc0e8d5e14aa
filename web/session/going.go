package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/trace"
)

// farthest is how many steps one press may go on for.
const farthest = 500

// goOn makes steps until something is reached: the run's own next ones, those of
// the CPU that is followed, or random ones. Everything about it is in the event, so all who
// see the event go the same way.
func (s *Session) goOn(e Event) {
	if s.run == nil {
		return
	}
	if e.At != s.run.Cursor() {
		s.notice("note", "The run has moved on to step %d meanwhile; this was asked for at %d.", s.run.Cursor(), e.At)
		return
	}
	g := going{s: s, start: s.run.Cursor()}
	if e.Lane != "" {
		if g.actor = s.stepper(e.Lane); g.actor < 0 {
			s.notice("note", "There is no %s in this scenario.", e.Lane)
			return
		}
		g.follows = true
	} else {
		g.actor = g.present()
	}
	switch e.To {
	case "over":
		depth := g.depth()
		g.walk(func(*trace.Step) bool { return g.depth() <= depth }, "")
	case "return":
		depth := g.depth()
		g.walk(func(*trace.Step) bool { return g.depth() < max(depth, 1) }, "")
	case "conflict":
		g.walk(g.conflicts, "no step of another CPU was in the way")
	case "write":
		if len(s.watched) == 0 {
			s.notice("note", "Nothing is watched yet: open a cell in memory, and watch it.")
			return
		}
		g.walk(s.writesWatched, "nothing that is watched was written")
	case "false":
		g.walk(func(st *trace.Step) bool { return len(st.Broken) > 0 }, "no claim became false")
	case "violation": // of a run that has one, the page goes there by itself
		s.notice("note", "No claim is false in this run. Check finds a run in which one is, if there is any; \"until a claim is false\" goes on here.")
		return
	case "random":
		g.random(e.N)
	default:
		s.notice("error", "There is no way to go on %q.", e.To)
		return
	}
	s.tell()
}

// stepper is the actor that a lane's next step belongs to: its task, the first that is not finished.
func (s *Session) stepper(lane string) int {
	found := -1
	for _, a := range s.run.Lanes() {
		if fmt.Sprintf("cpu%d", a.CPU) != lane {
			continue
		}
		if found < 0 || s.run.Model.Look(found).Finished {
			found = a.ID
		}
	}
	return found
}

// A going is a way through a run.
type going struct {
	s       *Session
	actor   int  // whose steps are made
	follows bool // his alone, whatever stands ahead
	start   int
}

// present is the actor that moved last, else the one that the run goes on with, else the first.
func (g *going) present() int {
	r := g.s.run
	if at := r.Cursor(); at > 0 {
		if a := r.Steps()[at-1].Actor; r.Model.Actors()[a].Kind == kernel.TaskActor {
			return a
		}
	}
	if at := r.Cursor(); at < r.Len() {
		return r.Steps()[at].Actor
	}
	return r.Lanes()[0].ID
}

// depth is how many calls the actor is in.
func (g *going) depth() int {
	if a := &g.s.run.Model.Actors()[g.actor]; a.Kind == kernel.TaskActor {
		return len(g.s.run.Model.Stack(a.Task))
	}
	return 0
}

// next is the choice to make: the followed actor's; else the one that stands ahead; else the actor's own, or, where he cannot go on, that of the next who
// can. why says why there is none.
func (g *going) next() (c check.Choice, why string) {
	r := g.s.run
	at := r.Cursor()
	if !g.follows && at < r.Len() {
		return r.Steps()[at].Choice, ""
	}
	if o := r.Offer(g.actor); !o.Ready {
		if why := g.handOver(&o); why != "" {
			return c, why
		}
	}
	if at < r.Len() && int(r.Steps()[at].Choice.Actor) == g.actor {
		return r.Steps()[at].Choice, ""
	}
	o := r.Offer(g.actor)
	if len(o.Keys) > 1 {
		return c, r.Model.Actors()[g.actor].Name + " has a choice here: press one of its buttons"
	}
	return check.Choice{Actor: uint16(g.actor), Key: uint16(o.Keys[0])}, ""
}

// handOver has the next who can go on make the steps, tasks before others, where nobody is followed; else it says why the actor cannot, and who can.
func (g *going) handOver(o *trace.Offer) (why string) {
	r := g.s.run
	all := r.Model.Actors()
	var can, rest []int
	waits := ""
	for i := range all {
		a := &all[(g.actor+1+i)%len(all)]
		look := r.Model.Look(a.ID)
		switch {
		case a.Kind == kernel.TaskActor && look.Ready:
			can = append(can, a.ID)
		case a.Kind == kernel.TaskActor && !look.Finished && a.ID != g.actor:
			waits += ", " + a.Name + " " + look.Why
		case look.Ready:
			rest = append(rest, a.ID)
		}
	}
	can = append(can, rest...)
	if !g.follows && len(can) > 0 {
		g.actor = can[0]
		return ""
	}
	if why = "has finished"; !o.Finished {
		why = o.Why
	}
	why = all[g.actor].Name + " " + why
	switch {
	case len(can) > 0:
		return why + ": go on with " + all[can[0]].Name
	case waits == "" && o.Finished:
		return "everybody has finished"
	}
	return why + waits + ": nobody can go on"
}

// walk makes steps until one of them is it, or there is none to make.
func (g *going) walk(is func(*trace.Step) bool, missed string) {
	for n := 0; n < farthest; n++ {
		c, why := g.next()
		if why != "" {
			if missed != "" {
				why += "; until then " + missed
			}
			g.s.notice("note", "%s.", upper(why))
			return
		}
		st := g.do(c)
		if is(st) {
			return
		}
		if len(st.Broken) > 0 {
			g.s.notice("note", "Stopped at step %d, where %s became false.", st.N, strings.Join(st.Broken, " and "))
			return
		}
	}
	g.s.notice("note", "Stopped after %d steps; press again to go on.", farthest)
}

// do makes a step; the run that it leaves is kept.
func (g *going) do(c check.Choice) *trace.Step {
	r := g.s.run
	if at := r.Cursor(); at < r.Len() && r.Steps()[at].Choice != c {
		g.s.keep(at)
	}
	if _, err := r.Do(c); err != nil {
		panic("session: a step that is offered cannot be made: " + err.Error())
	}
	return &r.Steps()[r.Cursor()-1]
}

// conflicts reports whether a step touched what another CPU had touched before it.
func (g *going) conflicts(st *trace.Step) bool {
	es := g.s.run.Edges()
	for i := len(es) - 1; i >= 0 && es[i].To >= st.N; i-- {
		if es[i].To == st.N {
			return true
		}
	}
	return false
}

// writesWatched reports whether a step changed a cell that is watched.
func (s *Session) writesWatched(st *trace.Step) bool {
	for _, id := range s.watched {
		if c := st.Change(id); c != nil {
			s.notice("note", "Step %d wrote %s: %s → %s.", st.N, c.Name, c.Old, c.New)
			return true
		}
	}
	return false
}

// random walks on, everybody being as likely to move, until nobody can, or a claim is
// false. The seed says which walk it is.
func (g *going) random(seed int) {
	s, r := g.s, g.s.run
	rnd := rand.New(rand.NewPCG(uint64(seed), 0))
	s.seed = seed + 1
	n, came := 0, ""
	for ; n < farthest && came == ""; n++ {
		cs := r.Model.Choices(nil)
		if len(cs) == 0 {
			came = ", to the end of the run"
			break
		}
		if st := g.do(cs[rnd.IntN(len(cs))]); len(st.Broken) > 0 {
			came = "; then " + strings.Join(st.Broken, " and ") + " became false"
		}
	}
	s.notice("note", "Random walk with seed %d: %d steps%s.", seed, n, came)
	if n > 0 {
		s.walked(fmt.Sprintf("%s, seed %d: %d steps from step %d%s", walkNote, seed, n, g.start, came))
	}
}

// walkNote is how the note begins that a random walk leaves at its last step.
const walkNote = "random walk"

// walked notes at the cursor by which seed the run came there: so the seed stays with the run, and is in its link. A note of the reader's own stays what
// it is; those of walks that are not of this run make room.
func (s *Session) walked(text string) {
	now := s.noted()
	s.notes = slices.DeleteFunc(slices.Clone(s.notes), func(n note) bool { return strings.HasPrefix(n.text, walkNote) && now[n.at] != n.text })
	if at := s.run.Cursor(); now[at] == "" && len(s.notes) < maxNotes {
		s.putNote(at, text)
	}
}

// watch watches a cell, or no more.
func (s *Session) watch(id cell.ID) {
	if s.run == nil || int(id) >= s.run.Model.Memory().Layout().Len() {
		return
	}
	for i, w := range s.watched {
		if w == id {
			s.watched = append(s.watched[:i:i], s.watched[i+1:]...)
			return
		}
	}
	if len(s.watched) >= maxWatched {
		s.notice("note", "At most %d cells are watched: let go of one first.", maxWatched)
		return
	}
	s.watched = append(s.watched[:len(s.watched):len(s.watched)], id)
}
