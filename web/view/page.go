// Package view is a run in the shape of the page: plain structs, no HTML and no
// HTTP. [Of] makes them from a session's state; package page, the SVG and the
// other renderers only lay out what stands here. What a renderer would have to
// work out from the run (which accesses conflict, where the race window is, in
// which column a step stands) is worked out here, once.
//
// Its nouns are the parts of the page, one file each:
//
//	page.go      the whole, its header, and words in colour
//	race.go      the diagram: lanes, rows, spans, edges, windows, what can happen next
//	find.go      steps that are looked for
//	compare.go   the same choices on two kernels
//	sentence.go  what just happened and what it means
//	memory.go    what memory looks like now: walks, folios, slots, TLBs, locks
//	file.go      files: what the page cache has of them, and their disk
//	cell.go      one cell: its bits, who wrote it
//	source.go    what runs: the scenario's text and the kernel's listing
//	kernels.go   what it could run on instead
//	gallery.go   the scenarios, by mail, by mechanism, by kernel
//	matrix.go    every scenario on every kernel
//	verdict.go   what is claimed, what holds now, and what the check found
//
// Structs stand first in each file, or in a file of their own where what makes
// them (Of…) is long: sketch.go makes a Race, diagram.go and edges.go parts of
// it, walk.go, folio.go, dump.go and now.go a Memory.
//
// Its law: what depends on the cursor and what depends on the whole run are
// apart. A [Race] is a function of the whole run, ahead of the cursor too; moving the
// cursor changes its At and nothing else, so that rows keep their places. Of a long run
// a part is drawn ([Around]), and a [Sketch] knows the rest, so a
// step costs the same after two thousand others as after ten.
package view

// A Page is the playground.
type Page struct {
	Title    string // of the window
	About    string // what it is, in a sentence
	Said     string // what the reader is told of the link, if it does not lead where it says
	Header   Header
	Source   Source
	Listing  []Listing
	Sentence Sentence
	Race     Race
	Memory   Memory
	Cell     *Cell // the one that is open
	Claims   []Claim
	Verdict  Verdict
	Link     Link
	Live     Live
	Assets   Assets
}

// A Header is the bar above the page.
type Header struct {
	Scenario  string // the name in the address: "gup-fast-vs-reclaim"; "" for a text of the reader's own
	Title     string // for people: "GUP-fast against reclaim"
	Edited    bool   // the text is no longer the gallery's
	Scenarios []Scenario
	Kernel    Kernel
}

// A Scenario is an entry of the gallery.
type Scenario struct {
	Name  string
	Title string
	About string // the sentence of the scenario's file
	Group string // what its tasks do, in a word; "" where that is not asked
	On    bool   // it is the one that is open
	Href  string
}

// A Kernel is what the scenario runs on, and what it could run on instead.
type Kernel struct {
	Name     string    // "v6.12"
	Text     string    // as a scenario writes it: "v6.12 without gup_pte_recheck with tlb_flush=pv"
	Changes  []string  // in what it departs from the version: "− gup_pte_recheck", "tlb_flush=pv"
	Override bool      // chosen here; the text says another
	Own      string    // the one of the text
	WhatIf   string    // why no release was like this, or ""
	NA       string    // why the scenario cannot run on it, or ""
	About    string    // what its version is known for
	Before   string    // the version that it is told against, or ""
	Differs  []Differs // the rules that its version has otherwise than that
	Versions []Version // to choose from
	Rules    []Rule    // every rule
}

// A Version is a release in the picker.
type Version struct {
	Name, About string
	Year        int // 0: a stable tree
	On          bool
	Kernel      string // the kernel that choosing it makes
}

// Differs is a rule that a version has otherwise than the one before it.
type Differs struct {
	Rule string // as the picker writes settings: "+ gup_pmd_recheck", "wp_reuse_rule=exclusive"
	Says string
}

// A Rule is one toggle of the kernel.
type Rule struct {
	Name       string
	Says       string // what the kernel does when it is on
	Protects   string // what goes wrong when it is off
	Guards     string // the step it guards
	Group      string // the part of the kernel it belongs to: "GUP-fast", "reclaim", …
	Since      string // "v4.13", or "always"
	Commit     string
	Subject    string
	Confidence string
	Changed    bool // it is not as the version has it
	Decides    bool // the check found that this rule decides the verdict
	Values     []RuleValue
}

// A RuleValue is one position of a toggle.
type RuleValue struct {
	Name    string // "on", "off", "pv"
	On      bool
	Kernel  string // the kernel that choosing it makes
	Refused string // why it cannot be chosen: "gup_pmd_recheck needs gup_pte_recheck: …"
}

// A Sentence says what just happened and what it means.
type Sentence []Word

// A Word is a stretch of text with one look.
type Word struct {
	Text string
	Who  Who  // in whose colour; the zero Who: nobody's
	Code bool // what the kernel or the scenario would print
	Bad  bool // what is wrong
}

// Plain is the sentence without its looks: for screen readers, alt texts, ASCII.
func (s Sentence) Plain() string {
	var b []byte
	for _, w := range s {
		b = append(b, w.Text...)
	}
	return string(b)
}

// A Who is somebody with a colour: a CPU, a device, an mm. 0 is nobody; 1…8 are the
// CPUs in order, and what is no CPU takes the hues behind them.
type Who uint8

// A Link says where the run can be found again.
type Link struct {
	Here   string // path, query and fragment of exactly this view
	Path   string // path alone: where the forms of the page without script send to
	Kernel string // its k
	Run    string // its r
	SVG    string // the same as a picture, "" where there is none
	Card   string // what previews of links show, "" where there is none
	Text   string // the same as ASCII, "" where there is none
	Embed  string
}

// A Live is the room that the page belongs to, if it does.
type Live struct {
	Room    string // "" outside rooms
	Drives  bool   // this reader may change the run
	Viewers int
	Says    string // "You drive. 3 people look on."
}

// Assets names the files that the page loads; what is empty is not loaded.
type Assets struct {
	CSS, Script, Icon string
}

// A Doc is a page to be read.
type Doc struct {
	Title, About string
	Pages        []PageLink // to the other ones
	Wide         bool       // it is a table or has pictures
	Assets       Assets
}

// A PageLink leads to a page.
type PageLink struct {
	Title, Href string
	On          bool
}
