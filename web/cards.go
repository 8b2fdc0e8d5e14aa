package web

import (
	"strings"
	"sync"

	"gupscope/web/card"
	"gupscope/web/link"
	"gupscope/web/session"
)

// cards keeps the pictures that were drawn last for previews of links: whoever shows one asks several times.
type cards struct {
	mu   sync.Mutex
	kept map[ofCard][]byte
}

// ofCard is what a picture is of: a link, and what is known of it by now.
type ofCard struct {
	link.Link
	found string
}

// mostCards are kept, of some 60 kB each.
const mostCards = 128

// of returns the picture of a link, drawn now if it is not kept.
func (c *cards) of(l ofCard, draw func() []byte) []byte {
	c.mu.Lock()
	png, ok := c.kept[l]
	c.mu.Unlock()
	if ok {
		return png
	}
	png = draw()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil || len(c.kept) >= mostCards {
		c.kept = map[ofCard][]byte{}
	}
	c.kept[l] = png
	return png
}

// cardOf is the picture for previews of a link, which a session shows.
func (s *Site) cardOf(at *session.Session, l link.Link) []byte {
	x := ofCard{Link: l}
	if l.Text == "" {
		_, x.found, _ = strings.Cut(s.found(l, at.Page().Header.Kernel.Text), ": ")
	}
	return s.cards.of(x, func() []byte { return card.PNG(toCard(at, x.found)) })
}

// toCard is what the picture of a link shows: why the run goes wrong, or how it begins; where there is none, what the tasks are going to do.
func toCard(at *session.Session, found string) *card.Card {
	p := at.Whole()
	c := &card.Card{Title: p.Header.Title, Kernel: p.Header.Kernel.Text, About: p.About}
	text := p.Source.Text
	switch story := p.Race.Story; {
	case story != nil:
		text, c.Wrong, c.Says = story.Chart, true, "This run goes wrong: "+story.Title+" matter"
	case p.Race.Len > 0:
		text = at.ASCII()
	default:
		text = program(text)
	}
	if found != "" {
		c.Says, c.Wrong = found, strings.HasPrefix(found, "Sometimes")
	}
	c.Lines = strings.Split(strings.TrimRight(text, "\n"), "\n")
	return c
}

// program is the part of a scenario's text that says who does what: without its name, its sentence and its comments, from the first mm or file on.
func program(text string) string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		code, _, _ := strings.Cut(l, "//")
		if code = strings.TrimRight(code, " \t"); strings.HasPrefix(code, "GUP ") || strings.HasPrefix(code, `"`) || strings.HasPrefix(code, "kernel ") || code == "" {
			continue
		}
		out = append(out, strings.ReplaceAll(code, "\t", "    "))
	}
	return strings.Join(out, "\n")
}
