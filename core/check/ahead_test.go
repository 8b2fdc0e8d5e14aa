package check_test

import (
	"fmt"
	"runtime"
	"testing"

	"gupscope/core/check"
)

// TestLookingAhead holds proofs that look ahead from every state against those
// that do not: counts, depth, verdict, runs and livelocks, stopped again and again or not, of one worker and of three.
func TestLookingAhead(t *testing.T) {
	same := func(t *testing.T, got, want check.Result) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) || got.Transitions != want.Transitions || got.Depth != want.Depth {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	for number := range genModels / 4 {
		instances := []func() check.Model{
			func() check.Model { return generateOver(number, genVars+4*(number%3)) },
			func() check.Model { return generateFinite(number) },
		}
		for _, instance := range instances {
			want := finish(check.New(instance(), check.Limits{}), 1<<20)
			restore := check.LookAheadFrom(0)
			same(t, finish(check.New(instance(), check.Limits{}), 1+number%50), want)
			c := check.New(instance(), check.Limits{States: 1})
			for limit := uint64(1); finish(c, 100).Verdict == check.Unknown || c.Run(1).Phase != check.Done; limit += 1 + uint64(number)%9 {
				c.Limit(check.Limits{States: limit})
			}
			same(t, c.Result(), want)
			if runtime.GOOS != "js" {
				got := finish(check.Parallel(several(3, instance), check.Limits{}), 100+number)
				got.Depth = want.Depth
				same(t, got, want)
			}
			restore()
		}
	}
}
