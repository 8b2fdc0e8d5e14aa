package page

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"gupscope/web/link"
	"gupscope/web/view"
)

// What is said of parts of the diagram that are drawn, not written: for titles
// and for those who listen.

func spanText(r *view.Race, s *view.Span) string {
	t := r.Lanes[s.Lane].Name + ": " + s.Text
	if s.Open {
		return t + ", since step " + strconv.Itoa(s.From)
	}
	return t + ", step " + strconv.Itoa(s.From) + " to " + strconv.Itoa(s.To)
}

// waiting says who waits: "P1 waits", "P1 and P2 wait".
func waiting(tasks []string) string {
	if len(tasks) == 1 {
		return tasks[0] + " waits"
	}
	n := len(tasks) - 1
	return strings.Join(tasks[:n], ", ") + " and " + tasks[n] + " wait"
}

var arrow = regexp.MustCompile(`[\w.]+(?:->\w+)+|\B-E[A-Z]+\b`)

// arrows cuts a sentence before and after what has an arrow in it, and before and after errors: browsers would end a line behind a hyphen.
func arrows(s string) []string {
	if !strings.Contains(s, "->") && !strings.Contains(s, "-E") {
		return []string{s}
	}
	var out []string
	from := 0
	for _, at := range arrow.FindAllStringIndex(s, -1) {
		out = append(out, s[from:at[0]], s[at[0]:at[1]])
		from = at[1]
	}
	return append(out, s[from:])
}

// lengthOf is the class of words of that length, for the style sheet, which knows how much room they need: in sixes of letters.
func lengthOf(words string) string {
	return "n" + strconv.Itoa(min((len([]rune(words))+5)/6, 8))
}

func edgeText(r *view.Race, e *view.Edge) string {
	t := "step " + strconv.Itoa(e.From) + " on " + r.Lanes[e.FromLane].Name + " → step " +
		strconv.Itoa(e.To) + " on " + r.Lanes[e.ToLane].Name + ": " + e.Text
	if e.Race {
		return "racing: " + t
	}
	return t
}

// pointer is the arrow from a lane towards the one it waits for.
func pointer(from, to int) string {
	switch {
	case to < from:
		return "←"
	case to > from:
		return "→"
	}
	return "↑"
}

// moveID keeps the identity of a button over steps, and with it the focus: the
// lane and the place in it.
func moveID(r *view.Race, at, j int) string {
	return "move-" + r.Lanes[at].Name + "-" + strconv.Itoa(j)
}

// ListingID is the id of the function that a task is in, and ListingStepID that of a step of it.
func ListingID(l *view.Listing) string { return "listing-" + l.Task }

func ListingStepID(l *view.Listing, s *view.ListingStep) string {
	return ListingID(l) + "-" + strconv.Itoa(s.N)
}

// MovesID is the id of a lane's next steps.
func MovesID(r *view.Race, at int) string { return "moves-" + r.Lanes[at].Name }

// moveKeys are the commands whose keys press the buttons of a lane that can be pressed: the first, the second, …
var moveKeys = [...]string{"move", "move-2", "move-3"}

// MoveKey is the key that presses a lane's button with these before it, "" if none does.
func MoveKey(at int, before []view.Move) string {
	n := 0
	for i := range before {
		if before[i].Ready {
			n++
		}
	}
	if n >= len(moveKeys) {
		return ""
	}
	keys := view.CommandNamed(moveKeys[n]).Keys
	if at >= len(keys) {
		return ""
	}
	return keys[at]
}

// ruleGroups are the rules by group, which stand together.
func ruleGroups(rules []view.Rule) (out [][]view.Rule) {
	for from, i := 0, 1; i <= len(rules); i++ {
		if i == len(rules) || rules[i].Group != rules[from].Group {
			out, from = append(out, rules[from:i]), i
		}
	}
	return out
}

// sign says a verdict by shape.
func sign(s view.VerdictState) string {
	switch s {
	case view.Held:
		return "✓"
	case view.Broken:
		return "✗"
	case view.NotOnThis:
		return "–"
	}
	return "?"
}

