package check

import "gupscope/core/cell"

// Reducible is a Model that says what its steps depend on, so that a search may
// leave out orders of steps in which nothing differs: see [Reduced].
//
// The model chooses objects, as many as it likes: a cell, a row of cells, "who has this
// frame in hand". Two steps of different actors are independent if neither
// writes an object that the other reads or writes. An actor has one
// next step, which may be taken with several keys, and reads and writes what all of them do.
//
// Laws, on which a reduced search relies beside those of Model:
//
//   - Choices of different actors are different actors' steps: there are Actors of
//     them, numbered from 0, at most 62.
//   - Next covers all that decides whether and with which keys the actor can
//     move, and if it can, all that its step reads and writes.
//   - What a claim reads is read by every step that writes something that the claim reads:
//     whether the step breaks the claim is part of what the step does.
//   - Against covers whoever may come into conflict with the actor's next step, whatever the
//     others do, as long as the actor itself stands still.
//   - A conflict that lies in nothing but suspending the actor, or letting it go on, Against may leave
//     out while it can move, if in every state in which an actor is suspended another can move.
//   - What only decides how a broken claim shows, as the ghost that notes it, need
//     not be covered: a run ends there.
//   - What Fingerprint leaves out nobody goes by: of two states with the same fingerprint, all
//     questions have the same answer, and every choice leads to states with the same again. It need not be covered.
type Reducible interface {
	Model

	// Actors is how many actors there are.
	Actors() int

	// Next returns what the actor's next step accesses. It holds until the memory changes.
	Next(actor int) *Access

	// Against returns the actors, as a bit set, that may do something in
	// conflict with the actor's next step before it is made.
	Against(actor int) uint64

	// Fingerprint returns the hash of all in the present state that somebody may still go
	// by: at most of the whole memory.
	Fingerprint() uint64

	// Changed is told of every cell that has another value than before, while
	// the search is under way: by a step, or by going back.
	Changed(id cell.ID, old, new uint64)
}

// Objects is a set of objects.
type Objects []uint64

// MakeObjects returns an empty set for n objects.
func MakeObjects(n int) Objects { return make(Objects, (n+63)/64) }

// Add adds an object.
func (o Objects) Add(object int) { o[object/64] |= 1 << (object % 64) }

// Has reports whether an object is in the set.
func (o Objects) Has(object int) bool { return o[object/64]>>(object%64)&1 != 0 }

// And adds all of another set.
func (o Objects) And(p Objects) {
	for i, w := range p {
		o[i] |= w
	}
}

// Meets reports whether the sets have an object in common.
func (o Objects) Meets(p Objects) bool {
	for i, w := range p {
		if o[i]&w != 0 {
			return true
		}
	}
	return false
}

// An Access is what is read, and what is written or both.
type Access struct {
	Reads, Writes Objects
}

// MakeAccess returns an empty access to n objects.
func MakeAccess(n int) Access {
	words := (n + 63) / 64
	both := make(Objects, 2*words)
	return Access{both[:words:words], both[words:]}
}

// Clear makes the access empty.
func (a *Access) Clear() {
	clear(a.Reads)
	clear(a.Writes)
}

// And adds all of another access.
func (a *Access) And(b *Access) {
	a.Reads.And(b.Reads)
	a.Writes.And(b.Writes)
}

// Conflicts reports whether either writes what the other reads or writes.
func (a *Access) Conflicts(b *Access) bool {
	for i, w := range a.Writes {
		if w&(b.Writes[i]|b.Reads[i])|a.Reads[i]&b.Writes[i] != 0 {
			return true
		}
	}
	return false
}
