package check

import "slices"

// NoLivelock is the claim that the check judges of a model that is [Finite]: no
// run goes on for ever while its tasks get nowhere.
const NoLivelock = "no-livelock"

// Finite is a Model with tasks whose programs end. When a run comes to a state
// for the second time, a task that has moved in between is where it was: it has retried
// something, and got nowhere.
//
// That breaks [NoLivelock] if it can go on like this for ever though everybody is
// given a chance. So there must be a cycle of states in which a task moves, and
// which is fair: every actor moves in it, or somewhere in it cannot move and is in no queue
// either, or need not, or can move nowhere in it. Models whose tasks are meant to go round for ever are not Finite.
type Finite interface {
	Model

	// Tasks returns the actors that have a program, as bits by their numbers,
	// which are at most 62. If there are none, the claim is not judged.
	Tasks() uint64

	// Spontaneous returns the actors, as bits, who can move in the present state but need never
	// do: a walker that speculates, a host that preempts.
	Spontaneous() uint64

	// Queued returns the actors, as bits, who cannot move in the present state but
	// stand in a queue, as for a lock that is handed over in order: if they can move now and then
	// while they stand there, it is their turn some time.
	Queued() uint64

	// WentBack reports whether any step made since the model was set up may have taken
	// a task back to where it had been in its program. It is no part of the
	// state, and stays true. As long as it is false, there is no cycle to look for.
	WentBack() bool
}

// finite returns the model as one whose livelocks are judged, or nil.
func finite(m Model) Finite {
	if f, ok := m.(Finite); ok && f.Tasks() != 0 {
		return f
	}
	return nil
}

// A standing is who is owed what in a state.
type standing struct {
	can   uint64 // can move and has a right to, some time
	waits uint64 // cannot, and is in a queue
}

// standingOf returns the standing in the present state; choices are those of the state.
func standingOf(m Finite, choices []Choice) (s standing) {
	for _, c := range choices {
		s.can |= 1 << c.Actor
	}
	s.can &^= m.Spontaneous()
	s.waits = m.Queued() &^ s.can
	return s
}

// aTask stands in a set of what is due for the move of any task.
const aTask = 1 << 63

// due returns what is due in a cycle that begins in a state.
func (s standing) due() uint64 { return s.can | s.waits | aTask }

// paid returns what is still due in a cycle after a step of an actor to a state.
// What is due to somebody who can move nowhere in the cycle need not be paid.
func paid(m Finite, due uint64, actor uint16, s standing) uint64 {
	if m.Tasks()>>actor&1 != 0 {
		due &^= aTask
	}
	return due &^ (1 << actor) & s.due()
}

// FairCycle reports whether choices, which are possible one after the other from
// the present state on, lead back to it, cell by cell, and could do so for ever:
// a task moves, and so does every actor that can and has a right to all the time. The
// memory is left as it was.
func FairCycle(m Finite, choices []Choice) bool {
	mem := m.Memory()
	mark, home := mem.Mark(), mem.Snapshot(nil)
	defer mem.Undo(mark)
	round := StandingOf(m).Round()
	for _, choice := range choices {
		m.Do(choice)
		round.Move(m, choice.Actor, StandingOf(m))
	}
	return round.Fair() && slices.Equal(home, mem.Snapshot(nil))
}

// A Standing is who can move in a state, and who is owed a move there. Who keeps them need make no step again to
// know whether a [Round] is fair.
type Standing struct{ standing }

// StandingOf returns the standing in the present state.
func StandingOf(m Finite) Standing { return Standing{standingOf(m, m.Choices(nil))} }

// A Round is steps that lead back to where they began.
type Round struct{ due, can uint64 }

// Round begins a round in a state.
func (s Standing) Round() Round { return Round{s.due(), s.can | aTask} }

// Move takes in a step of an actor, to a state.
func (r *Round) Move(m Finite, actor uint16, to Standing) {
	r.due = paid(m, r.due, actor, to.standing)
	r.can |= to.can
}

// Fair reports whether the round could be made for ever: see [FairCycle].
func (r *Round) Fair() bool { return r.due&r.can == 0 }
