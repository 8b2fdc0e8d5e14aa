package replay

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"testing"

	"gupscope/core/kernel"
)

// The kernels that the corpus ran on.
var kernels = map[string]string{"6.1": "v6.1.192", "6.12": "v6.12.117"}

const scoresFile = "testdata/scores.txt"

// A score is a line of that file: how much of a family the model gets right.
type score struct {
	branch, family                     string
	sample                             int // every how many-th program
	matched, differing, outOfScope, of int
}

func (s score) key() string { return fmt.Sprint(s.branch, " ", s.family, " ", s.sample) }

const sample = 16

// The model replays every program that a real kernel ran; -short: a sample. How much it gets
// right is kept, and may only grow: -rewrite writes it anew, and the change is for a reviewer to read.
func TestTheModelDoesAsTheKernelsDid(t *testing.T) {
	known := knownScores(t)
	var out bytes.Buffer
	fmt.Fprintln(&out, "# kernel, family, every n-th program: observations, matched, differing, out of scope")
	for _, c := range corpora {
		k, err := kernel.Make(kernels[c.branch])
		if err != nil {
			t.Fatal(err)
		}
		every := sampled(corpus(t, c.branch), sample)
		for _, s := range families(c.branch, every, k, sample) {
			s.judge(t, known, &out)
		}
		if testing.Short() {
			continue
		}
		for _, s := range families(c.branch, corpus(t, c.branch), k, 1) {
			s.judge(t, known, &out)
		}
	}
	if *rewrite && !testing.Short() {
		if err := os.WriteFile(scoresFile, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func sampled(all []*Program, every int) (some []*Program) {
	for i, p := range all {
		if i%every == 0 {
			some = append(some, p)
		}
	}
	return some
}

// families are the scores by family, in the order of the file; the first is that of all.
func families(branch string, programs []*Program, k kernel.Kernel, every int) []score {
	all := []score{{branch: branch, family: "all", sample: every}}
	at := map[string]int{}
	for i, s := range JudgeAll(programs, Replaying(k), Excluded) {
		family := programs[i].Family
		n, ok := at[family]
		if !ok {
			n = len(all)
			at[family] = n
			all = append(all, score{branch: branch, family: family, sample: every})
		}
		for _, sum := range []*score{&all[0], &all[n]} {
			sum.of += s.Observations
			sum.matched += s.Matched
			sum.differing += s.Differing
			sum.outOfScope += s.OutOfScope
		}
	}
	return all
}

// judge holds a score against what it was.
func (s score) judge(t *testing.T, known map[string]score, out *bytes.Buffer) {
	fmt.Fprintln(out, s.branch, s.family, s.sample, s.of, s.matched, s.differing, s.outOfScope)
	was, ok := known[s.key()]
	switch {
	case !ok || *rewrite:
	case s.matched < was.matched:
		t.Errorf("%s: %d observations match, %d did: gupscope replay --by op says where they differ", s.key(), s.matched, was.matched)
	case s.differing > was.differing && s.outOfScope >= was.outOfScope:
		t.Errorf("%s: %d observations differ, %d did", s.key(), s.differing, was.differing)
	case s != was:
		t.Logf("%s: better than in %s (-rewrite): %+v", s.key(), scoresFile, s)
	}
}

func knownScores(t *testing.T) map[string]score {
	f, err := os.Open(scoresFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	known := map[string]score{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var s score
		if _, err := fmt.Sscan(lines.Text(), &s.branch, &s.family, &s.sample, &s.of, &s.matched, &s.differing, &s.outOfScope); err == nil {
			known[s.key()] = s
		}
	}
	return known
}
