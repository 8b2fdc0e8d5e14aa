package check

import (
	"sync/atomic"
	"unsafe"
)

// A seen is a set of fingerprints, eight bytes a slot, made for one thing: tens
// of millions of additions, with nothing ever taken out.
//
// It is an extendible hash table. The top bits of a fingerprint choose a
// segment through the directory, its low bits a slot in the segment, and a slot
// that is taken sends it to the next. A full segment is split in two by its next
// top bit, the old half staying where it is. So growing moves 32 KiB at a time, never
// has two copies of the table, and leaves no garbage: a browser's memory does
// not shrink again. Segments fill evenly, hence between 9 and 18 bytes a state.
//
// What a look-up costs is the cache miss, so it touches one cache line where it
// can: the eight slots of a line are tried before the next line. And every other
// transition leads to a state that was met a moment ago, by the same two steps in the other
// order, which a small cache of recent fingerprints answers.
//
// A slot holding 0 is free; [occupied] keeps real fingerprints away from it.
type seen struct {
	dir   []*segment // by the top bits; a segment of fewer bits stands in several places
	shift uint       // 64 - log2(len(dir))
	n     uint64
	bytes uint64

	segments uint // in use
	// A tagged set carries 16 bits with every fingerprint, here by the number of
	// the segment. They are not in the segment, because it has no pointers
	// then, and the garbage collector has no reason to read it.
	tagged bool
	tags   []*[segmentSlots]uint16

	// A counted set has a counter for every fingerprint, laid out like tags.
	counted bool
	counts  []*[segmentSlots]uint32

	room   []segment // allocated, not yet used
	recent [recentSlots]uint64
}

const (
	segmentSlots = 4096
	segmentFull  = segmentSlots * 9 / 10
	lineSlots    = 8
	recentSlots  = 1 << 14
)

type segment struct {
	slots  [segmentSlots]uint64
	n      int64
	bits   uint     // how many top bits all its fingerprints share
	number uint     // among all segments
	_      [40]byte // keeps the next segment's slots on whole cache lines
}

func newSeen(tagged bool) *seen { return makeSeen(&seen{tagged: tagged}) }

func makeSeen(s *seen) *seen {
	s.shift = 63
	s.bytes = uint64(unsafe.Sizeof(*s))
	s.dir = []*segment{s.segment(1), s.segment(1)}
	s.bytes += 16
	return s
}

