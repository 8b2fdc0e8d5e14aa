//go:build js && wasm

// The WASM is a session behind one JavaScript function:
//
//	gupscope(event: string): string
//
// Both are JSON: an event of package session, and the array of its fragments. A
// check goes on when it is asked to with "more"; the worker that runs this
// decides when (static/ts/core.ts).
package main

import (
	"encoding/json"
	"fmt"
	"syscall/js"

	"gupscope/web/session"
)

func main() {
	s := session.New()
	js.Global().Set("gupscope", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return answer(s, args)
	}))
	select {}
}

func answer(s *session.Session, args []js.Value) string {
	var e session.Event
	if len(args) != 1 || args[0].Type() != js.TypeString {
		return encode(refusal("gupscope takes one string, an event as JSON."))
	}
	if err := json.Unmarshal([]byte(args[0].String()), &e); err != nil {
		return encode(refusal(fmt.Sprintf("That is no event: %v.", err)))
	}
	return encode(s.Do(e))
}

func refusal(sentence string) []session.Fragment {
	notice, err := json.Marshal(map[string]string{"kind": "error", "text": sentence})
	if err != nil {
		panic("strings have a JSON form: " + err.Error())
	}
	return []session.Fragment{{Op: "answer", ID: "notice", Value: string(notice)}}
}

func encode(all []session.Fragment) string {
	if all == nil {
		return "[]"
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic("fragments are plain data: " + err.Error())
	}
	return string(b)
}
