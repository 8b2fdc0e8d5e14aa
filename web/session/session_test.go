package session

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/scenarios"
	"gupscope/web/link"
	"gupscope/web/page"
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

// standing is the session of a gallery scenario with its counterexample, where it has one.
func standing(t *testing.T, name string) *Session {
	s := New()
	s.Restore(link.Link{Scenario: name})
	if neverOnItsOwn(s.file) {
		return s // there is none to look for: core/verdict has proved it
	}
	l, known := found.Load(name)
	if !known {
		x, _ := Counterexample(link.Link{Scenario: name})
		found.Store(name, x)
		l = x
	}
	s.Restore(l.(link.Link))
	return s
}

// found are the counterexamples that a test has asked for, by scenario.
var found sync.Map

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

// neverOnItsOwn reports whether an expect line says that nothing breaks on the scenario's own kernel.
func neverOnItsOwn(f *scenario.File) bool {
	return slices.ContainsFunc(f.Expects, func(e scenario.Expect) bool {
		return e.Judge == nil && e.Verdict == kernel.Never &&
			slices.ContainsFunc(e.Kernels, func(k kernel.Kernel) bool { return k.String() == f.Kernel.String() })
	})
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
