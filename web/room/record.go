package room

import (
	"time"

	"gupscope/web/link"
	"gupscope/web/session"
)

// A Record is one message on a room's subject. Exactly one of Event, Pen, Tokens and State is there.
type Record struct {
	// Model is the version of the model that the record was made with: a hash
	// over its tables, rules and layout. Where it differs, the same choice may
	// mean another step, so the record is not folded.
	Model string `json:"model"`

	By    string         `json:"by,omitempty"` // the person who made it; "": the server
	Event *session.Event `json:"event,omitempty"`
	Pen   *Pen           `json:"pen,omitempty"`

	// Tokens are what opens the room from now on: whoever came in with others is sent away.
	Tokens *Tokens `json:"tokens,omitempty"`

	// State is everything up to here: the first record of a room, and the roll-up that takes the
	// place of all records before it, once there are [rollUp] of them.
	State *State `json:"state,omitempty"`
}

// rollUp is how many records a room may have before they are folded into one.
const rollUp = 256

// A Pen passes the pen.
type Pen struct {
	To string `json:"to"` // the person who holds it from now on; "": nobody
}

// State is what a room is.
type State struct {
	Link link.Link `json:"link"`
	Pen  string    `json:"pen,omitempty"`
	Tokens
	Made  time.Time `json:"made"`
	Ended time.Time `json:"ended,omitzero"` // nobody comes in any more; there is no link and no pen
}

// Tokens open a room. These are their sums; the tokens themselves are stored nowhere.
type Tokens struct {
	Driver string `json:"driver"`
	Viewer string `json:"viewer"`
	Turn   int    `json:"turn,omitempty"` // how often the viewers' was taken back since there is the driver's
}
