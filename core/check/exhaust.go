package check

import (
	"encoding/binary"

	"gupscope/core/cell"
)

// A Tally is what an exploration counts.
type Tally struct {
	States, Transitions uint64
	Shortest            map[string]int // for every claim that breaks, the length of a shortest run to it
}

// Exhaust is the slow guard: an explorer too simple to be wrong, for tests to
// hold [Check] against. It goes breadth-first through whole states kept in a map,
// knows neither undo nor fingerprints, and judges every claim afresh in every state.
// It leaves the memory as it was.
func Exhaust(m Model) Tally {
	mem := m.Memory()
	root := mem.Mark()
	t := Tally{Shortest: map[string]int{}}
	depth := map[string]int{}
	var queue [][]uint64
	meet := func(length int) {
		state := mem.Snapshot(nil)
		key := make([]byte, 0, 8*len(state))
		for _, v := range state {
			key = binary.LittleEndian.AppendUint64(key, v)
		}
		if _, known := depth[string(key)]; known {
			return
		}
		depth[string(key)] = length
		queue = append(queue, append(state, uint64(length)))
	}
	note := func(claim string, length int) {
		if _, known := t.Shortest[claim]; !known {
			t.Shortest[claim] = length
		}
	}
	restore := func(state []uint64) {
		mem.Undo(root)
		for id, v := range state {
			mem.Store(cell.ID(id), v)
		}
	}
	for meet(0); len(queue) > 0; queue = queue[1:] {
		state, length := queue[0][:mem.Layout().Len()], int(queue[0][mem.Layout().Len()])
		restore(state)
		if broken := m.Broken(-1, nil); len(broken) > 0 {
			for _, n := range broken {
				note(m.Claims()[n], length)
			}
			continue
		}
		choices := m.Choices(nil)
		if len(choices) == 0 && !m.Done() {
			note(NoDeadlock, length)
		}
		for _, c := range choices {
			restore(state)
			m.Do(c)
			t.Transitions++
			meet(length + 1)
		}
	}
	t.States = uint64(len(depth))
	mem.Undo(root)
	return t
}
