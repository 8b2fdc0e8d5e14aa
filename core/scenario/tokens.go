package scenario

// A Kind is what a word of the text is there for.
type Kind uint8

const (
	Plain   Kind = iota // nothing that we know
	Keyword             // a word of the language
	Name                // the scenario's name
	Kernel              // v6.12
	Rule                // gup_pte_recheck
	Value               // a rule's value: pv
	Claim               // what must hold
	MM
	VMA
	FileName
	Task
	CPU
	Call
	Flag // FOLL_WRITE
	Word // MADV_DONTNEED
	Variable
	Errno // -EFAULT
	Verdict
	String
	Number
	Comment
	Punctuation
	Wrong // nothing of the language
)

var kindNames = [...]string{"plain", "keyword", "name", "kernel", "rule", "value", "claim", "mm", "vma", "file", "task", "cpu",
	"call", "flag", "word", "variable", "errno", "verdict", "string", "number", "comment", "punctuation", "error"}

// String is the kind as a class of CSS: "keyword", "call", ….
func (k Kind) String() string { return kindNames[k] }

// A Token is a stretch of the text of one kind, for highlighting. Offsets are
// in bytes; what lies between tokens is white space.
type Token struct {
	Start, End int
	Kind       Kind
}

// Tokens cuts a text for highlighting, in order, whatever is wrong with it.
func Tokens(text string) []Token {
	f, _ := Parse("", []byte(text))
	return f.Tokens()
}

// Tokens are the tokens of the text that was parsed.
func (f *File) Tokens() []Token {
	var out []Token
	for _, t := range f.tokens {
		if t.form != formEOL || t.text == ";" {
			out = append(out, Token{t.start, t.end, t.shown()})
		}
	}
	return out
}

// shown is the kind that the parser gave the token, or what its form says.
func (t *token) shown() Kind {
	switch {
	case t.form == formComment:
		return Comment
	case t.fault != nil:
		return Wrong
	case t.kind != Plain:
		return t.kind
	}
	return [...]Kind{formWord: Plain, formNumber: Number, formString: String, formErrno: Errno, formPunct: Punctuation, formEOL: Punctuation, formBad: Wrong}[t.form]
}
