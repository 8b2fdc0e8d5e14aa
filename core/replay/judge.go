package replay

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A Model plays one program.
type Model interface {
	// Do makes the operation and returns what is seen after it. The labels in it are the
	// model's own names, one for each life of a frame or a swap entry; the
	// first letter is F or S. The observation is the caller's to change.
	// An error is a NotModelled, or says why the model cannot go on.
	Do(Op) (Observation, error)
}

// A Start makes the model for a program, before its first operation.
type Start func(*Program) (Model, error)

// NotModelled says that the model does not know an operation. The rest of the program is out of scope.
type NotModelled struct {
	Why string // short: it is a heading under which observations are counted
}

func (n *NotModelled) Error() string { return n.Why }

// A Score is what comparing one program, or many, has come to. Each of the
// kernel's leaves is in one of the three counts. A leaf that only the model
// has takes the place of one of the same step that would have matched.
type Score struct {
	Observations, Matched, Differing, OutOfScope int

	Outside map[string]int // why, and how many leaves
	First   *Difference    // nil: nothing differs
}

// A Difference is a leaf that is one thing on the kernel and another in the
// model, with what is around it.
type Difference struct {
	Program       *Program
	Op            int // index of the operation, from 0
	leaf          difference
	all           []difference // of this step
	kernel, model []leaf       // of this step, under the kernel's labels
}

// A difference is one leaf that differs.
type difference struct{ path, kernel, model string }

// absent stands where one side has no such leaf.
const absent = "absent"

// Judge replays a program and compares every observation with the kernel's.
// After a difference it goes on.
func Judge(p *Program, start Start, excluded []Exclusion) Score {
	j := judge{program: p, regions: p.Regions(), renaming: newRenaming(), excluded: excluded}
	m, err := begin(start, p)
	for i := range p.Steps {
		step := &p.Steps[i]
		var o Observation
		if err == nil {
			if step.Op.Verb == Unknown {
				err = &NotModelled{"an operation that the reader does not know: " + step.Op.Mistake.Message}
			} else {
				o, err = do(m, step.Op)
			}
		}
		var not *NotModelled
		switch {
		case err == nil:
			j.compare(i, &step.After, &o)
		case errors.As(err, &not):
			j.skip(&step.After, not.Why)
		default:
			j.fail(i, &step.After, err)
		}
	}
	return j.score
}

// begin and do make a failure of the model a failure of this program only.
func begin(start Start, p *Program) (m Model, err error) {
	defer recovered(&err)
	return start(p)
}

func do(m Model, op Op) (o Observation, err error) {
	defer recovered(&err)
	return m.Do(op)
}

func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the model panics: %v", r)
	}
}

type judge struct {
	program  *Program
	regions  []string
	labels   Labels // of the model
	renaming *renaming
	excluded []Exclusion
	score    Score
}

func asItIs(l Label) Label { return l }

// compare counts the leaves of one step.
func (j *judge) compare(op int, kernel, model *Observation) {
	j.labels.Number(model, j.regions)
	name, broken := j.names(kernel, model)
	want := j.inScope(kernel.leaves(j.regions, asItIs), j.out)
	has := j.inScope(model.leaves(j.regions, name), nil)
	text := make(map[string]string, len(has))
	for _, l := range has {
		text[l.path] = l.text
	}
	var all []difference
	for _, l := range want {
		m, ok := text[l.path]
		if !ok {
			m = absent
		}
		delete(text, l.path)
		if was, breaks := broken[l.path]; breaks {
			all = append(all, difference{l.path, l.text, was})
		} else if m != l.text {
			all = append(all, difference{l.path, l.text, m})
		}
	}
	for _, l := range has { // what is left has no counterpart
		if m, ok := text[l.path]; ok {
			all = append(all, difference{l.path, absent, m})
		}
	}
	differing := min(len(all), len(want))
	j.score.Observations += len(want)
	j.score.Matched += len(want) - differing
	j.score.Differing += differing
	if len(all) > 0 && j.score.First == nil {
		j.score.First = &Difference{j.program, op, all[0], all, want, has}
	}
}

// inScope drops what is excluded, and tells out of it.
func (j *judge) inScope(all []leaf, out func(leaves int, why string)) []leaf {
	return slices.DeleteFunc(all, func(l leaf) bool {
		e := exclusion(j.excluded, l.path)
		if e != nil && out != nil {
			out(1, e.Why)
		}
		return e != nil
	})
}

// names extends the renaming by one step. It returns what the model's labels are called, a label without a
// counterpart with a ' behind it; and, by path, the model's text at each place that breaks what was bound.
func (j *judge) names(kernel, model *Observation) (name func(Label) Label, broken map[string]string) {
	old := maps.Clone(j.renaming.toKernel)
	places := j.renaming.extend(kernel, model, j.regions)
	guesses := j.renaming.guess(kernel, model)
	name = func(l Label) Label {
		if k, ok := guesses[l]; ok {
			return k
		}
		if k, ok := j.renaming.toKernel[l]; ok {
			return k
		}
		return l + "'"
	}
	if len(places) == 0 {
		return name, nil
	}
	broken = map[string]string{}
	for _, p := range places {
		broken[p.path] = string(p.model + "'")
	}
	for _, l := range model.leaves(j.regions, func(l Label) Label {
		if k, ok := old[l]; ok {
			return k
		}
		return l + "'"
	}) {
		if _, ok := broken[l.path]; ok {
			broken[l.path] = l.text
		}
	}
	return name, broken
}

func (j *judge) out(leaves int, why string) {
	if j.score.Outside == nil {
		j.score.Outside = map[string]int{}
	}
	j.score.Outside[why] += leaves
	j.score.OutOfScope += leaves
	j.score.Observations += leaves
}

// skip counts a step that is out of scope.
func (j *judge) skip(kernel *Observation, why string) {
	j.out(len(kernel.leaves(j.regions, asItIs)), why)
}

// fail counts a step that the model did not come to the end of.
func (j *judge) fail(op int, kernel *Observation, err error) {
	all := kernel.leaves(j.regions, asItIs)
	j.score.Observations += len(all)
	j.score.Differing += len(all)
	if j.score.First == nil {
		d := difference{"r", kernel.Result.String(), err.Error()}
		j.score.First = &Difference{j.program, op, d, []difference{d}, all, nil}
	}
}
