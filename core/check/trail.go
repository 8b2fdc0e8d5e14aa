package check

// A trail is the set of fingerprints of the states on the stack of a proof. A
// graph has a cycle if, and only if, a depth-first search that goes everywhere meets
// a state that is on its stack.
//
// It is asked whenever a state is known already, four times of five, so it
// is made for the answer no: an open table, at most an eighth full, that fits into the
// first cache. Top bits choose the slot, in which 0 and what stands for it ([occupied]) agree.
type trail struct {
	slots []uint64
	shift uint // 64 - log2(len(slots))
	n     int
}

func newTrail() *trail { return &trail{slots: make([]uint64, 1<<10), shift: 64 - 10} }

func (t *trail) bytes() uint64 {
	if t == nil {
		return 0
	}
	return 8 * uint64(len(t.slots))
}

// has reports whether a fingerprint is there.
func (t *trail) has(fp uint64) bool { return t.slots[fp>>(t.shift&63)] != 0 && t.find(fp) }

func (t *trail) find(fp uint64) bool {
	fp = occupied(fp)
	for i := fp >> t.shift; t.slots[i] != 0; i = t.after(i) {
		if t.slots[i] == fp {
			return true
		}
	}
	return false
}

func (t *trail) after(i uint64) uint64 { return (i + 1) & uint64(len(t.slots)-1) }

// push adds a fingerprint that is not there.
func (t *trail) push(fp uint64) {
	if t.n++; t.n*8 > len(t.slots) {
		was := t.slots
		t.slots = make([]uint64, 2*len(was))
		t.shift--
		for _, fp := range was {
			if fp != 0 {
				t.put(fp)
			}
		}
	}
	t.put(occupied(fp))
}

func (t *trail) put(fp uint64) {
	i := fp >> t.shift
	for t.slots[i] != 0 {
		i = t.after(i)
	}
	t.slots[i] = fp
}

// pop takes a fingerprint out. What stands behind it and could not be found
// beyond a free slot moves up.
func (t *trail) pop(fp uint64) {
	fp = occupied(fp)
	t.n--
	free := fp >> t.shift
	for t.slots[free] != fp {
		free = t.after(free)
	}
	mask := uint64(len(t.slots) - 1)
	for i := t.after(free); t.slots[i] != 0; i = t.after(i) {
		if wants := t.slots[i] >> t.shift; (i-wants)&mask >= (i-free)&mask {
			t.slots[free] = t.slots[i]
			free = i
		}
	}
	t.slots[free] = 0
}
