package check

import (
	"math/rand/v2"
	"testing"
)

// TestTrail pushes and pops at random, as a search does, fingerprints of which
// many want the same slot.
func TestTrail(t *testing.T) {
	trail := newTrail()
	r := rand.New(rand.NewPCG(1, 2))
	var stack []uint64
	there := map[uint64]bool{}
	for range 200_000 {
		fp := r.Uint64N(3) | r.Uint64N(2000)<<50
		if there[fp] != trail.has(fp) {
			t.Fatalf("fingerprint %x: got %v, want %v", fp, trail.has(fp), there[fp])
		}
		if n := len(stack); n > 0 && r.IntN(1000) < 480 {
			trail.pop(stack[n-1])
			delete(there, stack[n-1])
			stack = stack[:n-1]
		} else if !there[fp] {
			trail.push(fp)
			there[fp] = true
			stack = append(stack, fp)
		}
	}
	for _, fp := range stack {
		if !trail.has(fp) {
			t.Errorf("fingerprint %x is lost", fp)
		}
	}
}
