package view

// A Source is the scenario's text with what is to be said about it.
type Source struct {
	Text        string
	Lines       []Line
	Diagnostics []Diagnostic
	Kept        bool // the text has errors; what is shown is the last run of a text without
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
	Lane  string
	Who   Who
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
	Off   bool   // the rule is off: struck through
	Marks []Mark // who does it next
	Bad   bool
}
