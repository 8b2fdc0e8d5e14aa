package room

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"gupscope/web/link"
	"gupscope/web/session"
)

// A Room is one room as it lives on one server. All fields below inbox belong to its goroutine.
type Room struct {
	id     string
	rooms  *Rooms
	loaded chan struct{} // closed when the room is loaded, or failed is set
	failed error
	gone   chan struct{} // closed at the end
	inbox  chan any      // join, leave, said, heard, hereNow

	session *session.Session
	state   State
	seq     uint64 // of the record folded last
	records int    // on the subject, as far as we know

	readers  map[*reader]bool
	snapshot []byte // the whole page at seq, for who comes; nil: to be made
	held     *said  // a text or a scrub that waits for its turn
	last     map[string]time.Time

	pen penState
}

type (
	join struct {
		r      *reader
		token  string
		answer chan *End // why not; nil: the reader is in
	}
	leave struct{ r *reader }
	said  struct {
		r  *reader
		in In
	}
)

// Pacing: a text is one record per pause of 400 ms, scrubbing at most ten a
// second. What comes sooner takes the place of what waits.
var pace = map[string]time.Duration{"text": 400 * time.Millisecond, "goto": 100 * time.Millisecond}

// linger is how long a room without readers stays loaded.
const linger = time.Minute

// short is the room's name for logs: enough to find it, too little to enter it.
func (r *Room) short() string { return r.id[:6] }

func (r *Room) run() {
	defer r.rooms.forget(r)
	sub, err := r.load()
	r.failed = err
	close(r.loaded)
	if err != nil {
		return
	}
	defer sub.Unsubscribe()
	presence, err := r.attend()
	if err != nil {
		slog.Warn("presence of a room", "room", r.short(), "err", err)
	} else {
		defer presence.Unsubscribe()
	}
	count(r.rooms.Metrics.Rooms, 1)
	defer count(r.rooms.Metrics.Rooms, -1)
	defer func() {
		// A session does not panic. Should one, the readers are told, the other
		// rooms live on, and so does this one's stream.
		if p := recover(); p != nil {
			slog.Error("a room ended", "room", r.short(), "panic", p)
			r.everybody(closeGone, "The room could not go on: the simulator failed at the last event.")
		}
	}()
	r.turn()
}

// turn is the life of a room: one thing after the other.
func (r *Room) turn() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	empty := time.Now()
	for {
		var due <-chan time.Time
		if r.held != nil {
			due = time.After(time.Until(r.last[r.held.in.Event.Do].Add(pace[r.held.in.Event.Do])))
		}
		select {
		case <-r.rooms.ctx.Done():
			r.everybody(closeRestart, "The server restarts.")
			return
		case m := <-r.inbox:
			r.take(m)
		case <-due:
			r.release()
		case <-tick.C:
			r.tendPen()
		}
		if !r.state.Ended.IsZero() {
			return
		}
		if len(r.readers) > 0 {
			empty = time.Now()
		} else if time.Since(empty) > r.rooms.linger {
			return
		}
	}
}

func (r *Room) take(m any) {
	switch m := m.(type) {
	case join:
		m.answer <- r.admit(m.r, m.token)
	case leave:
		r.leave(m.r)
	case said:
		r.said(m)
	case heard:
		r.heard(m)
	case hereNow:
		r.hear(m)
	}
}

// load folds what is on the stream. It listens before it reads, so that no record is missed in between.
func (r *Room) load() (*nats.Subscription, error) {
	r.readers = map[*reader]bool{}
	r.last = map[string]time.Time{}
	r.session = session.New()
	sub, err := r.rooms.log.hear(r.rooms.conn, r.id, func(h heard) { r.put(h) })
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.rooms.ctx, 30*time.Second)
	defer cancel()
	first := time.Time{}
	err = r.rooms.log.since(ctx, r.id, 0, func(seq uint64, at time.Time, rec Record) error {
		if first.IsZero() {
			first = at
		}
		_, err := r.fold(seq, rec)
		return err
	})
	if err == nil && time.Since(first) > renewal {
		r.roll()
	}
	if err != nil {
		sub.Unsubscribe()
		return nil, err
	}
	return sub, nil
}

