package view

import (
	"math/rand/v2"
	"strings"
	"testing"

	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
)

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		a, b string
		k    int
		want string // "": b does not say what a says, k later
	}{
		{"frame 514 W D", "frame 1023 W D", 509, "frame 514–1023 W D"},
		{"page 2 of folio 512", "page 511 of folio 512", 509, "page 2–511 of folio 512"},
		{"frame 9", "frame 10", 1, "frame 9–10"},
		{"none", "none", 3, "none"},
		{"frame 514 W D", "frame 515 W", 1, ""},
		{"frame 514", "frame 516", 1, ""},
		{"frame 514", "frame", 1, ""},
		{"none", "frame 514", 1, ""},
	} {
		got := ""
		if counts(c.a, c.b, c.k) {
			got = span(c.a, c.b)
		}
		if got != c.want {
			t.Errorf("%q and, %d later, %q are %q, not %q", c.a, c.k, c.b, got, c.want)
		}
	}
}

// Huge pages of 512 pages stay readable in every state: whether the PMD maps them, or PTEs, or their pages are
// small by now, or gone.
func TestHugePagesFold(t *testing.T) {
	const text = `GUP fold

kernel v6.12
hpage_pmd_nr 512

mm A { buf = thp 1 rw "a" "b" }
frames 512

P0 on cpu0 in A {
    p = get_user_pages_fast(buf[300], FOLL_WRITE)
    store(buf[7], "c")
    put_page(p)
    v = load(buf[7])
}
P1 on cpu1 in A {
    madvise(buf[1], MADV_DONTNEED)
    store(buf[1], "d")
}
P2 on cpu2 kernel { split_huge_page(A.buf) }
`
	file, diags := scenario.Parse("fold", []byte(text))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	m, _, err := verdict.Model(file, file.Kernel, nil)
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]int{}
	for seed := range uint64(6) {
		r := trace.New(m)
		rng := rand.New(rand.NewPCG(seed, 1))
		for range 400 {
			next := m.Choices(nil)
			if len(next) == 0 {
				break
			}
			if _, err := r.Do(next[rng.IntN(len(next))]); err != nil {
				t.Fatal(err)
			}
			x := OfMemory(r)
			entries := 0
			for _, w := range x.Walks {
				for _, l := range w.Leaves {
					entries += len(l.Entries)
					for _, e := range l.Entries {
						if strings.Contains(e.Index, "–") {
							met[strings.Fields(e.Text)[0]]++
						}
					}
				}
			}
			if entries > 24 || len(x.Folios) > 24 || len(x.News) > 48 || len(x.Targets) > 24 {
				t.Fatalf("seed %d, step %d: %d entries, %d cards, %d changes, %d targets", seed, r.Len(), entries, len(x.Folios), len(x.News), len(x.Targets))
			}
		}
		r.Goto(0)
	}
	for _, what := range []string{"frame", "none"} {
		if met[what] == 0 {
			t.Errorf("no run of entries was %q: %v", what, met)
		}
	}
}
