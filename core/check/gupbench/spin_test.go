//go:build unix

package gupbench

import (
	"errors"
	"fmt"
	"testing"

	"gupscope/core/check"
)

// verify runs Spin on gup.pml, without any reduction.
func verify(t *testing.T, f Flags, options ...string) Verification {
	t.Helper()
	v, err := NewVerifier(t.TempDir(), f, true, options...)
	if errors.Is(err, ErrNoSpin) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	found, err := v.Run()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The model is that of gup.pml under every flag: Spin counts the same.
func TestCountsUnderSpin(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles several verifiers")
	}
	for _, f := range []Flags{
		{NG: 2, NR: 1, NA: 1, NF: 2, NP: 1, Recheck: true, IPI: true, INCNZ: true, PTF: true},
		{NG: 1, NR: 1, NA: 1, NF: 3, NP: 2, Recheck: true, IPI: true, INCNZ: true, PTF: true, Loop: true},
		{NG: 2, NR: 2, NA: 2, NF: 4, NP: 2, Recheck: true, INCNZ: true},
		{NG: 2, NR: 1, NA: 1, NF: 2, NP: 1, IPI: true, INCNZ: true},
	} {
		t.Run(fmt.Sprintf("%+v", f), func(t *testing.T) {
			spin := verify(t, f)
			r, _ := explore(f)
			if spin.Errors != 0 || r.Verdict != check.Never {
				t.Fatalf("got %v, Spin finds %d errors", r, spin.Errors)
			}
			if r.States != spin.States || r.Transitions+1 != spin.Transitions {
				t.Errorf("got %d states, %d transitions, Spin counts %d, %d", r.States, r.Transitions+1, spin.States, spin.Transitions)
			}
		})
	}
}

// Where an assertion can fail, Spin's breadth-first search fails it for the
// first time at the same depth.
func TestShortestUnderSpin(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles several verifiers")
	}
	for _, f := range []Flags{
		{NG: 1, NR: 1, NA: 1, NF: 2, NP: 1, INCNZ: true},
		{NG: 1, NR: 1, NA: 1, NF: 2, NP: 1, Recheck: true, INCNZ: true, PTF: true},
		{NG: 1, NR: 1, NA: 1, NF: 2, NP: 1, Recheck: true, INCNZ: true, PTF: true, Loop: true},
	} {
		t.Run(fmt.Sprintf("%+v", f), func(t *testing.T) {
			spin := verify(t, f, "-DBFS")
			r, _ := explore(f)
			if len(r.Claims) == 0 || spin.Errors == 0 {
				t.Fatalf("got %v, Spin finds %d errors", r, spin.Errors)
			}
			shortest := len(r.Claims[0].Run)
			for _, b := range r.Claims {
				shortest = min(shortest, len(b.Run))
			}
			if uint64(shortest) != spin.Depth+1 {
				t.Errorf("got %v after %d steps, Spin after %d", r, shortest, spin.Depth+1)
			}
		})
	}
}
