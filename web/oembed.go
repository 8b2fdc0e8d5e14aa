package web

import (
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"gupscope/web/link"
	"gupscope/web/session"
)

// How large an embed is where nobody bounds it. Its content may be higher: then the frame scrolls; <gup-scope> alone knows how high it is.
const (
	embedWidth  = 800
	embedHeight = 600
)

// oembed tells a program that has an address of ours (a wiki, a forum) how to embed the run: oEmbed 1.0, as JSON.
func (s *Site) oembed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	q := r.URL.Query()
	if f := q.Get("format"); f != "" && f != "json" {
		answer(w, http.StatusNotImplemented, map[string]string{"error": "The format " + strconv.Quote(f) + " is not made here: json is."})
		return
	}
	at, err := url.Parse(q.Get("url"))
	if err != nil || !strings.EqualFold(at.Host, r.Host) {
		answer(w, http.StatusNotFound, map[string]string{"error": "The parameter url must be the address of a run on this server."})
		return
	}
	var l link.Link
	var frame string
	if id, short := strings.CutPrefix(at.Path, "/l/"); short {
		var ok bool
		if l, ok = s.stored(w, r, id); !ok {
			return
		}
		frame = "/embed/l/" + url.PathEscape(id)
	} else {
		l, err = link.Parse(address(at))
		if err == nil && l == (link.Link{}) {
			l.Scenario = s.front.scenario
		}
		if err != nil || l.Text == "" && !inGallery(l.Scenario) {
			answer(w, http.StatusNotFound, map[string]string{"error": "This address does not hold a run of a scenario of the gallery, or a text."})
			return
		}
		if frame = l.Embed(); len(frame) > link.MaxEmbed {
			answer(w, http.StatusNotFound, map[string]string{"error": "The text is too long to be embedded by its address. Store it as a short link, and embed that."})
			return
		}
	}
	run := session.New()
	run.Restore(l)
	title, width, height := run.Page().Title, bounded(q.Get("maxwidth"), embedWidth), bounded(q.Get("maxheight"), embedHeight)
	answer(w, http.StatusOK, map[string]any{
		"version": "1.0", "type": "rich", "title": title, "provider_name": "gupscope", "provider_url": s.origin(r) + "/",
		"width": width, "height": height,
		"html": `<iframe src="` + html.EscapeString(s.origin(r)+frame) + `" title="` + html.EscapeString(title) + `" width="` + strconv.Itoa(width) +
			`" height="` + strconv.Itoa(height) + `" loading="lazy" style="border:0"></iframe>`,
	})
}

// address is the path, query and fragment of an address.
func address(at *url.URL) string {
	out := at.EscapedPath()
	if at.RawQuery != "" {
		out += "?" + at.RawQuery
	}
	if at.Fragment != "" {
		out += "#" + at.Fragment
	}
	return out
}

// bounded is the length, or the bound that somebody has for it.
func bounded(by string, length int) int {
	if n, err := strconv.Atoi(by); err == nil && n > 0 {
		return min(n, length)
	}
	return length
}

// discovered says on a page where its oEmbed is.
func (s *Site) discovered(w http.ResponseWriter, r *http.Request) {
	if origin := s.origin(r); origin != "" && len(r.RequestURI) < 2000 {
		here := url.QueryEscape(origin + r.URL.RequestURI())
		w.Header().Set("Link", "<"+origin+"/oembed?url="+here+`>; rel="alternate"; type="application/json+oembed"`)
	}
}