// segment returns an empty segment. They are allocated several at a time, a
// sixteenth of those there are, for fewer and larger pieces of memory.
func (s *seen) segment(bits uint) *segment {
	if len(s.room) == 0 {
		s.room = make([]segment, min(2+len(s.dir)/16, 128))
		s.bytes += uint64(len(s.room)) * uint64(unsafe.Sizeof(segment{}))
	}
	g := &s.room[0]
	s.room = s.room[1:]
	g.bits, g.number = bits, s.segments
	s.segments++
	if s.tagged {
		s.tags = append(s.tags, new([segmentSlots]uint16))
		s.bytes += segmentSlots * 2
	}
	if s.counted {
		s.counts = append(s.counts, new([segmentSlots]uint32))
		s.bytes += segmentSlots * 4
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

// start adds the first fingerprint.
func (s *seen) start(fp uint64) {
	at, _ := s.find(fp)
	s.add(at, fp, 0)
}

// A place is where a fingerprint stands, or would stand. It is void after the next add.
type place struct {
	g *segment
	i uint
}

// met reports whether fp is there, and if not, where it would stand.
func (s *seen) met(fp uint64) (place, bool) {
	fp = occupied(fp)
	r := &s.recent[fp/(1<<64/recentSlots)]
	if *r == fp {
		return place{}, true
	}
	*r = fp
	return s.find(fp)
}

// fetch brings into the cache what look-ups of some fingerprints will touch: no load waits for another.
func (s *seen) fetch(fps []uint64) (sum uint64) {
	for _, fp := range fps {
		fp = occupied(fp)
		sum += atomic.LoadUint64(&s.dir[fp>>(s.shift&63)].slots[fp%segmentSlots])
	}
	return sum
}

// has reports whether fp is there.
func (s *seen) has(fp uint64) bool {
	fp = occupied(fp)
	r := &s.recent[fp/(1<<64/recentSlots)]
	if *r == fp {
		return true
	}
	_, there := s.find(fp)
	if there {
		*r = fp
	}
	return there
}

// forget takes back that met was asked for fp, which is not there and not to be added now.
func (s *seen) forget(fp uint64) { s.recent[occupied(fp)/(1<<64/recentSlots)] = 0 }

// find returns the place of fp and whether it is there.
func (s *seen) find(fp uint64) (place, bool) {
	fp = occupied(fp)
	g := s.dir[fp>>(s.shift&63)]
	i := uint(fp) % segmentSlots
	for {
		for range lineSlots {
			switch g.slots[i] {
			case fp:
				return place{g, i}, true
			case 0:
				return place{g, i}, false
			}
			i = i/lineSlots*lineSlots + (i+1)%lineSlots
		}
		i = (i + lineSlots) % segmentSlots
	}
}

// add puts fp at its place, which find or met has just returned as free.
func (s *seen) add(p place, fp uint64, tag uint16) {
	fp = occupied(fp)
	p.g.slots[p.i] = fp
	if s.tagged {
		*s.tag(p) = tag
	}
	s.n++
	p.g.n++
	if p.g.n > segmentFull {
		s.split(p.g, fp)
	}
}

// split makes two segments of g, of whose fingerprints fp is one.
func (s *seen) split(g *segment, fp uint64) {
	s.halve(g, fp)
	s.deal(g)
}

// halve gives the upper half of what g stands for to a new segment. Nothing can be
// looked up in g until deal has moved there what belongs there.
func (s *seen) halve(g *segment, fp uint64) {
	if 64-g.bits == s.shift { // g stands in one place of the directory
		wide := make([]*segment, 2*len(s.dir))
		for i, g := range s.dir {
			wide[2*i], wide[2*i+1] = g, g
		}
		s.bytes += 8 * uint64(len(s.dir))
		s.dir = wide
		s.shift--
	}
	g.bits++
	upper := s.segment(g.bits)
	span := 1 << (64 - s.shift - g.bits) // places each half has in the directory
	first := int(fp>>(64-g.bits+1)) * 2 * span
	for i := first + span; i < first+2*span; i++ {
		s.dir[i] = upper
	}
}

// deal deals the fingerprints of g to both halves. It touches nothing but
// these, so that different segments can be dealt at once.
func (s *seen) deal(g *segment) {
	slots := g.slots
	clear(g.slots[:])
	var tags [segmentSlots]uint16
	if s.tagged {
		tags = *s.tags[g.number]
	}
	var counts [segmentSlots]uint32
	if s.counted {
		counts = *s.counts[g.number]
		clear(s.counts[g.number][:])
	}
	g.n = 0
	for i, fp := range slots {
		if fp == 0 {
			continue
		}
		p, _ := s.find(fp)
		p.g.slots[p.i] = fp
		p.g.n++
		if s.tagged {
			*s.tag(p) = tags[i]
		}
		if s.counted {
			*s.count(p) = counts[i]
		}
	}
}

// tag returns the tag of the fingerprint at a place.
func (s *seen) tag(p place) *uint16 { return &s.tags[p.g.number][p.i] }

// count returns the counter of the fingerprint at a place.
func (s *seen) count(p place) *uint32 { return &s.counts[p.g.number][p.i] }

// untie takes the mark of ties off all tags.
func (s *seen) untie() {
	for _, tags := range s.tags {
		for i := range tags {
			tags[i] &^= tiesMet
		}
	}
}