// put hands something to the room's goroutine, unless that has ended.
func (r *Room) put(m any) bool {
	select {
	case r.inbox <- m:
		return true
	case <-r.gone:
		return false
	}
}

// fold makes the record part of the room, and returns the fragments that it makes.
func (r *Room) fold(seq uint64, rec Record) ([]session.Fragment, error) {
	if rec.State != nil && !rec.State.Ended.IsZero() { // of whatever model
		r.state, r.seq = *rec.State, seq
		return nil, Ended{rec.State.Ended}
	}
	if rec.Model != r.rooms.model {
		return nil, ErrModel
	}
	if r.seq == 0 && rec.State == nil {
		return nil, ErrUnknown // its beginning has expired
	}
	var fragments []session.Fragment
	switch {
	case rec.State != nil:
		if r.seq == 0 {
			r.state = *rec.State
			r.session.Restore(rec.State.Link)
		}
		r.records = 0
	case rec.Event != nil:
		fragments = r.session.Do(*rec.Event)
		r.state.Link = r.session.State()
	case rec.Pen != nil:
		r.state.Pen = rec.Pen.To
	case rec.Tokens != nil:
		r.state.Tokens = *rec.Tokens
	}
	r.seq = seq
	r.records++
	r.snapshot = nil
	return fragments, nil
}

// append puts the record on the stream and then into the room. errMoved: another
// server was first; what it did is in the room by then.
func (r *Room) append(rec Record) error {
	rec.Model = r.rooms.model
	seq, err := r.rooms.log.append(r.rooms.ctx, r.id, rec, r.seq)
	if errors.Is(err, errMoved) {
		if err := r.catchUp(); err != nil {
			return err
		}
		return errMoved
	}
	if err != nil {
		return err
	}
	r.show(seq, rec)
	if r.records >= rollUp {
		r.roll()
	}
	return nil
}

// show folds a record that is on the stream, and sends everybody what changed.
func (r *Room) show(seq uint64, rec Record) {
	began := time.Now()
	tokens := r.state.Tokens
	fragments, err := r.fold(seq, rec)
	switch {
	case errors.As(err, new(Ended)):
		r.everybody(closeEnded, err.Error())
		return
	case err != nil:
		r.everybody(closeModel, err.Error())
		return
	}
	if rec.Tokens != nil {
		r.renewed(tokens)
	}
	if rec.Event != nil {
		for i := range fragments { // everybody's own core opens the room by it
			if fragments[i].Op == "address" {
				fragments[i].Value = r.session.Address()
			}
		}
		r.answer(rec.By, Out{Seq: seq, By: rec.By, Do: rec.Event.Do, Fragments: fragments})
		if f := r.rooms.Metrics.Events; f != nil {
			f(rec.Event.Do, time.Since(began))
		}
	}
	if rec.Pen != nil {
		r.pen.passed(rec.Pen.To)
		r.tellPeople()
	}
}

// answer sends everybody what an event has changed. What is said about it is an answer to who made it, and to nobody else.
func (r *Room) answer(by string, o Out) {
	all := encode(o)
	o.Fragments = slices.DeleteFunc(slices.Clone(o.Fragments), func(f session.Fragment) bool { return f.Op == "answer" && f.ID == "notice" })
	others := encode(o)
	for rd := range r.readers {
		if rd.person == by {
			rd.push(all, r)
		} else {
			rd.push(others, r)
		}
	}
}

// heard is a record that the stream republished: mostly our own, which is folded already.
func (r *Room) heard(h heard) {
	switch {
	case h.seq <= r.seq:
	case h.last == r.seq:
		r.show(h.seq, h.rec)
	default:
		if err := r.catchUp(); err != nil {
			slog.Warn("a room could not catch up", "room", r.short(), "err", err)
		}
	}
}

// catchUp folds what others have put on the stream.
func (r *Room) catchUp() error {
	ctx, cancel := context.WithTimeout(r.rooms.ctx, 10*time.Second)
	defer cancel()
	return r.rooms.log.since(ctx, r.id, r.seq, func(seq uint64, _ time.Time, rec Record) error {
		if rec.State != nil && rec.State.Ended.IsZero() && rec.Model == r.rooms.model {
			// Rolled up behind our back: the records between are gone, the state is what they made.
			r.state = *rec.State
			r.session.Restore(rec.State.Link)
			r.seq, r.records, r.snapshot = seq, 1, nil
			r.broadcast(r.whole())
			return nil
		}
		r.show(seq, rec)
		return nil
	})
}

