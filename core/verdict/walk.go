package verdict

import (
	"math/rand/v2"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/claim"
)

// A Walk is random runs through a model that is too large to be seen whole, one
// after the other from the start, each to its end or to a violation. The same seed makes
// the same runs everywhere. It can find what breaks; that it finds nothing proves nothing.
type Walk struct {
	Seed  uint64
	Steps uint64 // made so far
	Runs  uint64 // begun so far
	Ends  uint64 // runs that came to their end
	Found []check.Broken

	m   *claim.Model
	rng *rand.Rand
	run []check.Choice
}

// NewWalk returns a walk through the model from the state that it is in.
func NewWalk(m *claim.Model, seed uint64) *Walk {
	m.Memory().Forget()
	return &Walk{Seed: seed, m: m, rng: rand.New(rand.NewPCG(seed, 0))}
}

// Go makes about so many steps, fewer if until ("": any claim) is found to break;
// it reports whether it was. Of several runs that break a claim the shortest is kept. Where nobody has a step to make, one run is all there are.
func (w *Walk) Go(steps uint64, until string) bool {
	for last, made := w.Steps+steps, true; made && w.Steps < last; {
		before := w.Steps
		found := w.once(last)
		if made = w.Steps > before; len(found) > 0 && (until == "" || holdsName(found, until)) {
			return true
		}
	}
	return false
}

// once makes one run, and returns the claims that it breaks.
func (w *Walk) once(last uint64) []string {
	w.Runs++
	w.run = w.run[:0]
	mem := w.m.Memory()
	defer mem.Undo(0)
	since := cell.Mark(-1)
	for w.Steps < last {
		if broken := w.m.Broken(since, nil); len(broken) > 0 {
			return w.note(broken)
		}
		choices := w.m.Choices(nil)
		if len(choices) == 0 {
			if !w.m.Done() {
				return w.keep(check.NoDeadlock)
			}
			w.Ends++
			return nil
		}
		c := choices[w.rng.IntN(len(choices))]
		since = mem.Mark()
		w.m.Do(c)
		w.run = append(w.run, c)
		w.Steps++
	}
	return nil
}

func (w *Walk) note(broken []int) []string {
	var out []string
	names := w.m.Claims()
	for _, b := range broken {
		out = append(out, w.keep(names[b])...)
	}
	return out
}

func (w *Walk) keep(claim string) []string {
	b := check.Broken{Claim: claim, Run: append([]check.Choice(nil), w.run...), Switches: check.Switches(w.run)}
	for i := range w.Found {
		if f := &w.Found[i]; f.Claim == claim {
			if len(b.Run) < len(f.Run) {
				*f = b
			}
			return []string{claim}
		}
	}
	w.Found = append(w.Found, b)
	return []string{claim}
}

func holdsName(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}
