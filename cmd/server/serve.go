package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"gupscope/core/kernel"
	"gupscope/static"
	"gupscope/web"
	"gupscope/web/computed"
	"gupscope/web/room"
	"gupscope/web/shortlink"
	"gupscope/web/stream"
)

// serveCommand is "gupscope serve".
type serveCommand struct {
	Addr     string `help:"Address to listen on." default:"127.0.0.1:8080" env:"GUPSCOPE_ADDR" placeholder:"HOST:PORT"`
	Data     string `help:"Directory for rooms and short links, at most 4 GiB, if no --nats is given." default:"data" env:"GUPSCOPE_DATA" placeholder:"DIR"`
	NATS     string `name:"nats" help:"Join the NATS servers with JetStream at this URL, and share rooms and links with whoever is there, instead of a server of our own." env:"GUPSCOPE_NATS" placeholder:"URL"`
	Replicas int    `help:"With --nats: how many servers keep each stream." default:"1" placeholder:"N"`
	Metrics  string `help:"Serve /metrics for Prometheus on this address, which the world should not reach." env:"GUPSCOPE_METRICS" placeholder:"HOST:PORT"`
	Proxy    bool   `name:"behind-proxy" help:"Take a reader's address from X-Forwarded-For and its like, for limits of requests."`
	Debug    bool   `help:"Log more."`
}

// Run serves until it is interrupted, then lets running requests end.
func (c *serveCommand) Run() error {
	level := slog.LevelInfo
	if c.Debug {
		level = slog.LevelDebug
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("--addr %s: %w", c.Addr, err)
	}
	nc, disconnect, err := c.connect()
	if err != nil {
		return err
	}
	defer disconnect()
	rooms, err := room.Open(ctx, nc, c.Replicas, kernel.Identity())
	if err != nil {
		return err
	}
	links, err := shortlink.Open(ctx, nc, c.Replicas, shortlink.Most)
	if err != nil {
		return err
	}
	store, err := computed.Open(ctx, nc, c.Replicas)
	if err != nil {
		return err
	}
	metrics := web.NewMetrics(rooms)
	if static.Missing() {
		slog.Warn("this binary has no assets inside: pages come without script and style; make build")
	}
	site := server(web.New(ctx, &web.Site{Rooms: rooms, Links: links, Computed: store, Metrics: metrics, BehindProxy: c.Proxy}))
	if c.Metrics != "" {
		if err := c.serveMetrics(ctx, metrics); err != nil {
			return err
		}
	}

	fmt.Printf("gupscope is at http://%s/\n", listener.Addr())
	ended := make(chan error, 1)
	go func() { ended <- site.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop() // a second interrupt ends the program at once
	rooms.Close()
	last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return site.Shutdown(last)
}

func (c *serveCommand) connect() (*nats.Conn, func(), error) {
	if c.NATS != "" {
		return stream.Join(c.NATS)
	}
	return stream.Embed(filepath.Join(c.Data, "jetstream"))
}

func (c *serveCommand) serveMetrics(ctx context.Context, m *web.Metrics) error {
	listener, err := net.Listen("tcp", c.Metrics)
	if err != nil {
		return fmt.Errorf("--metrics %s: %w", c.Metrics, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	s := server(mux)
	go func() {
		if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("metrics", "err", err)
		}
	}()
	context.AfterFunc(ctx, func() { s.Close() })
	slog.Info("metrics", "url", fmt.Sprintf("http://%s/metrics", listener.Addr()))
	return nil
}

// server has bounds for clients that are slow to ask or to take. They end where
// a websocket begins, which has its own.
func server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
}
