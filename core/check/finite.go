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
// which is fair: every actor moves in it, or somewhere in it cannot move, or need
// not. Models whose tasks are meant to go round for ever are not Finite.
type Finite interface {
	Model

	// Tasks returns the actors that have a program, as bits by their numbers,
	// which are at most 62. If there are none, the claim is not judged.
	Tasks() uint64

	// Spontaneous returns the actors, as bits, who can move in the present state but need never
	// do: a walker that speculates, a host that preempts.
	Spontaneous() uint64

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

// owed returns the actors that can move in the present state and have a right
// to, some time. choices are those of the state.
func owed(m Finite, choices []Choice) (actors uint64) {
	for _, c := range choices {
		actors |= 1 << c.Actor
	}
	return actors &^ m.Spontaneous()
}

// aTask stands in a set of what is due for the move of any task.
const aTask = 1 << 63

// paid returns what is still due in a cycle after a step of an actor, to a state
// in which others are owed a move.
func paid(m Finite, due uint64, actor uint16, owed uint64) uint64 {
	if m.Tasks()>>actor&1 != 0 {
		due &^= aTask
	}
	return due &^ (1 << actor) & (owed | aTask)
}

// FairCycle reports whether choices, which are possible one after the other from
// the present state on, lead back to it, cell by cell, and could do so for ever:
// a task moves, and so does every actor that can and has a right to all the time. The
// memory is left as it was.
func FairCycle(m Finite, choices []Choice) bool {
	mem := m.Memory()
	mark, home := mem.Mark(), mem.Snapshot(nil)
	defer mem.Undo(mark)
	due := owed(m, m.Choices(nil)) | aTask
	for _, choice := range choices {
		m.Do(choice)
		due = paid(m, due, choice.Actor, owed(m, m.Choices(nil)))
	}
	return due == 0 && slices.Equal(home, mem.Snapshot(nil))
}
