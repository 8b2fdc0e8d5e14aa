package verdict

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gupscope/core/kernel"
)

// Which ways on a step has, its action alone knows, and an action is code. What
// can be said without reading it is which ways runs have taken: exits.txt has those that any
// scenario of the gallery takes on any kernel that it names. So "no run took this
// branch" is said of branches that exist; one that nothing in the gallery takes is missing.
//
// A line is an exit: function (by its newest name), table (0, or the number of
// its variant), step, label, the step that comes next, what is called, the form of what was said:
//
//	gup_fast_pte_range	0	4	recheck_pte	8	-	the PTE has changed: it is %v
//
// TestExpectations makes the file, and holds it against the gallery.
//
//go:embed exits.txt
var exits string

// verb is a place in a form where something is told that depends on the run.
var verb = regexp.MustCompile(`%[a-z]`)

// exitOf is the line of a branch.
func exitOf(funcs []kernel.Bound, h kernel.Hop) string {
	f := &funcs[h.Fn]
	called := "-"
	if h.Calls() {
		called = funcs[h.Called].Name
	}
	return fmt.Sprintf("%s\t%d\t%s\t%s", exitKey(f, h.From), branchOf(funcs, h).To, called, h.Form)
}

// exitKey is the step's part of a line.
func exitKey(f *kernel.Bound, step int) string {
	return fmt.Sprintf("%s\t%d\t%d\t%s", f.Name, f.Variant, step, f.Steps[step].Label)
}

// knownExits returns the exits that the steps of a kernel have, in the order of the
// file. A line that does not fit the tables is left out; there is none while the test holds.
func knownExits(funcs []kernel.Bound) []Branch {
	byName := map[string]*kernel.Bound{}
	for i := range funcs {
		if f := &funcs[i]; f.Func != nil {
			byName[f.Name] = f
		}
	}
	var out []Branch
	for line := range strings.Lines(exits) {
		part := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(part) != 7 {
			continue
		}
		f := byName[part[0]]
		variant, _ := strconv.Atoi(part[1])
		from, _ := strconv.Atoi(part[2])
		to, _ := strconv.Atoi(part[4])
		if f == nil || variant != f.Variant || from >= len(f.Steps) || f.Steps[from].Label != part[3] || f.Off[from] {
			continue
		}
		h := kernel.Hop{Fn: f.ID, From: from, To: to, Form: part[6]}
		if called := byName[part[5]]; called != nil {
			h.Called = called.ID
		}
		out = append(out, *newBranch(funcs, h, verb.ReplaceAllString(h.Form, "…")))
	}
	return out
}
