package scenario

import "strings"

// WithoutMistakes reads a text without the lines that have mistakes: what is left may still be run. If nothing is, diagnostics say so.
func WithoutMistakes(name, text string) (*File, []Diagnostic) {
	lines := strings.SplitAfter(text, "\n")
	for round := 0; ; round++ {
		f, ds := Parse(name, []byte(strings.Join(lines, "")))
		wrong := map[int]bool{}
		for _, d := range ds {
			if d.Severity == Error {
				line, _ := f.lines.Position(d.Start)
				wrong[line-1] = true
			}
		}
		if len(wrong) == 0 || len(lines) == 0 || round == 10 {
			return f, ds
		}
		var left []string
		for i, l := range lines {
			if !wrong[i] {
				left = append(left, l)
			}
		}
		if len(left) == len(lines) { // a mistake at the end, behind all lines
			left = left[:len(left)-1]
		}
		lines = left
	}
}
