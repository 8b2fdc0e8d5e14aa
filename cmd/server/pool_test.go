package main

import (
	"encoding/xml"
	"strings"
	"testing"

	"gupscope/core/kernel"
	"time"
)

func TestInOrder(t *testing.T) {
	var got []int
	inOrder(20, 4, func(i int) int {
		time.Sleep(time.Duration(20-i) * time.Millisecond / 10)
		return i * i
	}, func(i, square int) bool {
		if square != i*i {
			t.Errorf("result %d is %d", i, square)
		}
		got = append(got, i)
		return i < 9
	})
	if len(got) != 10 {
		t.Errorf("after false at 9 came %v", got)
	}
	for i, n := range got {
		if i != n {
			t.Fatalf("results came as %v", got)
		}
	}
	inOrder(0, 4, func(int) int { return 0 }, func(int, int) bool { t.Error("there is nothing to do"); return true })
}

func TestJUnit(t *testing.T) {
	var s junitSuites
	s.add(answerJSON{File: "a.gup", Kernel: "v6.12", Expected: "Never", OK: true, Seconds: 0.5}, "Never\n")
	s.add(answerJSON{File: "a.gup", Kernel: "v4.6", Expected: "Never", Why: "it is Sometimes <x>"}, "--run\n")
	s.add(answerJSON{File: "b.gup", Kernel: "v4.6", Verdict: "n/a", OK: true, Why: "v4.6 has no pin_user_pages"}, "")
	text, err := xml.Marshal(&s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<testsuites tests="3" failures="1">`,
		`<testsuite name="a.gup" tests="2" failures="1" skipped="0" time="0.500">`,
		`<failure message="expected Never, but it is Sometimes &lt;x&gt;">`,
		`<skipped message="v4.6 has no pin_user_pages"></skipped>`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
}

func TestFilled(t *testing.T) {
	if got := filled("one two  three four", 9); got != "one two\nthree\nfour\n" {
		t.Errorf("got %q", got)
	}
}

func TestSummary(t *testing.T) {
	for want, n := range map[string][4]int{
		"3 passed, 1 failed": {3, 1, 0, 0},
		"0 passed, 0 failed, of 2 nothing was expected; 1 stopped at a bound": {0, 0, 2, 1},
	} {
		if got := summary(n[0], n[1], n[2], n[3]); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A table of all kernels has none twice.
func TestEveryFlush(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range kernel.EveryFlush() {
		if seen[k.String()] {
			t.Errorf("%v comes twice", k)
		}
		seen[k.String()] = true
	}
	if len(seen) < 3*10 {
		t.Errorf("only %d kernels: %v", len(seen), seen)
	}
}
