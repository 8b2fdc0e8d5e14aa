package room

import (
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// The pen. Who holds it is on the stream; who has asked for it and who is here
// is not: servers tell each other while they have readers in the room.

// grace is how long the pen waits for a holder whose connection was lost.
const grace = 10 * time.Second

// Servers repeat who is here this often; one that is silent for thrice as long is gone.
const repeat = 5 * time.Second

type penState struct {
	asks   []string // drivers who are here and have asked, in order
	absent time.Time
	told   time.Time
	others map[string]hereNow // other servers
}

// hereNow is what a server tells the others about its readers.
type hereNow struct {
	Server  string   `json:"server"`
	Readers int      `json:"readers"`
	Drivers []string `json:"drivers"`
	Asks    []string `json:"asks"`

	Names map[string]string `json:"names"`
	at    time.Time
}

func hereSubject(room string) string { return "gupscope.here." + room }

// attend listens to what other servers tell of their readers.
func (r *Room) attend() (*nats.Subscription, error) {
	r.pen.others = map[string]hereNow{}
	return r.rooms.conn.Subscribe(hereSubject(r.id), func(m *nats.Msg) {
		var h hereNow
		if json.Unmarshal(m.Data, &h) == nil && h.Server != r.rooms.server {
			h.at = time.Now()
			r.put(h)
		}
	})
}

func (r *Room) hear(h hereNow) {
	_, known := r.pen.others[h.Server]
	r.pen.others[h.Server] = h
	if !known {
		r.tellServers()
	}
	r.tellPeople()
}

// changed is called when somebody came, went or asked.
func (r *Room) changed() {
	r.tellServers()
	r.tellPeople()
}

func (r *Room) tellServers() {
	h := hereNow{Server: r.rooms.server, Readers: len(r.readers), Asks: r.pen.asks, Names: r.here()}
	for rd := range r.readers {
		if rd.role == Driver {
			h.Drivers = append(h.Drivers, rd.person)
		}
	}
	b, err := json.Marshal(h)
	if err != nil {
		panic("room: presence is plain data: " + err.Error())
	}
	r.pen.told = time.Now()
	if err := r.rooms.conn.Publish(hereSubject(r.id), b); err != nil {
		slog.Debug("presence was not told", "room", r.short(), "err", err)
	}
}

// tellPeople tells the readers who is here. It goes round the fragments' numbering: a
// reader who misses one gets the next.
func (r *Room) tellPeople() {
	p := People{Here: len(r.readers), Pen: r.state.Pen, Asks: r.asks(), Names: r.names()}
	for _, h := range r.pen.others {
		p.Here += h.Readers
	}
	r.broadcast(encode(Out{People: &p}))
}

// asks are all who have asked, here first.
func (r *Room) asks() []string {
	all := slices.Clone(r.pen.asks)
	for _, h := range r.pen.others {
		for _, a := range h.Asks {
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	if all == nil {
		all = []string{}
	}
	return all
}

// isHere reports whether the person has a connection, on whatever server.
func (r *Room) isHere(person string) bool {
	for rd := range r.readers {
		if rd.person == person {
			return true
		}
	}
	for _, h := range r.pen.others {
		if slices.Contains(h.Drivers, person) {
			return true
		}
	}
	return false
}

func (r *Room) askPen(by *reader, a Ask) {
	holds := r.state.Pen == by.person
	switch {
	case by.role != Driver:
		by.push(refusal("You look on in this room: the pen is for those who have the driver's address."), r)
	case a.What == "ask" && holds:
	case a.What == "ask" && r.state.Pen == "":
		r.pass(by.person)
	case a.What == "ask":
		if !slices.Contains(r.pen.asks, by.person) {
			r.pen.asks = append(r.pen.asks, by.person)
			r.changed()
		}
	case !holds:
		by.push(refusal("The pen is not in your hand."), r)
	case a.What == "give" && !slices.Contains(r.asks(), a.To):
		by.push(refusal("They have not asked for the pen, or have left."), r)
	case a.What == "give":
		r.release()
		r.pass(a.To)
	case a.What == "drop":
		r.release()
		r.pass(r.firstAsk())
	default:
		by.push(refusal("The pen can be asked for, given and dropped."), r)
	}
}

func (r *Room) firstAsk() string {
	if all := r.asks(); len(all) > 0 {
		return all[0]
	}
	return ""
}

// pass appends that the pen is somebody else's now. If another server was
// first, its word stands.
func (r *Room) pass(to string) {
	if err := r.append(Record{Pen: &Pen{To: to}}); err != nil {
		slog.Debug("the pen was not passed", "room", r.short(), "err", err)
	}
}

// passed is told when somebody got the pen.
func (p *penState) passed(to string) {
	p.asks = slices.DeleteFunc(p.asks, func(a string) bool { return a == to })
	p.absent = time.Time{}
}

// left is told when a connection ended.
func (p *penState) left(person string, stillHere bool) {
	if !stillHere {
		p.asks = slices.DeleteFunc(p.asks, func(a string) bool { return a == person })
	}
}

// tendPen is called every second: a holder who is gone loses the pen after a
// while, to the first who has asked.
func (r *Room) tendPen() {
	silent := false
	for server, h := range r.pen.others {
		if time.Since(h.at) > 3*repeat {
			delete(r.pen.others, server)
			silent = true
		}
	}
	if silent {
		r.tellPeople()
	}
	if time.Since(r.pen.told) > repeat && len(r.readers) > 0 {
		r.tellServers()
	}
	switch {
	case r.state.Pen == "" || len(r.readers) == 0 || r.isHere(r.state.Pen):
		r.pen.absent = time.Time{}
	case r.pen.absent.IsZero():
		r.pen.absent = time.Now()
	case time.Since(r.pen.absent) > grace:
		r.pass(r.firstAsk())
	}
	if r.state.Pen == "" && len(r.asks()) > 0 {
		r.pass(r.firstAsk())
	}
}
