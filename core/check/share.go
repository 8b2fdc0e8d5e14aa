package check

import "runtime"

// A share is work for another worker: a run, and in the states that it leads
// through choices that are still to be done. It is laid out like the stack of a
// descent. The first choice of every frame but the last is the one with which the run goes on.
type share struct {
	frames  []frame // marks are those of who takes it
	choices []Choice
}

// share gives half of what is to be done to a worker that is hungry: that of
// the states nearest to the initial one, because most lies behind these.
//
// Looking for it, handing it over and going there cost what the run is long, so after a
// try the next is not made at once; and a run that is long compared to what is to be done at it is kept.
func (w *worker) share() {
	t := w.team
	w.sharesAt = w.transitions + 16 + uint64(len(w.stack)/4)
	todo := 0
	for k := range w.stack {
		todo += w.end(k) - int(w.stack[k].next)
	}
	if todo < 2+len(w.stack)/64 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.signal.Load()%halted > int64(len(t.shares)) {
		t.shares = append(t.shares, w.split(todo/2))
		t.offered.Store(int64(len(t.shares)))
		t.working.Add(1)
	}
}

// end is where the choices of a frame end.
func (d *descent) end(k int) int {
	if k+1 < len(d.stack) {
		return int(d.stack[k+1].first)
	}
	return len(d.choices)
}

// split takes so many choices off the bottom of the stack, fewer than there are.
func (w *worker) split(n int) share {
	var s share
	kept := 0
	for k := range w.stack {
		f := &w.stack[k]
		first, next, end := int(f.first), int(f.next), w.end(k)
		if n > 0 {
			give := min(n, end-next)
			n -= give
			g := frame{first: uint32(len(s.choices))}
			g.next = g.first
			if n > 0 {
				s.choices = append(s.choices, w.choices[next-1])
				g.next++
			}
			s.choices = append(s.choices, w.choices[end-give:end]...)
			s.frames = append(s.frames, g)
			end -= give
		}
		f.first, f.next = uint32(kept), uint32(kept+next-first)
		kept += copy(w.choices[kept:], w.choices[first:end])
	}
	w.choices = w.choices[:kept]
	return s
}

// receive waits for a share, and goes to the last of its states. It returns
// false if the slice is over.
func (w *worker) receive() bool {
	t := w.team
	t.signal.Add(1)
	defer t.signal.Add(-1)
	for tries := 1; ; tries++ {
		if t.offered.Load() > 0 && w.take() {
			return true
		}
		if t.signal.Load() >= halted || t.working.Load() == 0 {
			return false
		}
		if tries%64 == 0 {
			runtime.Gosched()
		}
	}
}

// take takes a share, if there is one.
func (w *worker) take() bool {
	t := w.team
	t.mu.Lock()
	n := len(t.shares) - 1
	if n < 0 {
		t.mu.Unlock()
		return false
	}
	s := t.shares[n]
	t.shares = t.shares[:n]
	t.offered.Store(int64(n))
	t.mu.Unlock()

	w.stack, w.choices = append(w.stack[:0], s.frames...), append(w.choices[:0], s.choices...)
	for k := 1; k < len(w.stack); k++ {
		w.stack[k].mark = uint32(w.mem.Mark())
		w.m.Do(w.choices[w.stack[k-1].next-1])
	}
	return true
}
