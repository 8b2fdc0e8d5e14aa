package trace

import (
	"fmt"
	"slices"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
)

// Livelock returns how many steps before the cursor are a cycle in which the
// tasks get nowhere and could go on for ever (see [check.NoLivelock]), the
// shortest; 0 if the run is in none.
func (r *Run) Livelock() int {
	n := r.cursor
	if !r.Model.WentBack() {
		return 0
	}
	for from := n - 1; from > 0; from-- {
		if r.steps[from-1].Hash == r.steps[n-1].Hash && r.fair(from) {
			return n - from
		}
	}
	if n > 0 && r.begin == r.steps[n-1].Hash && r.fair(0) {
		return n
	}
	return 0
}

// fair reports whether the steps from one on to the cursor are a fair cycle. No step is made again for it: a task that waits and
// retries comes to the same states hundreds of times in a long run, and of each it is asked.
func (r *Run) fair(from int) bool {
	began := r.stood
	if from > 0 {
		began = r.steps[from-1].stands
	}
	round := began.Round()
	for i := range r.steps[from:r.cursor] {
		st := &r.steps[from+i]
		round.Move(r.Model, st.Choice.Actor, st.stands)
	}
	return round.Fair() && len(r.Model.Memory().Changes(r.marks[from])) == 0
}

// explainLivelock says who retries what in the cycle before the cursor.
func (r *Run) explainLivelock() (*Explanation, error) {
	round := r.Livelock()
	if round == 0 {
		return nil, fmt.Errorf("%s holds: this run does not go round in a circle that could go on for ever", check.NoLivelock)
	}
	first := r.cursor - round + 1
	e := &Explanation{Claim: check.NoLivelock, Says: claim.ByName(check.NoLivelock).Says, Step: r.cursor}
	for _, a := range r.Lanes() {
		l := r.Model.Look(a.ID)
		switch from, what := r.retries(a.ID, first); {
		case what != "":
			e.Why = append(e.Why, fmt.Sprintf("%s retries %s(), from %q on", a.Name, what, from))
		case !l.Finished && l.Why != "":
			e.Why = append(e.Why, a.Name+" "+l.Why)
		case !l.Finished:
			e.Why = append(e.Why, a.Name+" can go on only now and then, and is in no queue")
		}
	}
	e.Steps = r.restsOn(first)
	e.Text = fmt.Sprintf("Steps %d to %d lead back to the state before them, and can go on for ever although everybody gets a turn: %s.",
		first, r.cursor, listOf(e.Why))
	if round == 1 {
		e.Text = fmt.Sprintf("Step %d leads back to the state before it, and can be made for ever: %s.", first, listOf(e.Why))
	}
	e.Chart = r.chart(e.Steps, map[int]string{first: "from here"}, nil, "*** and so on for ever: livelock")
	return e, nil
}

// retries returns what an actor does first in the cycle from a step on, and the
// innermost function that it does not leave in it; "" if it does nothing.
func (r *Run) retries(actor, first int) (says, function string) {
	var path []string
	for i := first - 1; i < r.cursor; i++ {
		st := &r.steps[i]
		if st.Actor != actor || r.Model.Actors()[actor].Kind != kernel.TaskActor {
			continue
		}
		if says == "" {
			says, path = st.Says, st.Path
		}
		n := 0
		for n < len(path) && n < len(st.Path) && path[n] == st.Path[n] {
			n++
		}
		path = path[:n]
	}
	if len(path) == 0 {
		return says, ""
	}
	return says, path[len(path)-1]
}

// restsOn returns the steps of the cycle from a step on, and those before it
// that last wrote what is read there before it is written.
func (r *Run) restsOn(first int) (steps []int) {
	wrote := map[cell.ID]bool{}
	for i := first - 1; i < r.cursor; i++ {
		for _, id := range r.steps[i].Reads {
			if n := r.lastWrite(id, first); n > 0 && !wrote[id] && !slices.Contains(steps, n) {
				steps = append(steps, n)
			}
		}
		for _, id := range r.steps[i].Writes {
			wrote[id] = true
		}
		steps = append(steps, i+1)
	}
	slices.Sort(steps)
	return steps
}

// lastWrite returns the last step before one that changed a cell, 0 if none did.
func (r *Run) lastWrite(id cell.ID, before int) int {
	for n := before - 1; n > 0; n-- {
		if changes(&r.steps[n-1], id) {
			return n
		}
	}
	return 0
}
