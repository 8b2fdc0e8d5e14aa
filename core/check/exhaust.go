package check

import (
	"encoding/binary"
	"slices"

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
// For livelocks it goes from every state to all that can be reached from there.
// It leaves the memory as it was.
func Exhaust(m Model) Tally {
	mem := m.Memory()
	root := mem.Mark()
	t := Tally{Shortest: map[string]int{}}
	number := map[string]int{}
	var graph []vertex
	var queue [][]uint64
	meet := func(length int) int {
		state := mem.Snapshot(nil)
		key := make([]byte, 0, 8*len(state))
		for _, v := range state {
			key = binary.LittleEndian.AppendUint64(key, v)
		}
		if n, known := number[string(key)]; known {
			return n
		}
		number[string(key)] = len(graph)
		graph = append(graph, vertex{depth: length})
		queue = append(queue, append(state, uint64(length)))
		return len(graph) - 1
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
	meet(0)
	for from := 0; from < len(queue); from++ {
		state, length := queue[from][:mem.Layout().Len()], int(queue[from][mem.Layout().Len()])
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
		if f := finite(m); f != nil {
			graph[from].standing = standingOf(f, choices)
		}
		for _, c := range choices {
			restore(state)
			m.Do(c)
			t.Transitions++
			to := meet(length + 1)
			graph[from].edges = append(graph[from].edges, [2]int{to, int(c.Actor)})
		}
	}
	t.States = uint64(len(graph))
	mem.Undo(root)
	if f := finite(m); f != nil {
		if depth, any := livelock(graph, f.Tasks()); any {
			t.Shortest[NoLivelock] = depth
		}
	}
	return t
}

// A vertex is a state in the graph of all of them.
type vertex struct {
	depth int
	edges [][2]int // to, by
	standing
}

// livelock returns the least depth of a state in a livelock.
func livelock(graph []vertex, tasks uint64) (depth int, any bool) {
	set := map[int]bool{}
	for _, v := range trim(graph) {
		set[v] = true
	}
	for v := range livelocks(graph, tasks, set) {
		if !any || graph[v].depth < depth {
			depth, any = graph[v].depth, true
		}
	}
	return depth, any
}

// livelocks returns the states of a set that are in a livelock within it.
func livelocks(graph []vertex, tasks uint64, set map[int]bool) map[int]bool {
	reach := map[int]map[int]bool{}
	for from := range set {
		reach[from] = map[int]bool{}
		for todo := []int{from}; len(todo) > 0; {
			v := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, e := range graph[v].edges {
				if set[e[0]] && !reach[from][e[0]] {
					reach[from][e[0]] = true
					todo = append(todo, e[0])
				}
			}
		}
	}
	found := map[int]bool{}
	for v := range set {
		moved, always, some := uint64(0), ^uint64(0), uint64(0)
		part := map[int]bool{}
		for w := range set {
			if !reach[v][w] || !reach[w][v] {
				continue
			}
			part[w] = true
			always &= graph[w].can | graph[w].waits
			some |= graph[w].can
			for _, e := range graph[w].edges {
				if set[e[0]] && reach[e[0]][v] {
					moved |= 1 << e[1]
				}
			}
		}
		starved := always & some &^ moved
		switch {
		case moved&tasks == 0:
		case starved == 0:
			found[v] = true
		default:
			for w := range part {
				if graph[w].can&starved != 0 {
					delete(part, w)
				}
			}
			for w := range livelocks(graph, tasks, part) {
				found[w] = true
			}
		}
	}
	return found
}

// trim takes edges out of the graph that are in no cycle, those to states that
// none leads on from, until none is left, and returns the others' states.
func trim(graph []vertex) (cyclic []int) {
	for gone := true; gone; {
		gone = false
		for v := len(graph) - 1; v >= 0; v-- {
			edges := graph[v].edges
			graph[v].edges = slices.DeleteFunc(edges, func(e [2]int) bool { return len(graph[e[0]].edges) == 0 })
			gone = gone || len(graph[v].edges) < len(edges)
		}
	}
	for v := range graph {
		if len(graph[v].edges) > 0 {
			cyclic = append(cyclic, v)
		}
	}
	return cyclic
}
