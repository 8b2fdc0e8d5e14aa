package check

import (
	"math/rand/v2"
	"testing"
)

func TestSeen(t *testing.T) {
	for _, tagged := range []bool{false, true} {
		s := newSeen(tagged)
		want := map[uint64]uint16{}
		r := rand.New(rand.NewPCG(1, 2))
		for range 300_000 {
			fp := r.Uint64() >> 24 << 24 // a few with equal low bits, which all want the same slot
			if r.IntN(50) > 0 {
				fp = r.Uint64()
			}
			if len(want) == 0 {
				fp = 0
			}
			at, known := s.met(fp)
			if _, expected := want[fp]; known != expected {
				t.Fatalf("fingerprint %x: got known=%v, want %v", fp, known, expected)
			}
			if !known {
				tag := uint16(r.Uint32())
				want[fp] = tag
				s.add(at, fp, tag)
			}
		}
		for fp, tag := range want {
			at, known := s.find(fp)
			if !known {
				t.Fatalf("fingerprint %x is lost", fp)
			}
			if tagged && *s.tag(at) != tag {
				t.Fatalf("fingerprint %x: got tag %x, want %x", fp, *s.tag(at), tag)
			}
		}
		if s.n != uint64(len(want)) {
			t.Errorf("got %d fingerprints, want %d", s.n, len(want))
		}
	}
}

func TestSeenForgets(t *testing.T) {
	s := newSeen(false)
	s.met(7)
	s.forget(7)
	if _, known := s.met(7); known {
		t.Error("a fingerprint that was never added is known")
	}
}

// However many there are, a fingerprint takes at most 21 bytes, once
// there are enough of them for the directory and the recent ones not to count.
func TestSeenBytes(t *testing.T) {
	s := newSeen(false)
	r := rand.New(rand.NewPCG(3, 4))
	worst := 0.0
	for range 2_000_000 {
		fp := r.Uint64()
		if at, known := s.met(fp); !known {
			s.add(at, fp, 0)
		}
		if s.n > 400_000 {
			worst = max(worst, float64(s.bytes)/float64(s.n))
		}
	}
	if worst > 21 {
		t.Errorf("got up to %.1f bytes a fingerprint, want at most 21", worst)
	}
	t.Logf("at most %.1f bytes a fingerprint", worst)
}
