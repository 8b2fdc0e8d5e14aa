package web

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"gupscope/web/link"
	"gupscope/web/room"
	"gupscope/web/shortlink"
)

// What the page's script posts: {"address": "…"}, the address of the
// present run, which holds the text if it is nobody's yet: a reader who pressed the button
// agreed to store it. With a link goes a secret of the browser's: who has it can take the link back.

const maxBody = 256 << 10

// share stores a link under a short id.
func (s *Site) share(w http.ResponseWriter, r *http.Request) {
	l, secret, ok := s.posted(w, r)
	if !ok {
		return
	}
	id, err := s.Links.Put(r.Context(), l, secret)
	switch {
	case errors.Is(err, shortlink.ErrFull):
		slog.Error("there is no room for more short links")
		answer(w, http.StatusInsufficientStorage, map[string]string{"error": err.Error()})
		return
	case err != nil:
		slog.Error("a link could not be stored", "err", err)
		answer(w, http.StatusInternalServerError, map[string]string{"error": "The link could not be stored. The address of this page holds the run as well."})
		return
	}
	answer(w, http.StatusCreated, map[string]string{"address": "/l/" + id})
}

// takeBack removes what a short link holds, for who has the secret that it was stored with: {"secret": "…"}.
func (s *Site) takeBack(w http.ResponseWriter, r *http.Request) {
	in, ok := body(w, r)
	if !ok {
		return
	}
	err := s.Links.TakeBack(r.Context(), chi.URLParam(r, "id"), in.Secret)
	code := http.StatusInternalServerError
	switch gone := (shortlink.TakenBack{}); {
	case err == nil:
		answer(w, http.StatusOK, struct{}{})
		return
	case errors.As(err, &gone):
		code = http.StatusGone
	case errors.Is(err, shortlink.ErrUnknown):
		code = http.StatusNotFound
	case errors.Is(err, shortlink.ErrNotYours):
		code = http.StatusForbidden
	default:
		slog.Error("a link could not be taken back", "err", err)
		err = errors.New("The link could not be taken back. Try again in a moment.")
	}
	answer(w, code, map[string]string{"error": err.Error()})
}

// live makes a room.
func (s *Site) live(w http.ResponseWriter, r *http.Request) {
	l, _, ok := s.posted(w, r)
	if !ok {
		return
	}
	id, driver, err := s.Rooms.Create(r.Context(), l)
	switch {
	case errors.Is(err, room.ErrDisk):
		slog.Error("there is no room on the disk for more rooms")
		answer(w, http.StatusInsufficientStorage, map[string]string{"error": err.Error()})
		return
	case err != nil:
		slog.Error("a room could not be made", "err", err)
		answer(w, http.StatusInternalServerError, map[string]string{"error": "The room could not be made. Try again in a moment."})
		return
	}
	answer(w, http.StatusCreated, map[string]string{"address": "/room/" + id + "#" + driver})
}

// A request is what is posted.
type request struct {
	Address string `json:"address"`
	Secret  string `json:"secret"`
}

// body reads a request; where it cannot, it answers.
func body(w http.ResponseWriter, r *http.Request) (in request, ok bool) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch tooLarge := (*http.MaxBytesError)(nil); {
	case errors.As(err, &tooLarge):
		answer(w, http.StatusRequestEntityTooLarge, map[string]string{"error": "The run and its text are too large to be stored: the limit for a text is 64 KiB."})
		return in, false
	case err != nil:
		return in, false // the reader has gone
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || json.Unmarshal(b, &in) != nil || in.Address+in.Secret == "" || len(in.Secret) > 100:
		answer(w, http.StatusBadRequest, map[string]string{"error": `The request must be JSON: {"address": "…"}, or {"secret": "…"} to take a link back.`})
		return in, false
	}
	return in, true
}

// posted reads the link of a request, and the secret that comes with it.
func (s *Site) posted(w http.ResponseWriter, r *http.Request) (l link.Link, secret string, ok bool) {
	in, ok := body(w, r)
	if !ok {
		return l, "", false
	}
	if in.Address == "" {
		answer(w, http.StatusBadRequest, map[string]string{"error": `The request must be JSON: {"address": "…"}.`})
		return l, "", false
	}
	var err error
	code := http.StatusBadRequest
	// A page that was opened by a short link may still have its address.
	if id, short := strings.CutPrefix(in.Address, "/l/"); short {
		l, err = s.Links.Get(r.Context(), id)
		code = http.StatusNotFound
	} else {
		l, err = link.Parse(in.Address)
	}
	if err != nil {
		answer(w, code, map[string]string{"error": err.Error()})
		return l, "", false
	}
	return l, in.Secret, true
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
