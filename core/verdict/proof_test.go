package verdict

import (
	"fmt"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
)

// proved runs a check to its end.
func proved(c *check.Check) check.Result {
	for c.Run(1<<14).Phase < check.Stopped {
	}
	return c.Result()
}

// However a scenario is proved, by one worker or several, with fingerprints or
// whole states, the result is the same: on the kernel that it names itself, and on others where it is small.
func TestProofsAgree(t *testing.T) {
	own := map[string]bool{}
	eachModel(t, func(t *testing.T, name string, m *claim.Model) {
		limits := check.Limits{}
		if own[name] || testing.Short() {
			limits.States = 10_000
		}
		own[name] = true
		want := proved(check.New(m, limits))
		if want.Verdict == check.Unknown {
			return
		}
		var ms []check.Model
		for range 3 {
			ms = append(ms, claim.New(m.Setup, m.Kernel))
		}
		got := proved(check.Parallel(ms, check.Limits{}))
		got.Depth = want.Depth
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("by several workers: got %+v, want %+v", got, want)
		}
		got = proved(check.Exact(ms[0], check.Limits{}))
		if !got.Exact {
			t.Error("the result does not say that whole states were compared")
		}
		got.Exact = false
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("with whole states: got %+v, want %+v", got, want)
		}
	})
}
