package web

import (
	"context"
	"testing"
	"time"
)

// A picture that takes long makes way for one that has taken less, and goes on after it; the same picture is drawn by one at a time; who leaves the
// queue leaves nothing behind.
func TestEasel(t *testing.T) {
	var e easel
	ctx := context.Background()
	take := func(key string) *drawing {
		d, err := e.take(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	var all []*drawing
	for range places() - 1 { // all places but one are for somebody else
		all = append(all, take("others"+string(rune('a'+len(all)))))
	}
	long := take("long")
	order := make(chan string, 4)
	draw := func(key string) {
		d := take(key)
		order <- key
		e.leave(d)
	}
	waiting := func(n int) {
		for ok := false; !ok; time.Sleep(time.Millisecond) {
			e.mu.Lock()
			ok = len(e.waiting) == n
			e.mu.Unlock()
		}
	}
	go draw("short")
	waiting(1)
	e.pause(long) // it has just begun
	select {
	case key := <-order:
		t.Fatalf("%s does not wait for its turn", key)
	default:
	}
	go draw("long")
	waiting(2)
	long.since = long.since.Add(-quantum)
	e.pause(long)
	if key := <-order; key != "short" {
		t.Fatalf("%s is drawn first", key)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.take(gone, "gone"); err == nil {
		t.Error("who has gone gets a place")
	}
	e.leave(long)
	if key := <-order; key != "long" {
		t.Fatalf("then %s", key)
	}
	waiting(0)
	for _, d := range all {
		e.leave(d)
	}
	if len(e.at) != 0 {
		t.Errorf("%d places are taken for ever", len(e.at))
	}
}
