package scenario

import (
	"testing"

	"gupscope/core/kernel"
)

// TestEveryWordIsDocumented: whatever completion proposes as an argument, hovering explains, and no explanation is of a word that there is not.
func TestEveryWordIsDocumented(t *testing.T) {
	there := map[string]bool{}
	for _, c := range kernel.Calls {
		for _, p := range c.Params {
			for _, w := range p.Words {
				there[w] = true
				if wordDoc(w) == "" {
					t.Errorf("%s of %s is not explained", w, c.Name)
				}
			}
		}
	}
	for w := range wordDocs {
		if !there[w] {
			t.Errorf("%s is explained, and no call has it", w)
		}
	}
}
