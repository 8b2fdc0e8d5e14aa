// Package room is a session that several readers share.
//
// A room is a subject in one of sixteen JetStream streams. What it shows is the
// fold of the records of that subject through a session: the same core,
// deterministic, so every server that has the stream shows the same.
//
//	driver ──event──> Room ──append, expecting the last sequence──> stream
//	                   │ fold: session.Do, rendered once                │ republished
//	                   └──the same bytes──> every reader here           └──> the room on other servers
//
// Laws:
//
//   - What is not on the stream did not happen. A record is shown only after the
//     stream has acknowledged it, and the stream syncs every write.
//   - A record is appended under the condition that the subject's last sequence
//     is the one that this server folded last. Two servers cannot fork a room.
//   - One driver holds the pen. Who looks on, or drives without the pen, changes
//     nothing; the server checks it at every event.
//   - Who holds the pen may take addresses back, and end the room. Whoever came by such an address is sent away at once, on
//     every server; of a room that was ended only that is kept.
//   - Tokens and texts are in no log.
//
// Reading order: record.go (what is on the stream), log.go (the streams), room.go, live.go
// (one room on one server), pen.go, access.go (who may come in), reader.go (one connection), socket.go (the websocket),
// message.go (what goes over it), token.go.
package room

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"

	"gupscope/web/link"
)

// ErrUnknown is what a reader is told who asks for a room that is not there.
var ErrUnknown = errors.New("There is no such room. Perhaps the address was cut off, or the room has expired: rooms that nobody visits for 90 days are removed.")

// ErrModel is what a reader is told about a room of another version.
var ErrModel = errors.New("This room was made with another version of the simulator, and is not replayed by this one: a step might mean something else.")

// An Ended room is one that nobody comes into any more, since then.
type Ended struct{ Since time.Time }

// Error is a sentence for the reader.
func (e Ended) Error() string {
	return "This room was ended by who drove it, on " + e.Since.Format("2 January 2006 at 15:04 MST") + ". What was in it is removed."
}

// errFull is what a reader is told when this server has its hands full.
var errFull = errors.New("This server has as many rooms open as it can hold. Try again in a while.")

// ErrDisk is what a reader is told when there is no room on the disk for another record.
var ErrDisk = errors.New("This server's disk space is used up: what happens in rooms cannot be stored. The address of a run, and a copy in a page of its own, need none.")

// mostLive rooms are loaded at a time; each has a session in memory. The others wait on the stream.
const mostLive = 2000

// Rooms are the rooms of one server.
type Rooms struct {
	log    *records
	conn   *nats.Conn
	server string // this server among those that share the streams
	model  string // the version of the model: see Record.Model

	ctx  context.Context // of the server; a hijacked request's own must not be used
	stop context.CancelFunc

	perSecond rate.Limit // events of one connection
	mostLive  int        // rooms that are loaded at a time
	linger    time.Duration
	sockets   sync.WaitGroup

	mu   sync.Mutex
	live map[string]*Room

	Metrics Metrics
}

// Metrics count what happens in the rooms. The functions may be nil.
type Metrics struct {
	Rooms, Readers func(change int)
	Events         func(do string, took time.Duration)
	Cut            func() // a reader who could not keep up
}

// Open returns the rooms whose streams are reached by the connection, and
// creates what is missing. replicas is how many servers keep each stream.
func Open(ctx context.Context, nc *nats.Conn, replicas int, model string) (*Rooms, error) {
	log, err := openRecords(ctx, nc, replicas)
	if err != nil {
		return nil, err
	}
	rs := &Rooms{log: log, conn: nc, server: nats.NewInbox(), model: model, perSecond: 20, mostLive: mostLive, linger: linger, live: map[string]*Room{}}
	rs.ctx, rs.stop = context.WithCancel(context.WithoutCancel(ctx))
	return rs, nil
}

// Create makes a room that stands where the link says. It returns the room's
// name and the driver's token; the viewers' follows from it.
func (rs *Rooms) Create(ctx context.Context, at link.Link) (id, driver string, err error) {
	id, driver = newSecret(), newSecret()
	begin := State{
		Link:   at,
		Tokens: Tokens{Driver: sum(driver), Viewer: sum(viewerOf(driver, 0))},
		Made:   time.Now().UTC().Truncate(time.Second),
	}
	_, err = rs.log.append(ctx, id, Record{Model: rs.model, State: &begin}, 0)
	if err != nil {
		return "", "", err
	}
	return id, driverPrefix + driver, nil
}

// find returns the live room of that name, and loads it if nobody was in it.
func (rs *Rooms) find(id string) (*Room, error) {
	if !isSecret(id) {
		return nil, ErrUnknown
	}
	rs.mu.Lock()
	r := rs.live[id]
	if r == nil && len(rs.live) >= rs.mostLive {
		rs.mu.Unlock()
		return nil, errFull
	}
	if r == nil {
		r = &Room{id: id, rooms: rs, inbox: make(chan any, 64), gone: make(chan struct{}), loaded: make(chan struct{})}
		rs.live[id] = r
		go r.run()
	}
	rs.mu.Unlock()
	<-r.loaded
	return r, r.failed
}

// forget takes the room out of the live ones. Its goroutine ends after that.
func (rs *Rooms) forget(r *Room) {
	rs.mu.Lock()
	if rs.live[r.id] == r {
		delete(rs.live, r.id)
	}
	rs.mu.Unlock()
	close(r.gone)
}

// Close ends every connection, telling the readers to come back: 1012, the
// server restarts. Nothing needs to be saved; the stream has it all.
func (rs *Rooms) Close() {
	rs.stop()
	rs.mu.Lock()
	var live []*Room
	for _, r := range rs.live {
		live = append(live, r)
	}
	rs.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		for _, r := range live {
			<-r.gone
		}
		rs.sockets.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(stopping):
		slog.Warn("some connections did not end in time")
	}
}

// Healthy reports why rooms cannot be served at the moment, if so.
func (rs *Rooms) Healthy() error {
	if !rs.conn.IsConnected() {
		return errors.New("no connection to NATS")
	}
	return nil
}
