package replay

import (
	"strings"
	"testing"

	"gupscope/core/kernel"
)

// Programs that are not in the corpus. What the kernels do with them was read in their sources, and seen afterwards on Debian's (TRUTH.md).
var reasoned = []struct {
	why     string
	program string // operations
	result  map[string]string
	entry   map[string]string // who.region.page; the last observation's entry, without labels
}{
	{"a page's reverse mapping leads by an address where a PMD maps another folio: that stays",
		"mem R thp rw 2; write A R.0 11; fork A B; write A R.0 12; fork A C; write A R.0 13; madvise C R.0 pageout",
		map[string]string{"6.1": `{"ret":0}`, "6.12": `{"ret":0}`}, map[string]string{"6.1": "B pmd D", "6.12": "B pmd D"}},
	{"collapse waits for a page that is read from swap in 6.1; in 6.12 it gives up",
		"mem R anon2m rw 2; write A R.0 11; write A R.1 12; reclaim; write A R.0 13; collapse A R",
		map[string]string{"6.1": `{"ret":0}`, "6.12": `{"ret":-11,"err":"EAGAIN"}`}, map[string]string{"6.1": "A pmd WD", "6.12": "A pte WD"}},
	{"a slot of zeros is read at once",
		"mem R anon2m rw 2; write A R.0 11; write A R.1 0; reclaim; write A R.0 13; collapse A R",
		map[string]string{"6.1": `{"ret":0}`, "6.12": `{"ret":0}`}, map[string]string{"6.1": "A pmd WD", "6.12": "A pmd WD"}},
	{"a huge page part of which is not mapped any more is moved as one in 6.1; 6.12 splits it first, and pages of zeros give way to the zero page",
		"mem R thp rw 2; write A R.1 11; madvise A R.1 dontneed; migrate A R.0",
		map[string]string{"6.1": `{"ret":0,"status":"moved"}`, "6.12": `{"ret":0,"status":"moved"}`}, map[string]string{"6.1": "A pte W", "6.12": "A pte -"}},
	{"a dirty lazyfree page that somebody holds and nobody maps is kept as it is",
		"mem R anon rw 1; write A R.0 11; madvise A R free; pin A R.0 GET w slow -> s0; munmap A R; reclaim; dmaread s0",
		map[string]string{"6.1": `{"ret":0,"val":11}`, "6.12": `{"ret":0,"val":11}`}, map[string]string{"6.1": "A novma", "6.12": "A novma"}},
}

func TestReasonedPrograms(t *testing.T) {
	for branch, name := range kernels {
		k, err := kernel.Make(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range reasoned {
			p := &Program{ID: c.why}
			for _, text := range strings.Split(c.program, "; ") {
				p.Steps = append(p.Steps, Step{Op: ParseOp(text)})
			}
			m, err := begin(Replaying(k), p)
			l := newLawbook(p)
			var o Observation
			for i := range p.Steps {
				if err == nil {
					o, err = do(m, p.Steps[i].Op)
				}
				if err != nil {
					t.Fatalf("%s: %s, op %d: %v", branch, c.why, i, err)
				}
				if broken := l.judge(&p.Steps[i].Op, &o); broken != nil {
					t.Errorf("%s: %s, op %d: %s", branch, c.why, i, broken)
				}
			}
			who := strings.Fields(c.entry[branch])[0]
			e := o.Tables[who]["R"][0]
			seen := who + " " + strings.Join(strings.Fields(strings.Replace(e.String(), string(e.Label), "", 1)), " ")
			if o.Result.String() != c.result[branch] || seen != c.entry[branch] {
				t.Errorf("%s: %s: %s and %s, not %s and %s", branch, c.why, o.Result, seen, c.result[branch], c.entry[branch])
			}
		}
	}
}
