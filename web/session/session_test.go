package session

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"gupscope/core/trace"
	"gupscope/core/verdict/counterexamples"
	"gupscope/scenarios"
	"gupscope/web/link"
	"gupscope/web/page"
	"gupscope/web/view"
)

// go test ./web/session -pages DIR writes real pages to DIR, to be looked at in a browser.
var pages = flag.String("pages", "", "write pages into this directory")

func write(t *testing.T, s *Session, name string) {
	if *pages == "" {
		return
	}
	p := s.Page()
	p.Assets.CSS = "all.css"
	if err := os.WriteFile(filepath.Join(*pages, name+".html"), []byte(html(page.Page(p, nil))), 0o666); err != nil {
		t.Fatal(err)
	}
}

// standing is the session of a gallery scenario with its shortest counterexample, where it has one.
func standing(t *testing.T, name string) *Session {
	s := New()
	s.Restore(link.Link{Scenario: name})
	all, known := counterexamples.Of(s.file.Name, s.kernel.String(), nil)
	if !known {
		t.Fatalf("%s: its own kernel is not on record (go test ./core/verdict -run TestExpectations -rewrite)", name)
	}
	var shortest *trace.Run
	for _, c := range all {
		m := s.modelOn(s.kernel)
		if r, err := trace.Replay(m, c.Run); err != nil {
			t.Fatalf("%s: %v", name, err)
		} else if !c.Seen && (shortest == nil || r.Len() < shortest.Len()) {
			shortest = r
		}
	}
	if shortest != nil {
		s.Restore(link.Link{Scenario: name, Run: shortest.String(), At: view.Before(shortest)})
	}
	return s
}

func TestStanding(t *testing.T) {
	s := standing(t, "gup-fast-vs-reclaim")
	if s.run.FirstViolation() == 0 {
		t.Fatal("no violation stands in it")
	}
	write(t, s, "real-before")
	s.run.Goto(s.run.Len())
	s.page = s.make()
	write(t, s, "real-violation")
	s.run.Goto(14)
	s.page = s.make()
	write(t, s, "real-14")
}

// Every scenario of the gallery makes a page, at the start and where it goes wrong.
func TestGallery(t *testing.T) {
	for _, g := range scenarios.List() {
		s := standing(t, g.Name)
		write(t, s, "at-"+g.Name)
		if len(s.page.Race.Lanes) == 0 || s.page.Sentence.Plain() == "" {
			t.Errorf("%s: an empty page", g.Name)
		}
	}
}
