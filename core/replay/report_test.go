package replay

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/report.txt anew")

// What is printed of some programs, with the kernel of the other branch as the model.
func TestReport(t *testing.T) {
	old := map[string]*Program{}
	for _, p := range corpus(t, "6.1") {
		old[p.ID] = p
	}
	var out bytes.Buffer
	var total Total
	for _, p := range corpus(t, "6.12") {
		switch p.ID {
		case "101-anon-cow-0015", "101-hugetlb-0003", "101-thp-0385", "101-mixed-0004", "101-swap-0242", "101-anon-cow-0227":
			total.Add(Judge(p, echoing(p, observations(old[p.ID])), []Exclusion{{"fr.*.pmap", "an example"}}))
		}
	}
	for _, d := range total.Firsts {
		fmt.Fprintln(&out, d)
	}
	total.WriteSummary(&out)
	if err := total.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/report.txt"
	if *rewrite {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != out.String() {
		t.Errorf("%v, or not as in %s (-rewrite writes it anew):\n%s", err, golden, &out)
	}
}

func TestNothingDiffersReadsSo(t *testing.T) {
	var total Total
	p := &Program{ID: "same", Steps: []Step{step("mem R anon rw 1", "F0")}}
	total.Add(Judge(p, echoing(p, observations(p)), nil))
	var text, json strings.Builder
	total.WriteSummary(&text)
	total.WriteJSON(&json)
	if got, want := text.String(), "1 programs, 7 observations: 7 matched, 0 differing (in 0 programs), 0 out of scope (0.00 %)\n"; got != want {
		t.Error(got)
	}
	if got, want := json.String(), `{"programs":1,"observations":7,"matched":7,"differing":0,"out_of_scope":0,"first":[]}`+"\n"; got != want {
		t.Error(got)
	}
}

func FuzzParseOp(f *testing.F) {
	f.Add("pin A R.0 PIN w LONGTERM FORCE slow -> s0")
	f.Add("munmap A R.")
	f.Fuzz(func(t *testing.T, text string) {
		if o := ParseOp(text); o.Text != text || (o.Verb == Unknown) != (o.Mistake != nil) {
			t.Errorf("%q: %+v", text, o)
		}
	})
}

// What can be read is no different from itself, whatever it says, as long as every record is of something
// that is named elsewhere.
func FuzzPrograms(f *testing.F) {
	f.Add(`{"id":"a","ops":[{"op":"x","r":{"ret":0},"pt":{"A":{"R":["pte F0 W","swap S1 X"]}},"fr":{"F0":{"fl":"","sw":"S1"}},"sw":{"S1":{"cache":"F0"}}}]}`)
	f.Add(`{"id":"a","ops":[{"op":"reclaim","r":{"skip":"slot"},"pc":{"R":["F0","S1"]},"fr":{"F7":{"fl":"anon"}},"pins":{"s0":{"f":"F1"}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		for p, err := range Programs(strings.NewReader(text)) {
			if err != nil {
				return
			}
			start := func(*Program) (Model, error) { return &echo{observations(p), 0}, nil }
			for i := range p.Steps {
				p.Steps[i].Op = ParseOp("reclaim")
				o := p.Steps[i].After
				frames, swap := o.Frames, o.Swap
				o.Frames, o.Swap = nil, nil
				reached := o.appearance(nil)
				for i := 0; i < len(reached); i++ {
					for _, l := range []Label{frames[reached[i]].Swap, swap[reached[i]].Cache} {
						if l.renamed() && !slices.Contains(reached, l) {
							reached = append(reached, l)
						}
					}
				}
				for _, l := range p.Steps[i].After.named() {
					if !slices.Contains(reached, l) {
						return
					}
				}
			}
			if s := Judge(p, start, nil); s.Differing != 0 || s.Matched != s.Observations {
				t.Errorf("%+v\n%v", s, s.First)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text, err := os.ReadFile("testdata/train-6.12.jsonl.gz")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, err := range Programs(bytes.NewReader(text)) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	all, err := read["6.12"]()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, p := range all {
			Judge(p, func(*Program) (Model, error) { return &echo{observations(p), 0}, nil }, nil)
		}
	}
}
