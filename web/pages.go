package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"gupscope/scenarios"
	"gupscope/static"
	"gupscope/web/link"
	"gupscope/web/page"
	"gupscope/web/session"
	"gupscope/web/shortlink"
	"gupscope/web/view"
)

// boot is what the page's script starts from; see static/ts/README.md.
type boot struct {
	Host    string          `json:"host"`
	Core    string          `json:"core"`
	Worker  string          `json:"worker"`
	CSS     string          `json:"css"`
	File    string          `json:"file"`
	Open    session.Event   `json:"open"`
	Checked bool            `json:"checked,omitempty"` // the verdict that was painted is the check's
	Ahead   []session.Frame `json:"ahead,omitempty"`
	Room    string          `json:"room,omitempty"`
	Shell   bool            `json:"shell,omitempty"` // the page is painted empty: the address says what to open
}

func newBoot(host string, l link.Link) boot {
	return boot{
		Host: host, Core: static.URL("gupscope.wasm"), Worker: static.URL("core.js"), CSS: static.URL("page.css"), File: static.URL("file.js"),
		Open: opening(l),
	}
}

// opening is the event that brings a reader's session to where the link is.
func opening(l link.Link) session.Event {
	if l.Kept+l.Notes+l.Watched != "" {
		return session.Event{Do: "open", Link: l.Address()}
	}
	return session.Event{Do: "open", Scenario: l.Scenario, Text: l.Text, Kernel: l.Kernel, Run: l.Run, At: l.At}
}

func assets() view.Assets {
	return view.Assets{CSS: static.URL("page.css"), Script: static.URL("page.js"), Icon: static.URL("icon.svg")}
}

// home is the playground with the run that the checker found for it.
func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" { // a form of a page without script
		s.scenarioOf(w, r, link.Link{Scenario: s.front.scenario})
		return
	}
	s.discovered(w, r)
	send(w, r, "text/html; charset=utf-8", s.absolute(r, s.front.page))
}

func inGallery(name string) bool {
	_, ok := scenarios.ByName(name)
	return ok
}

func noScenario(name string) string {
	return fmt.Sprintf("There is no scenario of this name in the gallery: %s.", name)
}

// scenario is a scenario of the gallery at any point of any run.
func (s *Site) scenario(w http.ResponseWriter, r *http.Request) {
	name := chi.URLParam(r, "name")
	if !inGallery(name) {
		s.sorry(w, r, http.StatusNotFound, noScenario(name))
		return
	}
	s.scenarioOf(w, r, link.Link{Scenario: name})
}

// short is a link that was stored.
func (s *Site) short(w http.ResponseWriter, r *http.Request) {
	if l, ok := s.stored(w, r, chi.URLParam(r, "id")); ok {
		s.scenarioOf(w, r, l)
	}
}

func (s *Site) stored(w http.ResponseWriter, r *http.Request, id string) (link.Link, bool) {
	l, err := s.Links.Get(r.Context(), id)
	switch gone := (shortlink.TakenBack{}); {
	case errors.As(err, &gone):
		s.sorry(w, r, http.StatusGone, err.Error())
		return l, false
	case errors.Is(err, shortlink.ErrUnknown):
		s.sorry(w, r, http.StatusNotFound, err.Error())
		return l, false
	case err != nil:
		slog.Error("a link could not be read", "err", err)
		s.sorry(w, r, http.StatusServiceUnavailable, "The link cannot be read at the moment. Try again.")
		return l, false
	}
	return l, true
}

// scenarioOf draws the playground of a link, as the query changes it: kernel, run and cursor of a link,
// and what the buttons of a page without script send.
func (s *Site) scenarioOf(w http.ResponseWriter, r *http.Request, l link.Link) {
	q := r.URL.Query()
	l, err := asked(l, q)
	if err != nil {
		s.sorry(w, r, http.StatusBadRequest, err.Error())
		return
	}
	at := session.New()
	at.Restore(l)
	said := at.Said()
	if choice := q.Get("do"); choice != "" {
		at.Do(session.Event{Do: "step", Choice: choice, At: at.State().At})
		l = at.State()
	}
	b := newBoot("worker", l)
	if q.Get("check") != "" {
		checkFor(r.Context(), at, 1)
		b.Checked = true
	}
	b.Ahead = at.Ahead(3)
	p := at.Page()
	p.Said = said
	at.Tell(p)
	if says := s.found(l, p.Header.Kernel.Text); says != "" && l.Text == "" && p.Verdict.State == view.Unchecked {
		p.Verdict.Says, b.Checked = says, true
	}
	p.Assets = assets()
	if r.URL.Path != "/" {
		p.Link.Path = r.URL.Path
	}
	if strings.HasPrefix(r.URL.Path, "/l/") && r.URL.RawQuery == "" {
		p.Link.Card = "/embed" + r.URL.Path + ".png"
	}
	s.discovered(w, r)
	s.html(w, r, http.StatusOK, page.Page(p, b))
}

