// Package session is one reader: an event in, the changes to the page out. It
// knows no transport: the WASM in a browser and a room on the server run it alike.
//
// Its nouns: an [Event] is what a reader did; a [Fragment] is one change to the
// page; a [Session] holds the text, the kernel, the run and the cursor, and the
// page as the reader's browser shows it.
//
// Its law: every event first changes the session, then the page is made anew
// from it as structs, and the fragments are the difference to the page before.
// So a step costs the bytes of what it changes, however long the run is; and what
// [Session.Page] paints at first is what the fragments arrive at.
//
// Reading order: event.go, session.go, do.go (each event), going.go (on for more than a step), keeping.go (branches,
// notes), taking.go and saved.go (forms to be taken away), diff.go (two pages, to fragments), comparing.go, checking.go (the check, in slices), resting.go (what it rests on), editor.go (answers for the editor).
package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/a-h/templ"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
	"gupscope/scenarios"
	"gupscope/web/link"
	"gupscope/web/view"
)

// A Session is what one reader, or one room, looks at.
type Session struct {
	scenario string // name in the gallery, if the text is, or began as, that one's
	text     string
	own      bool   // the text is not the gallery's
	opened   string // the text as it was opened
	override string // the kernel chosen, "" for the text's own

	file        *scenario.File // of the text
	diagnostics []scenario.Diagnostic

	// What is shown. It stays when the text has errors or is n/a on the kernel.
	shown   *scenario.File
	left    *scenario.File // what is shown of a text that came with mistakes: the rest of it
	kernel  kernel.Kernel
	na      string // why the scenario cannot run on the kernel chosen
	run     *trace.Run
	kept    []branch // runs left behind, latest first
	notes   []note
	watched []cell.ID
	seed    int         // of the next random walk
	cell    int         // the one that is open, below zero: none
	story   *view.Story // why the run goes wrong
	told    int         // the last step of the run as it was when that was looked for
	sketch  *view.Sketch
	around  int         // the step around which rows are drawn; below zero: the cursor
	fold    *view.Story // the one by which steps are put aside: a new one only where the whole diagram is made anew

	checking *checking
	resting  *resting
	verdict  view.Verdict

	// Parts of the page that only a text or a kernel changes: made by bind.
	header view.Header
	source view.Source // nobody standing in it

	at      link.Link // what the page is a page of
	unread  bool      // a link could not be read: the browser goes on showing it, until something happens
	page    view.Page // as the reader's browser has it
	notices []Fragment
	noticed bool // the reader still sees one
}

// New returns a session that shows the first scenario of the gallery, nothing
// having happened yet.
func New() *Session {
	s := &Session{}
	s.open(scenarios.List()[0].Name, "", "")
	s.page = s.make()
	return s
}

// State is what a link, and a snapshot of a room, hold of the session.
func (s *Session) State() link.Link {
	l := link.Link{Scenario: s.scenario, Kernel: s.override}
	if s.own {
		l.Scenario, l.Text = "", s.text
	}
	if s.run != nil {
		l.Run, l.At = s.run.String(), s.run.Cursor()
	}
	s.saved(&l)
	return l
}

// Restore makes the session what a link says. What the link names and there is
// not becomes a notice with the next event.
func (s *Session) Restore(l link.Link) {
	s.unread = false
	s.open(l.Scenario, l.Text, l.Kernel)
	s.replay(l.Run, l.At)
	s.load(l)
	s.page = s.make()
}

// Page is the whole page as it stands, for a first paint. Assets are the host's to add.
func (s *Session) Page() *view.Page {
	p := s.page
	p.Link = links(s.State())
	return &p
}

// Address is the address of what is shown. To make it takes the longer the longer run and text are, so
// fragments only say that it has changed, and hosts ask when they have the time.
func (s *Session) Address() string { return s.State().Address() }

// open shows a scenario of the gallery, or a text, on a kernel ("": its own),
// with an empty run.
func (s *Session) open(name, text, override string) {
	s.scenario, s.override = name, ""
	s.kept, s.notes, s.watched, s.seed, s.cell = nil, nil, nil, 1, -1
	s.text = text
	if text == "" {
		g, ok := scenarios.ByName(name)
		if !ok {
			g = scenarios.List()[0]
			if name != "" {
				s.notice("error", "There is no scenario %s. This is %s.", name, g.Name)
			}
			s.scenario = g.Name
		}
		s.text = g.Text
	}
	s.opened = s.text
	s.parse()
	s.shown, s.run, s.kernel = nil, nil, s.file.Kernel
	s.override = override
	s.bind("", 0)
	if s.run == nil && scenario.Failed(s.diagnostics) {
		s.bindInPart()
	}
}

// bindInPart shows the race of a text that came with mistakes, and of which there is no earlier one, without the lines that have them.
func (s *Session) bindInPart() {
	file, diagnostics := s.file, s.diagnostics
	s.file, s.diagnostics = scenario.WithoutMistakes(s.called(), s.text)
	if s.bind("", 0); s.run != nil {
		s.left = s.file
	}
	s.file, s.diagnostics = file, diagnostics
	s.header = s.makeHeader()
	s.source = view.OfSource(s.text, s.file.Tokens(), s.diagnostics, s.stale())
}

