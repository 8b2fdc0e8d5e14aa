package check

// shortening is what follows the proof if claims were seen to break. The runs
// that a depth-first search finds are long and accidental. A maintainer is
// shown the shortest, so layers is searched for the lengths, then
// ties, once for every breach, for the run; in the end a lasso for the cycle of a livelock.
type shortening struct {
	layers *layers
	ties   *ties
	gaveUp []bool // for every claim: its ties did not fit into the limits
	lasso  *lasso
	loose  bool // the lasso did not fit into the limits
}

func (s *shortening) bytes() uint64 {
	if s == nil {
		return 0
	}
	n := s.layers.bytes()
	if s.ties != nil {
		n += s.ties.bytes()
	}
	if s.lasso != nil {
		n += s.lasso.bytes()
	}
	return n
}

// shorten makes about so many transitions, and returns how many. The memory is
// at the initial state when the phase begins and when it ends.
func (c *Check) shorten(budget int) int {
	if c.short == nil {
		c.short = &shortening{layers: newLayers(c), gaveUp: make([]bool, len(c.claims))}
		if n := c.livelock(); n >= 0 {
			c.short.gaveUp[n] = !c.allLivelocks()
		}
	}
	s := c.short
	if s.lasso != nil {
		return s.close(c, budget)
	}
	if s.ties == nil {
		made, full := s.layers.search(c, budget)
		if s.layers.over || full {
			c.mem.Undo(0)
			s.tie(c)
		}
		return made
	}
	made, full := s.ties.search(c, s.layers, budget)
	if len(s.ties.stack) == 0 || full {
		claim := s.ties.claim
		c.mem.Undo(0)
		if full {
			s.gaveUp[claim] = true
		} else {
			b := c.breaches[claim]
			b.run, b.final = s.ties.best(c), true
		}
		s.layers.seen.untie()
		s.tie(c)
	}
	return made
}

// tie begins with the next breach whose length is settled, or ends the phase.
func (s *shortening) tie(c *Check) {
	s.ties = nil
	for claim, b := range c.breaches {
		switch {
		case b == nil || b.final || !s.layers.settled[claim] || s.gaveUp[claim]:
		case len(b.run) == 0:
			b.final = true
		default:
			s.ties = newTies(c, claim)
			return
		}
	}
	if n := c.livelock(); n >= 0 && c.breaches[n] != nil && c.breaches[n].cycle == nil && !s.loose {
		s.lasso = newLasso(c)
		return
	}
	s.end(c)
}

// close looks for the cycle of a livelock.
func (s *shortening) close(c *Check, budget int) int {
	made, cycle, full := s.lasso.search(c, budget)
	if cycle != nil || full {
		b := c.breaches[c.livelock()]
		b.cycle, s.loose, s.lasso = cycle, full, nil
		c.mem.Undo(0)
		s.end(c)
	}
	return made
}

// end ends the phase.
func (s *shortening) end(c *Check) {
	for _, b := range c.breaches {
		if b != nil {
			c.replay(b)
		}
	}
	c.rest()
}