// asked is the link as a query changes it.
func asked(l link.Link, q url.Values) (link.Link, error) {
	for name := range q {
		switch name {
		case "k", "r", "c", "b", "n", "w":
			changed, err := link.Query(l.Scenario, q)
			if err != nil {
				return l, err
			}
			changed.Text = l.Text
			if !q.Has("k") {
				changed.Kernel = l.Kernel
			}
			if !q.Has("r") {
				changed.Run = l.Run
			}
			if !q.Has("b") && !q.Has("n") && !q.Has("w") {
				changed.Kept, changed.Notes, changed.Watched = l.Kept, l.Notes, l.Watched
			}
			return changed, nil
		}
	}
	return l, nil
}

// checkFor runs the check for a first paint, as far as so many seconds go.
func checkFor(ctx context.Context, at *session.Session, seconds int) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()
	for more := running(at.Do(session.Event{Do: "check", N: 500_000})); more; {
		if ctx.Err() != nil {
			at.Do(session.Event{Do: "stop", N: seconds})
			break
		}
		more = running(at.Do(session.Event{Do: "more"}))
	}
}

// running reports whether a check goes on after the fragments.
func running(all []session.Fragment) bool {
	for _, f := range all {
		if f.Op == "answer" && f.ID == "check" {
			var is struct{ Running bool }
			return json.Unmarshal([]byte(f.Value), &is) == nil && is.Running
		}
	}
	return false
}

// room is the shell of a room. What is in it only who has a token gets to see, over the websocket.
func (s *Site) room(w http.ResponseWriter, r *http.Request) {
	at := session.New()
	b := newBoot("room", link.Link{})
	b.Room = chi.URLParam(r, "id")
	p := at.Page()
	p.Title = "Room · gupscope"
	p.About = "A run that several people look at."
	p.Sentence = view.Sentence{{Text: "Joining the room …"}}
	p.Race, p.Memory, p.Claims, p.Listing, p.Verdict = view.Race{}, view.Memory{}, nil, nil, view.Verdict{}
	p.Source = view.Source{}
	p.Header.Title = "…"
	p.Live.Room = b.Room
	p.Assets = assets()
	w.Header().Set("Referrer-Policy", "no-referrer")
	s.html(w, r, http.StatusOK, page.Page(p, b))
}

// embed is a scenario of the gallery in somebody else's page, or as a picture or as text.
func (s *Site) embed(w http.ResponseWriter, r *http.Request) {
	name, form := cutForm(chi.URLParam(r, "name"))
	if !inGallery(name) {
		s.sorry(w, r, http.StatusNotFound, noScenario(name))
		return
	}
	l, err := link.Query(name, r.URL.Query())
	if err != nil {
		s.sorry(w, r, http.StatusBadRequest, err.Error())
		return
	}
	s.embedded(w, r, l, form)
}

func (s *Site) embedShort(w http.ResponseWriter, r *http.Request) {
	id, form := cutForm(chi.URLParam(r, "id"))
	if l, ok := s.stored(w, r, id); ok {
		s.embedded(w, r, l, form)
	}
}

// embedText is an embed whose text is in its address.
func (s *Site) embedText(w http.ResponseWriter, r *http.Request) {
	x := r.URL.Query().Get("x")
	if len(x) > link.MaxEmbed {
		s.sorry(w, r, http.StatusRequestURITooLong, fmt.Sprintf("Packed into an address, the text of this embed takes %d characters; %d is the limit. "+
			`Open the text in the playground, make a short link of it there, and write <gup-scope link="ID"> with what stands behind the link's last slash.`, len(x), link.MaxEmbed))
		return
	}
	l, err := link.Decode(x)
	if err != nil {
		s.sorry(w, r, http.StatusBadRequest, err.Error())
		return
	}
	_, form := cutForm(r.URL.Path)
	s.embedded(w, r, l, form)
}

