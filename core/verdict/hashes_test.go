package verdict

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/scenarios"
)

// eachModel calls f with every scenario of the gallery on every kernel that it names.
func eachModel(t *testing.T, f func(t *testing.T, name string, m *claim.Model)) {
	for _, s := range scenarios.List() {
		file, ds := scenario.Parse(s.File(), []byte(s.Text))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		var kernels []kernel.Kernel
		add := func(k kernel.Kernel) {
			if !slices.ContainsFunc(kernels, func(x kernel.Kernel) bool { return x.String() == k.String() }) {
				kernels = append(kernels, k)
			}
		}
		add(file.Kernel)
		for _, e := range file.Expects {
			for _, k := range e.Kernels {
				add(k)
			}
		}
		for _, k := range kernels {
			t.Run(s.Name+"/"+k.String(), func(t *testing.T) {
				m, _, ds := Model(file, k, nil)
				if m == nil {
					t.Fatal(ds)
				}
				f(t, s.Name, m)
			})
		}
	}
}

// recorded is embedded, so that a browser has it too.
//
//go:embed testdata/hashes.txt
var recorded string

// TestHashes makes random runs of every scenario on every kernel it names, and holds the hash after every step against what is on record: of five runs and,
// natively, of fifteen more. The same test runs natively and as WebAssembly, so both have the same states.
func TestHashes(t *testing.T) {
	const record = "testdata/hashes.txt"
	var b strings.Builder
	eachModel(t, func(t *testing.T, name string, m *claim.Model) {
		rng := rand.New(rand.NewPCG(1, 2))
		line := fmt.Sprintf("%s | %v", name, m.Kernel)
		for _, runs := range []int{5, 15} {
			steps, chain := chained(t, m, rng, runs)
			line += fmt.Sprintf(" | %d steps | %x", steps, chain)
			if !testing.Short() {
				continue
			}
			if !strings.Contains("\n"+recorded, "\n"+line+" | ") {
				t.Errorf("not on record: %s", line)
			}
			return
		}
		b.WriteString(line + "\n")
	})
	if *rewrite {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(record, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if b.String() != recorded && !*rewrite && !testing.Short() {
		t.Errorf("the hashes are not those on record (go test ./core/verdict -run TestHashes -rewrite, if the model was changed on purpose):\n%s", b.String())
	}
}

// chained makes so many random runs of at most 500 steps, and returns how many steps they had, and a hash of the hashes after each.
func chained(t *testing.T, m *claim.Model, rng *rand.Rand, runs int) (steps int, chain []byte) {
	start := m.Memory().Mark()
	all := sha256.New()
	for range runs {
		for range 500 {
			cs := m.Choices(nil)
			if len(cs) == 0 {
				break
			}
			m.Do(cs[rng.IntN(len(cs))])
			steps++
			fmt.Fprintf(all, "%016x", m.Memory().Hash())
			if m.Memory().Hash() != m.Memory().Rehash() {
				t.Fatal("the hash kept up is not the hash computed")
			}
		}
		m.Memory().Undo(start)
	}
	return steps, all.Sum(nil)[:8]
}
