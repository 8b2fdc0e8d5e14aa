package view

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// An Item is something that the palette offers.
type Item struct {
	Kind  string // "command", "step", "scenario", "kernel", "rule", "claim", "cell"
	Name  string
	About string
	Key   string            // its key, if it has one
	Do    map[string]string // what pressing it does: the data-… of a button
	Also  string            // other words for it
	Off   bool              // it cannot be pressed; About says why
}

// Fuzzy returns the items that a few letters may mean, the likeliest first. Every word of
// the text must be found: in an item's name, letter after letter with gaps, or as it stands in what is said of it.
// Without a text all are returned as they come.
func Fuzzy(items []Item, text string, most int) []Item {
	words := strings.Fields(strings.ToLower(text))
	type hit struct {
		Item
		score int
	}
	var hits []hit
	for _, x := range items {
		total := 0
		for _, w := range words {
			s := score(x.Name, w)
			if strings.Contains(x.Kind, w) {
				s = max(s, 30)
			}
			if x.Also != "" && score(x.Also, w) >= 60 {
				s = max(s, score(x.Also, w))
			}
			if strings.Contains(strings.ToLower(x.About), w) {
				s = max(s, 20)
			}
			if s == 0 {
				total = 0
				break
			}
			total += s
		}
		if total > 0 || len(words) == 0 {
			hits = append(hits, hit{x, total})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.score, a.score) })
	out := []Item{}
	for _, h := range hits[:min(len(hits), most)] {
		out = append(out, h.Item)
	}
	return out
}

// score says how well letters fit a name, 0 not at all: best where they stand together at its start, then at
// the start of one of its words, then anywhere, then with gaps, the fewer and the nearer to starts of words the better.
func score(name, letters string) int {
	lower := strings.ToLower(name)
	begins := func(i int) bool { // a word begins there
		return i == 0 || !isWord(rune(lower[i-1])) && isWord(rune(lower[i]))
	}
	short := max(0, 10-len(name)/8) // of two that fit alike, the shorter
	for at := 0; ; {
		i := strings.Index(lower[at:], letters)
		if i < 0 {
			break
		}
		i += at
		switch {
		case i == 0:
			return 100 + short
		case begins(i):
			return 80 + short
		}
		at = i + 1
		if !strings.Contains(lower[at:], letters) {
			return 60 + short
		}
	}
	if len(letters) < 2 {
		return 0
	}
	return spread(lower, letters, begins)
}

// spread is the score of letters that stand in a name with gaps between them: for each place of the name, the best way
// to have put the letters so far with the last of them there.
func spread(name, letters string, begins func(int) bool) int {
	const none = -1000
	was := make([]int, len(name))
	is := make([]int, len(name))
	for n := range len(letters) {
		before := none // the best of all places before the present one
		if n == 0 {
			before = 0
		}
		for i := range len(name) {
			is[i] = none
			if name[i] == letters[n] {
				gap := -5
				if begins(i) {
					gap = 4
				}
				is[i] = before + gap
				if n > 0 && i > 0 {
					is[i] = max(is[i], was[i-1]+1)
				}
			}
			if n > 0 {
				before = max(before, was[i])
			}
		}
		was, is = is, was
	}
	if best := slices.Max(was); best > 0 {
		return min(15+best, 55)
	}
	return 0
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
