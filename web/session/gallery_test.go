package session

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"gupscope/web/view"
)

var rewrite = flag.Bool("rewrite", false, "write gallery.txt anew")

// TestListed: what a page lists is what the scenarios say.
func TestListed(t *testing.T) {
	var b strings.Builder
	for _, e := range Gallery() {
		b.WriteString(e.Name + "\t" + strings.Join(e.Mechanisms[:min(1, len(e.Mechanisms))], "") + "\t" + e.About + "\n")
	}
	if *rewrite {
		if err := os.WriteFile("gallery.txt", []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		galleryText = b.String()
	}
	if b.String() != galleryText {
		t.Errorf("gallery.txt is not what the scenarios say: go test ./web/session -run TestListed -rewrite")
	}
	if !slices.Equal(grouped(), view.InGroups(Gallery())) {
		t.Error("the list of scenarios is not the gallery in its groups")
	}
}
