package check

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Parallel is New for a proof that several workers make together, each on a core
// of its own. ms are as many instances of the same model as there are workers, all in
// the same state, each with a memory of its own; they may share nothing that a step
// writes. The result is that of New but for Depth, which depends on who went
// where first. What a proof finds before it stops at a limit does, too.
//
// Goroutines run only within Run.
func Parallel(ms []Model, l Limits) *Check {
	c := New(ms[0], l)
	if len(ms) == 1 {
		return c
	}
	t := &team{check: c, seen: makeSeen(&seen{counted: finite(c.m) != nil})}
	for _, m := range ms {
		mem := m.Memory()
		mem.Forget()
		mem.Record(nil)
		if mem.Hash() != c.mem.Hash() {
			panic("check: the instances of a model are not in the same state")
		}
		w := &worker{team: t, descent: descent{m: m, mem: mem, deadlock: c.deadlock(), found: t.found}}
		if t.seen.counted {
			w.counts = make([]*uint32, recentSlots)
		}
		t.workers = append(t.workers, w)
	}
	t.handful = int64(max(1, min(32, 128/len(ms))))
	c.proof.team = t
	return c
}

// A team is a proof by several workers. Each goes depth-first on a memory of its
// own; what they share is the set of states that were seen. Whoever adds a state to
// the set counts it, judges it, and goes on from it; everybody else turns
// back there. So every state is visited once, and every step is made once,
// but for the steps to an initial part of a run that a worker takes over.
//
// A worker without anything to do is hungry. A worker that has work looks, before every
// step, whether anybody is, and shares: see [worker.share].
//
// If livelocks are judged and a step of a task went back, the team goes through all
// states once more, to sort them: a state is gone on from when all steps to it have been made, of which
// the first time left a count. There is a cycle if, and only if, some state's turn never comes.
//
// The work is sliced. Within a slice, workers add to the set by compare-and-swap
// alone, and look up without even that. What needs the set for itself (a segment is
// full and has to be split) ends the slice; so does the budget, or a limit.
type team struct {
	check    *Check
	seen     *seen
	workers  []*worker
	shares   []share // that nobody has taken yet
	mu       sync.Mutex
	sorting  bool  // the states are gone through for the second time
	circular bool  // they could not be sorted
	handful  int64 // places of a segment that are handed out to a worker at once

	_      [64]byte     // what is written seldom, apart from what is written often
	signal atomic.Int64 // how many workers are hungry, and halted
	_      [64]byte
	// working is how many workers have work, and shares that nobody has taken: at 0, all is done.
	working atomic.Int64
	budget  atomic.Int64 // transitions that are not handed out
	spare   atomic.Int64 // states up to the limit that are not handed out

	offered atomic.Int64 // len(shares)

	full, outOfStates, outOfBytes atomic.Bool // why the slice was ended
}

// halted ends a slice.
const halted = 1 << 32

// A worker is a descent of its own, and what was handed out to it of what all
// have in common, so that it need not ask for every transition, state and place.
type worker struct {
	descent
	team        *team
	states      uint64
	transitions uint64

	sharesAt uint64 // transition from which on to look at who is hungry

	left   int     // transitions
	spare  int     // states
	room   []uint8 // places, by the number of the segment
	took   atomic.Uint64
	recent [recentSlots]uint64 // fingerprints met, as in seen
	counts []*uint32           // their counters, if the set has any
}

func (t *team) bytes() uint64 {
	n := t.seen.bytes
	for _, w := range t.workers {
		n += w.bytes()
	}
	return n
}

func (w *worker) bytes() uint64 {
	return w.descent.bytes() + w.mem.LogBytes() + uint64(len(w.room)) + 8*recentSlots + 8*uint64(len(w.counts))
}

// proveTogether makes about so many transitions of the proof, and returns how many.
func (c *Check) proveTogether(budget int) int {
	p, t := &c.proof, c.proof.team
	if !p.begun {
		p.begun = true
		t.seen.start(c.mem.Hash())
		t.workers[0].enter(-1)
		t.workers[0].states, p.states = 1, 1
	}
	made := 0
	for made < budget {
		made += t.slice(budget - made)
		states, transitions := t.made()
		if !t.sorting {
			p.states, p.transitions = states, transitions
		}
		if t.working.Load() == 0 && !t.sorting && t.wentBack() {
			t.sort()
			continue
		}
		if t.working.Load() == 0 {
			t.circular = t.sorting && states < p.states
			p.complete = true
			c.proved()
			p.team = nil
			break
		}
		fits := !t.full.Load() || t.grow()
		if l := c.limits.States; l != 0 && p.states > l { // lowered, to stop
			fits = false
		}
		if !fits || t.outOfBytes.Load() || t.outOfStates.Load() && p.states >= c.limits.States {
			c.proved()
			break
		}
	}
	return made
}

