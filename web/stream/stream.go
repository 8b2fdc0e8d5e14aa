// Package stream connects to JetStream, where rooms and short links are kept: to
// a server of its own inside this process, or to one that is there already. What comes
// after is the same code for both: the NATS client.
package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// MostOnDisk is how many bytes the data of the server inside this process may take: rooms (2 GiB), short links (1 GiB) and what
// was computed. Each of them refuses what it has no room for, and what is there stays; see [Full].
const MostOnDisk = 4 << 30

// Full reports whether the error says that there is no room for more on the disk.
func Full(err error) bool {
	var refused *jetstream.APIError
	if !errors.As(err, &refused) {
		return false
	}
	switch uint16(refused.ErrorCode) {
	case uint16(server.JSInsufficientResourcesErr), uint16(server.JSStorageResourcesExceededErr), uint16(server.JSAccountResourcesExceededErr):
		return true
	case uint16(server.JSStreamStoreFailedF):
		return strings.Contains(refused.Description, "maximum bytes exceeded")
	}
	return false
}

// Embed starts a JetStream server inside this process that keeps its data in
// dir and listens nowhere. The function ends both connection and server.
func Embed(dir string) (*nats.Conn, func(), error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, nil, err
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "gupscope",
		DontListen: true,
		JetStream:  true,
		StoreDir:   dir,
		// An acknowledged event is on the disk, also when the machine loses its power.
		SyncAlways:             true,
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      MostOnDisk,
		NoSigs:                 true,
		MaxPayload:             1 << 20,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		unlock()
		return nil, nil, fmt.Errorf("embedded JetStream: %w", err)
	}
	s.SetLoggerV2(toSlog{}, false, false, false)
	go s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		s.Shutdown()
		unlock()
		return nil, nil, errors.New("embedded JetStream did not start within 30 s")
	}
	nc, err := nats.Connect("", options(nats.InProcessServer(s))...)
	if err != nil {
		s.Shutdown()
		unlock()
		return nil, nil, fmt.Errorf("embedded JetStream: %w", err)
	}
	return nc, func() {
		nc.Close()
		s.Shutdown()
		s.WaitForShutdown()
		unlock()
	}, nil
}

// Join connects to the JetStream at the URL (or several, with commas between).
func Join(url string) (*nats.Conn, func(), error) {
	nc, err := nats.Connect(url, options()...)
	if err != nil {
		return nil, nil, fmt.Errorf("NATS at %s: %w", url, err)
	}
	return nc, nc.Close, nil
}

func options(more ...nats.Option) []nats.Option {
	return append([]nats.Option{
		nats.Name("gupscope"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				slog.Warn("NATS: disconnected", "err", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { slog.Info("NATS: connected again") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if !errors.Is(err, nats.ErrConnectionClosed) {
				slog.Warn("NATS", "err", err)
			}
		}),
	}, more...)
}

// toSlog passes on what the embedded server has to say, if it is worth it.
type toSlog struct{}

func (toSlog) Noticef(format string, v ...any) { slog.Debug("JetStream: " + fmt.Sprintf(format, v...)) }
func (toSlog) Debugf(string, ...any)           {}
func (toSlog) Tracef(string, ...any)           {}
func (toSlog) Warnf(format string, v ...any)   { slog.Warn("JetStream: " + fmt.Sprintf(format, v...)) }
func (toSlog) Errorf(format string, v ...any)  { slog.Error("JetStream: " + fmt.Sprintf(format, v...)) }
func (toSlog) Fatalf(format string, v ...any)  { slog.Error("JetStream: " + fmt.Sprintf(format, v...)) }
