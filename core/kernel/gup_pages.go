package kernel

import "gupscope/core/machine"

// Several pages in one GUP call. pages[] is filled from its beginning. GUP-fast goes from entry to entry, without locks
// and in one section with interrupts off; where it is refused it gives up, and the slow path goes on with the next page that is
// missing, under mmap_lock. What is got stays got: who fails behind some pages returns how many there are, and the error is nobody's.
// Only fork, coming between, has GUP-fast give all of them back.
//
//	pages[]    [0] frame 1    [1] frame 2    [2] nothing yet
//	                          ^ in hand      done with: 1
//
// The page in hand is the last that was got, or the next to get. Of a huge page all that are wanted come into the hand at once, with
// one addition to its count.
//
// compare mm/gup.c:gup_fast_fallback, __get_user_pages_locked

// pinsTogether is what is said when a huge page's references become pins.
const pinsTogether = "make them pins: %d more in the large folio's pincount"

// inHand is the page in hand; none while it is still to be got.
func (c *Ctx) inHand() machine.Hold { return machine.Hold(c.M.Load(c.M.Held(c.Task))) }

// gotPages is how many pages the GUP call has got.
func (c *Ctx) gotPages() uint64 {
	n := c.M.GUPGot(c.Task)
	for n < c.M.GUPPages && machine.Hold(c.M.Load(c.M.GUPPage(c.Task, n))).Some() {
		n++
	}
	return uint64(n)
}

// nextPage goes on from the page in hand to the next.
func (c *Ctx) nextPage() { c.M.SetGUPGot(c.Task, c.M.GUPGot(c.Task)+1) }

// backToLast takes the last page that was got into the hand again.
func (c *Ctx) backToLast() {
	if n := c.M.GUPGot(c.Task); n > 0 && !c.inHand().Some() {
		c.M.SetGUPGot(c.Task, n-1)
	}
}

// holdEach makes the page in hand, and those behind it, n in all, hold the same.
func (c *Ctx) holdEach(n int, h machine.Hold) {
	for i := range n {
		c.M.SetGUPPage(c.Task, c.M.GUPGot(c.Task)+i, h)
	}
}

// gotPage says which page of the folio the reference was taken for, now that it stays: the ones behind
// it in the hand, if there are any, are the next pages of the folio.
func (c *Ctx) gotPage(f machine.Frame) {
	first := c.M.GUPGot(c.Task)
	for i := range int(c.gotPages()) - first {
		w := c.M.GUPPage(c.Task, first+i)
		if h := machine.Hold(c.M.Load(w)); h.Frame() != f+machine.Frame(i) {
			c.M.SetGUPPage(c.Task, first+i, machine.MakeHold(f+machine.Frame(i), h.Count()))
		}
	}
}

// emptyHand empties the hand, and returns whose references were in it, how many, and of how many pages.
func (c *Ctx) emptyHand() (f machine.Frame, refs, pages int) {
	first := c.M.GUPGot(c.Task)
	f, pages = c.inHand().Frame(), int(c.gotPages())-first
	for i := range pages {
		refs += machine.Hold(c.M.Load(c.M.GUPPage(c.Task, first+i))).Count()
		c.M.SetGUPPage(c.Task, first+i, 0)
	}
	return f, refs, pages
}

// putGrabbed drops the references that try_grab_folio_fast has just taken, before they are pins.
func (c *Ctx) putGrabbed(back int) Next {
	f, refs, _ := c.emptyHand()
	return c.putFree(f, refs, back)
}

// undoGrab gives back what the GUP call has in hand and goes on at step back.
// compare mm/gup.c:gup_put_folio
func (c *Ctx) undoGrab(flags uint64, back int) Next {
	f, refs, pages := c.emptyHand()
	if flags&FollPin != 0 {
		c.dropPins(f, pages)
		refs = c.refsOfPins(f, refs, pages)
	}
	return c.putFree(f, refs, back)
}
