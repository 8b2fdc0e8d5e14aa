package view

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever was changed: taken line by line, the comparison is both texts; and taking back hunk by hunk leads to the original.
func TestChangesAreBothTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "", "d d"}), 0, 24).Draw(t, name), "\n")
		}
		original, now := text("original"), text("now")
		var one, other []string
		changed := false
		for _, l := range diffLines(strings.Split(original, "\n"), strings.Split(now, "\n")) {
			if l.Sign != '+' {
				one = append(one, l.Text)
			}
			if l.Sign != '-' {
				other = append(other, l.Text)
			}
			changed = changed || l.Sign != ' '
		}
		if strings.Join(one, "\n") != original || strings.Join(other, "\n") != now || changed != (original != now) {
			t.Fatalf("%q and %q are told as %q and %q", original, now, one, other)
		}
		for n := 0; now != original; n++ {
			c := OfChanges("x", original, now)
			if len(c.Hunks) == 0 || n > 30 {
				t.Fatalf("%q does not lead back to %q", now, original)
			}
			first := c.Hunks[0]
			if at := strings.Split(now, "\n"); first.Lines[0].Sign != '-' && at[first.Line-1] != first.Lines[0].Text {
				t.Fatalf("line %d of %q is not %q", first.Line, now, first.Lines[0].Text)
			}
			now = c.Hunks[0].Back
		}
	})
}

func TestChangesStayNear(t *testing.T) {
	original := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12"
	c := OfChanges("x", original, strings.Replace(strings.Replace(original, "2\n", "two\n", 1), "11", "eleven", 1))
	if len(c.Hunks) != 2 || c.New != 2 || c.Gone != 2 {
		t.Fatalf("%+v", c)
	}
	if h := c.Hunks[1]; h.Line != 9 || len(h.Lines) != 5 {
		t.Errorf("%+v", h)
	}
}
