package view

// Recorded returns the page of a run that can be stepped through and nothing else, as a file holds it: no
// CPU can be followed, and of the next steps only the run's own can be made.
func (p *Page) Recorded() *Page {
	out := *p
	out.Race.Lanes = append([]Lane(nil), p.Race.Lanes...)
	for i := range out.Race.Lanes {
		out.Race.Lanes[i].Steps = false
	}
	out.Race.Next = append([]Next(nil), p.Race.Next...)
	for i := range out.Race.Next {
		n := &out.Race.Next[i]
		n.Moves = append([]Move(nil), n.Moves...)
		for j := range n.Moves {
			if m := &n.Moves[j]; m.Ready && !m.Follows {
				m.Ready, m.Choice, m.Note = false, "", "not in this file"
			}
		}
	}
	if n := len(p.Sentence); n > 0 && p.Sentence[n-1].Text == choose {
		out.Sentence = p.Sentence[: n-1 : n-1]
	}
	return &out
}
