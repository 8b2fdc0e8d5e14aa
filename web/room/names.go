package room

import (
	"strings"
	"unicode"
)

// Names. Who wants to be known by one in a room says it after the welcome, each time anew: it is told to everybody there while its
// reader is, and is kept nowhere, on no stream either.

// longestName is how many characters of a name are told.
const longestName = 30

// name makes a name of what a reader calls itself: one line of what can be seen, "" for none.
func name(said string) string {
	said = strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return ' '
		}
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, said)
	letters := []rune(strings.Join(strings.Fields(said), " "))
	return strings.TrimSpace(string(letters[:min(len(letters), longestName)]))
}

// calls is told what a reader calls itself.
func (r *Room) calls(by *reader, said string) {
	if n := name(said); n != by.name {
		by.name = n
		r.changed()
	}
}

// here are the names of this server's readers, by person.
func (r *Room) here() map[string]string {
	out := map[string]string{}
	for rd := range r.readers {
		if rd.name != "" {
			out[rd.person] = rd.name
		}
	}
	return out
}

// names are those of everybody who is here and has one.
func (r *Room) names() map[string]string {
	out := r.here()
	for _, h := range r.pen.others {
		for person, n := range h.Names {
			out[person] = name(n)
		}
	}
	return out
}
