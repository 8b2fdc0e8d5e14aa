package check_test

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"

	"gupscope/core/cell"
	"gupscope/core/check"
)

func TestExactAgrees(t *testing.T) {
	for number := range genModels {
		if testing.Short() && number%8 != 0 {
			continue
		}
		m := generateOver(number, genVars+3*(number%3))
		t.Run(fmt.Sprint("model ", number), func(t *testing.T) { exactAgrees(t, m, m) })
	}
	for _, c := range classics {
		t.Run(c.name, func(t *testing.T) { exactAgrees(t, c.instance(), c.instance()) })
	}
}

func exactAgrees(t *testing.T, a, b check.Model) {
	want := finish(check.New(a, check.Limits{}), 1000)
	got := finish(check.Exact(b, check.Limits{}), 1000)
	if !got.Exact || got.Omission() != 0 {
		t.Errorf("omission of %g", got.Omission())
	}
	want.Exact = true
	if fmt.Sprint(got) != fmt.Sprint(want) || got.Transitions != want.Transitions || got.Depth != want.Depth {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestExactGoesOnWhenLimitsAreRaised(t *testing.T) {
	want := finish(check.Exact(newTwoPhase(5), check.Limits{}), 1000)
	c := check.Exact(newTwoPhase(5), check.Limits{})
	for limit := uint64(1); ; limit += 700 {
		c.Limit(check.Limits{States: limit})
		if got := finish(c, 50); got.Verdict != check.Unknown {
			if fmt.Sprint(got) != fmt.Sprint(want) || got.Transitions != want.Transitions {
				t.Errorf("got %+v, want %+v", got, want)
			}
			return
		} else if got.States != limit {
			t.Fatalf("got %d states with a limit of %d", got.States, limit)
		}
	}
}

func TestExactStopsAtBytes(t *testing.T) {
	const limit = 4 << 20
	c := check.Exact(newTwoPhase(8), check.Limits{Bytes: limit})
	r := finish(c, 1000)
	if p := c.Run(1); p.Phase != check.Stopped || p.Bytes > limit+1<<20 || r.Verdict != check.Unknown {
		t.Errorf("got %v, %d bytes with a limit of %d", p.Phase, p.Bytes, limit)
	}
}

// A switchboard has one task that turns switches on, one after the other: enough
// of them for two states to have the same fingerprint.
type switchboard struct {
	mem *cell.Memory
	on  []cell.ID // in the order in which they are turned on
}

// collided returns a switchboard whose last state has the fingerprint of the
// initial one. The fingerprint is the XOR of one word for every switch that is on, and of 65 words of
// 64 bits some have 0 as their XOR: elimination finds out which.
func collided(t *testing.T) *switchboard {
	var l cell.Layout
	l.Add(65, cell.Region{Name: func(i int) string { return fmt.Sprint("switch ", i) }})
	s := &switchboard{mem: cell.New(&l)}
	var basis [64]uint64
	var from [64][2]uint64 // the switches whose words make up that of the basis
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(65) {
		s.mem.Store(cell.ID(i), 1)
		word := s.mem.Hash()
		s.mem.Undo(0)
		var of [2]uint64
		of[i/64] = 1 << (i % 64)
		for word != 0 {
			top := 63 - bits.LeadingZeros64(word)
			if basis[top] == 0 {
				basis[top], from[top] = word, of
				break
			}
			word ^= basis[top]
			of[0], of[1] = of[0]^from[top][0], of[1]^from[top][1]
		}
		if word == 0 {
			for i := range 65 {
				if of[i/64]>>(i%64)&1 != 0 {
					s.on = append(s.on, cell.ID(i))
				}
			}
			return s
		}
	}
	t.Fatal("65 words of 64 bits are linearly independent")
	return nil
}

func (s *switchboard) lit() (n int) {
	for _, id := range s.on {
		n += int(s.mem.Load(id))
	}
	return n
}

func (s *switchboard) Memory() *cell.Memory { return s.mem }

func (s *switchboard) Choices(dst []check.Choice) []check.Choice {
	if s.lit() < len(s.on) {
		dst = append(dst, check.Choice{})
	}
	return dst
}

func (s *switchboard) Do(check.Choice)  { s.mem.Store(s.on[s.lit()], 1) }
func (s *switchboard) Claims() []string { return []string{"not-all-on"} }
func (s *switchboard) Done() bool       { return true }

func (s *switchboard) Broken(_ cell.Mark, dst []int) []int {
	if s.lit() == len(s.on) {
		dst = append(dst, 0)
	}
	return dst
}

// Two states with one fingerprint: the second, in which the claim is false, is
// lost to the search that keeps fingerprints, and found by the one that keeps states.
func TestExactFindsWhatFingerprintsOmit(t *testing.T) {
	s := collided(t)
	if r := finish(check.New(s, check.Limits{}), 1000); r.Verdict != check.Never || r.States != uint64(len(s.on)) {
		t.Errorf("by fingerprints: got %v; is there no collision any more?", r)
	}
	r := finish(check.Exact(s, check.Limits{}), 1000)
	if r.Verdict != check.Sometimes || r.States != uint64(len(s.on))+1 || len(r.Claims) != 1 {
		t.Fatalf("exact: got %v", r)
	}
	if n := len(r.Claims[0].Run); n != len(s.on) {
		t.Errorf("got a run of %d steps, want %d", n, len(s.on))
	}
}
