package main

import (
	"fmt"
	"time"

	"gupscope/core/check"
)

// A figure is a line of the result: a search measured, or a step in a machine of
// some size.
type figure struct {
	Measure string `json:"measure"` // the subject's name, or growth
	Kernel  string `json:"kernel,omitempty"`
	Search  string `json:"search"` // unreduced, reduced
	Where   string `json:"where"`  // native-1, native-2, wasm-node, wasm-chromium, spin, spin-best
	Clock   string `json:"clock"`  // cpu or wall: what the seconds are
	Verdict string `json:"verdict,omitempty"`

	Cells       int     `json:"cells,omitempty"` // of the machine's memory
	States      uint64  `json:"states"`
	Transitions uint64  `json:"transitions"`
	Seconds     float64 `json:"seconds"`       // to the verdict, shortest runs included
	Proof       float64 `json:"proof_seconds"` // of them, for seeing all states

	StatesPerSecond      float64 `json:"states_per_s"` // of the proof, like the next
	TransitionsPerSecond float64 `json:"transitions_per_s"`
	BytesPerState        float64 `json:"bytes_per_state,omitempty"`
	TimesSpin            float64 `json:"times_spin,omitempty"`     // unreduced: as many transitions/s as Spin; reduced: how much sooner than Spin at its best
	TimesOneCore         float64 `json:"times_one_core,omitempty"` // how much sooner than on one core
}

const (
	unreduced = "unreduced"
	reduced   = "reduced"
	growth    = "growth"

	unfinished = "unfinished" // for a verdict
)

// finished reports whether the search came to its end; otherwise counts and times are
// those of what it did until then.
func (f *figure) finished() bool { return f.Verdict != unfinished }

// pace fills in what follows from the counts and the times.
func (f *figure) pace() {
	f.StatesPerSecond = float64(f.States) / f.Proof
	f.TransitionsPerSecond = float64(f.Transitions) / f.Proof
}

const (
	enough   = 3 * time.Second  // a search is repeated so long for the best time of it
	patience = 30 * time.Second // a search that takes longer is given up, and its figure says so
)

// measure searches a subject on so many cores a few times, and returns the best.
func measure(s subject, search string, cores int) (figure, error) {
	var best figure
	for spent := time.Duration(0); spent < enough; {
		f := once(s, search, cores)
		spent += time.Duration(f.Seconds * float64(time.Second))
		if in := s.spin; in != nil && search == unreduced && f.finished() && (f.States != in.States || f.Transitions+1 != in.Transitions) {
			return f, fmt.Errorf("%s has %d states and %d transitions here, and %d and %d under Spin: these figures compare nothing",
				s.name, f.States, f.Transitions+1, in.States, in.Transitions)
		}
		if best.Seconds == 0 || f.Seconds < best.Seconds {
			best = f
		}
	}
	return best, nil
}

// once searches a subject to its end.
func once(s subject, search string, cores int) figure {
	m := s.model()
	var c *check.Check
	if search == reduced {
		c = check.Reduced(m, check.Limits{})
	} else {
		workers := []check.Model{m}
		for len(workers) < cores {
			workers = append(workers, s.model())
		}
		c = check.Parallel(workers, check.Limits{})
	}
	clock := clockFor(cores)
	began := clock.now()
	proof := time.Duration(0)
	bytes := uint64(0)
	slice := 1 << 12 // at the end the memory is given back: the most is seen before
	if cores > 1 {
		slice = 1 << 16 // workers meet after each
	}
	phase := check.Proving
	for phase < check.Stopped && clock.now()-began < patience {
		p := c.Run(slice)
		bytes = max(bytes, p.Bytes)
		if phase == check.Proving {
			proof = clock.now() - began
		}
		phase = p.Phase
	}
	r := c.Result()
	verdict := r.Verdict.String()
	if phase != check.Done {
		verdict = unfinished
	}
	f := figure{
		Measure: s.name, Kernel: s.kernel, Search: search, Clock: clock.name, Verdict: verdict,
		Cells: m.Memory().Layout().Len(), States: r.States, Transitions: r.Transitions,
		Seconds: (clock.now() - began).Seconds(), Proof: proof.Seconds(), BytesPerState: float64(bytes) / float64(r.States),
	}
	f.pace()
	return f
}

// measureAll measures every subject, unreduced and, where a core is alone, reduced.
func measureAll(where string, cores int, tell func(figure)) error {
	all, err := subjects()
	if err != nil {
		return err
	}
	for _, s := range all {
		for _, search := range []string{unreduced, reduced} {
			if search == reduced && cores > 1 {
				continue // there is no such search
			}
			f, err := measure(s, search, cores)
			if err != nil {
				return err
			}
			f.Where = where
			tell(f)
		}
	}
	return nil
}