// made is how many states were gone on from, and how many steps made.
func (t *team) made() (states, transitions uint64) {
	for _, w := range t.workers {
		states += w.states
		transitions += w.transitions
		t.check.proof.depth = max(t.check.proof.depth, w.depth)
	}
	return states, transitions
}

// sort begins to go through all states for the second time.
func (t *team) sort() {
	t.sorting = true
	for _, w := range t.workers {
		w.states, w.transitions, w.sharesAt = 0, 0, 0
	}
	first := t.workers[0]
	if at, _ := t.seen.find(first.mem.Hash()); *t.seen.count(at) == 0 {
		first.states = 1
		first.enter(-1)
	}
}

// slice lets the workers work, and returns how many transitions they made.
func (t *team) slice(budget int) int {
	working := len(t.shares)
	for _, w := range t.workers {
		if len(w.stack) > 0 {
			working++
		}
		for uint(len(w.room)) < t.seen.segments {
			w.room = append(w.room, 0)
		}
	}
	t.working.Store(int64(working))
	t.signal.Store(0)
	t.budget.Store(int64(budget))
	if l := t.check.limits.States; l != 0 {
		t.spare.Store(max(0, int64(l)-int64(t.check.proof.states)))
	}
	t.full.Store(false)
	t.outOfStates.Store(false)
	t.outOfBytes.Store(false)

	var all sync.WaitGroup
	for _, w := range t.workers[1:] {
		all.Go(w.work)
	}
	t.workers[0].work()
	all.Wait()
	return budget - int(t.budget.Load())
}

func (t *team) halt() { t.signal.Or(halted) }

// work goes on until the slice ends.
func (w *worker) work() {
	t := w.team
	for {
		if len(w.stack) == 0 && !w.receive() || w.left <= 0 && !w.moreTransitions() {
			break
		}
		if s := t.signal.Load(); s >= halted {
			break
		} else if s != 0 && w.transitions >= w.sharesAt {
			w.share()
		}
		f := &w.stack[len(w.stack)-1]
		if int(f.next) == len(w.choices) {
			w.leave(f)
			if len(w.stack) == 0 {
				t.working.Add(-1)
			}
			continue
		}
		mark, hash := w.mem.Mark(), w.mem.Hash()
		w.m.Do(w.choices[f.next])
		added, ok := w.arrive()
		if !ok {
			w.mem.Return(mark, hash)
			t.halt()
			break
		}
		w.left--
		w.transitions++
		f.next++
		if added {
			w.states++
		}
		if !added || !w.enter(mark) {
			w.mem.Return(mark, hash)
		} else if !t.sorting && uint64(t.seen.segments) > siftFrom/segmentSlots {
			w.sift()
		}
	}
	t.budget.Add(int64(w.left))
	t.spare.Add(int64(w.spare))
	w.left, w.spare = 0, 0
}

// arrive is at a state that a step has led to. It returns whether the worker is
// to go on from there. It is not ok if there is no room for another state.
func (w *worker) arrive() (goOn, ok bool) {
	fp := occupied(w.mem.Hash())
	recent := fp / (1 << 64 / recentSlots)
	s := w.team.seen
	known := w.recent[recent] == fp
	if !known {
		var at place
		if at, goOn, ok = w.add(fp); !ok {
			return false, false
		}
		w.recent[recent] = fp
		if s.counted {
			w.counts[recent] = s.count(at)
		}
	}
	switch {
	case w.team.sorting:
		goOn = atomic.AddUint32(w.counts[recent], ^uint32(0)) == 0
	case s.counted:
		atomic.AddUint32(w.counts[recent], 1)
	}
	return goOn, true
}

// sift strikes out the choices of the state on top of the stack that lead to states seen before.
func (w *worker) sift() {
	choices := w.lookAhead(w.team.seen)
	left := 0
	for i, fp := range w.ahead {
		if !w.knows(occupied(fp)) {
			choices[left] = choices[i]
			left++
		}
	}
	struck := w.strike(len(choices) - left)
	w.left -= struck
	w.transitions += uint64(struck)
}

// knows reports whether a fingerprint is in the set, and if it is, counts the step that leads there.
func (w *worker) knows(fp uint64) bool {
	recent := fp / (1 << 64 / recentSlots)
	s := w.team.seen
	if w.recent[recent] != fp {
		at, there := s.findShared(fp)
		if !there {
			return false
		}
		w.recent[recent] = fp
		if s.counted {
			w.counts[recent] = s.count(at)
		}
	}
	if s.counted {
		atomic.AddUint32(w.counts[recent], 1)
	}
	return true
}

