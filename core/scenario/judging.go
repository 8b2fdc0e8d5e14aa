package scenario

import (
	"slices"
	"strings"

	"gupscope/core/claim"
	"gupscope/core/kernel"
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

// Unjudged reports that a kernel has nothing of what the claims to be judged are about (judge: nil for those of the text): the scenario is n/a
// there, as a check would say Never of anything. Conditions on ends, which a line that names claims leaves aside, are something to judge.
func (f *File) Unjudged(k kernel.Kernel, judge []string) []Diagnostic {
	why := f.nothingLeft(k, judge)
	if why == "" {
		return nil
	}
	b := &builder{file: f}
	at := f.judging()
	b.report(Error, at.start, at.end, nil, "%s", why)
	return b.done()
}

func (f *File) nothingLeft(k kernel.Kernel, judge []string) string {
	if judge == nil {
		if slices.ContainsFunc(f.Ends, func(e End) bool { return e.on(k) }) {
			return ""
		}
		judge = f.judged(k)
	}
	return claim.NothingLeft(judge, k)
}

// judging is the word of the text that says first what is judged.
func (f *File) judging() *token {
	for _, n := range f.items {
		if n.begins("judge") || n.begins("claim") {
			return n.toks[0]
		}
	}
	return &token{}
}

// aboutNothing reports kernels of expect lines on which nothing is judged, and warns of claims that the scenario's own kernel leaves unjudged, though the text asks for them.
func (b *builder) aboutNothing() {
	f := b.file
	for _, e := range f.Expects {
		for _, k := range e.Kernels {
			if why := f.nothingLeft(k, e.Judge); why != "" {
				b.report(Error, e.Start, e.End, nil, "%s; leave the kernel out here", why)
			}
		}
	}
	if ds := f.Unjudged(f.Kernel, nil); ds != nil {
		b.diags = append(b.diags, ds...)
		return
	}
	for _, n := range f.items {
		if !n.begins("judge") && !n.begins("claim") || len(n.toks) > 2 && n.toks[2].text == "off" {
			continue
		}
		for _, t := range n.toks[1:] {
			if rule := lacking(t.text, f.Kernel); rule != "" {
				b.report(Warning, t.start, t.end, nil, "%v has no %s, which %s is about: it is not judged there", f.Kernel, rule, t.text)
			}
		}
	}
}
