package room

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"nhooyr.io/websocket"

	"gupscope/scenarios"
	"gupscope/web/link"
	"gupscope/web/session"
	"gupscope/web/stream"
)

const key1, key2, key3 = "11111111111111111111111111111111", "22222222222222222222222222222222", "33333333333333333333333333333333"

// start returns the address of a server with rooms on the connection.
func start(t *testing.T, nc *nats.Conn) (*Rooms, string) {
	t.Helper()
	rooms, err := Open(t.Context(), nc, 1, "model")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(rooms.Serve))
	t.Cleanup(func() { rooms.Close(); s.Close() })
	return rooms, s.URL
}

func embedded(t *testing.T) *nats.Conn {
	t.Helper()
	nc, stop, err := stream.Embed(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return nc
}

// A client is a page, as far as the server can tell.
type client struct {
	t *testing.T
	c *websocket.Conn

	welcome Welcome
	seq     uint64
}

// A pair is two servers on one stream that show one room: who drives it is there by the first, who looks on by the second.
type pair struct {
	nc                 *nats.Conn
	rooms              *Rooms // the first's
	url1, url2         string
	id, driver, viewer string
	d, v               *client
}

func twoServers(t *testing.T) (p pair) {
	t.Helper()
	p.nc = embedded(t)
	p.rooms, p.url1 = start(t, p.nc)
	_, p.url2 = start(t, p.nc)
	p.id, p.driver, p.viewer = create(t, p.rooms, start0)
	p.d = enter(t, p.url1, p.id, p.driver, key1)
	p.v = enter(t, p.url2, p.id, p.viewer, key2)
	return p
}

// enter opens a connection to the room, and waits for its snapshot.
func enter(t *testing.T, url, room, token, key string) *client {
	t.Helper()
	c := dial(t, url)
	c.say(In{Hello: &Hello{room, token, key}})
	c.welcome = *c.until(func(o Out) bool { return o.Welcome != nil }).Welcome
	c.until(func(o Out) bool { return o.Do == "snapshot" })
	return c
}

func dial(t *testing.T, url string) *client {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: []string{Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(1 << 20)
	t.Cleanup(func() { c.CloseNow() })
	return &client{t: t, c: c}
}

func (c *client) say(in In) {
	b, _ := json.Marshal(in)
	c.raw(string(b))
}

func (c *client) do(e session.Event) { c.say(In{Event: &e}) }

func (c *client) raw(s string) {
	c.t.Helper()
	if err := c.c.Write(c.t.Context(), websocket.MessageText, []byte(s)); err != nil {
		c.t.Fatal(err)
	}
}

// until reads messages until one is as wanted.
func (c *client) until(is func(Out) bool) Out {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 15*time.Second)
	defer cancel()
	var last string
	for {
		_, b, err := c.c.Read(ctx)
		if err != nil {
			c.t.Fatalf("%v; the last message was %s", err, last)
		}
		last = string(b)
		var o Out
		if err := json.Unmarshal(b, &o); err != nil {
			c.t.Fatal(err)
		}
		if o.Seq > 0 {
			c.seq = o.Seq
		}
		if is(o) {
			return o
		}
	}
}

func (c *client) event(do string) Out {
	c.t.Helper()
	return c.until(func(o Out) bool { return o.Do == do })
}

func (c *client) refused(want string) {
	c.t.Helper()
	o := c.until(func(o Out) bool { return o.Notice != nil })
	if !strings.Contains(o.Notice.Text, want) {
		c.t.Errorf("refused with %q, want …%s…", o.Notice.Text, want)
	}
}

func (c *client) pen(want string) {
	c.t.Helper()
	c.until(func(o Out) bool { return o.People != nil && o.People.Pen == want })
}

// ended reads the last message, and closes as a page does.
func (c *client) ended() (code int, reason string) {
	c.t.Helper()
	end := c.until(func(o Out) bool { return o.End != nil }).End
	if err := c.c.Close(websocket.StatusNormalClosure, ""); err != nil {
		c.t.Errorf("closing: %v", err)
	}
	return end.Code, end.Reason
}

func create(t *testing.T, rooms *Rooms, at link.Link) (id, driver, viewer string) {
	t.Helper()
	id, driver, err := rooms.Create(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return id, driver, viewerPrefix + viewerOf(strings.TrimPrefix(driver, driverPrefix), 0)
}

// A driver drives, a viewer sees the same bytes, and nobody else gets in.
func TestDriverAndViewer(t *testing.T) {
	rooms, url := start(t, embedded(t))
	id, driver, viewer := create(t, rooms, start0)
	d := enter(t, url, id, driver, key1)
	v := enter(t, url, id, viewer, key2)
	if d.welcome.Role != Driver || v.welcome.Role != Viewer || d.welcome.Viewer != viewer || v.welcome.Viewer != "" {
		t.Fatalf("welcomes: %+v, %+v", d.welcome, v.welcome)
	}
	d.do(step(0))
	got, seen := d.event("step"), v.event("step")
	if fmt.Sprint(got) != fmt.Sprint(seen) || got.By != d.welcome.You || len(got.Fragments) == 0 {
		t.Errorf("driver and viewer got %+v and %+v", got, seen)
	}

	// What is answered to the driver's key is said to the driver alone.
	d.do(session.Event{Do: "run", To: "violation", At: 1})
	said := func(o Out) bool {
		return slices.ContainsFunc(o.Fragments, func(f session.Fragment) bool { return f.ID == "notice" })
	}
	if got, seen := d.event("run"), v.event("run"); !said(got) || said(seen) {
		t.Errorf("driver and viewer are answered %+v and %+v", got, seen)
	}

	v.do(step(1))
	v.refused("look on")
	v.say(In{Pen: &Ask{What: "ask"}})
	v.refused("look on")

	for _, bad := range []struct {
		hello Hello
		code  int
		says  string
	}{
		{Hello{id, "d." + newSecret(), key1}, closeToken, "does not open the room"},
		{Hello{id, "", key1}, closeToken, "does not open the room"},
		{Hello{id, "d." + viewer[2:], key1}, closeToken, "does not open the room"},
		{Hello{newSecret(), driver, key1}, closeUnknown, "no such room"},
		{Hello{"x>*.", driver, key1}, closeUnknown, "no such room"},
		{Hello{id, driver, ""}, closeHello, "no key"},
	} {
		c := dial(t, url)
		c.say(In{Hello: &bad.hello})
		if code, why := c.ended(); code != bad.code || !strings.Contains(why, bad.says) {
			t.Errorf("%+v: closed with %d %q", bad.hello, code, why)
		}
	}
	c := dial(t, url)
	c.raw("good morning")
	if code, why := c.ended(); code != closeHello || !strings.Contains(why, "hello") {
		t.Errorf("no hello: closed with %d %q", code, why)
	}
}

// Whatever a client sends is answered in words, and the room goes on.
func TestBadMessages(t *testing.T) {
	rooms, url := start(t, embedded(t))
	id, driver, _ := create(t, rooms, start0)
	d := enter(t, url, id, driver, key1)
	for message, want := range map[string]string{
		`step`:                               "not JSON",
		`{"event":{"do":"step","choice":7}}`: "event.choice",
		`{}`:                                 "exactly one",
		`{"event":{"do":"step"},"pen":{}}`:   "exactly one",
		`{"hello":{"room":"x"}}`:             "exactly one",
		`{"event":{"do":"check"}}`:           `"check" is no event of a room`,
		`{"event":{"do":"format c:"}}`:       "no event of a room",
		`{"event":{"do":"step","choice":"0","at":9}}`:     "The run has moved",
		`{"pen":{"what":"steal"}}`:                        "asked for, given and dropped",
		`{"event":{"do":"text","text":"` + text66 + `"}}`: "64 KiB is the limit",
	} {
		d.raw(message)
		d.refused(want)
	}
	if err := d.c.Write(t.Context(), websocket.MessageBinary, []byte{1, 2}); err != nil {
		t.Fatal(err)
	}
	d.refused("must be text")
	d.do(session.Event{Do: "open"}) // a reader's wish to see it all once more is no record
	d.event("snapshot")
	d.do(step(0))
	d.event("step")

	d.raw(`{"event":{"do":"text","text":"` + strings.Repeat("x", 170<<10) + `"}}`)
	if code, why := d.ended(); code != int(websocket.StatusMessageTooBig) || !strings.Contains(why, "64 KiB") {
		t.Errorf("a message of 170 KiB: closed with %d %q", code, why)
	}
	d = enter(t, url, id, driver, key1)
	d.do(step(1))
	d.event("step")
}

// One holds the pen; others ask, and get it when it is given or its holder is gone.
func TestPen(t *testing.T) {
	rooms, url := start(t, embedded(t))
	id, driver, _ := create(t, rooms, start0)
	a := enter(t, url, id, driver, key1)
	a.pen(a.welcome.You)
	b := enter(t, url, id, driver, key2)
	b.do(step(0))
	b.refused("Somebody else holds the pen")
	b.say(In{Pen: &Ask{What: "ask"}})
	asked := a.until(func(o Out) bool { return o.People != nil && len(o.People.Asks) == 1 })
	if asked.People.Here != 2 || asked.People.Asks[0] != b.welcome.You {
		t.Errorf("after b has asked: %+v", asked.People)
	}
	a.say(In{Pen: &Ask{What: "give", To: "nobody"}})
	a.refused("have not asked")
	a.say(In{Pen: &Ask{What: "give", To: b.welcome.You}})
	b.pen(b.welcome.You)
	b.do(step(0))
	b.event("step")
	a.do(step(1))
	a.refused("Somebody else holds the pen")

	// b's page is closed and comes back: the pen has waited.
	b.c.CloseNow()
	b = enter(t, url, id, driver, key2)
	b.do(step(1))
	b.event("step")

	b.c.CloseNow()
	a.say(In{Pen: &Ask{What: "ask"}})
	a.pen(a.welcome.You) // after the grace
	a.do(step(2))
	a.event("step")
}

// A text is one record per pause; of a scrub's places, the last of each tenth of a second counts.
func TestPaced(t *testing.T) {
	rooms, url := start(t, embedded(t))
	id, driver, _ := create(t, rooms, start0)
	d := enter(t, url, id, driver, key1)
	began := time.Now()
	for i := range 30 {
		d.do(session.Event{Do: "goto", At: i % 10})
	}
	d.event("goto")
	d.event("goto")
	if took := time.Since(began); took < pace["goto"] || rooms.live[id].session.State().At != 9 {
		t.Errorf("the second of 30 scrubs came after %v, and went to %d", took, rooms.live[id].session.State().At)
	}
	g, _ := scenarios.ByName(start0.Scenario)
	for i := range 5 {
		d.do(session.Event{Do: "text", Text: g.Text + fmt.Sprintf("// %d\n", i)})
	}
	d.event("text")
	d.do(step(9))
	d.event("text") // what was held comes before what follows it
	d.event("step")
}

// A reader who is slow gets one snapshot, and then is cut off.
func TestSlow(t *testing.T) {
	r := &Room{id: "abcdefgh", rooms: &Rooms{}, session: session.New()}
	rd := newReader("p")
	for range longest {
		rd.push([]byte("x"), r)
	}
	rd.push([]byte("x"), r)
	if m, ok := rd.next(); !ok || !strings.Contains(string(m), "snapshot") || len(rd.queue) != 0 {
		t.Fatalf("after %d messages: %s and %d more", longest+1, m, len(rd.queue))
	}
	rd.next() // it has caught up
	for range longest + 1 {
		rd.push([]byte("x"), r)
	}
	select {
	case <-rd.over:
		t.Fatal("cut off though it had caught up")
	default:
	}
	for range longest {
		rd.push([]byte("x"), r)
	}
	select {
	case <-rd.over:
	default:
		t.Fatal("not cut off")
	}
	if rd.end.Code != closeSlow {
		t.Errorf("cut off with %d", rd.end.Code)
	}
}

// The room is what is on the stream: after a restart, and after a roll-up.
func TestComesBack(t *testing.T) {
	dir := t.TempDir()
	nc, stop, err := stream.Embed(dir)
	if err != nil {
		t.Fatal(err)
	}
	rooms, url := start(t, nc)
	rooms.perSecond = 1000
	id, driver, viewer := create(t, rooms, start0)
	d := enter(t, url, id, driver, key1)
	const n = rollUp + 10
	for i := range n - 5 {
		d.do(session.Event{Do: "kernel", Kernel: []string{"v4.6", "v6.12"}[i%2]})
		d.event("kernel")
	}
	d.do(session.Event{Do: "open", Scenario: start0.Scenario, Run: start0.Run})
	d.event("open")
	for i := range 4 {
		d.do(step(i))
		d.event("step")
	}
	before, err := rooms.find(id)
	if err != nil {
		t.Fatal(err)
	}
	d.c.CloseNow()
	rooms.Close()
	want := before.state
	stop()

	nc, stop, err = stream.Embed(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	rooms, url = start(t, nc)
	v := enter(t, url, id, viewer, key2)
	after, _ := rooms.find(id)
	if after.state != want || want.Link.At != 4 {
		t.Errorf("the room came back as %+v, was %+v", after.state, want)
	}
	records := 0
	rooms.log.since(t.Context(), id, 0, func(uint64, time.Time, Record) error { records++; return nil })
	if records > rollUp {
		t.Errorf("%d records on the subject, of %d events", records, n)
	}
	d = enter(t, url, id, driver, key1) // and the pen is in the same hand
	d.do(step(4))
	v.event("step")

	other, err := Open(t.Context(), nc, 1, "another model")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.find(id); err != ErrModel {
		t.Errorf("a server with another model: got %v, want ErrModel", err)
	}
}

// Two servers on one stream show one room.
func TestTwoServers(t *testing.T) {
	p := twoServers(t)
	d, v, e := p.d, p.v, enter(t, p.url2, p.id, p.driver, key3)
	here := v.until(func(o Out) bool { return o.People != nil && o.People.Here == 3 })
	if here.People.Pen != d.welcome.You {
		t.Errorf("the other server says %+v", here.People)
	}
	for i := range 5 {
		d.do(step(i))
		if got, seen := d.event("step"), v.event("step"); fmt.Sprint(got) != fmt.Sprint(seen) {
			t.Errorf("step %d: the servers said %+v and %+v", i, got, seen)
		}
	}
	e.say(In{Pen: &Ask{What: "ask"}})
	d.until(func(o Out) bool { return o.People != nil && len(o.People.Asks) == 1 })
	d.say(In{Pen: &Ask{What: "give", To: e.welcome.You}})
	e.pen(e.welcome.You)
	e.do(step(5))
	d.event("step")
	d.do(step(6))
	d.refused("Somebody else")
}

// The run that the tests walk along: a counterexample, from its start.
var start0, steps = func() (link.Link, []session.Frame) {
	l, found := session.Counterexample(link.Link{Scenario: "gup-fast-vs-reclaim"})
	if !found {
		panic("no counterexample to walk along")
	}
	l.At = 0
	s := session.New()
	s.Restore(l)
	return l, s.Ahead(100)
}()

func step(at int) session.Event { return steps[at].Event }

var text66 = strings.Repeat("x", 66<<10)
