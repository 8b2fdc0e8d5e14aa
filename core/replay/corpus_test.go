package replay

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// What the files hold, counted by the dumb reader below.
var corpora = []struct {
	branch                  string
	programs, steps, leaves int
}{
	{"6.1", 3916, 43724, 699142},
	{"6.12", 3916, 43724, 698397},
}

func open(t *testing.T, name string) io.Reader {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// corpus returns the programs of a branch; nobody may change them.
func corpus(t *testing.T, branch string) []*Program {
	t.Helper()
	all, err := read[branch]()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var read = map[string]func() ([]*Program, error){}

func init() {
	for _, c := range corpora {
		read[c.branch] = sync.OnceValues(func() (all []*Program, err error) {
			f, err := os.Open("testdata/train-" + c.branch + ".jsonl.gz")
			if err != nil {
				return nil, err
			}
			defer f.Close()
			for p, err := range Programs(f) {
				if err != nil {
					return nil, err
				}
				all = append(all, p)
			}
			return all, nil
		})
	}
}

func TestEveryOperationIsKnown(t *testing.T) {
	for _, c := range corpora {
		steps := 0
		for _, p := range corpus(t, c.branch) {
			for i, s := range p.Steps {
				steps++
				if s.Op.Verb == Unknown {
					t.Errorf("%s, op %d: %s: %v", p.ID, i, s.Op.Text, s.Op.Mistake)
				}
			}
		}
		if n := len(corpus(t, c.branch)); n != c.programs || steps != c.steps {
			t.Errorf("%s: %d programs with %d steps", c.branch, n, steps)
		}
	}
}

// The leaves of the typed observations are those that a walk over the JSON
// finds which knows nothing but that a leaf is what is not a container.
func TestLeavesAreThoseOfTheFile(t *testing.T) {
	for _, c := range corpora {
		programs := corpus(t, c.branch)
		lines := json.NewDecoder(open(t, "train-"+c.branch+".jsonl.gz"))
		lines.UseNumber()
		total := 0
		for _, p := range programs {
			var raw struct {
				ID  string
				Ops []map[string]any
			}
			if err := lines.Decode(&raw); err != nil || raw.ID != p.ID {
				t.Fatal(raw.ID, p.ID, err)
			}
			for i, step := range raw.Ops {
				want := walk(step)
				got := p.Steps[i].After.leaves(p.Regions(), asItIs)
				total += len(got)
				if len(got) != len(want) {
					t.Fatalf("%s, op %d: %d leaves, not %d", p.ID, i, len(got), len(want))
				}
				for _, l := range got {
					if w, ok := want[l.path]; !ok || w != l.text {
						t.Fatalf("%s, op %d: %s is %q, not %q", p.ID, i, l.path, l.text, w)
					}
				}
			}
		}
		if total != c.leaves {
			t.Errorf("%s: %d leaves", c.branch, total)
		}
	}
}

func walk(step map[string]any) map[string]string {
	leaves := map[string]string{}
	var down func(string, any)
	down = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, of := range v {
				down(path+"."+k, of)
			}
		case []any:
			for i, of := range v {
				down(path+"."+strconv.Itoa(i), of)
			}
		case nil:
			leaves[path] = "null"
		default:
			leaves[path] = fmt.Sprint(v)
		}
	}
	for _, part := range []string{"pt", "fr", "sw", "pc", "disk", "size", "pins"} {
		if v, ok := step[part]; ok {
			down(part, v)
		}
	}
	r := ""
	for _, field := range []string{"ret", "err", "val", "status", "sig", "skip"} {
		if v, ok := step["r"].(map[string]any)[field]; ok {
			text, _ := json.Marshal(v)
			r += "," + strconv.Quote(field) + ":" + string(text)
		}
	}
	leaves["r"] = "{" + strings.TrimPrefix(r, ",") + "}"
	return leaves
}

// For every small frame: ref is the sum of its mappings, page cache, buffer heads, swap cache, pins and gets.
func TestReferencesAddUp(t *testing.T) {
	for _, c := range corpora {
		small := 0
		for _, p := range corpus(t, c.branch) {
			pins := map[string]bool{} // is the slot a pin, not a get
			for i := range p.Steps {
				s := &p.Steps[i]
				if s.Op.Verb == PinPage {
					pins[s.Op.Slot] = !s.Op.Pin.Get
				}
				for l, f := range s.After.Frames {
					if f.Order > 0 {
						continue
					}
					small++
					if want := held(&s.After, l, pins); f.Ref != want {
						t.Fatalf("%s, op %d: %s has %d references, not %d", p.ID, i, l, f.Ref, want)
					}
				}
			}
		}
		if small < 60_000 {
			t.Errorf("%s: %d small frames", c.branch, small)
		}
	}
}

func held(o *Observation, l Label, pins map[string]bool) int {
	f := o.Frames[l]
	n := f.Map
	for _, pages := range o.Cache {
		if slices.Contains(pages, l) {
			n++
		}
	}
	if f.Flags&FlagPrivate != 0 {
		n++
	}
	if f.Swap != NoLabel && f.Flags&FlagSwapCache != 0 {
		n++
	}
	for s, p := range o.Pins {
		switch {
		case p.Frame == l && pins[s]:
			n += 1024
		case p.Frame == l:
			n++
		}
	}
	return n
}

// Numbering names of one's own gives the labels that the files have.
func TestLabelsAreNumberedAsInTheFiles(t *testing.T) {
	for _, c := range corpora {
		for _, p := range corpus(t, c.branch) {
			var labels Labels
			secret := secretNames(p.ID)
			for i := range p.Steps {
				o := clone(&p.Steps[i].After)
				o.rename(secret)
				labels.Number(&o, p.Regions())
				want, got := p.Steps[i].After.leaves(p.Regions(), asItIs), o.leaves(p.Regions(), asItIs)
				if !slices.Equal(got, want) {
					t.Fatalf("%s, op %d:\n%v\nnot\n%v", p.ID, i, got, want)
				}
			}
		}
	}
}

func TestSelfTests(t *testing.T) {
	rows, err := csv.NewReader(open(t, "selftests.csv.gz")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"kernel", "test", "case", "result"}; !slices.Equal(rows[0], want) || len(rows) != 532 {
		t.Errorf("%d rows, %v", len(rows), rows[0])
	}
}
