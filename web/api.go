package web

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"gupscope/web/link"
)

// What the page's script posts. Both take {"address": "…"}, the address of the
// present run, which holds the text if it is nobody's yet: a reader who pressed the button
// agreed to store it.

const maxBody = 256 << 10

// share stores a link under a short id.
func (s *Site) share(w http.ResponseWriter, r *http.Request) {
	l, ok := s.posted(w, r)
	if !ok {
		return
	}
	id, err := s.Links.Put(r.Context(), l)
	if err != nil {
		slog.Error("a link could not be stored", "err", err)
		answer(w, http.StatusInternalServerError, map[string]string{"error": "The link could not be stored. The address of this page holds the run as well."})
		return
	}
	answer(w, http.StatusCreated, map[string]string{"address": "/l/" + id})
}

// live makes a room.
func (s *Site) live(w http.ResponseWriter, r *http.Request) {
	l, ok := s.posted(w, r)
	if !ok {
		return
	}
	id, driver, err := s.Rooms.Create(r.Context(), l)
	if err != nil {
		slog.Error("a room could not be made", "err", err)
		answer(w, http.StatusInternalServerError, map[string]string{"error": "The room could not be made. Try again in a moment."})
		return
	}
	answer(w, http.StatusCreated, map[string]string{"address": "/room/" + id + "#" + driver})
}

func (s *Site) posted(w http.ResponseWriter, r *http.Request) (link.Link, bool) {
	var in struct {
		Address string `json:"address"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch tooLarge := (*http.MaxBytesError)(nil); {
	case errors.As(err, &tooLarge):
		answer(w, http.StatusRequestEntityTooLarge, map[string]string{"error": "The run and its text are too large to be stored: the limit for a text is 64 KiB."})
		return link.Link{}, false
	case err != nil:
		return link.Link{}, false // the reader has gone
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || json.Unmarshal(body, &in) != nil || in.Address == "":
		answer(w, http.StatusBadRequest, map[string]string{"error": `The request must be JSON: {"address": "…"}.`})
		return link.Link{}, false
	}
	// A page that was opened by a short link may still have its address.
	if id, ok := strings.CutPrefix(in.Address, "/l/"); ok {
		l, err := s.Links.Get(r.Context(), id)
		if err != nil {
			answer(w, http.StatusNotFound, map[string]string{"error": err.Error()})
			return link.Link{}, false
		}
		return l, true
	}
	l, err := link.Parse(in.Address)
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return link.Link{}, false
	}
	return l, true
}

func answer(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("web: an answer is plain data: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	w.Write(append(b, '\n'))
}

// health says whether rooms can be served: 200 or 503.
func (s *Site) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if err := s.Rooms.Healthy(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, err.Error()+"\n")
		return
	}
	io.WriteString(w, "ok\n")
}
