package view

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/scenario"
	"gupscope/core/trace"
)

// A Source is the scenario's text with what is to be said about it.
type Source struct {
	Text        string
	Lines       []Line
	Diagnostics []Diagnostic
	Kept        string // of what the race is that is shown, if not of this text on this kernel: "on v6.12", "of the last text without mistakes"; else ""
}

// A Line is a line of the text.
type Line struct {
	N      int
	Tokens []Token
	Marks  []Mark // who is there
}

// A Token is a stretch of a line with one meaning.
type Token struct {
	Kind  string // class of its look: "keyword", "call", "name", "string", "comment", …; "" plain
	Text  string
	Wrong string // the severity of a diagnostic that it is part of: "error", "warning", ""
}

// A Mark says that somebody's present statement stands there.
type Mark struct {
	Lane string
	Who  Who
}

// A Diagnostic is a mistake in the text.
type Diagnostic struct {
	Line, Col, EndLine, EndCol int // from 1; the end is exclusive
	Severity                   string
	Text                       string // a plain sentence
	Fix                        string // the replacement that would mend it, "" if none
	FixText                    string // "write FOLL_WRITE"
}

// A Listing is a kernel function that a CPU is in.
type Listing struct {
	Task  string // "P0": a CPU may have several
	Lane  string
	Who   Who
	Moved bool // it has made the last step
	Func  string
	File  string   // "mm/gup.c"
	Stack []string // the functions that called it, outermost first
	Steps []ListingStep
}

// A ListingStep is a step of the table.
type ListingStep struct {
	N     int
	Says  string
	Ref   string // the kernel's name for it: "ptep_get_lockless"
	Rule  string // the rule it belongs to
	Off   bool   // passed over here, for the rule is off
	Lacks string // or for the scenario lacks what it is about: "no large folios"
	Was   bool   // it was the last step of the run so far
	Marks []Mark // who does it next
	Bad   bool
}

// OfSource is a text with its tokens and diagnostics. kept says of what the race is that stands
// beside it, if not of this text.
func OfSource(text string, tokens []scenario.Token, ds []scenario.Diagnostic, kept string) Source {
	s := Source{Text: text, Kept: kept}
	for _, d := range ds {
		x := Diagnostic{Line: d.Line, Col: d.Col, EndLine: d.EndLine, EndCol: d.EndCol, Severity: d.Severity.String(), Text: d.Message}
		if d.Fix != nil {
			x.FixText = d.Fix.Title
		}
		s.Diagnostics = append(s.Diagnostics, x)
	}
	line := Line{N: 1}
	// put adds a stretch of the text, cut at line ends.
	put := func(kind, wrong, text string) {
		for {
			part, rest, more := strings.Cut(text, "\n")
			if part != "" {
				line.Tokens = append(line.Tokens, Token{Kind: kind, Text: part, Wrong: wrong})
			}
			if !more {
				return
			}
			s.Lines = append(s.Lines, line)
			line = Line{N: line.N + 1}
			text = rest
		}
	}
	at := 0
	for _, t := range tokens {
		put("", "", text[at:t.Start])
		put(class(t.Kind), wrong(ds, t.Start, t.End), text[t.Start:t.End])
		at = t.End
	}
	put("", "", text[at:])
	s.Lines = append(s.Lines, line)
	return s
}

// Marked returns the source with somebody standing in some of its lines.
func (s Source) Marked(marks map[int][]Mark) Source {
	s.Lines = slices.Clone(s.Lines)
	for i := range s.Lines {
		s.Lines[i].Marks = marks[s.Lines[i].N]
	}
	return s
}

// class is a token's class, "" for what has no look of its own.
func class(k scenario.Kind) string {
	if k == scenario.Plain || k == scenario.Punctuation {
		return ""
	}
	return k.String()
}

// Blank is what a new scenario begins with: the least that can be stepped and checked.
const Blank = `GUP untitled
"What can go wrong, and what keeps it from that."

kernel v6.12

mm A { buf = anon 1 rw "a" }

P0 on cpu0 in A {
    p = get_user_pages_fast(buf, FOLL_WRITE)
    put_page(p)
}
P1 on cpu1 in A { munmap(buf) }
`

// wrong is the severity of the worst diagnostic that a token is part of.
func wrong(ds []scenario.Diagnostic, start, end int) string {
	out := ""
	for _, d := range ds {
		if d.Start < end && start < max(d.End, d.Start+1) {
			if d.Severity == scenario.Error {
				return "error"
			}
			out = d.Severity.String()
		}
	}
	return out
}

// OfMarks says who stands in which line of the scenario.
func OfMarks(r *trace.Run) map[int][]Mark {
	out := map[int][]Mark{}
	for _, a := range r.Lanes() {
		l := r.Model.Look(a.ID)
		if l.Stmt < 0 || l.Finished {
			continue
		}
		line := r.Model.Setup.Tasks[a.Task].Body[l.Stmt].Line
		out[line] = append(out[line], Mark{Lane: fmt.Sprintf("cpu%d", a.CPU), Who: Who(a.CPU + 1)})
	}
	return out
}

// OfListing is the functions that the CPUs are in, the one that has moved last on top.
func OfListing(r *trace.Run) []Listing {
	var out []Listing
	last := &trace.Step{Actor: -1}
	if r.Cursor() > 0 {
		last = &r.Steps()[r.Cursor()-1]
	}
	for _, a := range r.Lanes() {
		stack := r.Model.Stack(a.Task)
		if len(stack) == 0 {
			continue
		}
		in := &stack[len(stack)-1]
		x := Listing{Task: a.Name, Lane: fmt.Sprintf("cpu%d", a.CPU), Who: Who(a.CPU + 1), Moved: a.ID == last.Actor, Func: in.Func.Title, File: in.Func.File}
		for i, f := range stack[:len(stack)-1] {
			if f.Func.Title != stack[i+1].Func.Title { // what is two functions now was one in this release
				x.Stack = append(x.Stack, f.Func.Title)
			}
		}
		for i, s := range in.Func.Steps {
			ls := ListingStep{N: i + 1, Says: s.Says, Ref: s.Ref, Off: in.Func.Off[i], Lacks: in.Func.Lacking[i]}
			if rule, ok := s.When.Rule(); ok {
				ls.Rule = rule.Name
			}
			ls.Was = x.Moved && last.Func == x.Func && last.Index == i
			if i == in.Step {
				ls.Marks = []Mark{{Lane: x.Lane, Who: x.Who}}
			}
			x.Steps = append(x.Steps, ls)
		}
		if x.Moved {
			out = append([]Listing{x}, out...)
		} else {
			out = append(out, x)
		}
	}
	return out
}
