// Package web is the server's side of the page: what HTTP requests are answered with.
//
// [New] has the routes; pages.go the playground and embeds, docs.go what is to be read, front.go the run
// that stands on the first page, cards.go the pictures for previews of links, gallery.go
// and matrix.go what is computed of the gallery (idle_linux.go: behind everything else), offline.go what works without network, api.go what the page's script posts, headers.go what every answer
// carries, metrics.go what is counted. The session and its pages are the same that run in the
// browser; here they only draw first paints.
package web

import (
	"context"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"

	"gupscope/static"
	"gupscope/web/computed"
	"gupscope/web/room"
	"gupscope/web/shortlink"
)

// A Site is what the routes need.
type Site struct {
	Rooms    *room.Rooms
	Links    *shortlink.Links
	Computed *computed.Store
	Metrics  *Metrics

	// BehindProxy says that X-Forwarded-For and its like come from a proxy of
	// our own, and tell who asks. Else anybody could pretend to be many.
	BehindProxy bool

	ctx     context.Context // of the server
	front   front
	matrix  matrix
	offline offline
	easel   easel
	cards   cards
}

// New returns the handler of a site. ctx ends with the server.
func New(ctx context.Context, s *Site) http.Handler {
	s.ctx = ctx
	s.front.begin(ctx)
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, security, middleware.GetHead)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		s.sorry(w, r, http.StatusNotFound, "There is no page at this address.")
	})

	// Outside everything that wraps the ResponseWriter: the websocket wants the connection itself.
	r.With(s.limit(60)).Get("/ws", s.Rooms.Serve)

	r.Group(func(r chi.Router) {
		r.Use(s.Metrics.count)
		r.Get("/static/*", static.Serve)
		r.Get("/favicon.ico", s.icon)
		r.Get("/healthz", s.health)
	})

	// A browser without script asks for all pictures of the gallery at once: they are kept, and what is not is drawn a few at a time.
	r.With(s.Metrics.count, middleware.Compress(6), s.limit(2000)).Get("/gallery/{name}", s.picture)

	r.Group(func(r chi.Router) {
		r.Use(s.Metrics.count, middleware.Compress(6), s.limit(300))
		r.Get("/", s.home)
		r.Get("/gallery", s.gallery)
		r.Get("/matrix", s.matrixPage)
		r.Get("/sw.js", s.worker)
		r.Get("/shell", s.shell)
		r.Get("/offline", s.away)
		r.Get("/matrix.json", s.matrixJSON)
		r.Get("/matrix/news", s.matrixNews)
		r.Get("/s/{name}", s.scenario)
		r.Get("/l/{id}", s.short)
		r.Get("/oembed", s.oembed)
		r.Get("/room/{id}", s.room)
		r.Get("/docs", s.docs)
		r.Get("/docs/scenarios", s.language)
		r.Get("/help", http.RedirectHandler("/docs", http.StatusFound).ServeHTTP)
		r.Group(func(r chi.Router) {
			r.Use(framed)
			r.Get("/embed", s.embedText)
			r.Get("/embed{form:\\.(svg|png|txt)}", s.embedText)
			r.Get("/embed/{name}", s.embed)
			r.Get("/embed/l/{id}", s.embedShort)
		})
	})

	r.Group(func(r chi.Router) {
		r.Use(s.Metrics.count, http.NewCrossOriginProtection().Handler, s.limit(30))
		r.Post("/api/share", s.share)
		r.Delete("/l/{id}", s.takeBack)
		r.Post("/api/room", s.live)
	})
	return r
}

// limit bounds the requests of one address in a minute.
func (s *Site) limit(perMinute int) func(http.Handler) http.Handler {
	key := httprate.KeyByIP
	if s.BehindProxy {
		key = httprate.KeyByRealIP
	}
	return httprate.Limit(perMinute, time.Minute, httprate.WithKeyFuncs(key), httprate.WithLimitHandler(func(w http.ResponseWriter, r *http.Request) {
		s.sorry(w, r, http.StatusTooManyRequests, "Too many requests from your address: wait a minute.")
	}))
}
