package page

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gupscope/web/view"
)

// Every key and every command of a page is in the table, and every command of the table that is not the editor's is on the page.
func TestKeysAreInTheTable(t *testing.T) {
	p := sample(3)
	p.Header.Edited = true
	p.Race.Run.Violation = 3
	if p.Race.Story == nil {
		p.Race.Story = &view.Story{}
	}
	var b bytes.Buffer
	if err := Page(p, nil).Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	// What is beside the button Check depends on how far the check is.
	for _, v := range []view.Verdict{{State: view.Running}, {State: view.Broken, Bad: make([]view.Counter, 1)}} {
		if err := Verdict(&v).Render(context.Background(), &b); err != nil {
			t.Fatal(err)
		}
	}
	known := map[string]bool{"": true}
	for _, c := range view.Commands {
		known[strings.Join(c.Keys, " ")] = true
		for _, k := range c.Keys {
			known[k] = true
		}
	}
	for _, m := range regexp.MustCompile(`data-key="([^"]*)"`).FindAllStringSubmatch(b.String(), -1) {
		if !known[m[1]] {
			t.Errorf("the page hears %q, which is no command's key", m[1])
		}
	}
	var here []string
	for _, m := range regexp.MustCompile(`data-command="([^"]*)"`).FindAllStringSubmatch(b.String(), -1) {
		here = append(here, m[1])
	}
	for _, c := range view.Commands {
		if c.Where == view.OnPage && !slices.Contains(here, c.Name) {
			t.Errorf("nothing on the page does %q", c.Name)
		}
	}
}

// The steps that can be made have the column's digit as their key: the first alone, the others with what the table says. Those that cannot be made count nothing.
func TestMoveKeys(t *testing.T) {
	moves := []view.Move{{Ready: true}, {}, {Ready: true}, {Done: true}, {Ready: true}, {Ready: true}}
	for j, want := range map[int]string{0: "3", 2: "Shift+3", 4: "Alt+Shift+3", 5: ""} {
		if got := MoveKey(2, moves[:j]); got != want {
			t.Errorf("move %d of the third column has the key %q, want %q", j, got, want)
		}
	}
	if got := MoveKey(9, nil); got != "" {
		t.Errorf("the tenth column has the key %q", got)
	}
}
