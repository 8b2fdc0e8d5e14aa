package web

import (
	"bytes"
	"context"
	"log/slog"

	"gupscope/scenarios"
	"gupscope/web/link"
	"gupscope/web/page"
	"gupscope/web/session"
)

// The first page shows a race about to go wrong. The checker finds it when the server
// starts; nothing of it is stored anywhere.
type front struct {
	scenario string
	page     []byte
}

// frontSeconds bounds the check of the first page. It is made once, when the server starts.
const frontSeconds = 20

// shown is the scenario of the first page: two columns, on a kernel that was released, and a race of so few steps that matter
// that a newcomer sees all of it at a glance.
const shown = "gup-fast-vs-reclaim-clean"

func (f *front) begin(ctx context.Context) {
	f.scenario = shown
	if !inGallery(shown) {
		f.scenario = scenarios.List()[0].Name
	}
	l, found := session.Counterexample(link.Link{Scenario: f.scenario})
	if !found {
		slog.Warn("no counterexample for the first page", "scenario", f.scenario)
	}
	at := session.New()
	at.Restore(l)
	checkFor(ctx, at, frontSeconds)
	b := newBoot("worker", l)
	b.Checked = true
	b.Ahead = at.Ahead(4)
	p := at.Page()
	p.Assets = assets()
	var html bytes.Buffer
	if err := page.Page(p, b).Render(ctx, &html); err != nil {
		panic("web: the first page cannot be rendered: " + err.Error())
	}
	f.page = html.Bytes()
}
