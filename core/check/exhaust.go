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
	var states []string // whole, as bytes
	var cells []uint64
	var bytes []byte
	meet := func(length int) int {
		cells, bytes = mem.Snapshot(cells[:0]), bytes[:0]
		for _, v := range cells {
			bytes = binary.LittleEndian.AppendUint64(bytes, v)
		}
		if n, known := number[string(bytes)]; known {
			return n
		}
		states, graph = append(states, string(bytes)), append(graph, vertex{depth: length})
		number[states[len(states)-1]] = len(states) - 1
		return len(states) - 1
	}
	note := func(claim string, length int) {
		if _, known := t.Shortest[claim]; !known {
			t.Shortest[claim] = length
		}
	}
	restore := func(state string) {
		mem.Undo(root)
		bytes = append(bytes[:0], state...)
		for id := range cell.ID(mem.Layout().Len()) {
			mem.Store(id, binary.LittleEndian.Uint64(bytes[8*id:]))
		}
	}
	meet(0)
	for from := 0; from < len(states); from++ {
		state, length := states[from], graph[from].depth
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
	for _, v := range livelocks(graph, tasks, trim(graph)) {
		if !any || graph[v].depth < depth {
			depth, any = graph[v].depth, true
		}
	}
	return depth, any
}

// livelocks returns the states of a set that are in a livelock within it.
func livelocks(graph []vertex, tasks uint64, set []int) (found []int) {
	place := slices.Repeat([]int{-1}, len(graph)) // in the set; -1: not there
	for i, v := range set {
		place[v] = i
	}
	reach := make([][]bool, len(set)) // of the set, from each of it
	for i, from := range set {
		reach[i] = make([]bool, len(set))
		for todo := []int{from}; len(todo) > 0; {
			v := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, e := range graph[v].edges {
				if to := place[e[0]]; to >= 0 && !reach[i][to] {
					reach[i][to] = true
					todo = append(todo, e[0])
				}
			}
		}
	}
	judged := make([]bool, len(set))
	for i := range set {
		if judged[i] {
			continue
		}
		moved, always, some := uint64(0), ^uint64(0), uint64(0)
		var part []int // whoever is in a cycle with it
		for k, w := range set {
			if !reach[i][k] || !reach[k][i] {
				continue
			}
			part, judged[k] = append(part, w), true
			always &= graph[w].can | graph[w].waits
			some |= graph[w].can
			for _, e := range graph[w].edges {
				if to := place[e[0]]; to >= 0 && reach[to][i] {
					moved |= 1 << e[1]
				}
			}
		}
		starved := always & some &^ moved
		switch {
		case moved&tasks == 0:
		case starved == 0:
			found = append(found, part...)
		default:
			part = slices.DeleteFunc(part, func(w int) bool { return graph[w].can&starved != 0 })
			found = append(found, livelocks(graph, tasks, part)...)
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
