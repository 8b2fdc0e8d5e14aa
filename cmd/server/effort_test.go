package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"gupscope/core/check"
)

var seconds = regexp.MustCompile(`\d+\.\d\d s`)

// checked is what check prints of a scenario, one verdict after the other.
func checked(t *testing.T, c checkCommand) string {
	t.Helper()
	questions, err := c.questions()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, q := range questions {
		if _, err := c.answer(&b, q, 1, func(check.Progress) {}); err != nil {
			t.Fatal(err)
		}
	}
	return seconds.ReplaceAllString(b.String(), "1 s")
}

// Several cores print what one does.
func TestJobsDoNotMatter(t *testing.T) {
	for _, name := range []string{"gup-fast-vs-munmap", "no-memory", "read-only-pin"} {
		want := checked(t, checkCommand{Paths: []string{name}, effort: effort{Jobs: 1}})
		for _, jobs := range []int{2, 4} {
			if got := checked(t, checkCommand{Paths: []string{name}, effort: effort{Jobs: jobs}}); got != want {
				t.Errorf("%s with %d jobs: got\n%s\nwant\n%s", name, jobs, got, want)
			}
		}
	}
}

func TestExactIsSaid(t *testing.T) {
	c := checkCommand{Paths: []string{"gup-fast-vs-reclaim"}, Kernels: []string{"v6.12"}, Quiet: true}
	if got := checked(t, c); !strings.Contains(got, "was overlooked with a probability of at most 3e-11") {
		t.Errorf("got %s", got)
	}
	c.Exact = true
	if got := checked(t, c); !strings.Contains(got, "Never\n    32805 states") || !strings.Contains(got, "none can have been overlooked") {
		t.Errorf("exact: got %s", got)
	}
}

func TestReducedIsSaid(t *testing.T) {
	c := checkCommand{Paths: []string{"gup-fast-vs-munmap"}, Quiet: true}
	c.Reduced = true
	if got := checked(t, c); !strings.Contains(got, " reduced states, ") || strings.Contains(got, "FAILED") {
		t.Errorf("reduced: got %s", got)
	}
}

// A check that is stopped says at which bound, and how to go on; what it has
// found is there.
func TestBoundsAreSaid(t *testing.T) {
	pv := []string{"v4.6 with tlb_flush=pv"}
	for _, c := range []struct {
		effort effort
		want   []string
	}{
		{effort{States: 1000}, []string{"unknown: stopped at 1000 states\n", "bound of 1000 states", "--states 4000 goes further"}},
		{effort{Memory: 600 << 10}, []string{"unknown: stopped at ", "bound of 600K of memory", "--memory 2400K goes further"}},
		{effort{Time: time.Nanosecond}, []string{"unknown: stopped at ", "bound of 1ns", "--time 4ns goes further"}},
		{effort{States: 20_000, Jobs: 1}, []string{"Sometimes gup-returns-only-mapped-pages, ", "so far\n", "--states 80000 goes further", "shortest\n", "--run "}},
	} {
		got := checked(t, checkCommand{Paths: []string{"gup-fast-vs-reclaim"}, Kernels: pv, effort: c.effort})
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%+v: got %s, want %q in it", c.effort, got, want)
			}
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]size{"1": 1, "600k": 600 << 10, "512M": 512 << 20, "512MiB": 512 << 20, "1.5G": 3 << 29, "4GB": 4 << 30} {
		var s size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%s: got %d, %v, want %d", text, s, err, want)
		}
	}
	for _, text := range []string{"", "M", "5x", "-1", "0"} {
		var s size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %d bytes", text, s)
		}
	}
	if got := (size(1536)).String() + " " + size(2048).String() + " " + size(3<<30).String(); got != "1536 2K 3G" {
		t.Errorf("got %s", got)
	}
}
