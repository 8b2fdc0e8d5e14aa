package replay

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
)

// echo is a model that answers with observations that are given to it.
type echo struct {
	answers []Observation
	at      int
}

func (e *echo) Do(Op) (Observation, error) {
	e.at++
	return clone(&e.answers[e.at-1]), nil
}

// echoing makes a model of observations, which are shown under names that say nothing.
func echoing(p *Program, answers []Observation) Start {
	return func(*Program) (Model, error) {
		secret := secretNames(p.ID)
		e := &echo{answers: slices.Clone(answers)}
		for i := range e.answers {
			e.answers[i] = clone(&e.answers[i])
			e.answers[i].rename(secret)
		}
		return e, nil
	}
}

// observations are those of the kernel.
func observations(p *Program) []Observation {
	var all []Observation
	for _, s := range p.Steps {
		all = append(all, s.After)
	}
	return all
}

// secretNames permutes the labels of a program at random, each program in its own way.
func secretNames(seed string) func(Label) Label {
	h := fnv.New64a()
	h.Write([]byte(seed))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	names, used := map[Label]Label{}, map[Label]bool{}
	return func(l Label) Label {
		for names[l] == "" {
			n := Label(fmt.Sprintf("%c%d", l[0], r.IntN(10_000)))
			if !used[n] && n != l {
				names[l], used[n] = n, true
			}
		}
		return names[l]
	}
}

func clone(o *Observation) Observation {
	c := *o
	c.Tables = map[string]map[string][]Entry{}
	for p, regions := range o.Tables {
		c.Tables[p] = map[string][]Entry{}
		for r, entries := range regions {
			c.Tables[p][r] = slices.Clone(entries)
		}
	}
	c.Cache, c.Disk = map[string][]Label{}, map[string][]Block{}
	for r := range o.Cache {
		c.Cache[r] = slices.Clone(o.Cache[r])
	}
	for r := range o.Disk {
		c.Disk[r] = slices.Clone(o.Disk[r])
	}
	c.Size, c.Frames, c.Swap, c.Pins = maps.Clone(o.Size), maps.Clone(o.Frames), maps.Clone(o.Swap), maps.Clone(o.Pins)
	return c
}
