//go:build unix

package gupbench

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"gupscope/core/check"
)

// pan translates gup.pml with the flags, compiles it with the options
// and returns the verifier. The translation keeps every step a step of its own
// (-o1 -o2 -o3): else Spin merges steps, and the counts differ.
func pan(tb testing.TB, f Flags, options ...string) string {
	tb.Helper()
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			tb.Skipf("%s is not installed (Debian: apt-get install spin gcc)", tool)
		}
	}
	model, err := filepath.Abs("testdata/gup.pml")
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	run := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			tb.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	bit := map[bool]int{true: 1}
	run("spin", fmt.Sprint("-DNG=", f.NG), fmt.Sprint("-DNR=", f.NR), fmt.Sprint("-DNA=", f.NA),
		fmt.Sprint("-DNF=", f.NF), fmt.Sprint("-DNP=", f.NP), fmt.Sprint("-DRECHECK=", bit[f.Recheck]),
		fmt.Sprint("-DIPI=", bit[f.IPI]), fmt.Sprint("-DINCNZ=", bit[f.INCNZ]), fmt.Sprint("-DPTF=", bit[f.PTF]),
		fmt.Sprint("-DLOOP=", bit[f.Loop]), "-o1", "-o2", "-o3", "-a", model)
	run("gcc", append([]string{"-O2", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c"}, options...)...)
	return filepath.Join(dir, "pan")
}

// verify runs the verifier and returns what it prints, and the CPU time it took.
func verify(tb testing.TB, pan string) (string, time.Duration) {
	tb.Helper()
	cmd := exec.Command(pan, "-m1500000", "-w22")
	cmd.Dir = filepath.Dir(pan)
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// number returns the number in the first match of a pattern.
func number(tb testing.TB, out, pattern string) uint64 {
	tb.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(out)
	if m == nil {
		tb.Fatalf("no %q in:\n%s", pattern, out)
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

const (
	spinStates      = `(\d+) states, stored`
	spinTransitions = `(\d+) transitions`
	spinErrors      = `errors: (\d+)`
)

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
			out, _ := verify(t, pan(t, f))
			r, _ := explore(f)
			if errors := number(t, out, spinErrors); errors != 0 || r.Verdict != check.Never {
				t.Fatalf("got %v, Spin finds %d errors", r, errors)
			}
			states, transitions := number(t, out, spinStates), number(t, out, spinTransitions)
			if r.States != states || r.Transitions+1 != transitions {
				t.Errorf("got %d states, %d transitions, Spin counts %d, %d", r.States, r.Transitions+1, states, transitions)
			}
		})
	}
}

// Where an assertion can fail, Spin's breadth-first search fails it for the
// first time at the same depth. Spin numbers the steps of a run from 0.
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
			out, _ := verify(t, pan(t, f, "-DBFS"))
			r, _ := explore(f)
			if len(r.Claims) == 0 {
				t.Fatalf("got %v, Spin says:\n%s", r, out)
			}
			shortest := len(r.Claims[0].Run)
			for _, b := range r.Claims {
				shortest = min(shortest, len(b.Run))
			}
			if last := number(t, out, `assertion violated.*\(at depth (\d+)\)`); uint64(shortest) != last+1 {
				t.Errorf("got %v after %d steps, Spin after %d", r, shortest, last+1)
			}
		})
	}
}

// cpuTime is what this process has used so far, the garbage collector included.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSpin runs Spin and the check in turn, so that both have the same
// machine, and reports the best of each and how many times faster the check is.
// Both are measured in CPU time, which other work on the machine disturbs less.
func BenchmarkSpin(b *testing.B) {
	for _, in := range instances {
		b.Run(in.name, func(b *testing.B) {
			pan := pan(b, in.flags)
			spin, ours := time.Duration(1<<63-1), time.Duration(1<<63-1)
			for b.Loop() {
				out, took := verify(b, pan)
				spin = min(spin, took)
				if n := number(b, out, spinTransitions); n != in.transitions {
					b.Fatalf("Spin counts %d transitions, want %d", n, in.transitions)
				}
				start := cpuTime(b)
				explore(in.flags)
				ours = min(ours, cpuTime(b)-start)
			}
			measure(b, "spin "+in.name, float64(in.transitions)/spin.Seconds(), "spin-transitions/s")
			measure(b, "check "+in.name+" beside spin", float64(in.transitions)/ours.Seconds(), "transitions/s")
			measure(b, "check "+in.name+" against spin", spin.Seconds()/ours.Seconds(), "times-spin")
		})
	}
}
