package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"gupscope/core/check"
)

// A progress is a line on the terminal that says how far the checks are. There
// is none where standard error is no terminal: logs are not for bars.
type progress struct {
	mu     sync.Mutex
	on     bool
	total  int
	done   int
	states uint64 // of the checks that are done
	now    map[int]check.Progress
	drawn  time.Time
	began  time.Time
}

func newProgress(total int) *progress {
	info, err := os.Stderr.Stat()
	on := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return &progress{on: on, total: total, now: map[int]check.Progress{}, began: time.Now()}
}

// at notes how far one check is.
func (p *progress) at(i int, now check.Progress) {
	if !p.on {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now[i] = now
	if time.Since(p.drawn) > 100*time.Millisecond {
		p.draw()
	}
}

func (p *progress) finished(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.states += p.now[i].States
	delete(p.now, i)
}

const barWidth = 24

// draw paints the line anew: a bar, what is done, states and their rate.
func (p *progress) draw() {
	p.drawn = time.Now()
	states := p.states
	for _, n := range p.now {
		states += n.States
	}
	filled := barWidth * p.done / max(1, p.total)
	rate := float64(states) / max(0.001, time.Since(p.began).Seconds())
	fmt.Fprintf(os.Stderr, "\r[%s%s] %d of %d, %d states, %.0f states/s\x1b[K",
		strings.Repeat("#", filled), strings.Repeat(".", barWidth-filled), p.done, p.total, states, rate)
}

// clear takes the line away, for what is to be printed.
func (p *progress) clear() {
	if p.on {
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
