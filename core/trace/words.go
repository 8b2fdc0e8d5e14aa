package trace

import (
	"slices"
	"strings"
)

// The words of sentences: steps begin with verbs, stories with who does it.

// listOf joins clauses: "a, b and c".
func listOf(said []string) string {
	if len(said) < 2 {
		return strings.Join(said, "")
	}
	and := " and "
	if strings.Contains(said[len(said)-2], ", which ") || strings.Contains(said[len(said)-2], "? ") {
		and = ", and "
	}
	return strings.Join(said[:len(said)-1], ", ") + and + said[len(said)-1]
}

// thirdPerson turns a step's sentence, which begins with a verb, into what its
// actor does: "read the PTE" becomes "reads the PTE". A question is asked.
func thirdPerson(says string) string {
	if strings.Contains(says, "?") {
		return "asks: " + says
	}
	for _, who := range []string{"the guest ", "the device "} {
		if rest, ok := strings.CutPrefix(says, who); ok {
			return "has " + who + strings.Replace(rest, "s ", " ", 1)
		}
	}
	if strings.HasPrefix(says, "no ") {
		return "finds " + says
	}
	if strings.HasPrefix(says, "under ") {
		return "finds, " + says
	}
	if first, _, _ := strings.Cut(says, " "); slices.Contains([]string{"the", "there", "it", "its", "hugetlb", "dst"}, first) || strings.Contains(first, "->") || strings.ContainsAny(first, "0123456789_") {
		return "finds that " + says
	}
	clauses := strings.Split(says, ", ")
	for i, c := range clauses {
		verb, rest, _ := strings.Cut(c, " ")
		verb = strings.TrimSuffix(verb, ":")
		if i == 0 || imperative[verb] {
			clauses[i] = strings.TrimSpace(conjugated(verb) + " " + rest)
		}
	}
	if len(clauses) == 2 && clauses[1] != strings.Split(says, ", ")[1] {
		return clauses[0] + " and " + clauses[1]
	}
	return strings.Join(clauses, ", ")
}

// imperative are the verbs with which a step's sentence may go on behind a comma.
var imperative = map[string]bool{
	"read": true, "lock": true, "unlock": true, "put": true, "drop": true, "give": true, "mark": true, "set": true, "leave": true,
	"free": true, "fill": true, "take": true, "restore": true, "flush": true, "send": true, "clear": true,
}

func conjugated(verb string) string {
	switch {
	case strings.HasSuffix(verb, "s") || strings.HasSuffix(verb, "sh") || strings.HasSuffix(verb, "ch"):
		return verb + "es"
	case strings.HasSuffix(verb, "y") && !strings.HasSuffix(verb, "ay"):
		return strings.TrimSuffix(verb, "y") + "ies"
	}
	return verb + "s"
}

// capital begins a sentence; CPUs and tasks keep their names.
func capital(s string) string {
	if strings.HasPrefix(s, "cpu") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
