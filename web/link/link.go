// Package link is the address of a run: what one person sends another.
//
// A [Link] holds scenario or text, kernel, run and cursor, and nothing of what
// the page looks like to one reader. It has these forms, all read forever:
//
//	/s/NAME?k=KERNEL&r=RUN&c=CURSOR   a gallery scenario; the server draws exactly that frame; b, n, w: what is kept beside the run
//	/embed/NAME?k=&r=&c=              the same, in somebody else's page
//	/embed?x=1.…                      an embed of a text that its author publishes, at most 6 KB
//	#1.…                              a text that nobody stored: it stays in the fragment, and is never uploaded
//	/l/ID                             either, stored on request: package shortlink
//
// "1." is the format of what follows: base64url of deflate of the fields (see
// encode.go). A later format gets a later number, and the older ones stay.
//
// The package is pure and small, because the WASM has it too.
package link

// A Link says which run is looked at, and where in it. It is also what a room
// keeps of its session between two events.
type Link struct {
	Scenario string `json:"scenario,omitempty"` // name in the gallery; "" if Text is given
	Text     string `json:"text,omitempty"`     // text of a scenario that is not in the gallery, or was edited
	Kernel   string `json:"kernel,omitempty"`   // override of the text's kernel line; "": none
	Run      string `json:"run,omitempty"`      // choices, as core/trace prints them
	At       int    `json:"at,omitempty"`       // cursor: how many choices have been made where the reader stands

	// What is kept beside the run, as web/session writes it: parts that are separated by "~".
	Kept    string `json:"kept,omitempty"`    // branches: run, name, the step after which it leaves; …
	Notes   string `json:"notes,omitempty"`   // step, hash of the state after it, words; …
	Watched string `json:"watched,omitempty"` // names of cells; earlier versions wrote their numbers
}