// roll puts the state in the place of all records.
func (r *Room) roll() {
	state := r.state
	seq, err := r.rooms.log.append(r.rooms.ctx, r.id, Record{Model: r.rooms.model, State: &state}, r.seq)
	if err != nil {
		// Somebody else did it, or it is done at the next event.
		slog.Debug("a room was not rolled up", "room", r.short(), "err", err)
		return
	}
	r.seq, r.records = seq, 1
}

// said is an event or a wish of a reader.
func (r *Room) said(s said) {
	if !r.readers[s.r] {
		return
	}
	if s.in.Pen != nil {
		r.askPen(s.r, *s.in.Pen)
		return
	}
	if s.in.Name != nil {
		r.calls(s.r, *s.in.Name)
		return
	}
	if s.in.Access != nil {
		r.access(s.r, *s.in.Access)
		return
	}
	e := s.in.Event
	if *e == (session.Event{Do: "open"}) { // show it once more: that is nobody else's business
		s.r.push(r.whole(), r)
		return
	}
	if no := r.refuses(s.r, e); no != "" {
		s.r.push(refusal(no), r)
		return
	}
	if wait, ok := pace[e.Do]; ok {
		if r.held != nil && r.held.in.Event.Do != e.Do {
			r.release()
		}
		if r.held != nil || time.Since(r.last[e.Do]) < wait {
			r.held = &s
			return
		}
	} else {
		r.release()
	}
	r.do(s)
}

// refuses returns why the reader may not do this, or "".
func (r *Room) refuses(by *reader, e *session.Event) string {
	switch {
	case by.role != Driver:
		return "You look on in this room: only who has the driver's address can change the run."
	case !isShared(e.Do):
		return fmt.Sprintf("%.40q is no event of a room: open, text, kernel, step, run, goto, show, keep, forget, note and watch are.", e.Do)
	case len(e.Text) > link.MaxText:
		return fmt.Sprintf("The text is %.1f KiB long; %d KiB is the limit. It was not sent to the room.", float64(len(e.Text))/1024, link.MaxText>>10)
	case r.state.Pen == "":
		return "Nobody holds the pen: ask for it, and it is yours."
	case r.state.Pen != by.person:
		return "Somebody else holds the pen: ask for it, to change the run."
	}
	return ""
}

// release does what waited for its turn.
func (r *Room) release() {
	s := r.held
	r.held = nil
	if s == nil {
		return
	}
	if no := r.refuses(s.r, s.in.Event); no != "" {
		s.r.push(refusal(no), r)
		return
	}
	r.do(*s)
}

func (r *Room) do(s said) {
	e := *s.in.Event
	r.last[e.Do] = time.Now()
	for range 3 {
		if at := r.session.State().At; (e.Do == "step" || e.Do == "run") && e.At != at {
			s.r.push(refusal(fmt.Sprintf("The run has moved: your step was made at step %d, and step %d is the present one. Look again.", e.At, at)), r)
			return
		}
		err := r.append(Record{By: s.r.person, Event: &e})
		switch {
		case err == nil:
			return
		case errors.Is(err, errMoved):
			if no := r.refuses(s.r, &e); no != "" {
				s.r.push(refusal(no), r)
				return
			}
		default:
			// It may be on the stream all the same, if only the answer was lost.
			slog.Error("an event was not acknowledged", "room", r.short(), "do", e.Do, "err", err)
			before := r.seq
			switch {
			case errors.Is(err, ErrDisk):
				s.r.push(refusal(err.Error()), r)
			case r.catchUp() != nil || r.seq == before:
				s.r.push(refusal("The event could not be stored, so it did not happen. Try again."), r)
			}
			return
		}
	}
	s.r.push(refusal("Others change the run at the same time: your event did not come through. Try again."), r)
}

func count(f func(int), n int) {
	if f != nil {
		f(n)
	}
}
