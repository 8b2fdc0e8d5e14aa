package trace

import (
	"strings"
)

// What was said already is not said again: "that PTE", "frees it", one clause for two stores.

// brief leaves out what was said already: "that PTE", "frees it".
func (t *teller) brief(said []string) []string {
	var out []string
	frame, before := "", "" // the frame that was named last, and the clause before
	for _, s := range said {
		if s == before {
			continue
		}
		before = s
		if s == "" || s == "takes a reference on "+frame && len(out) > 0 && strings.HasPrefix(out[len(out)-1], "takes a reference on ") {
			continue
		}
		if slot, ok := strings.CutPrefix(s, "takes swap slot "); ok && strings.Contains(t.b.String()+strings.Join(out, " "), "gives swap slot "+slot+" back") {
			s += " again"
		}
		s = t.again(s)
		s = t.thatEntry(s)
		s = t.sameTable(s, out)
		if rest, ok := strings.CutPrefix(s, "returns "+frame+" "); ok && frame != "" {
			s = "returns it " + rest
		}
		if strings.HasPrefix(s, "returns the zero page ") && len(out) > 0 && strings.HasSuffix(out[len(out)-1], " on the zero page") {
			s = strings.Replace(s, "the zero page", "it", 1)
		}
		if frame != "" && strings.HasSuffix(s, " "+frame) && !strings.HasPrefix(s, "maps ") && !strings.HasPrefix(s, "frees ") && !strings.HasPrefix(s, "reads ") {
			s = strings.TrimSuffix(s, frame) + "it"
		}
		if frame != "" {
			s = strings.Replace(s, frame+"'s ", "its ", 1)
		}
		if at := strings.LastIndex(s, "frame "); at >= 0 {
			frame = s[at:]
			if end := strings.IndexAny(frame[6:], " ,:'"); end >= 0 {
				frame = frame[:6+end]
			}
		} else if strings.Contains(s, "cpu") || strings.HasPrefix(s, "clears ") || strings.HasPrefix(s, "write-protects ") || strings.HasPrefix(s, "sets ") {
			frame = "" // "it" would be the CPU, or the entry
		}
		if len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return halvesTogether(storesTogether(out))
}

// again speaks of a PMD that is read, and holds what it held when it was read before, as read again.
func (t *teller) again(s string) string {
	what, _, ok := strings.Cut(strings.TrimPrefix(s, "reads the "), ", which ")
	if !ok || !strings.HasPrefix(s, "reads the PMD of ") {
		return s
	}
	if t.read == s && t.entry == what {
		return "reads the " + what + " again"
	}
	t.read = s
	return s
}

// thatEntry speaks of the entry that was named last as "that PTE".
func (t *teller) thatEntry(s string) string {
	for _, what := range []string{"PTE", "PMD", "PUD"} {
		head, page, ok := strings.Cut(s, "the "+what+" of ")
		if !ok {
			continue
		}
		rest := ""
		for _, end := range []string{" unchanged", ",", ":", " into ", " empty", " again", " writable", " inaccessible", " clean", " out "} {
			if at := strings.Index(page, end); at >= 0 {
				page, rest = page[:at], page[at:]+rest
			}
		}
		name := what + " of " + page
		if t.entry == name && page != "" {
			if head == "clears " && strings.Contains(t.read, rest) { // what it maps was told
				rest = ""
			}
			s = head + "that " + what + rest
		}
		t.entry = name
	}
	return s
}

// sameTable speaks of a page table that was named before as "that page table".
func (t *teller) sameTable(s string, out []string) string {
	before := t.b.String() + strings.Join(out, " ")
	if strings.HasPrefix(s, "unhooks the page table of ") && strings.Contains(before, "leads to the page table in frame ") {
		return "unhooks that page table"
	}
	if table, ok := strings.CutPrefix(s, "frees the page table in "); ok && strings.Contains(before, "the page table in "+table) {
		if len(out) > 0 && strings.HasPrefix(out[len(out)-1], "unhooks ") {
			return "frees it"
		}
		return "frees that page table"
	}
	return s
}

// storesTogether makes one clause of two: stores "x" into it, stores "y" into it.
func storesTogether(said []string) []string {
	var out []string
	for _, s := range said {
		if n := len(out) - 1; n >= 0 && strings.HasPrefix(s, "stores ") && strings.HasPrefix(out[n], "stores ") {
			what, where, _ := strings.Cut(strings.TrimPrefix(s, "stores "), " into ")
			if first, whereFirst, ok := strings.Cut(out[n], " into "); ok && (where == whereFirst || where == "it") {
				out[n] = first + ", then " + what + ", into " + whereFirst
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// halvesTogether makes one clause of two: clears the low half of that PTE, clears the high half of that PTE.
func halvesTogether(said []string) []string {
	var out []string
	for _, s := range said {
		verb, rest, _ := strings.Cut(s, " the ")
		half, entry, ok := strings.Cut(rest, " half of ")
		if n := len(out) - 1; ok && n >= 0 && !strings.Contains(s, ":") && strings.HasPrefix(out[n], verb+" the ") && (strings.HasSuffix(out[n], " half of "+entry) || strings.HasPrefix(entry, "that ") && strings.Contains(out[n], " half of the "+entry[5:])) {
			out[n] += ", then the " + half + " half"
			continue
		}
		out = append(out, s)
	}
	return out
}
