package room

import (
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"
)

// A server that has as many rooms open as it can hold refuses another, with a sentence, and lets into those that are open; when one is left, there is room again.
func TestFull(t *testing.T) {
	rooms, url := start(t, embedded(t))
	rooms.mostLive, rooms.linger = 1, 0
	first, driver, viewer := create(t, rooms, start0)
	other, others, _ := create(t, rooms, start0)
	d := enter(t, url, first, driver, key1)

	c := dial(t, url)
	c.say(In{Hello: &Hello{other, others, key2}})
	if code, why := c.ended(); code != closeRestart || !strings.Contains(why, "as many rooms open as it can hold") {
		t.Errorf("the second room: closed with %d %q", code, why)
	}
	v := enter(t, url, first, viewer, key3)

	for _, c := range []*client{d, v} {
		if err := c.c.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		rooms.mu.Lock()
		live := len(rooms.live)
		rooms.mu.Unlock()
		if live == 0 {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%d rooms are open in which nobody is", live)
		}
	}
	enter(t, url, other, others, key2)
}
