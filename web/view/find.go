package view

import "strings"

// Find returns the steps in which all words of a text occur, whatever their
// order and case: in what the step says, its function, its CPU, what it changed, what it keeps, what is
// noted at it. There may be more than most.
func (k *Sketch) Find(text string, notes map[int]string, most int) (hits []Hit, more int) {
	k.follow()
	words := strings.Fields(strings.ToLower(text))
	if len(words) == 0 {
		return nil, 0
	}
	for i := range k.rows {
		x := &k.rows[i].Row
		lane := k.c.lanes[x.Lane]
		parts := []string{x.Says, x.In, lane.Name, lane.What, x.By, notes[x.N]}
		for _, c := range k.r.Steps()[i].Changes {
			parts = append(parts, c.Name+": "+c.Old+" → "+c.New)
		}
		for _, p := range x.Keeps {
			parts = append(parts, p.Name+" = "+p.Value)
		}
		parts = append(parts, k.r.Steps()[i].Broken...)
		all := strings.ToLower(strings.Join(parts, "\n"))
		found := true
		for _, w := range words {
			found = found && strings.Contains(all, w)
		}
		switch {
		case !found:
		case len(hits) == most:
			more++
		default:
			h := Hit{N: x.N, Lane: lane.Name, Who: lane.Who, Text: x.Says}
			if n := notes[x.N]; n != "" {
				h.Text += ": " + n
			}
			hits = append(hits, h)
		}
	}
	return hits, more
}
