package room

import (
	"sync"

	"gupscope/web/session"
)

// A reader is one connection.
type reader struct {
	person string
	role   Role
	name   string // what it calls itself, if anything: its room's goroutine's
	secret string // a driver's, to derive the viewers' address from

	mu    sync.Mutex
	queue [][]byte
	late  bool          // the queue was full, and was replaced by one snapshot
	wake  chan struct{} // something is in the queue
	end   End           // what the connection is to be closed with
	over  chan struct{} // closed when end is set
}

// Close codes. After those from 4000 on, the page does not come back by itself.
const (
	closeGone    = 4000 // the room cannot go on
	closeEnded   = 4001 // the room was ended
	closeToken   = 4003 // the token allows nothing here
	closeUnknown = 4004 // no such room
	closeModel   = 4009 // the room is of another version
	closeHello   = 4010 // this is no conversation of ours
	closeRestart = 1012 // come back in a moment
	closeSlow    = 1013 // too slow to keep up; come back when the line is better
)

// longest is how many messages may wait for one reader.
const longest = 16

func newReader(person string) *reader {
	return &reader{person: person, wake: make(chan struct{}, 1), over: make(chan struct{})}
}

// push queues a message. A reader who falls behind gets the present state in place of
// all that waits; one who falls behind that, too, is cut off.
func (rd *reader) push(message []byte, r *Room) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if len(rd.queue) >= longest {
		if rd.late {
			rd.close(End{closeSlow, "Your connection is too slow to follow the room."})
			if r.rooms.Metrics.Cut != nil {
				r.rooms.Metrics.Cut()
			}
			return
		}
		rd.late = true
		rd.queue = append(rd.queue[:0], r.whole())
	} else {
		rd.queue = append(rd.queue, message)
	}
	select {
	case rd.wake <- struct{}{}:
	default:
	}
}

// tell queues a refusal from the connection's own side, which cannot make a
// snapshot: where the queue is full, the reader has more urgent things to read.
func (rd *reader) tell(sentence string) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if len(rd.queue) < longest {
		rd.queue = append(rd.queue, refusal(sentence))
	}
	select {
	case rd.wake <- struct{}{}:
	default:
	}
}

// next takes the first message from the queue.
func (rd *reader) next() ([]byte, bool) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if len(rd.queue) == 0 {
		rd.late = false
		return nil, false
	}
	m := rd.queue[0]
	rd.queue = rd.queue[1:]
	return m, true
}

// finish closes the connection after what is queued.
func (rd *reader) finish(e End) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	rd.close(e)
}

// close is finish with the lock held.
func (rd *reader) close(e End) {
	select {
	case <-rd.over:
	default:
		rd.end = e
		close(rd.over)
	}
}

// join lets a reader in: welcome, everything there is, and who is here. What
// comes after that follows without a gap, because all three are one turn of the room.
func (r *Room) join(rd *reader) {
	r.readers[rd] = true
	count(r.rooms.Metrics.Readers, 1)
	w := rd.welcome(r.state.Turn)
	rd.push(encode(Out{Welcome: &w}), r)
	rd.push(r.whole(), r)
	if rd.role == Driver && r.state.Pen == "" {
		r.pass(rd.person)
	}
	r.changed()
}

func (r *Room) leave(rd *reader) {
	if !r.readers[rd] {
		return
	}
	delete(r.readers, rd)
	count(r.rooms.Metrics.Readers, -1)
	r.pen.left(rd.person, r.isHere(rd.person))
	if r.held != nil && r.held.r == rd {
		r.release() // it was said before the connection went
	}
	r.changed()
}

// whole is the message that brings any page to the present state. It is made
// once for each state, whoever asks.
func (r *Room) whole() []byte {
	if r.snapshot == nil {
		r.snapshot = encode(Out{Seq: r.seq, Do: "snapshot", Fragments: r.session.Do(session.Event{Do: "open"})})
	}
	return r.snapshot
}

// broadcast sends everybody here the same bytes.
func (r *Room) broadcast(message []byte) {
	for rd := range r.readers {
		rd.push(message, r)
	}
}

func (r *Room) everybody(code int, reason string) {
	for rd := range r.readers {
		rd.finish(End{code, reason})
	}
}
