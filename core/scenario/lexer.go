package scenario

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A token is a word of the text. The lexer sets its form, the clause that
// reads it its kind. Every byte of the text that is not white space belongs to
// a token: that is why a formatter made of tokens loses nothing.
type token struct {
	form       form
	start, end int
	text       string

	// first says that the token is the first of its line, blank that a blank
	// line stands before it. indent is how far its line is indented.
	first, blank bool
	indent       int

	fault *fault // set by the lexer where the token itself is wrong
	kind  Kind   // set by the parser
	tight bool   // set by the parser: an "=" that is printed without spaces
	mark  bool   // the place where completion is asked for is in or at the end of this token
}

type form uint8

const (
	formWord   form = iota // name, keyword, kernel
	formNumber             // digits
	formString             // "…"
	formErrno              // -EFAULT
	formPunct
	formComment
	formEOL // the end of a line that has tokens, or ";"
	formBad // nothing of the language
)

// A fault is what is wrong with a token in itself.
type fault struct {
	message string
	fix     *Fix
}

// itemWords begin an item at the outermost level. A line that begins with one
// is never the continuation of the line before, whatever its indentation.
var itemWords = []string{"GUP", "kernel", "file", "mm", "frames", "tables", "swap", "memory", "blocks", "writers", "arch", "pgtable_levels", "mmu_gather", "hpage_pmd_nr", "nr_hugepages", "hugepagesz", "preempt", "node", "speculate",
	"claim", "judge", "expect", "never", "sometimes", "always"}

type lexer struct {
	text  string
	pos   int
	mark  int // offset of the byte that stands for the cursor, -1: none
	toks  []*token
	lines int  // line ends since the last token
	any   bool // there is a token already
	begin int  // where the line begins
}

// lex cuts the text into tokens. The byte at offset mark, if there is one, is
// not of the author: it holds the place of the cursor and counts as a letter.
func lex(text string, mark int) []*token {
	l := &lexer{text: text, mark: mark}
	for l.pos < len(text) {
		l.token()
	}
	l.eol()
	return l.toks
}

func (l *lexer) eol() {
	if n := len(l.toks); n > 0 && l.toks[n-1].form != formEOL {
		l.toks = append(l.toks, &token{form: formEOL, start: l.pos, end: l.pos})
	}
}

// add makes a token of the text from the present place up to end.
func (l *lexer) add(f form, end int, bad *fault) {
	t := &token{form: f, start: l.pos, end: end, text: l.text[l.pos:end], fault: bad,
		first: l.fresh(), mark: l.mark >= l.pos && l.mark < end}
	if t.first {
		t.blank = l.any && l.lines > 1
		t.indent = l.indent()
	} else {
		t.indent = l.toks[len(l.toks)-1].indent
	}
	l.toks = append(l.toks, t)
	l.pos = end
	if f != formEOL { // a ";" is not printed, so what follows it begins the line
		l.lines, l.any = 0, true
	}
}

// fresh reports whether the present line has no token yet.
func (l *lexer) fresh() bool { return !l.any || l.lines > 0 }

// indent is the width of the white space that the present line begins with.
func (l *lexer) indent() int {
	n := 0
	for _, r := range l.text[l.begin:] {
		switch {
		case r == '\t':
			n += 8 - n%8
		case r != '\n' && isSpace(r):
			n++
		default:
			return n
		}
	}
	return n
}

// isSpace: what looks like a space is one, wherever it was copied from.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r == '\uFEFF' || r == '\u200B' }

func (l *lexer) token() {
	rest := l.text[l.pos:]
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case l.pos == l.mark || r == '_' || unicode.IsLetter(r):
		l.word()
	case r == '\n':
		l.eol()
		l.lines++
		l.pos++
		l.begin = l.pos
	case isSpace(r):
		l.pos += size
	case r >= '0' && r <= '9':
		l.number()
	case r == '"':
		l.str()
	case strings.HasPrefix(rest, "//"):
		l.add(formComment, l.trimmedEnd(), nil)
	case r == '#' || strings.HasPrefix(rest, "/*"):
		l.foreignComment()
	case r == '-' && len(rest) > 1 && (isLetter(rune(rest[1])) || l.pos+1 == l.mark):
		l.add(formErrno, l.wordEnd(l.pos+1), nil)
	case strings.HasPrefix(rest, "==") || strings.HasPrefix(rest, "!="):
		l.add(formPunct, l.pos+2, nil)
	case r == ';':
		l.add(formEOL, l.pos+1, nil)
	case strings.ContainsRune("{}()[],:=|.", r) && !strings.HasPrefix(rest, "||"):
		l.add(formPunct, l.pos+1, nil)
	default:
		l.stranger(rest, r, size)
	}
}

func isLetter(r rune) bool { return r == '_' || r < utf8.RuneSelf && unicode.IsLetter(r) }

func isNameByte(c byte) bool { return isLetter(rune(c)) || c == '-' || c >= '0' && c <= '9' }

// wordEnd returns where the word that goes through from ends.
func (l *lexer) wordEnd(from int) int {
	for from < len(l.text) && (isNameByte(l.text[from]) || from == l.mark) {
		from++
	}
	return from
}

