package check

// A seen is a set of fingerprints, eight bytes a slot, made for one thing: tens
// of millions of additions, with nothing ever taken out.
//
// It is an extendible hash table. The top bits of a fingerprint choose a
// segment through the directory, its low bits a slot in the segment, and a slot
// that is taken sends it to the next. A full segment is split in two by its next
// top bit, the old half staying where it is. So growing moves 32 KiB at a time, never
// has two copies of the table, and leaves no garbage: a browser's memory does
// not shrink again. Segments fill evenly, hence between 10 and 20 bytes a state.
//
// A slot holding 0 is free; [occupied] keeps real fingerprints away from it.
type seen struct {
	dir   []*segment // by the top bits; a segment of fewer bits stands in several places
	shift uint       // 64 - log2(len(dir))
	bytes uint64
	n     uint64

	// tagged sets carry 16 bits with every fingerprint.
	tagged bool
}

const (
	segmentSlots = 4096 // 32 KiB: the largest piece that Go's allocator hands out without rounding up
	segmentFull  = segmentSlots * 8 / 10
	slotMask     = segmentSlots - 1
)

type segment struct {
	slots *[segmentSlots]uint64
	tags  *[segmentSlots]uint16 // nil unless tagged
	n     int
	bits  uint // how many top bits all its fingerprints share
}

func newSeen(tagged bool) *seen {
	s := &seen{shift: 63, tagged: tagged}
	s.dir = []*segment{s.segment(1), s.segment(1)}
	s.bytes += 16
	return s
}

func (s *seen) segment(bits uint) *segment {
	g := &segment{slots: new([segmentSlots]uint64), bits: bits}
	s.bytes += segmentSlots*8 + 32
	if s.tagged {
		g.tags = new([segmentSlots]uint16)
		s.bytes += segmentSlots * 2
	}
	return g
}

// occupied returns the fingerprint as it stands in a slot.
func occupied(fp uint64) uint64 {
	if fp == 0 {
		return 1
	}
	return fp
}

// A place is where a fingerprint stands, or would stand. It is void after the next add.
type place struct {
	g *segment
	i uint
}

// find returns the place of fp and whether it is there.
func (s *seen) find(fp uint64) (place, bool) {
	fp = occupied(fp)
	g := s.dir[fp>>(s.shift&63)]
	i := uint(fp) & slotMask
	for {
		switch g.slots[i] {
		case fp:
			return place{g, i}, true
		case 0:
			return place{g, i}, false
		}
		i = (i + 1) & slotMask
	}
}

// add puts fp at its place, which find has just returned as free.
func (s *seen) add(p place, fp uint64, tag uint16) {
	fp = occupied(fp)
	p.g.slots[p.i] = fp
	if s.tagged {
		p.g.tags[p.i] = tag
	}
	s.n++
	p.g.n++
	if p.g.n > segmentFull {
		s.split(p.g, fp)
	}
}

// split deals the fingerprints of g, of which fp is one, to two segments.
func (s *seen) split(g *segment, fp uint64) {
	if 64-g.bits == s.shift { // g stands in one place of the directory
		wide := make([]*segment, 2*len(s.dir))
		for i, g := range s.dir {
			wide[2*i], wide[2*i+1] = g, g
		}
		s.bytes += 8 * uint64(len(s.dir))
		s.dir = wide
		s.shift--
	}
	old := *g.slots
	var oldTags [segmentSlots]uint16
	if s.tagged {
		oldTags = *g.tags
		clear(g.tags[:])
	}
	clear(g.slots[:])
	g.n = 0
	g.bits++
	upper := s.segment(g.bits)

	span := 1 << (64 - s.shift - g.bits) // places each half has in the directory
	first := int(fp>>(64-g.bits+1)) * 2 * span
	for i := first + span; i < first+2*span; i++ {
		s.dir[i] = upper
	}
	for i, fp := range old {
		if fp == 0 {
			continue
		}
		p, _ := s.find(fp)
		p.g.slots[p.i] = fp
		p.g.n++
		if s.tagged {
			p.g.tags[p.i] = oldTags[i]
		}
	}
}

// unmeet takes met off all tags.
func (s *seen) unmeet() {
	for _, g := range s.dir {
		for i := range g.tags {
			g.tags[i] &^= met
		}
	}
}
