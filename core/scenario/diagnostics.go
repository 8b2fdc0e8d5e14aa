package scenario

import (
	"fmt"
	"slices"
	"strings"
)

// A Diagnostic is one mistake, or one thing worth knowing, at one place of the text.
//
// Start and End are byte offsets, End exclusive; both lie within the text, and
// are equal where something is missing. Line and Col say the same for people:
// from 1, a column being a character (a Unicode code point). For a host that
// counts in UTF-16, see [Lines].
type Diagnostic struct {
	File            string // what [Parse] was told
	Start, End      int
	Line, Col       int
	EndLine, EndCol int
	Severity        Severity
	Message         string // a plain sentence, without a full stop
	Fix             *Fix   // nil if only the author can know
}

// Severity tells what keeps a scenario from running from what does not.
type Severity uint8

const (
	// Error: the scenario cannot be run as it stands.
	Error Severity = iota
	// Warning: it can, but hardly as it was meant.
	Warning
)

func (s Severity) String() string { return [...]string{"error", "warning"}[s] }

// String is the diagnostic as compilers print them: "gup.gup:3:8: error: unknown kernel v6.13: …".
func (d Diagnostic) String() string {
	at := fmt.Sprintf("%d:%d", d.Line, d.Col)
	if d.File != "" {
		at = d.File + ":" + at
	}
	return fmt.Sprintf("%s: %s: %s", at, d.Severity, d.Message)
}

// A Fix is a change of the text that mends a mistake.
type Fix struct {
	Title string // what the button says: "write FOLL_WRITE"
	Edits []Edit // in the order of the text, not overlapping
}

// An Edit replaces the bytes from Start to End.
type Edit struct {
	Start, End int
	Text       string
}

// Apply returns the text with the fix made.
func (f *Fix) Apply(text string) string {
	var b strings.Builder
	at := 0
	for _, e := range f.Edits {
		b.WriteString(text[at:e.Start])
		b.WriteString(e.Text)
		at = e.End
	}
	b.WriteString(text[at:])
	return b.String()
}

// Failed reports whether an error is among the diagnostics.
func Failed(ds []Diagnostic) bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}

// replace is the fix that puts other text in a token's place.
func replace(t *token, text string) *Fix {
	return &Fix{"write " + text, []Edit{{t.start, t.end, text}}}
}

// insert is the fix that adds text at a place.
func insert(title string, at int, text string) *Fix {
	return &Fix{title, []Edit{{at, at, text}}}
}

// nearest returns the candidate that was probably meant, or "". A candidate is
// near if a third of its letters or fewer differ (a swap of neighbours counts
// once), or if it is the only one that begins or ends like the word, or has all its words.
func nearest(word string, candidates []string) string {
	best, least := "", 1+len(word)/3
	var whole []string
	low := strings.ToLower(word)
	for _, c := range candidates {
		lc := strings.ToLower(c)
		d := distance(low, lc, least+1)
		if d < least || d == least && best != "" && len(c) == len(word) && len(best) != len(word) {
			best, least = c, d
		}
		if len(low) >= 3 && (strings.HasPrefix(lc, low) || strings.HasSuffix(lc, low) || hasWords(lc, low)) {
			whole = append(whole, c)
		}
	}
	if best == "" && len(whole) == 1 {
		return whole[0]
	}
	return best
}

// hasWords says whether a name has all the words of another: ksm_do_scan those of ksm_scan.
func hasWords(name, other string) bool {
	have := strings.Split(name, "_")
	words := strings.Split(other, "_")
	return len(words) > 1 && !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(have, w) })
}

// distance is how many letters must be inserted, removed, replaced or swapped
// with a neighbour to make b of a. At limit or above, limit is returned.
func distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	var before, last []int
	now := make([]int, len(b)+1)
	for j := range now {
		now[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, now = last, now, make([]int, len(b)+1)
		now[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
	}
	return min(now[len(b)], limit)
}