// word is a name or a kernel: a "v" with digits may go on with dots.
func (l *lexer) word() {
	end := l.wordEnd(l.pos)
	if strings.Trim(l.text[l.pos:end], "0123456789") == "v" {
		for end+1 < len(l.text) && l.text[end] == '.' && (isDigit(l.text[end+1]) || end+1 == l.mark) {
			end = l.wordEnd(end + 1)
		}
	}
	plain := end
	for end < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[end:])
		if r < utf8.RuneSelf && !isNameByte(l.text[end]) || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' {
			break
		}
		end += size
	}
	var bad *fault
	if end > plain {
		bad = &fault{message: fmt.Sprintf("a name is made of the letters a to z and A to Z, digits, _ and -; this is %s", quote(l.text[l.pos:end]))}
	}
	l.add(formWord, end, bad)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) number() {
	end := l.pos
	for end < len(l.text) && isDigit(l.text[end]) {
		end++
	}
	plain := end
	for end < len(l.text) && (isNameByte(l.text[end]) || end == l.mark || l.text[end] == '.' && end+1 < len(l.text) && isDigit(l.text[end+1])) {
		end++
	}
	if end > plain {
		l.add(formBad, end, &fault{message: fmt.Sprintf("%s is neither a number nor a name", quote(l.text[l.pos:end]))})
		return
	}
	l.add(formNumber, end, nil)
}

// str is a string. One that is not closed ends where the author most probably
// forgot to close it, before the next bracket, comma or comment, so that the
// rest of the line still means something.
func (l *lexer) str() {
	rest := l.text[l.pos+1:]
	if i := strings.IndexByte(rest, '"'); i >= 0 && !strings.Contains(rest[:i], "\n") {
		var bad *fault
		if strings.ContainsFunc(rest[:i], unicode.IsControl) {
			bad = &fault{message: "a string cannot hold tabs or other control characters"}
		}
		l.add(formString, l.pos+i+2, bad)
		return
	}
	line := l.text[l.pos:l.trimmedEnd()]
	if i := strings.IndexAny(line, "(){}[],;"); i >= 0 {
		line = line[:i]
	}
	line, _, _ = strings.Cut(line, "//")
	end := l.pos + len(strings.TrimRightFunc(line, isSpace))
	l.add(formBad, end, &fault{"the string is not closed", insert("close the string", end, `"`)})
}

// open reports whether the token is a string that is not closed.
func (t *token) open() bool { return t.form == formBad && t.text[0] == '"' }

// foreignComment: people write comments as they are used to. The printer mends it.
func (l *lexer) foreignComment() {
	end := l.trimmedEnd()
	l.add(formComment, end, &fault{"a comment begins with // and ends with its line",
		&Fix{"write //", []Edit{{l.pos, end, comment(l.text[l.pos:end])}}}})
}

// comment is the canonical form of a comment.
func comment(text string) string {
	if rest, ok := strings.CutPrefix(text, "//"); ok {
		if rest == "" || rest[0] == ' ' || rest[0] == '/' {
			return text
		}
		return "// " + rest
	}
	text = strings.TrimLeft(text, "#/*")
	text = strings.TrimSpace(strings.TrimSuffix(text, "*/"))
	return strings.TrimSpace("// " + text)
}

// stranger takes what is no part of the language.
func (l *lexer) stranger(rest string, r rune, size int) {
	if strings.ContainsRune("'‘’“”„", r) {
		if l.otherQuotes(rest[size:], size) {
			return
		}
	}
	for _, c := range []struct{ wrote, write string }{
		{"&&", "and"}, {"||", "or"}, {"!", "not"},
	} {
		if strings.HasPrefix(rest, c.wrote) {
			end := l.pos + len(c.wrote)
			write := c.write
			if c.wrote == "!" {
				write = "not "
			}
			l.add(formBad, end, &fault{fmt.Sprintf("%s means nothing here: write %s", c.wrote, c.write),
				&Fix{"write " + c.write, []Edit{{l.pos, end, write}}}})
			return
		}
	}
	end := l.pos + size
	for end < len(l.text) && end != l.mark {
		r, size := utf8.DecodeRuneInString(l.text[end:])
		if isSpace(r) || unicode.IsLetter(r) || strings.ContainsRune("0123456789_{}()[],:=|.;\"'‘’“”„#/-!&", r) {
			break
		}
		end += size
	}
	l.add(formBad, end, &fault{message: fmt.Sprintf("%s means nothing here", quote(l.text[l.pos:end]))})
}

// otherQuotes takes a string in quotes of another form than ours.
func (l *lexer) otherQuotes(rest string, size int) bool {
	end := strings.IndexAny(rest, "'‘’“”„\"\n")
	if end < 0 || rest[end] == '"' || rest[end] == '\n' {
		return false
	}
	_, closing := utf8.DecodeRuneInString(rest[end:])
	to, text := l.pos+size+end+closing, `"`+rest[:end]+`"`
	l.add(formBad, to, &fault{`strings stand in quotes of this form: "`, &Fix{"write " + text, []Edit{{l.pos, to, text}}}})
	return true
}

// lineEnd returns where the present line ends, trimmedEnd where its text does.
func (l *lexer) lineEnd() int {
	if i := strings.IndexByte(l.text[l.pos:], '\n'); i >= 0 {
		return l.pos + i
	}
	return len(l.text)
}

func (l *lexer) trimmedEnd() int {
	return l.pos + len(strings.TrimRightFunc(l.text[l.pos:l.lineEnd()], isSpace))
}

// quote is text as a message shows it: in quotes, and what cannot be seen by its number.
func quote(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf("the byte 0x%02x", text[0])
	case size == len(text) && !unicode.IsPrint(r):
		return fmt.Sprintf("the character %U", r)
	case utf8.RuneCountInString(text) > 40:
		return `"` + string([]rune(text)[:40]) + `…"`
	}
	return `"` + text + `"`
}
