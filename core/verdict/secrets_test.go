package verdict

import (
	"slices"
	"testing"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// TestSecretsAreRead: where a scenario expects cow-keeps-secrets to break, its run ends at the breach, when the secret is stored. Run on with no claim judged,
// whoever has the reference reads it.
func TestSecretsAreRead(t *testing.T) {
	read := map[string]string{"reference-reads-childs-store": `P0.v == "y"`}
	kernels := 0
	for _, g := range scenarios.List() {
		f, _ := scenario.Parse(g.File(), []byte(g.Text))
		for i := range f.Expects {
			e := &f.Expects[i]
			if e.Judge != nil || e.Verdict == kernel.Never || !slices.Contains(e.Claims, "cow-keeps-secrets") {
				continue
			}
			cond := read[g.Name]
			if cond == "" {
				cond = `P1.v == "secret"`
			}
			for _, k := range e.Kernels {
				kernels++
				asked, ds := scenario.Parse(g.File(), []byte(g.Text+"sometimes "+cond+" on "+k.String()+"\n"))
				if len(ds) > 0 {
					t.Fatal(ds)
				}
				if o := run(t, asked, &scenario.Expect{Judge: []string{}}, k); len(o.Seen) == 0 || len(o.Unseen) > 0 {
					t.Errorf("%s: on %v no run ends with %s", g.Name, k, cond)
				}
			}
		}
	}
	if kernels < 20 {
		t.Errorf("%d kernels give secrets away", kernels)
	}
}
