package scenario

import (
	"slices"
	"strings"
)

// Judging returns the change of the text that has a claim judged, for a claim that is not: nil if the text says
// already that it is, or if there is no such claim.
func (f *File) Judging(name string) *Fix {
	if !slices.Contains(claimNames(), name) {
		return nil
	}
	title, line := "judge "+name, "claim "+name+" on"
	behind, before := -1, -1
	for _, n := range f.items {
		if len(n.toks) == 0 {
			continue
		}
		last := n.toks[len(n.toks)-1]
		switch n.toks[0].text {
		case "judge":
			if slices.ContainsFunc(n.toks, func(t *token) bool { return t.text == name }) {
				return nil
			}
			return insert(title, last.end, ", "+name)
		case "claim":
			if len(n.toks) > 1 && n.toks[1].text == name {
				if last.text != "off" {
					return nil
				}
				return &Fix{title, []Edit{{last.start, last.end, "on"}}}
			}
			behind = last.end
		case "expect", "never", "sometimes", "always":
			if before >= 0 {
				break
			}
			before = n.toks[0].start
			if len(n.lead) > 0 { // comments above it are about it
				before = n.lead[0].start
			}
		}
	}
	switch {
	case behind >= 0: // behind the comment that may follow
		if end := strings.IndexByte(f.text[behind:], '\n'); end >= 0 {
			return insert(title, behind+end, "\n"+line)
		}
	case before >= 0:
		return insert(title, before, line+"\n")
	}
	if f.text != "" && !strings.HasSuffix(f.text, "\n") {
		line = "\n" + line
	}
	return insert(title, len(f.text), line+"\n")
}
