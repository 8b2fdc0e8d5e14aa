package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gupscope/web/room"
)

// Metrics are what the server counts. No label holds anything that a reader
// chose: routes are patterns, events are of a fixed list.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

// NewMetrics returns the metrics, and makes the rooms report to them.
func NewMetrics(rooms *room.Rooms) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gupscope_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gupscope_http_request_seconds", Help: "Time to answer a request.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8),
		}, []string{"route"}),
	}
	live := prometheus.NewGauge(prometheus.GaugeOpts{Name: "gupscope_rooms", Help: "Rooms that are loaded on this server."})
	readers := prometheus.NewGauge(prometheus.GaugeOpts{Name: "gupscope_room_readers", Help: "Connections to rooms on this server."})
	slow := prometheus.NewCounter(prometheus.CounterOpts{Name: "gupscope_room_cut_total", Help: "Connections cut off because they were too slow."})
	events := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gupscope_room_event_seconds", Help: "Time to fold and render an event of a room, by kind.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
	}, []string{"do"})
	m.registry.MustRegister(m.requests, m.seconds, live, readers, slow, events,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	rooms.Metrics = room.Metrics{
		Rooms:   func(n int) { live.Add(float64(n)) },
		Readers: func(n int) { readers.Add(float64(n)) },
		Events:  func(do string, took time.Duration) { events.WithLabelValues(do).Observe(took.Seconds()) },
		Cut:     slow.Inc,
	}
	return m
}

// Handler answers /metrics. It belongs on an address of its own, which the world does not reach.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// count counts requests by their route.
func (m *Metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(wrapped, r)
		route := chi.RouteContext(r.Context()).RoutePattern()
		m.requests.WithLabelValues(route, strconv.Itoa(max(wrapped.Status(), 200))).Inc()
		m.seconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
	})
}