// cutForm takes ".svg", ".png" or ".txt" off a name.
func cutForm(name string) (string, string) {
	if ext := path.Ext(name); ext == ".svg" || ext == ".png" || ext == ".txt" {
		return strings.TrimSuffix(name, ext), ext
	}
	return name, ""
}

func (s *Site) embedded(w http.ResponseWriter, r *http.Request, l link.Link, form string) {
	at := session.New()
	at.Restore(l)
	w.Header().Set("Access-Control-Allow-Origin", "*")
	p := at.Page()
	switch form {
	case ".svg":
		var b bytes.Buffer
		if err := page.SVG(&b, at.Whole(), r.URL.Query().Get("theme") == "dark"); err != nil {
			panic("web: a buffer takes everything: " + err.Error())
		}
		send(w, r, "image/svg+xml", b.Bytes())
	case ".png":
		send(w, r, "image/png", s.cardOf(at, l))
	case ".txt":
		send(w, r, "text/plain; charset=utf-8", []byte(at.ASCII()))
	default:
		b := newBoot("embed", l)
		b.Ahead = at.Ahead(3)
		p.Assets = assets()
		s.html(w, r, http.StatusOK, page.Embed(p, b))
	}
}

func (s *Site) icon(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, static.URL("icon.svg"), http.StatusFound)
}

// sorry is a page, or in a frame of somebody else's page a sentence, or for scripts an object, that says why there is nothing else.
func (s *Site) sorry(w http.ResponseWriter, r *http.Request, code int, sentence string) {
	if strings.HasPrefix(r.URL.Path, "/api/") || r.URL.Path == "/oembed" {
		answer(w, code, map[string]string{"error": sentence})
		return
	}
	if r.URL.Path == "/embed" || strings.HasPrefix(r.URL.Path, "/embed/") {
		mayBeFramed(w) // also where a limit refuses it before its route is found
		a := assets()
		s.html(w, r, code, page.Refused(http.StatusText(code)+" · gupscope", sentence, &a))
		return
	}
	s.html(w, r, code, page.Doc(&view.Doc{Title: http.StatusText(code), Assets: assets(), Pages: docPages("")},
		templ.Raw("<h1>"+templ.EscapeString(sentence)+`</h1><p><a href="/gallery">All scenarios</a> · <a href="/">To the playground</a></p>`)))
}

func (s *Site) html(w http.ResponseWriter, r *http.Request, code int, c templ.Component) {
	var b bytes.Buffer
	if err := c.Render(context.WithoutCancel(r.Context()), &b); err != nil {
		slog.Error("a page could not be rendered", "path", r.URL.Path, "err", err)
		http.Error(w, "This page could not be rendered.", http.StatusInternalServerError)
		return
	}
	if code != http.StatusOK {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(code)
		w.Write(b.Bytes())
		return
	}
	send(w, r, "text/html; charset=utf-8", s.absolute(r, b.Bytes()))
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9.:\[\]-]+$`)

// absolute writes the whole address of the page's picture, as those who show previews of links want it: with the host
// that the page was asked from, and https where that, or the proxy before us, speaks it.
func (s *Site) absolute(r *http.Request, html []byte) []byte {
	const image = `<meta property="og:image" content="`
	if origin := s.origin(r); origin != "" {
		return bytes.Replace(html, []byte(image+"/"), []byte(image+origin+"/"), 1)
	}
	return html
}

// origin is scheme and host of this server, as who asks calls it; "" if that is no name.
func (s *Site) origin(r *http.Request) string {
	if !hostName.MatchString(r.Host) {
		return ""
	}
	if r.TLS != nil || s.BehindProxy && r.Header.Get("X-Forwarded-Proto") == "https" {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// send answers with bytes that are always the same for the same address, until the next release.
func send(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	sum := sha256.Sum256(body)
	etag := `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", etag)
	if strings.Contains(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Write(body)
}