// parse reads the text.
func (s *Session) parse() {
	s.file, s.diagnostics = scenario.Parse(s.called(), []byte(s.text))
	g, ok := scenarios.ByName(s.scenario)
	s.own = !ok || g.Text != s.text
}

// called is what diagnostics call the text.
func (s *Session) called() string {
	if s.scenario == "" {
		return "scenario"
	}
	return s.scenario + ".gup"
}

// bind sets up the text on the kernel chosen and plays a run in it. With errors
// in the text, what was shown before stays.
func (s *Session) bind(run string, at int) {
	defer func() { // whatever comes of it
		s.stopCheck()
		s.header = s.makeHeader()
		s.source = view.OfSource(s.text, s.file.Tokens(), s.diagnostics, s.stale())
	}()
	if scenario.Failed(s.diagnostics) {
		return
	}
	k := s.file.Kernel
	if s.override != "" {
		chosen, ds := scenario.ParseKernel(s.override)
		if scenario.Failed(ds) {
			s.notice("error", "The kernel %s cannot be made: %s This is %v.", s.override, sentence(ds[0].Message), k)
			s.override = ""
		} else {
			k = chosen
		}
	}
	s.kernel, s.na = k, ""
	m, _, ds := verdict.Model(s.file, k, nil)
	if m == nil {
		s.na = ds[0].Message
		if s.shown == nil {
			s.shown = s.file
		}
		return
	}
	s.shown = s.file
	called := s.looked()
	s.run = trace.New(m)
	s.lookAgain(called)
	s.replay(run, at)
}

// stale says of what the race is that is shown, if not of the present text on the present kernel: neither a text with mistakes nor a kernel on which
// the scenario cannot run takes away what was there.
func (s *Session) stale() string {
	switch {
	case s.run == nil:
		return ""
	case s.shown == s.left && s.left != s.file:
		return "of the text without its lines with mistakes"
	case s.shown != s.file:
		return "of the last text without mistakes"
	case s.na != "":
		return "on " + s.run.Model.Kernel.String()
	}
	return ""
}

// replay plays a run from the start, as far as it goes, and puts the cursor after
// step at; below zero: at its end.
func (s *Session) replay(run string, at int) {
	if s.run == nil {
		return
	}
	s.run.Goto(0)
	r, err := trace.Replay(s.run.Model, run)
	var d *trace.Diverged
	switch {
	case errors.As(err, &d):
		s.notice("note", "The run is another one from step %d on: %s.", d.Step, d.Why)
	case err != nil:
		s.notice("error", "%s.", upper(err.Error()))
	}
	s.run = r
	if at < 0 {
		at = r.Len()
	}
	r.Goto(at)
	s.sketch, s.around = view.NewSketch(r), -1
	s.story, s.told = view.OfStory(r), s.ending()
	s.fold = s.story
}