func length(c *view.Counter) string {
	if c.Shortest {
		return "shortest: " + plural(c.Steps, "step", "steps")
	}
	return plural(c.Steps, "step", "steps") + ", not proved shortest"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// either joins what does the same.
func either(s []string) string { return strings.Join(s, " or ") }

// titled is what a version is known for, with its year.
func titled(v *view.Version) string {
	if v.Year == 0 {
		return v.About
	}
	return strconv.Itoa(v.Year) + ": " + v.About
}

func pressed(on bool) string { return strconv.FormatBool(on) }

// disabled marks what can be reached and does nothing at the moment: scripts and styles go by the value.
func disabled(so bool) templ.Attributes {
	if so {
		return templ.Attributes{"aria-disabled": "true"}
	}
	return nil
}

// on reports whether the second value of a rule of two is the one it has.
func on(r *view.Rule) bool { return r.Values[1].On }

// toggle makes a switch press the value, or say why it cannot.
func toggle(v *view.RuleValue) templ.Attributes {
	if v.Refused != "" {
		return templ.Attributes{"aria-disabled": "true", "title": v.Refused}
	}
	return templ.Attributes{"data-do": "kernel", "data-kernel": v.Kernel}
}

func join(s []string) string { return strings.Join(s, " · ") }

func pageCurrent(on bool) string {
	if on {
		return "page"
	}
	return "false"
}

// changed says what became of something.
func changed(c *view.Change) string {
	if c.Delta != "" {
		return c.Delta
	}
	return c.Old + " → " + c.New
}

// watched names what is watched.
func watched(r *view.Race) string {
	var names []string
	for _, w := range r.Run.Watched {
		names = append(names, w.Name)
	}
	if names == nil {
		return "of a cell that is watched: you watch none yet"
	}
	return "of " + strings.Join(names, ", ")
}

// noted are the steps that have notes, in order.
func noted(r *view.Race) []int { return slices.Sorted(maps.Keys(r.Noted)) }

// claimsToTell parts the claims into those to tell of and those that only hold.
func claimsToTell(cs []view.Claim) (told, rest []view.Claim) {
	for i, c := range cs {
		if c.Holds && !c.Wanted && !c.Spoken {
			return cs[:i], cs[i:]
		}
	}
	return cs, nil
}

func others(n int, more bool) string {
	if more {
		return plural(n, "other holds", "others hold")
	}
	return "all " + strconv.Itoa(n) + " hold"
}

// cellHref is the playground on that kernel, at the counterexample if there is one.
func cellHref(r *view.MatrixRow, kernel string, v *view.Verdicted) string {
	return link.Link{Scenario: r.Name, Kernel: kernel, Run: v.Run, At: v.At}.Address()
}

// branchName is what a branch is called in a list.
func branchName(b *view.Branch) string {
	if b.Named {
		return b.Text
	}
	return "after " + strconv.Itoa(b.At) + ": " + b.Text
}

// diffClass is the look of a line of a comparison of texts.
func diffClass(sign byte) string {
	switch sign {
	case '+':
		return "new"
	case '-':
		return "gone"
	}
	return "same"
}

// changedLines counts what is new and what is gone.
func changedLines(c *view.Changes) string {
	gone := plural(c.Gone, "line is gone", "lines are gone")
	switch {
	case c.Gone == 0:
		return plural(c.New, "line is new", "lines are new") + "."
	case c.New == 0:
		return gone + "."
	}
	return plural(c.New, "line is new", "lines are new") + ", " + gone + "."
}

// grouped are the scenarios, group by group.
func grouped(all []view.Scenario) [][]view.Scenario {
	var out [][]view.Scenario
	for i, s := range all {
		if i == 0 || s.Group != all[i-1].Group {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], s)
	}
	return out
}

// listed are the steps of a function, those together that follow each other and are not there for the same reason.
func listed(steps []view.ListingStep) [][]view.ListingStep {
	var out [][]view.ListingStep
	for i := range steps {
		if n := len(out); n > 0 && steps[i].Lacks != "" && out[n-1][0].Lacks == steps[i].Lacks {
			out[n-1] = append(out[n-1], steps[i])
			continue
		}
		out = append(out, steps[i:i+1:i+1])
	}
	return out
}

// numbered is the number of a step, or of the first and the last of several.
func numbered(g []view.ListingStep) string {
	if len(g) == 1 {
		return strconv.Itoa(g[0].N)
	}
	return strconv.Itoa(g[0].N) + "–" + strconv.Itoa(g[len(g)-1].N)
}

// comma stands behind function i of those that a statement leads through, unless it is the last.
func comma(i int, s *view.ComingStmt) string {
	if i < len(s.Funcs)-1 || s.More > 0 {
		return ","
	}
	return ""
}
