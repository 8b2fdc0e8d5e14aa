//go:build unix

package gupbench

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

//go:embed testdata/gup.pml
var pml []byte

// A Verifier is gup.pml translated by Spin for some flags, and compiled.
type Verifier struct{ path string }

// ErrNoSpin says that there is nothing to make a verifier with.
var ErrNoSpin = errors.New("spin and gcc are not both installed (Debian: apt-get install spin gcc)")

// NewVerifier makes a verifier in an empty directory. Unreduced, every step is a
// step of its own (-o1 -o2 -o3: else Spin merges some, and the counts differ), and all orders are
// followed; otherwise Spin does both as well as it can. The options are gcc's.
func NewVerifier(dir string, f Flags, unreduced bool, options ...string) (*Verifier, error) {
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, ErrNoSpin
		}
	}
	translate := f.defines()
	compile := append([]string{"-O2", "-w", "-DSAFETY", "-o", "pan", "pan.c"}, options...)
	if unreduced {
		translate = append(translate, "-o1", "-o2", "-o3")
		compile = append(compile, "-DNOREDUCE")
	}
	if err := os.WriteFile(filepath.Join(dir, "gup.pml"), pml, 0o644); err != nil {
		return nil, err
	}
	run := func(name string, args ...string) error {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
		return nil
	}
	if err := run("spin", append(translate, "-a", "gup.pml")...); err != nil {
		return nil, err
	}
	if err := run("gcc", compile...); err != nil {
		return nil, err
	}
	return &Verifier{filepath.Join(dir, "pan")}, nil
}

// defines are the flags as gup.pml takes them.
func (f Flags) defines() []string {
	bit := map[bool]int{true: 1}
	var out []string
	for _, d := range []struct {
		name  string
		value int
	}{
		{"NG", f.NG}, {"NR", f.NR}, {"NA", f.NA}, {"NF", f.NF}, {"NP", f.NP}, {"RECHECK", bit[f.Recheck]},
		{"IPI", bit[f.IPI]}, {"INCNZ", bit[f.INCNZ]}, {"PTF", bit[f.PTF]}, {"LOOP", bit[f.Loop]},
	} {
		out = append(out, fmt.Sprintf("-D%s=%d", d.name, d.value))
	}
	return out
}

// A Verification is what Spin has found.
type Verification struct {
	States, Transitions uint64 // the move into the initial state included
	Errors              uint64
	Depth               uint64 // of the first failure; Spin numbers the steps of a run from 0
	Bytes               uint64 // all memory that it took
	CPU                 time.Duration
}

// Run runs the verifier, with a stack for all runs of the instances, and the
// table of 2^24 slots that is Spin's own choice and suits them.
func (v *Verifier) Run() (Verification, error) {
	cmd := exec.Command(v.path, "-m1500000", "-w24")
	cmd.Dir = filepath.Dir(v.path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Verification{}, fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	number := func(pattern string) float64 {
		m := regexp.MustCompile(pattern).FindSubmatch(out)
		if m == nil {
			if err == nil {
				err = fmt.Errorf("no %q in what Spin says:\n%s", pattern, out)
			}
			return 0
		}
		n, _ := strconv.ParseFloat(string(m[1]), 64)
		return n
	}
	r := Verification{
		States:      uint64(number(`(\d+) states, stored`)),
		Transitions: uint64(number(`(\d+) transitions`)),
		Errors:      uint64(number(`errors: (\d+)`)),
		Bytes:       uint64(number(`([0-9.]+)\s+total actual memory usage`) * (1 << 20)),
		CPU:         cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
	}
	if r.Errors != 0 {
		r.Depth = uint64(number(`assertion violated.*\(at depth (\d+)\)`))
	}
	return r, err
}
