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
	s := tell(race, x, r.Model.Actors()[st.Actor].Kind)
	switch {
	case x.Bad != "" && len(st.Broken) == 0:
		s = append(s, Word{Text: " "}, Word{Text: "Deadlock: " + x.Bad + ".", Bad: true})
	case x.Bad != "":
		s = append(s, Word{Text: " "}, Word{Text: "Now " + strings.Join(st.Broken, " and ") + " is false: " + x.Bad + ".", Bad: true})
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
		what := l.What
		if task, ok := strings.CutSuffix(what, " kernel"); ok {
			what = task + " in the kernel"
		}
		s = append(s, Word{Text: l.Name, Who: l.Who}, Word{Text: " runs " + what})
	}
	return append(s, Word{Text: "."}, Word{Text: choose})
}

// choose is what there is to do at the start, where anybody may step.
const choose = " Choose who goes first."

// tell makes a sentence of a step: "cpu1 clears the PTE: it was frame 1 W D A." Its subject is the CPU, unless
// the step has one of its own: the host, a grace period, a disk.
func tell(race *Race, x *Row, kind kernel.ActorKind) Sentence {
	l := race.Lanes[x.Lane]
	who, says := Word{Text: l.Name, Who: l.Who}, strings.TrimPrefix(x.Says, l.Name+": ")
	switch kind {
	case kernel.TaskActor, kernel.InterruptActor:
	case kernel.WalkerActor:
		return append(Sentence{who, {Text: "'s "}}, race.name(strings.TrimPrefix(says, "the ")+".")...)
	default:
		return race.name(upper(happens(says)) + ".")
	}
	word, rest, _ := strings.Cut(says, " ")
	word = strings.TrimSuffix(word, ":") // "load: b"
	switch {
	case asks(says):
		return append(Sentence{who, {Text: " looks: "}}, race.name(others(says)+end(says))...)
	case verbs[word]:
		return append(Sentence{who, {Text: " " + third(word) + " "}}, race.name(others(rest)+end(says))...)
	case strings.HasPrefix(says, l.Name+" "):
		return race.name(others(says) + end(says))
	}
	return append(Sentence{who, {Text: ": "}}, race.name(others(says)+end(says))...)
}

func end(s string) string {
	if strings.HasSuffix(s, "?") || strings.HasSuffix(s, ".") {
		return ""
	}
	return "."
}

// asks reports whether a step's sentence is a question, with its answer: "is it large? no", and not "lock it; is it large? no".
func asks(says string) bool {
	first := says
	if i := strings.IndexAny(says, "?;"); i >= 0 {
		first = says[:i+1]
	}
	word, _, _ := strings.Cut(says, " ")
	before, _, colon := strings.Cut(first, ": ")
	return strings.HasSuffix(first, "?") && (word == "have" || !verbs[word]) && !(colon && verbs[strings.Fields(before)[0]])
}

// happens tells what comes of itself, when something else is over: "the grace period ends: free the inode" becomes
// "the grace period ends: the inode is freed".
func happens(says string) string {
	when, what, _ := strings.Cut(says, ": ")
	if x, ok := strings.CutPrefix(what, "free "); ok {
		return when + ": " + x + " is freed"
	}
	if x, ok := strings.CutPrefix(what, "end "); ok {
		return when + ": " + x + " ends"
	}
	return says
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// verbs are the words with which a step's sentence may begin as an order; in the
// third person somebody does it.
var verbs = func() map[string]bool {
	m := map[string]bool{}
	for _, v := range strings.Fields(`acknowledge add allocate announce attach back begin borrow change check choose clear collapse copy count disable do drain
		drop empty enable end evict fill find flush follow forget free freeze give go have invalidate isolate keep leave let load lock look make
		map mark move put read refuse remember replace restore return reuse run send set sleep split start stop store submit switch take
		try undo unhook unlock unmap unpin unshare wait walk write write-protect`) {
		m[v] = true
	}
	return m
}()

// third is a verb in the third person.
func third(v string) string {
	switch {
	case v == "have":
		return "has"
	case strings.HasSuffix(v, "o"):
		return v + "es"
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
	for _, sep := range []string{", ", "; ", ": ", "? "} {
		parts := strings.Split(rest, sep)
		for i := 1; i < len(parts); i++ {
			w, more, _ := strings.Cut(parts[i], " ")
			w, mark := strings.TrimRight(w, ",;:"), w[len(strings.TrimRight(w, ",;:")):]
			word := strings.ToLower(w)
			switch {
			case !verbs[word], word == "back" && !strings.HasPrefix(more, "out"): // "back on the LRU list"
			case more == "" && (word == "read" || word == "write"): // "migration of frame 1, read"
			case w != word && sep == "? ": // "is it large? Try the folio lock"
				parts[i] = strings.TrimSpace("It " + third(word) + mark + " " + more)
			case w == word:
				parts[i] = strings.TrimSpace(third(w) + mark + " " + more)
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
			if row.Pair || reused(r, w, row.N+1) == row.N {
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
			if m.On == row.Lane && n.Lane != row.Lane && !m.Ready && !m.Done {
				l := x.Lanes[n.Lane]
				return append(Sentence{{Text: " "}, {Text: l.Name, Who: l.Who}, {Text: " "}}, x.name(m.Note+".")...)
			}
		}
	}
	return nil
}