// sentence ends what a diagnostic says, which may end with a question.
func sentence(s string) string {
	if strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// notice is a sentence for the reader, with the next fragments.
func (s *Session) notice(kind, format string, args ...any) {
	s.notices = append(s.notices, answer("notice", map[string]string{"kind": kind, "text": fmt.Sprintf(format, args...)}))
}

// Said is what will be said with the next event: of what a link names that there is not. A page that is painted without an event says it itself.
func (s *Session) Said() string {
	var all []string
	for _, f := range s.notices {
		var n struct{ Text string }
		if json.Unmarshal([]byte(f.Value), &n) == nil && n.Text != "" {
			all = append(all, n.Text)
		}
	}
	return strings.Join(all, " ")
}

// make is the page as it ought to be now.
func (s *Session) make() view.Page {
	s.at = s.State()
	l := s.at
	p := view.Page{Title: "gupscope", Verdict: s.verdict, Link: places(l), Header: s.header, Source: s.source}
	if f := s.file; f != nil {
		p.About = f.Title
		if f.Name != "" {
			p.Title = f.Name + " · gupscope"
		}
	}
	if s.run == nil {
		p.Sentence = view.Sentence{{Text: "There is nothing to run yet: "}, {Text: s.because(), Bad: true}}
		if s.na != "" {
			p.Sentence[0].Text = "The scenario cannot run on " + s.kernel.String() + ": "
			if s.override != "" {
				p.Sentence = append(p.Sentence, view.Word{Text: " It is written for " + s.file.Kernel.String() + ": choose that, or another one, above."})
			}
		}
		return p
	}
	if s.shown == s.file {
		p.Source = p.Source.Marked(view.OfMarks(s.run))
	}
	p.Race = s.sketch.Race(s.story, s.fold, s.part())
	for _, b := range s.kept {
		b.view.On = b.run == l.Run
		p.Race.Branches = append(p.Race.Branches, b.view)
	}
	p.Race.Remark(s.noted())
	p.Race.Run = s.menu()
	p.Sentence = s.sentence(&p.Race)
	p.Memory = view.OfMemory(s.run)
	if c, ok := view.OfCell(s.run, s.cell, s.watched); ok {
		p.Cell = &c
	}
	p.Claims = view.OfClaims(s.run, s.spoken())
	p.Listing = view.OfListing(s.run)
	return p
}

// spoken are the claims that the scenario's expect lines name.
func (s *Session) spoken() []string {
	var out []string
	for _, e := range s.shown.Expects {
		out = append(append(out, e.Claims...), e.Judge...)
	}
	return out
}

// part is which rows are drawn: those around the cursor, unless the reader has scrolled elsewhere.
func (s *Session) part() view.Part {
	if s.around >= 0 {
		return view.Around(s.around, s.run.Len())
	}
	return view.Around(s.run.Cursor(), s.run.Len())
}

// sentence says what just happened, whatever rows are drawn.
func (s *Session) sentence(r *view.Race) view.Sentence {
	if s.around >= 0 {
		there := s.sketch.Race(s.story, s.fold, view.Around(s.run.Cursor(), s.run.Len()))
		r = &there
	}
	return view.OfSentence(s.run, r)
}

// Tell puts into a page how its run came to where it stands: of a page that no script will ask for that.
func (s *Session) Tell(p *view.Page) {
	if s.run != nil && p.Race.Story == nil {
		p.Race.Account = view.OfAccount(s.run)
	}
}

// Whole is the page with all rows of its run: what a picture shows.
func (s *Session) Whole() *view.Page { return s.whole(s.fold) }

func (s *Session) whole(fold *view.Story) *view.Page {
	p := s.page
	if s.run != nil {
		p.Race = s.sketch.Race(s.story, fold, view.Part{From: 0, To: s.run.Len()})
	}
	return &p
}

// because says why nothing can be run.
func (s *Session) because() string {
	if s.na != "" {
		return s.na + "."
	}
	for _, d := range s.diagnostics {
		if d.Severity == scenario.Error {
			return fmt.Sprintf("line %d: %s.", d.Line, d.Message)
		}
	}
	return ""
}

func (s *Session) makeHeader() view.Header {
	h := view.Header{Scenario: s.scenario, Title: s.file.Name}
	if h.Title == "" {
		h.Title = "without a name"
	}
	for _, g := range grouped() {
		g.On = g.Name == s.scenario
		h.Scenarios = append(h.Scenarios, g)
	}
	_, original := s.origin()
	h.Edited = original != s.text
	if s.kernel.Version != nil {
		h.Kernel = view.OfKernel(s.kernel, s.file.Kernel, s.override != "", s.na, s.verdict.Decides, s.asked())
	}
	return h
}

// menu says what the ways to go on are about.
func (s *Session) menu() view.RunMenu {
	m := view.RunMenu{Seed: s.seed, Violation: s.run.FirstViolation()}
	layout := s.run.Model.Memory().Layout()
	for _, id := range s.watched {
		m.Watched = append(m.Watched, view.Watch{Cell: int(id), Name: layout.Name(id), Value: layout.Decode(id, s.run.Model.Memory().Peek(id)),
			At: s.run.WrittenBy(id, s.run.Cursor())})
	}
	g := going{s: s}
	g.actor = g.present()
	a := &s.run.Model.Actors()[g.actor]
	m.Whose = a.Name
	if f := s.run.Offer(g.actor).Func; f != "" {
		m.Func = f
	}
	return m
}

// places is what the forms of a page without script send.
func places(l link.Link) view.Link {
	v := view.Link{Path: "/", Kernel: l.Kernel, Run: l.Run}
	if l.Scenario != "" {
		v.Path = link.Link{Scenario: l.Scenario}.Address()
	}
	return v
}

// links are the addresses of what is shown. A text of the reader's own has an
// address that stays in the browser, and no picture.
func links(l link.Link) view.Link {
	v := places(l)
	v.Here = l.Address()
	if l.Scenario == "" {
		return v
	}
	v.Embed = l.Embed()
	path, query, _ := strings.Cut(v.Embed, "?")
	if query != "" {
		query = "?" + query
	}
	v.SVG, v.Card, v.Text = path+".svg"+query, path+".png"+query, path+".txt"+query
	return v
}

// write writes a run of the scenario as links do.
func (s *Session) write(choices []check.Choice) string { return s.made(choices).String() }

// made makes a run that the check has found, in a model of its own.
func (s *Session) made(choices []check.Choice) *trace.Run { return s.madeOn(s.kernel, choices) }

func (s *Session) madeOn(k kernel.Kernel, choices []check.Choice) *trace.Run {
	return view.Played(s.file, k, choices)
}

// modelOn is what is shown, on a kernel; nil where it cannot run.
func (s *Session) modelOn(k kernel.Kernel) *claim.Model {
	m, _, _ := verdict.Model(s.shown, k, nil)
	return m
}

// html renders a component.
func html(c templ.Component) string {
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		panic("session: " + err.Error())
	}
	return b.String()
}
