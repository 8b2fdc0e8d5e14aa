package main

import (
	"errors"
	"strings"
	"testing"
)

// TestAskedWrongly holds what people are told who ask for what there is not.
func TestAskedWrongly(t *testing.T) {
	for _, c := range []struct {
		run  func() error
		want []string
	}{
		{(&explainCommand{File: "nowhere"}).Run, []string{"nowhere", "no such file", "gallery"}},
		{(&explainCommand{File: "no-memory", Kernel: "v7"}).Run, []string{`"v7" is no kernel`}},
		{(&explainCommand{File: "no-memory", Kernel: "v6.12 without nonsense"}).Run, []string{"is no kernel"}},
		{(&explainCommand{File: "no-memory", Claim: "nonsense"}).Run, []string{"--claim nonsense", "no such claim", "no-lost-store", "no-deadlock"}},
		{(&explainCommand{File: "store-vs-munmap", Claim: "no-deadlock"}).Run, []string{"no-deadlock does not break", "these do: no-stale-tlb-use"}},
		{(&explainCommand{File: "store-vs-munmap", Kernel: "v6.12", Claim: "no-lost-store"}).Run, []string{"no-lost-store does not break", "Never"}},
		{(&explainCommand{File: "store-vs-munmap", Run_: "0x3"}).Run, []string{"damaged at character 4"}},
		{(&explainCommand{File: "pin-fast-vs-reclaim", Kernel: "v4.6"}).Run, []string{"n/a on v4.6", "get_user_pages_fast"}},
		{(&rulesCommand{File: "pin-fast-vs-reclaim", Kernel: "v4.6"}).Run, []string{"n/a on v4.6"}},
		{(&endsCommand{File: "pin-fast-vs-reclaim", Kernel: "v4.6"}).Run, []string{"n/a on v4.6"}},
		{(&walkCommand{File: "pin-fast-vs-reclaim", Kernel: "v4.6", Steps: 1}).Run, []string{"n/a on v4.6"}},
		{(&walkCommand{File: "no-memory", Until: "nonsense", Steps: 1}).Run, []string{"--until nonsense", "no-lost-store, ", "no-deadlock"}},
		{(&walkCommand{File: "no-memory"}).Run, []string{"--steps 0"}},
	} {
		err := c.run()
		if err == nil || errors.Is(err, errFailed) {
			t.Errorf("want an error that says %q, got %v", c.want, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
	}
}
