package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"
	"nhooyr.io/websocket"

	"gupscope/web/link"
)

// The websocket library ends under this name with v1.8.17 and lives on as
// github.com/coder/websocket. All of it is in this file.

const (
	greeting  = 10 * time.Second // the first message must come within
	writing   = 5 * time.Second  // a message must be taken within
	pinging   = 15 * time.Second
	parting   = 10 * time.Second // the reader closes within, after the last message; busy pages take seconds, see part
	stopping  = 4 * time.Second  // the server waits for readers no longer than that
	readLimit = 160 << 10        // a text of the greatest length, escaped as JSON, and what is around it
)

// Serve answers the request for a websocket, and stays until it ends.
//
// The route must lie outside middleware that wraps the ResponseWriter, for
// Accept wants the connection itself; and nothing here uses r.Context(), which
// ends with the handshake's buffers, not with the connection.
func (rs *Rooms) Serve(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:    []string{Subprotocol},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	c.SetReadLimit(-1) // see receive
	if c.Subprotocol() != Subprotocol {
		c.Close(closeHello, "This page is of another version than the server: reload it.") // in whatever language
		return
	}
	rs.sockets.Add(1)
	defer rs.sockets.Done()
	// Not rs.ctx: when that ends, the readers are to be told.
	ctx, cancel := context.WithCancel(context.WithoutCancel(rs.ctx))
	defer cancel()
	rd, room, refused := rs.greet(ctx, c)
	if refused != nil {
		go func() {
			defer cancel()
			part(ctx, c, *refused)
		}()
		drain(ctx, c)
		return
	}
	defer room.put(leave{rd})
	go func() {
		defer cancel()
		write(ctx, c, rd)
	}()
	go ping(ctx, c, cancel)
	read(ctx, c, rd, room)
}

// greet reads the first message, and lets the reader in or says why not.
func (rs *Rooms) greet(ctx context.Context, c *websocket.Conn) (*reader, *Room, *End) {
	first, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	_, data, err := receive(first, c)
	if err != nil {
		return nil, nil, &End{closeHello, "The first message did not come."}
	}
	var in In
	if err := json.Unmarshal(data, &in); err != nil || in.Hello == nil {
		return nil, nil, &End{closeHello, "The first message must say hello: reload the page."}
	}
	hello := *in.Hello
	if len(hello.Key) < 16 || len(hello.Key) > 100 {
		return nil, nil, &End{closeHello, "The hello has no key: reload the page."}
	}
	for {
		room, err := rs.find(hello.Room)
		switch {
		case errors.Is(err, ErrUnknown):
			return nil, nil, &End{closeUnknown, err.Error()}
		case errors.As(err, new(Ended)):
			return nil, nil, &End{closeEnded, err.Error()}
		case errors.Is(err, ErrModel):
			return nil, nil, &End{closeModel, err.Error()}
		case errors.Is(err, errFull):
			return nil, nil, &End{closeRestart, err.Error()}
		case err != nil:
			slog.Error("a room could not be loaded", "err", err)
			return nil, nil, &End{closeRestart, "The room could not be loaded."}
		}
		rd := newReader(person(hello.Room, hello.Key))
		j := join{rd, hello.Token, make(chan *End, 1)}
		if room.put(j) {
			select {
			case refused := <-j.answer:
				return rd, room, refused
			case <-room.gone:
			}
		}
		// The room went to sleep just now: wake it again.
		if ctx.Err() != nil {
			return nil, nil, &End{closeRestart, "The server restarts."}
		}
	}
}

