package room

import (
	"encoding/json"

	"gupscope/web/session"
)

// Subprotocol is the version of what goes over the websocket, in both directions.
const Subprotocol = "gupscope.1"

// In is one message of a reader: JSON with exactly one of the fields.
type In struct {
	Hello *Hello         `json:"hello"` // the first message, and only that
	Event *session.Event `json:"event"`
	Pen   *Ask           `json:"pen"`
	Name  *string        `json:"name"` // what the reader is called by; "": by nothing

	Access *Access `json:"access"`
}

// A Hello says who comes, where to, and what allows it.
type Hello struct {
	Room  string `json:"room"`
	Token string `json:"token"`
	Key   string `json:"key"` // random, of the reader's tab: see person
}

// Ask is what can be done about the pen.
type Ask struct {
	What string `json:"what"` // ask, give or drop
	To   string `json:"to"`   // give: to whom of those who asked
}

// Access is what can be done about who may come in.
type Access struct {
	// What is viewers: the viewers' address opens nothing any more, and there is another one; all: nor does the drivers';
	// end: the room is over, and what was in it is removed.
	What string `json:"what"`

	// Token is the drivers' new one, for all. The page makes it, so that it has it even if the answer is lost.
	Token string `json:"token"`
}

// Out is one message to a reader.
type Out struct {
	Welcome   *Welcome           `json:"welcome,omitempty"`
	Seq       uint64             `json:"seq,omitempty"`
	By        string             `json:"by,omitempty"`
	Do        string             `json:"do,omitempty"` // of the event that the fragments are of; "snapshot": all there is
	Fragments []session.Fragment `json:"fragments,omitempty"`
	People    *People            `json:"people,omitempty"`
	Notice    *Notice            `json:"notice,omitempty"`
	End       *End               `json:"end,omitempty"` // the last message
}

// End says why the connection ends; the reader's side then closes it.
type End struct {
	Code   int    `json:"code"` // as a close frame would have it
	Reason string `json:"reason"`
}

// Welcome answers Hello. It comes again when tokens are new.
type Welcome struct {
	You    string `json:"you"`
	Role   Role   `json:"role"`
	Viewer string `json:"viewer,omitempty"` // for drivers: the viewers' token
}

// People are who is in the room.
type People struct {
	Here int      `json:"here"`
	Pen  string   `json:"pen"`
	Asks []string `json:"asks"`

	Names map[string]string `json:"names,omitempty"` // of those who have given one
}

// A Notice is a sentence for one reader.
type Notice struct {
	Kind string `json:"kind"` // error or note
	Text string `json:"text"`
}

func encode(o Out) []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic("room: a message is plain data: " + err.Error())
	}
	return b
}

func refusal(sentence string) []byte { return encode(Out{Notice: &Notice{"error", sentence}}) }

// isShared reports whether the event changes what everybody in a room sees. The others are a
// reader's own business, and are done by the reader's own core.
func isShared(do string) bool {
	switch do {
	case "open", "text", "kernel", "step", "goto", "show", "run", "keep", "forget", "note", "watch":
		return true
	}
	return false
}
