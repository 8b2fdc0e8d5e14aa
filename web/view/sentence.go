package view

import (
	"fmt"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/trace"
)

// OfSentence says what the step before the cursor did and what that means: for
// a newcomer, as the diagram's alternative text, and for those who listen. race is the
// same run's diagram.
func OfSentence(r *trace.Run, race *Race) Sentence {
	if race.At == 0 {
		return start(r, race)
	}
	x := &race.Here
	st := &r.Steps()[race.At-1]
	s := tell(race, x, r.Model.Actors()[st.Actor].Kind == kernel.TaskActor)
	switch {
	case x.Bad != "" && len(st.Broken) == 0:
		s = append(s, Word{Text: " "}, Word{Text: "Deadlock: " + x.Bad + ".", Bad: true})
	case x.Bad != "":
		s = append(s, Word{Text: " "}, Word{Text: strings.Join(st.Broken, " and ") + " is false now: " + x.Bad + ".", Bad: true})
	default:
		s = append(s, race.means(r, x)...)
	}
	return s
}

// start is the sentence before the first step.
func start(r *trace.Run, race *Race) Sentence {
	s := Sentence{{Text: "Nothing has happened yet. "}}
	for i, l := range race.Lanes {
		if l.Who >= whoRCU {
			continue
		}
		if i > 0 {
			s = append(s, Word{Text: ", "})
		}
		s = append(s, Word{Text: l.Name, Who: l.Who}, Word{Text: " runs " + l.What})
	}
	return append(s, Word{Text: ". Choose who goes first."})
}

// tell makes a sentence of a step: "cpu1 clears the PTE: it was frame 1 W D A."
func tell(race *Race, x *Row, task bool) Sentence {
	l := race.Lanes[x.Lane]
	says := x.Says
	if !task {
		return append(race.name(upper(says)), Word{Text: "."})
	}
	word, rest, _ := strings.Cut(says, " ")
	switch {
	case strings.Contains(says, "?") && !verbs[word]:
		return append(Sentence{{Text: l.Name, Who: l.Who}, {Text: " looks: "}}, race.name(says+end(says))...)
	case verbs[word]:
		return append(Sentence{{Text: l.Name, Who: l.Who}, {Text: " " + third(word) + " "}}, race.name(others(rest)+end(says))...)
	}
	return append(Sentence{{Text: l.Name, Who: l.Who}, {Text: ": "}}, race.name(says+end(says))...)
}

func end(s string) string {
	if strings.HasSuffix(s, "?") || strings.HasSuffix(s, ".") {
		return ""
	}
	return "."
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// verbs are the words with which a step's sentence may begin as an order; in the
// third person somebody does it.
var verbs = func() map[string]bool {
	m := map[string]bool{}
	for _, v := range strings.Fields(`add allocate announce check clear copy disable drop empty enable end find flush follow free freeze give
		have invalidate keep load lock look make map mark put read restore return send set start store take try unhook unlock unpin walk write`) {
		m[v] = true
	}
	return m
}()

// third is a verb in the third person.
func third(v string) string {
	switch {
	case v == "have":
		return "has"
	case strings.HasSuffix(v, "ch"), strings.HasSuffix(v, "sh"), strings.HasSuffix(v, "s"):
		return v + "es"
	case strings.HasSuffix(v, "y") && !strings.HasSuffix(v, "ay"):
		return v[:len(v)-1] + "ies"
	}
	return v + "s"
}

// others puts the further orders of a sentence into the third person: "the
// folio, put it" becomes "the folio, puts it".
func others(rest string) string {
	for _, sep := range []string{", ", "; ", ": "} {
		parts := strings.Split(rest, sep)
		for i := 1; i < len(parts); i++ {
			if w, more, _ := strings.Cut(parts[i], " "); verbs[w] {
				parts[i] = strings.TrimSpace(third(w) + " " + more)
			}
		}
		rest = strings.Join(parts, sep)
	}
	return rest
}

// name gives the lanes that a text names their colours.
func (x *Race) name(text string) Sentence {
	var out Sentence
	for text != "" {
		at, who := len(text), Who(0)
		n := 0
		for _, l := range x.Lanes {
			if i := strings.Index(text, l.Name); i >= 0 && i < at && !digit(text, i+len(l.Name)) {
				at, who, n = i, l.Who, len(l.Name)
			}
		}
		if at > 0 {
			out = append(out, Word{Text: text[:at]})
		}
		if n > 0 {
			out = append(out, Word{Text: text[at : at+n], Who: who})
		}
		text = text[at+n:]
	}
	return out
}

func digit(s string, i int) bool { return i < len(s) && s[i] >= '0' && s[i] <= '9' }

// means says what a step means for others: whose belief it made untrue, or that
// it goes by such a belief itself, or whom it keeps waiting.
func (x *Race) means(r *trace.Run, row *Row) Sentence {
	for i := range x.Windows {
		w := &x.Windows[i]
		believer := x.Lanes[w.Lane]
		switch {
		case w.From == row.N:
			return append(Sentence{{Text: " "}, {Text: believer.Name, Who: believer.Who}},
				Word{Text: fmt.Sprintf(" read it at step %d and still goes by %s.", w.Read, w.Value)})
		case w.From < row.N && row.N <= w.To && w.Lane != row.Lane && w.Bad:
			if reused(r, w, row.N+1) == row.N {
				return append(Sentence{{Text: " "}, {Text: believer.Name, Who: believer.Who}},
					Word{Text: fmt.Sprintf(" still goes by what it read at step %d: %s.", w.Read, w.Value)})
			}
		case w.From < row.N && row.N <= w.To && w.Lane == row.Lane && row.Note != "":
			return Sentence{{Text: fmt.Sprintf(" It goes by what it read at step %d. Since step %d that is not so any more.", w.Read, w.From), Bad: w.Bad}}
		}
	}
	return x.waiters(row)
}

// waiters names those who wait for the lane that has just stepped.
func (x *Race) waiters(row *Row) Sentence {
	if row.N != x.At {
		return nil
	}
	for _, n := range x.Next {
		for _, m := range n.Moves {
			if m.On == row.Lane && !m.Ready && !m.Done {
				l := x.Lanes[n.Lane]
				return append(Sentence{{Text: " "}, {Text: l.Name, Who: l.Who}, {Text: " "}}, x.name(m.Note+".")...)
			}
		}
	}
	return nil
}