// read takes the reader's messages, until the connection ends.
func read(ctx context.Context, c *websocket.Conn, rd *reader, room *Room) {
	pace := rate.NewLimiter(room.rooms.perSecond, 40)
	for {
		kind, data, err := receive(ctx, c)
		if errors.Is(err, errTooLarge) {
			rd.finish(End{int(websocket.StatusMessageTooBig), err.Error()})
			drain(ctx, c)
			return
		}
		if err != nil {
			return
		}
		if !pace.Allow() {
			rd.tell(fmt.Sprintf("Too many events at once: at most %v a second are taken. This one was not.", room.rooms.perSecond))
			continue
		}
		var in In
		switch err := json.Unmarshal(data, &in); {
		case kind != websocket.MessageText:
			rd.tell("A message must be text: JSON with an event. This one was not taken.")
		case err != nil:
			rd.tell(fmt.Sprintf("That message is no event: %s. It was not taken.", plain(err)))
		case in.Hello != nil || !one(in.Event != nil, in.Pen != nil, in.Access != nil, in.Name != nil):
			rd.tell(`That message is no event: it must have exactly one of "event", "pen", "name" and "access". It was not taken.`)
		case in.Event != nil && len(in.Event.Text) > link.MaxText:
			rd.tell(fmt.Sprintf("The text is %.1f KiB long; %d KiB is the limit. It was not sent to the room.", float64(len(in.Event.Text))/1024, link.MaxText>>10))
		default:
			if !room.put(said{rd, in}) {
				return
			}
		}
	}
}

// one reports whether exactly one of them is.
func one(these ...bool) bool {
	n := 0
	for _, is := range these {
		if is {
			n++
		}
	}
	return n == 1
}

var errTooLarge = fmt.Errorf("A message of more than %d KiB was not taken: a text may have %d KiB.", readLimit>>10, link.MaxText>>10)

// receive reads one message. The limit is ours and not the library's, which would
// close with a reason that says nothing to a reader.
func receive(ctx context.Context, c *websocket.Conn) (websocket.MessageType, []byte, error) {
	kind, from, err := c.Reader(ctx)
	if err != nil {
		return 0, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(from, readLimit+1))
	if err == nil && len(data) > readLimit {
		if _, err = io.Copy(io.Discard, from); err == nil {
			err = errTooLarge
		}
	}
	return kind, data, err
}

// drain reads on, to hear the reader's side close, and takes nothing any more.
func drain(ctx context.Context, c *websocket.Conn) {
	for {
		if _, _, err := receive(ctx, c); err != nil && !errors.Is(err, errTooLarge) {
			return
		}
	}
}

// write sends what is queued for the reader.
func write(ctx context.Context, c *websocket.Conn, rd *reader) {
	for {
		for {
			message, ok := rd.next()
			if !ok {
				break
			}
			in, cancel := context.WithTimeout(ctx, writing)
			err := c.Write(in, websocket.MessageText, message)
			cancel()
			if err != nil {
				c.CloseNow()
				return
			}
		}
		select {
		case <-rd.wake:
		case <-rd.over:
			part(ctx, c, rd.end)
			return
		case <-ctx.Done():
			return
		}
	}
}

// part says why the connection ends, and leaves it to the reader's side to close it: this version
// of the library answers the answer to its close frame with another one, which browsers
// take for an error, and then they do not see the code. To one who is too slow to listen, nothing can be said.
func part(ctx context.Context, c *websocket.Conn, e End) {
	if e.Code == closeSlow {
		c.CloseNow()
		return
	}
	in, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	if err := c.Write(in, websocket.MessageText, encode(Out{End: &e})); err != nil {
		c.CloseNow()
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(parting):
		c.Close(websocket.StatusCode(e.Code), reason(e.Reason))
	}
}

// ping ends a connection that no longer answers.
func ping(ctx context.Context, c *websocket.Conn, cancel context.CancelFunc) {
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pinging):
		}
		in, done := context.WithTimeout(ctx, 2*pinging)
		err := c.Ping(in)
		done()
		if err != nil {
			return
		}
	}
}

// reason is a sentence as a close frame may carry it: at most 123 bytes.
func reason(s string) string {
	const most = 123
	if len(s) <= most {
		return s
	}
	// Whole sentences, as many as fit.
	if end := strings.LastIndex(s[:most], ". "); end > 0 {
		return s[:end+1]
	}
	return s[:strings.LastIndex(s[:most-3], " ")] + "…"
}

// plain is a JSON error in words that do not quote the message.
func plain(err error) string {
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		return fmt.Sprintf("the field %.40q cannot be a %s", wrong.Field, wrong.Value)
	}
	return "it is not JSON"
}
