package claim_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
)

// TestRestIsWhatComes holds the law of check.Reducible on every scenario:
// whichever actors move, their steps lie within the union of their Rests.
func TestRestIsWhatComes(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model) {
		rng := rand.New(rand.NewPCG(3, 4))
		r := claim.Reduce(m)
		start := m.Memory().Mark()
		seen := map[string]bool{}
		for range 40 {
			steps := rng.IntN(60)
			movers := ^uint64(0)
			var may check.Access
			for i := range steps + 40 {
				if i == steps {
					movers = rng.Uint64() | rng.Uint64()
					for a := range r.Actors() {
						if movers>>a&1 != 0 {
							r.Rest(a, &may)
						}
					}
				}
				var can []check.Choice
				for _, c := range m.Choices(nil) {
					if movers>>c.Actor&1 != 0 {
						can = append(can, c)
					}
				}
				if len(can) == 0 {
					break
				}
				c := can[rng.IntN(len(can))]
				if i >= steps && !ends(m, c) {
					var did check.Access
					r.Next(int(c.Actor), &did)
					l := m.Look(int(c.Actor))
					for _, miss := range r.Beyond(&did, &may) {
						what := fmt.Sprintf("%s: %s", l.Says, miss)
						if !seen[what] {
							seen[what] = true
							t.Errorf("%s, which was in no Rest", what)
						}
					}
				}
				mark := m.Memory().Mark()
				m.Do(c)
				if len(m.Broken(mark, nil)) > 0 {
					break
				}
			}
			m.Memory().Undo(start)
		}
	})
}

// TestReducedAgrees holds the reduced search against the other: what can break,
// and the shortest run to it.
func TestReducedAgrees(t *testing.T) {
	eachModel(t, func(t *testing.T, m *claim.Model) {
		finish := func(c *check.Check) check.Result {
			for c.Run(1<<16).Phase < check.Stopped {
			}
			return c.Result()
		}
		limits := check.Limits{States: 10_000}
		if !testing.Short() {
			limits.States = 200_000
		}
		want := finish(check.New(m, limits))
		got := finish(check.Reduced(claim.Reduce(m), limits))
		if want.Verdict == check.Unknown {
			t.Skipf("%d states are not all", want.States)
		}
		if got.Verdict != want.Verdict || fmt.Sprint(got.Claims) != fmt.Sprint(want.Claims) {
			t.Fatalf("got %v, want %v", got, want)
		}
		t.Logf("%d states, reduced %d: a factor of %.1f; %d transitions, reduced %d", want.States, got.States, float64(want.States)/float64(got.States), want.Transitions, got.Transitions)
	})
}

// ends reports whether all programs are at their end behind a step: then claims
// about ends are judged, of which no Rest speaks.
func ends(m *claim.Model, c check.Choice) bool {
	mark := m.Memory().Mark()
	m.Do(c)
	done := m.Done()
	m.Memory().Undo(mark)
	return done
}
