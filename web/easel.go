package web

import (
	"context"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"time"
)

// An easel is where the gallery's pictures are drawn, a few at a time. Most take a tenth of a second of a core, some take
// seconds, and nobody knows before which. So who has taken least so far is next, and who has taken more makes way for it:
//
//	                  0 ms                     250 ms
//	ksm-vs-clear-refs |---- begins, and takes --|  waits                          | goes on
//	get-vs-fork                  comes, waits   |-- drawn --|
//	load-vs-cow                      comes, waits           |-- drawn -----------|
type easel struct {
	mu      sync.Mutex
	at      []*drawing // that are being drawn
	waiting []*drawing // in the order in which they came
}

// A drawing is a picture that is drawn, or waits.
type drawing struct {
	key   string
	spent time.Duration
	since time.Time     // it is being drawn
	turn  chan struct{} // closed when it is its turn
	begun bool
}

// quantum is how long a picture may take before it makes way for others that have taken less; then twice as long, and so on.
const quantum = 250 * time.Millisecond

func (d *drawing) level() int { return bits.Len64(uint64(d.spent / quantum)) }

// places are how many are drawn at a time: half of the machine has other things to do.
func places() int { return max(1, runtime.NumCPU()/2) }

// take waits until the picture of that key can be drawn, and nobody else draws it.
func (e *easel) take(ctx context.Context, key string) (*drawing, error) {
	d := &drawing{key: key, turn: make(chan struct{})}
	e.mu.Lock()
	e.waiting = append(e.waiting, d)
	e.next()
	e.mu.Unlock()
	select {
	case <-d.turn:
		return d, nil
	case <-ctx.Done():
		e.leave(d)
		return nil, ctx.Err()
	}
}

// leave ends a drawing, or gives it up while it waits.
func (e *easel) leave(d *drawing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	mine := func(x *drawing) bool { return x == d }
	e.at, e.waiting = slices.DeleteFunc(e.at, mine), slices.DeleteFunc(e.waiting, mine)
	e.next()
}

// pause makes way for a picture that has taken less, if one waits, and returns when it is the drawing's turn again.
func (e *easel) pause(d *drawing) {
	e.mu.Lock()
	now := time.Now()
	d.spent, d.since = d.spent+now.Sub(d.since), now
	if w := e.least(); w != nil && w.level() < d.level() {
		e.at = slices.DeleteFunc(e.at, func(x *drawing) bool { return x == d })
		d.turn = make(chan struct{})
		e.waiting = append(e.waiting, d)
		e.next()
	}
	turn := d.turn
	e.mu.Unlock()
	<-turn
}

// next gives free places to those that wait.
func (e *easel) next() {
	for len(e.at) < places() {
		d := e.least()
		if d == nil {
			return
		}
		e.waiting = slices.DeleteFunc(e.waiting, func(x *drawing) bool { return x == d })
		e.at = append(e.at, d)
		d.since, d.begun = time.Now(), true
		close(d.turn)
	}
}

// least is who waits and has taken least, the first of them; nil: nobody. Who finds that another has begun the same picture waits for its end.
func (e *easel) least() *drawing {
	var least *drawing
	for _, d := range e.waiting {
		others := func(x *drawing) bool { return x != d && x.key == d.key && x.begun }
		if !d.begun && (slices.ContainsFunc(e.at, others) || slices.ContainsFunc(e.waiting, others)) {
			continue
		}
		if least == nil || d.level() < least.level() {
			least = d
		}
	}
	return least
}
