package check

// Reducible is a Model that says what its steps depend on, so that a search may
// leave out orders of steps in which nothing differs: see [Reduced].
//
// The model chooses objects, at most [MaxObjects] of them: a cell, a row of cells, "the
// frames that nobody has". Two steps of different actors are independent if neither
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
//   - Whichever set of actors moves from here on, while all others stand still: all that they
//     do lies within the union of their Rests. (So an object that nobody
//     can come by but through another is in that one's Rest alone.)
//   - What only decides how a broken claim shows, as the ghost that notes it, need
//     not be covered: a run ends there.
type Reducible interface {
	Model

	// Actors is how many actors there are.
	Actors() int

	// Next adds to a, which is empty, what the actor's next step accesses.
	Next(actor int, a *Access)

	// Rest adds to a, which is empty, what the actor may still access from the
	// present state on, its next step included.
	Rest(actor int, a *Access)
}

// MaxObjects is how many objects a Reducible model may tell apart.
const MaxObjects = 128

// Objects is a set of objects.
type Objects [MaxObjects / 64]uint64

// Add adds an object.
func (o *Objects) Add(object int) { o[object/64] |= 1 << (object % 64) }

// And adds all of another set.
func (o *Objects) And(p Objects) {
	o[0] |= p[0]
	o[1] |= p[1]
}

// Meets reports whether the sets have an object in common.
func (o *Objects) Meets(p *Objects) bool { return o[0]&p[0]|o[1]&p[1] != 0 }

// Within reports whether all objects are also in another set.
func (o *Objects) Within(p *Objects) bool { return o[0]&^p[0]|o[1]&^p[1] == 0 }

// An Access is what is read, and what is written or both.
type Access struct {
	Reads, Writes Objects
}

// And adds all of another access.
func (a *Access) And(b *Access) {
	a.Reads.And(b.Reads)
	a.Writes.And(b.Writes)
}

// None reports whether nothing is accessed.
func (a *Access) None() bool { return *a == Access{} }

// Conflicts reports whether either writes what the other reads or writes.
func (a *Access) Conflicts(b *Access) bool {
	return a.Writes.Meets(&b.Writes) || a.Writes.Meets(&b.Reads) || a.Reads.Meets(&b.Writes)
}
