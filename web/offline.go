package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/a-h/templ"

	"gupscope/static"
	"gupscope/web/link"
	"gupscope/web/page"
	"gupscope/web/session"
	"gupscope/web/view"
)

// Without network a service worker (static/ts/sw.ts) answers from what it has kept. It is given the list here.

// kept are the pages that it keeps from the first visit on.
var kept = []string{"/", "/shell", "/offline", "/gallery", "/docs", "/docs/scenarios"}

// keeping is the list, as the first line of the service worker.
type keeping struct {
	Version string   `json:"version"`
	Pages   []string `json:"pages"`
	Files   []string `json:"files"`
}

// worker is the service worker's script. Its version is the hash of the pages and of the
// names of the files, which hold theirs.
func (s *Site) worker(w http.ResponseWriter, r *http.Request) {
	script := static.Content("sw.js")
	if script == nil {
		s.sorry(w, r, http.StatusNotFound, "This server was built without its assets, and has no service worker.")
		return
	}
	s.offline.once.Do(func() {
		k := keeping{Pages: kept, Files: static.Lasting()}
		h := sha256.New()
		for _, f := range k.Files {
			h.Write([]byte(f + "\n"))
		}
		h.Write(s.front.page)
		h.Write(script)
		k.Version = hex.EncodeToString(h.Sum(nil)[:8])
		line, err := json.Marshal(k)
		if err != nil {
			panic("web: a list is plain data: " + err.Error())
		}
		s.offline.script = append(append([]byte("const gupscope="), line...), ";\n"...)
		s.offline.script = append(s.offline.script, script...)
	})
	send(w, r, "text/javascript; charset=utf-8", s.offline.script)
}

type offline struct {
	once   sync.Once
	script []byte
}

// shell is the playground with nothing in it: its script opens what the address says.
func (s *Site) shell(w http.ResponseWriter, r *http.Request) {
	at := session.New()
	b := newBoot("worker", link.Link{})
	b.Shell = true
	p := at.Page()
	p.Title = "gupscope"
	p.Sentence = view.Sentence{{Text: "Opening what the address says …"}}
	p.Race, p.Memory, p.Claims, p.Listing, p.Verdict = view.Race{}, view.Memory{}, nil, nil, view.Verdict{}
	p.Source = view.Source{}
	p.Header.Title = "…"
	p.Link = view.Link{Path: "/"}
	p.Assets = assets()
	s.html(w, r, http.StatusOK, page.Page(p, b))
}

// away is what stands for a page that was not kept.
func (s *Site) away(w http.ResponseWriter, r *http.Request) {
	d := &view.Doc{Title: "Offline", Assets: assets(), Pages: docPages("")}
	s.html(w, r, http.StatusOK, page.Doc(d, templ.Raw(`<h1>You are offline, and this page was not kept.</h1>`+
		`<p>The playground with all of its scenarios, the gallery and the help work without network; the verdicts, if you have opened them before. `+
		`Rooms and short links are on the server.</p><p><a href="/">To the playground</a></p>`)))
}
