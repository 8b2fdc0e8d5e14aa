package web

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/scenarios"
	"gupscope/web/computed"
	"gupscope/web/link"
	"gupscope/web/page"
	"gupscope/web/session"
	"gupscope/web/view"
)

// gallery lists the scenarios by mail, by mechanism or by kernel.
func (s *Site) gallery(w http.ResponseWriter, r *http.Request) {
	by := r.URL.Query().Get("by")
	groups := map[string]func([]view.Entry) []view.Group{"mail": view.ByMail, "kernel": view.ByKernel}[by]
	if groups == nil {
		by, groups = "mechanism", view.ByMechanism
	}
	d := &view.Doc{Title: "Gallery", About: "Races of Linux's page tables, TLBs and get_user_pages, to be stepped through.", Wide: true, Assets: assets(), Pages: docPages("/gallery")}
	s.html(w, r, http.StatusOK, page.Doc(d, page.Gallery(by, groups(entries()))))
}

// ofPicture bounds the check that looks for a picture's run.
var ofPicture = check.Limits{States: 300_000, Bytes: 256 << 20}

func pictureKey(g scenarios.Scenario) string {
	return computed.Key("picture", kernel.Identity(), g.Text, fmt.Sprint(ofPicture), page.MiniatureStyle)
}

// picture is a small drawing of a scenario's race: of its shortest counterexample, on its own kernel or on the first
// that it expects one of; else of a run by chance. It is made when it is asked for first.
func (s *Site) picture(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(chi.URLParam(r, "name"), ".svg")
	g, ok := scenarios.ByName(name)
	if !ok {
		s.sorry(w, r, http.StatusNotFound, noScenario(name))
		return
	}
	svg, err := s.drawn(r.Context(), g)
	if r.Context().Err() != nil {
		return // the reader has gone
	}
	if err != nil {
		slog.Error("a picture of the gallery", "scenario", name, "err", err)
		s.sorry(w, r, http.StatusServiceUnavailable, "The picture cannot be made at the moment. Try again.")
		return
	}
	if q := r.URL.Query().Get("v"); q != "" && strings.HasPrefix(pictureKey(g), "picture."+q) {
		w.Header().Set("Content-Type", "image/svg+xml")
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		w.Write(svg)
		return
	}
	send(w, r, "image/svg+xml", svg)
}

// drawn returns the picture: the one that is kept, or a new one.
func (s *Site) drawn(ctx context.Context, g scenarios.Scenario) ([]byte, error) {
	key := pictureKey(g)
	if svg, err := s.Computed.Get(ctx, key); svg != nil || err != nil {
		return svg, err
	}
	d, err := s.easel.take(ctx, key)
	if err != nil {
		return nil, err
	}
	defer s.easel.leave(d)
	if svg, err := s.Computed.Get(ctx, key); svg != nil || err != nil { // meanwhile
		return svg, err
	}
	at := session.New()
	at.Restore(session.Specimen(link.Link{Scenario: g.Name}, ofPicture, func() { s.easel.pause(d) }))
	var b bytes.Buffer
	if err := page.Miniature(&b, at.Whole()); err != nil {
		panic("web: a buffer takes everything: " + err.Error())
	}
	return b.Bytes(), s.Computed.Put(context.WithoutCancel(ctx), key, b.Bytes()) // whoever comes next needs it
}
