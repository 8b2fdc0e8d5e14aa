package room

import (
	"log/slog"
	"strings"
	"time"
)

// Who may come in, and for how long. Addresses of the room are taken back, and the room is
// ended, by who holds the pen; it is on the stream like everything else, so it holds on every server.

// access does what a reader asks for about that.
func (r *Room) access(by *reader, a Access) {
	switch {
	case by.role != Driver:
		by.push(refusal("You look on in this room: links are taken back, and the room is ended, by who drives it."), r)
		return
	case r.state.Pen != by.person:
		by.push(refusal("Links are taken back, and the room is ended, by who holds the pen: ask for it."), r)
		return
	}
	r.release()
	rec := Record{By: by.person}
	switch a.What {
	case "viewers":
		turn := r.state.Turn + 1
		rec.Tokens = &Tokens{Driver: r.state.Driver, Viewer: sum(viewerOf(by.secret, turn)), Turn: turn}
	case "all":
		secret, ok := strings.CutPrefix(a.Token, driverPrefix)
		if !ok || !isSecret(secret) {
			by.push(refusal("The new token must be one as the page makes them."), r)
			return
		}
		rec.Tokens = &Tokens{Driver: sum(secret), Viewer: sum(viewerOf(secret, 0))}
		defer func(old string) {
			if r.state.Driver != rec.Tokens.Driver {
				by.secret = old // it did not come about
			}
		}(by.secret)
		by.secret = secret
	case "end":
		// A state takes the place of all records before it: what was in the room is removed with it.
		rec.State = &State{Tokens: r.state.Tokens, Made: r.state.Made, Ended: time.Now().UTC().Truncate(time.Second)}
	default:
		by.push(refusal("Links can be taken back, of viewers or all; and the room can be ended."), r)
		return
	}
	if err := r.append(rec); err != nil {
		slog.Warn("access to a room was not changed", "room", r.short(), "what", a.What, "err", err)
		by.push(refusal("Somebody else changed the room at the same moment, or it could not be stored: nothing was taken back. Try again."), r)
	}
}

// renewed sends away whoever came with a token that opens nothing any more, and tells the drivers the viewers' new one.
func (r *Room) renewed(before Tokens) {
	for rd := range r.readers {
		switch {
		case rd.role == Driver && sum(rd.secret) == r.state.Driver:
			w := rd.welcome(r.state.Turn)
			rd.push(encode(Out{Welcome: &w}), r)
		case rd.role == Driver || before.Viewer != r.state.Viewer:
			rd.finish(End{closeToken, "Your link to this room was taken back. Who drives it can give you another one."})
			r.leave(rd) // what it still says is not heard
		}
	}
}

// admit decides whether the token opens the room, and lets the reader in.
func (r *Room) admit(rd *reader, token string) *End {
	role, ok := r.state.role(token)
	if !ok {
		return &End{closeToken, "This address does not open the room: its part behind the # is missing or wrong, or was taken back."}
	}
	rd.role = role
	if role == Driver {
		rd.secret = strings.TrimPrefix(token, driverPrefix)
	}
	r.join(rd)
	return nil
}

// welcome is what a reader is told who comes in, or whose tokens are new.
func (rd *reader) welcome(turn int) Welcome {
	w := Welcome{You: rd.person, Role: rd.role}
	if rd.role == Driver {
		w.Viewer = viewerPrefix + viewerOf(rd.secret, turn)
	}
	return w
}
