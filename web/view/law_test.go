package view

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"gupscope/core/claim"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/core/verdict"
	"gupscope/scenarios"
)

// A law is what the view keeps in every state of every run.
type law struct {
	holds func(s *state) error
	meets []string // what it must have met in the end, lest it hold of nothing
}

// laws are all laws. One walk asks them all, so that a state is reached once and
// looked at once; every law has its own test, which says what the walk found of it.
var laws = []*law{&holdersAreTheLedger, &flagsAreOfEachPage, &targetsAreThere, &diagramFits, &diagramGrowsAtItsEnd, &waitingIsABar, &locksAreSeen, &changesAreTold, &cellHistory, &dumpPage, &files, &sentencesAreSentences}

// fourPages makes huge pages of 512 pages such of four: laws go through all cards and entries, and TestHugePagesFold looks at 512.
var fourPages = strings.NewReplacer("hpage_pmd_nr 512", "hpage_pmd_nr 4", "[511]", "[3]")

// A state is where a run stands, and the view of it, which no law may change.
type state struct {
	run    *trace.Run
	memory Memory
	race   Race
	before Race           // one step earlier; the zero Race at the start
	met    map[string]int // what the laws have met so far, in the whole walk
}

// findings are what a walk found.
type findings struct {
	broken map[*law][]string // the first time in every scenario
	met    map[string]int
	err    error // why it has not come to its end
}

// walked is the walk: every state of some random runs of every scenario. The first test that asks makes it. Five runs of each are more than a hundred
// thousand pages: what is drawn of a step is drawn alike in all scenarios that make it.
var walked = sync.OnceValue(func() *findings {
	f := &findings{broken: map[*law][]string{}, met: map[string]int{}}
	seeds := 5
	if testing.Short() {
		seeds = 3
	}
	for _, g := range scenarios.List() {
		file, _ := scenario.Parse(g.Name, []byte(fourPages.Replace(g.Text)))
		m, _, _ := verdict.Model(file, file.Kernel, nil)
		broken := map[*law]bool{}
		for seed := range seeds {
			if err := f.walk(g.Name, m, seed, broken); err != nil {
				f.err = fmt.Errorf("%s, seed %d: %w", g.Name, seed, err)
				return f
			}
		}
	}
	return f
})

// walk asks the laws that are not broken yet in this scenario, after every step of a run, and takes the run back.
func (f *findings) walk(name string, m *claim.Model, seed int, broken map[*law]bool) error {
	s := &state{run: trace.New(m), met: f.met}
	defer s.run.Goto(0)
	rnd := rand.New(rand.NewPCG(7, uint64(seed)))
	for step := 0; ; step++ {
		s.memory, s.before, s.race = OfMemory(s.run), s.race, OfRace(s.run, nil, nil)
		for _, l := range laws {
			if broken[l] {
				continue
			}
			if err := l.holds(s); err != nil {
				broken[l] = true
				f.broken[l] = append(f.broken[l], fmt.Sprintf("%s, seed %d, step %d, run %v: %v", name, seed, step, s.run, err))
			}
		}
		cs := m.Choices(nil)
		if len(cs) == 0 || step == 80 {
			return nil
		}
		if _, err := s.run.Do(cs[rnd.IntN(len(cs))]); err != nil {
			return err
		}
	}
}

// test says where the law was broken.
func (l *law) test(t *testing.T) {
	f := walked()
	if f.err != nil {
		t.Fatal(f.err)
	}
	for _, b := range f.broken[l] {
		t.Error(b)
	}
	for _, what := range l.meets {
		if f.met[what] == 0 {
			t.Errorf("the walk has met no %s", what)
		}
	}
}
