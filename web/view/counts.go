package view

import (
	"strings"

	"gupscope/core/trace"
)

// A Count is what a folio's refcount or pincount is from a step on; from step 0, what it was at the start. (Pins of a folio of one page are
// 1024 each in its refcount: a pincount of its own has a large folio alone.)
type Count struct {
	Step  int
	Name  string // "folio 1 refcount"
	Value int
}

// OfCounts are the counts that a run changes, in the order of its steps.
func OfCounts(r *trace.Run) []Count {
	var out []Count
	began := map[string]bool{}
	for i := range r.Steps() {
		for _, c := range r.Steps()[i].Changes {
			folio, what, _ := strings.Cut(c.Name, ": ")
			if !strings.HasPrefix(folio, "folio ") || what != "refcount" && what != "pincount" {
				continue
			}
			name := folio + " " + what
			if !began[name] {
				began[name] = true
				out = append(out, Count{Name: name, Value: int(int64(c.OldV))})
			}
			out = append(out, Count{Step: i + 1, Name: name, Value: int(int64(c.NewV))})
		}
	}
	return out
}
