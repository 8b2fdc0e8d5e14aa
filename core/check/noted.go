package check

// A noted is a set of fingerprints with a word of notes on each. The reduced
// search has it in the place of a [seen]: with a state it has to remember which
// actors were asleep there. States are fewer by far then, so it is simpler: shards by the top
// bits of the fingerprint, each an open table that doubles on its own.
type noted struct {
	shards [noteShards][]slot
	used   [noteShards]int
	bytes  uint64
}

const noteShards = 256

// A slot has a fingerprint, 0 if it is free, and the word.
type slot struct{ fp, word uint64 }

// find returns the word of a fingerprint, nil if it is not there. The pointer is
// void after the next add.
func (s *noted) find(fp uint64) *uint64 {
	fp = occupied(fp)
	shard := s.shards[fp>>56]
	if shard == nil {
		return nil
	}
	for i := int(fp) & (len(shard) - 1); ; i = (i + 1) & (len(shard) - 1) {
		switch shard[i].fp {
		case fp:
			return &shard[i].word
		case 0:
			return nil
		}
	}
}

// add adds a fingerprint that is not there yet.
func (s *noted) add(fp, word uint64) {
	fp = occupied(fp)
	k := fp >> 56
	if s.used[k] >= len(s.shards[k])*7/8 {
		s.grow(k)
	}
	s.used[k]++
	put(s.shards[k], slot{fp, word})
}

func (s *noted) grow(k uint64) {
	old := s.shards[k]
	wide := make([]slot, max(16, 2*len(old)))
	for _, n := range old {
		if n.fp != 0 {
			put(wide, n)
		}
	}
	s.bytes += 16 * uint64(len(wide)-len(old))
	s.shards[k] = wide
}

func put(shard []slot, n slot) {
	i := int(n.fp) & (len(shard) - 1)
	for shard[i].fp != 0 {
		i = (i + 1) & (len(shard) - 1)
	}
	shard[i] = n
}