// findShared is find while others add.
func (s *seen) findShared(fp uint64) (place, bool) {
	g := s.dir[fp>>(s.shift&63)]
	i := uint(fp) % segmentSlots
	for {
		for range lineSlots {
			switch atomic.LoadUint64(&g.slots[i]) {
			case fp:
				return place{g, i}, true
			case 0:
				return place{g, i}, false
			}
			i = i/lineSlots*lineSlots + (i+1)%lineSlots
		}
		i = (i + lineSlots) % segmentSlots
	}
}

// add adds a fingerprint to the set, unless it is there: then added is false. It
// is not ok if there is no room for another state. Of several workers
// that add the same at once, one does.
func (w *worker) add(fp uint64) (at place, added, ok bool) {
	s := w.team.seen
	g := s.dir[fp>>(s.shift&63)]
	i := uint(fp) % segmentSlots
	for {
		for range lineSlots {
			there := atomic.LoadUint64(&g.slots[i])
			if there == 0 {
				if w.spare == 0 && !w.moreStates() || w.room[g.number] == 0 && !w.moreRoom(g) {
					return place{}, false, false
				}
				if atomic.CompareAndSwapUint64(&g.slots[i], 0, fp) {
					w.spare--
					w.room[g.number]--
					return place{g, i}, true, true
				}
				there = atomic.LoadUint64(&g.slots[i])
			}
			if there == fp {
				return place{g, i}, false, true
			}
			i = i/lineSlots*lineSlots + (i+1)%lineSlots
		}
		i = (i + lineSlots) % segmentSlots
	}
}

// found notes a breach for the check.
func (t *team) found(claim int, run []Choice) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.check.found(claim, run)
}

// wentBack reports whether livelocks are judged, and a step of any worker went back: see [Finite].
func (t *team) wentBack() bool {
	return t.seen.counted && slices.ContainsFunc(t.workers, func(w *worker) bool { return w.m.(Finite).WentBack() })
}

// undo brings all memories to the initial state.
func (t *team) undo() {
	for _, w := range t.workers {
		w.mem.Undo(0)
	}
}

func (t *team) redo() {
	for _, w := range t.workers {
		w.redo()
	}
}

// handOut takes up to most of what is left, but no more than a fair part; 0: nothing is left.
func (t *team) handOut(of *atomic.Int64, most int64) int {
	for {
		left := of.Load()
		take := min(left, max(1, min(most, left/int64(8*len(t.workers)))))
		if take <= 0 || of.CompareAndSwap(left, left-take) {
			return int(max(0, take))
		}
	}
}

const lot = 512 // transitions, or states, that are handed out at once

// moreTransitions asks for transitions; if there are none, the slice is over.
func (w *worker) moreTransitions() bool {
	t := w.team
	more := t.handOut(&t.budget, lot)
	if more == 0 {
		t.halt()
		return false
	}
	w.left += more
	w.took.Store(w.bytes())
	return true
}

// moreStates asks for states.
func (w *worker) moreStates() bool {
	t, l := w.team, w.team.check.limits
	if l.Bytes != 0 {
		bytes := t.seen.bytes
		for _, w := range t.workers {
			bytes += w.took.Load()
		}
		if bytes >= l.Bytes {
			t.outOfBytes.Store(true)
			return false
		}
	}
	if w.spare = lot; l.States != 0 {
		w.spare = t.handOut(&t.spare, lot)
	}
	if w.spare == 0 {
		t.outOfStates.Store(true)
	}
	return w.spare > 0
}

// moreRoom asks for places of a segment.
func (w *worker) moreRoom(g *segment) bool {
	t := w.team
	if atomic.AddInt64(&g.n, t.handful) > segmentFull {
		atomic.AddInt64(&g.n, -t.handful)
		t.full.Store(true)
		return false
	}
	w.room[g.number] = uint8(t.handful)
	return true
}

// grow splits the segments that are full, and since segments fill evenly, those
// that will be soon. The cores share the work. It returns false if the memory for that is not there.
func (t *team) grow() bool {
	s := t.seen
	var full []*segment
	var prefix []uint64
	for i := 0; i < len(s.dir); {
		g := s.dir[i]
		if g.n > segmentFull*15/16 {
			full = append(full, g)
			prefix = append(prefix, uint64(i)<<s.shift)
		}
		i += 1 << (64 - s.shift - g.bits)
	}
	for i, g := range full {
		if t.check.limits.reached(0, t.bytes()) {
			full = full[:i]
			break
		}
		s.halve(g, prefix[i])
		for _, w := range t.workers {
			w.room[g.number] = 0
		}
	}
	if s.counted {
		for _, w := range t.workers {
			clear(w.recent[:]) // their counters move
		}
	}
	var next atomic.Int64
	deal := func() {
		for i := next.Add(1) - 1; i < int64(len(full)); i = next.Add(1) - 1 {
			s.deal(full[i])
		}
	}
	var all sync.WaitGroup
	for range min(len(t.workers), len(full)/8) {
		all.Go(deal)
	}
	deal()
	all.Wait()
	return len(full) == len(prefix)
}
