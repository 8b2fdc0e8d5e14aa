package session

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"gupscope/web/page"
	"gupscope/web/view"
)

// A Taken is a run in a form to be taken away: the value of the answer "export".
type Taken struct {
	To   string `json:"to"`
	Name string `json:"name"` // of a file for it
	Type string `json:"type"`
	Text string `json:"text"`
}

// mostFrames is how many steps a file that steps by itself may have: all rows are in it, and the style sheet has places for some more.
const mostFrames = 2000

// take answers export: what the reader asked for; without To, the diagram as text in its panel. Diagrams are
// of the steps that matter for what goes wrong; with N 1, or where nothing does, of all.
func (s *Session) take(e Event) []Fragment {
	if s.run == nil {
		s.notice("error", "There is no run to take away: %s", s.because())
		return []Fragment{answer("export", nil)}
	}
	all, dark := e.N == 1, e.Text == "dark"
	var t Taken
	var b bytes.Buffer
	var err error
	switch e.To {
	case "":
		return []Fragment{morph("ascii", page.ASCII(s.digest(all)))}
	case "text":
		t = Taken{Name: "txt", Type: "text/plain"}
		b.WriteString(s.digest(all))
	case "mermaid":
		t = Taken{Name: "mmd", Type: "text/plain"}
		err = page.Mermaid(&b, s.drawn(all))
	case "svg":
		t = Taken{Name: "svg", Type: "image/svg+xml"}
		err = page.SVG(&b, s.drawn(all), dark)
	case "trace":
		t = Taken{Name: "trace.json", Type: "application/json"}
		err = page.TraceEvents(&b, s.Whole(), view.OfCounts(s.run))
	case "json":
		t = Taken{Name: "json", Type: "application/json"}
		b.Write(s.Saved())
	case "html":
		if s.run.Len() > mostFrames {
			s.notice("error", "The run has %d steps; a file that steps by itself has all rows at once, and places for %d. JSON, the trace and the pictures hold any.", s.run.Len(), mostFrames)
			return []Fragment{answer("export", nil)}
		}
		t = Taken{Name: "html", Type: "text/html"}
		whole, frames := s.Frames()
		if e.Link != "" {
			whole.Link.Here = e.Link + s.Address()
		}
		b.WriteString(html(page.File(whole, frames)))
	default:
		s.notice("error", "There is no form %q to take a run away in.", e.To)
		return []Fragment{answer("export", nil)}
	}
	if err != nil {
		panic("session: a buffer takes everything: " + err.Error())
	}
	t.To, t.Text = e.To, b.String()
	t.Name = s.fileName() + "." + t.Name
	return []Fragment{answer("export", t)}
}

// digest is the run as kernel commit messages draw it.
func (s *Session) digest(all bool) string {
	if all || !s.story.Of(s.run) {
		return s.ASCII()
	}
	return s.story.Chart
}

// drawn is the page with all rows of its run, those that do not matter aside.
func (s *Session) drawn(all bool) *view.Page {
	fold := s.story
	if all {
		fold = nil
	}
	return s.whole(fold)
}

// fileName is the scenario's name, that which the text says now, and the kernel, as a file may be called: gup-fast-vs-reclaim-v6.12-without-gup_pte_recheck.
func (s *Session) fileName() string {
	name := plain(cmp.Or(s.file.Name, s.scenario))
	if name == "" {
		name = "run"
	}
	const most = 120 // many file systems take 255 bytes
	return strings.Trim(fmt.Sprintf("%.*s", most, name+"-"+plain(s.kernel.String())), "-")
}

// plain is the text with a dash for whatever a file's name had better not have.
func plain(text string) string {
	return strings.Trim(unplain.ReplaceAllString(text, "-"), "-")
}

var unplain = regexp.MustCompile(`[^A-Za-z0-9._=-]+`)

// Frames returns the whole page at the cursor, and for every step what
// changes with it on a page that shows the run and nothing else. The session stays where it is.
func (s *Session) Frames() (here *view.Page, frames []page.FileFrame) {
	t := &Session{}
	t.Restore(s.State())
	var before *view.Page
	for at := 0; at <= t.run.Len(); at++ {
		t.run.Goto(at)
		t.page = t.make()
		if at == s.run.Cursor() {
			here = t.Whole().Recorded()
			t.Tell(here)
		}
		all := t.page
		all.Race.From, all.Race.To, all.Race.Rows = 0, all.Race.Len, nil
		now := all.Recorded()
		frame := page.FileFrame{}
		for _, part := range fileParts {
			if before == nil || !part.same(before, now) {
				frame[part.id] = part.html(now)
			}
		}
		frames, before = append(frames, frame), now
	}
	return here, frames
}

// A filePart is a part of a page that follows the cursor: most steps change few of them, and only these are drawn.
type filePart struct {
	id   string
	same func(a, b *view.Page) bool
	html func(p *view.Page) string
}

var fileParts = []filePart{
	{"say", sameSentence, func(p *view.Page) string { return p.Sentence.Plain() }},
	{"sentence", sameSentence, func(p *view.Page) string { return html(page.Sentence(p.Sentence)) }},
	{"lanes", func(a, b *view.Page) bool { return reflect.DeepEqual(a.Race.Lanes, b.Race.Lanes) }, func(p *view.Page) string { return html(page.Lanes(&p.Race)) }},
	{"veil", sameStep, func(p *view.Page) string { return html(page.Veil(&p.Race)) }},
	{"next", sameStep, func(p *view.Page) string { return html(page.NextSteps(&p.Race)) }},
	{"scrub", sameStep, func(p *view.Page) string { return html(page.Scrub(&p.Race)) }},
	{"claims", func(a, b *view.Page) bool { return reflect.DeepEqual(a.Claims, b.Claims) }, func(p *view.Page) string { return html(page.Claims(p.Claims)) }},
	{"listing", func(a, b *view.Page) bool { return reflect.DeepEqual(a.Listing, b.Listing) }, func(p *view.Page) string { return html(page.Listings(p.Listing)) }},
	{"news", sameNews, func(p *view.Page) string { return html(page.News(&p.Memory)) }},
	{"walks", sameWalks, func(p *view.Page) string { return html(page.Walks(&p.Memory)) }},
	{"cards", sameCards, func(p *view.Page) string { return html(page.Cards(&p.Memory)) }},
	{"files", func(a, b *view.Page) bool { return reflect.DeepEqual(a.Memory.Files, b.Memory.Files) }, func(p *view.Page) string { return html(page.Files(p.Memory.Files)) }},
	{"tlbs", func(a, b *view.Page) bool { return reflect.DeepEqual(a.Memory.TLBs, b.Memory.TLBs) }, func(p *view.Page) string { return html(page.TLBs(p.Memory.TLBs)) }},
	{"locks", func(a, b *view.Page) bool { return reflect.DeepEqual(a.Memory.Locks, b.Memory.Locks) }, func(p *view.Page) string { return html(page.Locks(p.Memory.Locks)) }},
}

func sameStep(a, b *view.Page) bool     { return a.Race.At == b.Race.At }
func sameSentence(a, b *view.Page) bool { return reflect.DeepEqual(a.Sentence, b.Sentence) }
