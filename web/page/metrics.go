package page

import "strings"

// A face is a font as a picture needs it: its families, and how wide its text
// is. Whoever looks at the picture may have another font, so widths are those of
// a wide one (DejaVu): text may come out narrower than its place, never wider.
type face struct {
	family string
	size   float64
	weight string
	widths string // of the characters from ' ' to '~', as 'a' + width in 1/20 em; "" where all are alike
	other  float64
}

const (
	sansFamily = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
	monoFamily = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
)

// DejaVu Sans, in 1/20 em, rounded up.
const sansWidths = "hijrntqgiikrhihhnnnnnnnnnnhhrrrluoooqnmqpggnlspqmqonnpouonoihirkknnlnnhnnggmgunnnnjlinmrmmlnhnr"

// cut returns as much of a text as has room, with a mark where it is cut; nothing where that would be too little to be read.
func (f *face) cut(s string, room float64) string {
	if f.width(s) <= room {
		return s
	}
	for r := []rune(s); len(r) > 8; r = r[:len(r)-1] {
		if t := strings.TrimRight(string(r[:len(r)-1]), " ") + "…"; f.width(t) <= room {
			return t
		}
	}
	return ""
}

func (f *face) width(s string) float64 {
	var w float64
	for _, r := range s {
		if f.widths != "" && r >= ' ' && int(r-' ') < len(f.widths) {
			w += float64(f.widths[r-' ']-'a') / 20
		} else {
			w += f.other
		}
	}
	if f.weight != "" {
		w *= 1.1
	}
	return w * f.size
}

// wrap breaks a text into lines of at most so much width, at blanks where there are some.
func (f *face) wrap(s string, width float64) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		try := word
		if line != "" {
			try = line + " " + word
		}
		if f.width(try) <= width {
			line = try
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for f.width(word) > width { // a name longer than the column
			n := len(word) - 1
			for n > 1 && f.width(word[:n]) > width {
				n--
			}
			lines = append(lines, word[:n])
			word = word[n:]
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
