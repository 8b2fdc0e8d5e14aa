package trace

import (
	"fmt"
	"hash/fnv"
	"strings"

	"gupscope/core/check"
	"gupscope/core/claim"
)

// String is the run up to its last step as links and the command line write it.
//
//	0x3d.1x5K.0:2a
//
// Items are joined by points. An item is an actor's number; ":" and the key,
// unless it is 0; "x" and a count, if the same choice was made more than once in
// a row; and one letter that hashes the function and the step which the last of
// them made: by it a later model notices where it plays something else.
func (r *Run) String() string {
	if len(r.text.groups) == 0 {
		return ""
	}
	from := r.text.groups[len(r.text.groups)-1].from
	last := &r.steps[len(r.steps)-1]
	return string(r.text.done) + item(last.Choice, len(r.steps)-from, letter(last))
}

// A written is a run as text, ready but for its last item, which may still be counted on.
type written struct {
	groups []group
	done   []byte // the items of all groups but the last
}

// A group is the steps of an item.
type group struct {
	from int // the number of steps before it
	at   int // where its item begins
}

// add takes in the last of the steps.
func (w *written) add(steps []Step) {
	n := len(steps)
	if n > 1 && steps[n-2].Choice == steps[n-1].Choice {
		return
	}
	if k := len(w.groups); k > 0 {
		w.done = append(w.done, item(steps[n-2].Choice, n-1-w.groups[k-1].from, letter(&steps[n-2]))+"."...)
	}
	w.groups = append(w.groups, group{n - 1, len(w.done)})
}

// cut forgets all steps after the first n.
func (w *written) cut(n int) {
	for k := len(w.groups); k > 0 && w.groups[k-1].from >= n; k-- {
		w.groups = w.groups[:k-1]
	}
	if k := len(w.groups); k > 0 {
		w.done = w.done[:w.groups[k-1].at]
	} else {
		w.done = w.done[:0]
	}
}

func item(c check.Choice, n int, last byte) string {
	s := fmt.Sprint(c.Actor)
	if c.Key != 0 {
		s += fmt.Sprintf(":%d", c.Key)
	}
	if n > 1 {
		s += fmt.Sprintf("x%d", n)
	}
	return s + string(last)
}

const letters = "abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWXYZ" // without x, which counts

// letter hashes what a step is: its function, by the newest name, and its label.
func letter(s *Step) byte {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%s", s.origin, s.Label)
	return letters[h.Sum32()%uint32(len(letters))]
}

// FormatChoice writes one choice: "2" or "2:3".
func FormatChoice(c check.Choice) string {
	if c.Key == 0 {
		return fmt.Sprint(c.Actor)
	}
	return fmt.Sprintf("%d:%d", c.Actor, c.Key)
}

// ParseChoice reads what FormatChoice writes.
func ParseChoice(s string) (check.Choice, error) {
	var p parser
	p.s = s
	c, err := p.choice()
	if err == nil && p.i != len(s) {
		err = fmt.Errorf("%q is no choice: it goes on after character %d", s, p.i)
	}
	return c, err
}

// A Diverged says that a run could be played in part only.
type Diverged struct {
	Step int // the first step that was not played, from 1
	Why  string
}

func (d *Diverged) Error() string { return fmt.Sprintf("diverged at step %d: %s", d.Step, d.Why) }

// Replay plays a run that String wrote, as far as it goes. The error is a
// *Diverged where the model does not follow, and says what is wrong with the
// text where it is none of ours; the run is what could be played.
func Replay(m *claim.Model, s string) (*Run, error) {
	r := New(m)
	if s == "" {
		return r, nil
	}
	p := parser{s: s}
	for {
		c, n, check, err := p.item()
		if err != nil {
			return r, err
		}
		for range n {
			if _, err := r.Do(c); err != nil {
				return r, &Diverged{r.cursor + 1, err.Error()}
			}
		}
		if got := letter(&r.steps[r.cursor-1]); got != check {
			last := r.steps[r.cursor-1]
			return r, &Diverged{last.N, fmt.Sprintf("it is now %q in %s; when the run was recorded it was another step", last.Says, last.Func)}
		}
		if p.i == len(s) {
			return r, nil
		}
		if s[p.i] != '.' {
			return r, p.fail("a point between two items")
		}
		p.i++
	}
}

const maxRepeat = 10000 // steps of one item; longer is no run of ours

type parser struct {
	s string
	i int
}

func (p *parser) fail(want string) error {
	return fmt.Errorf("the run %q is damaged at character %d: expected %s", abbreviate(p.s), p.i+1, want)
}

func abbreviate(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

func (p *parser) number(what string, limit int) (int, error) {
	start, n := p.i, 0
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		n = n*10 + int(p.s[p.i]-'0')
		if n > limit {
			return 0, p.fail(fmt.Sprintf("%s of at most %d", what, limit))
		}
		p.i++
	}
	if p.i == start {
		return 0, p.fail(what)
	}
	return n, nil
}

func (p *parser) choice() (check.Choice, error) {
	a, err := p.number("an actor's number", 1<<16-1)
	if err != nil {
		return check.Choice{}, err
	}
	key := 0
	if p.i < len(p.s) && p.s[p.i] == ':' {
		p.i++
		if key, err = p.number("a key", 1<<16-1); err != nil {
			return check.Choice{}, err
		}
	}
	return check.Choice{Actor: uint16(a), Key: uint16(key)}, nil
}

func (p *parser) item() (c check.Choice, n int, last byte, err error) {
	if c, err = p.choice(); err != nil {
		return
	}
	n = 1
	if p.i < len(p.s) && p.s[p.i] == 'x' {
		p.i++
		if n, err = p.number("a count", maxRepeat); err != nil {
			return
		}
		if n == 0 {
			return c, 0, 0, p.fail("a count of at least 1")
		}
	}
	if p.i == len(p.s) || strings.IndexByte(letters, p.s[p.i]) < 0 {
		return c, n, 0, p.fail("a letter that checks the step")
	}
	last = p.s[p.i]
	p.i++
	return c, n, last, nil
}
