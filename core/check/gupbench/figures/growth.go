package main

import (
	"fmt"
	"time"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

// What a step costs in ever larger machines: always the same race, among more and
// more memory, processes and CPUs that take no part in it. The states are the same; a
// step should cost the same.

// race has all that goes with memory: faults, pins, swap, flushes.
const race = `GUP race
kernel v6.12
mm A { buf   = anon 1 rw "a" }
mm B { other = anon 1 rw }
frames 2
P0 on cpu0 in A { p = get_user_pages_fast(buf, FOLL_WRITE); put_page(p) }
P1 on cpu1 kernel { shrink_folio_list(buf) }
P2 on cpu2 in B { store(other, "b") }
`

// Bystanders are what is added to the machine of the race.
type bystanders struct {
	mms   int // further processes
	vmas  int // mappings in each of them, and in A and B
	pages int // in each mapping, the first one filled
	cpus  int
	free  int // further frames
}

var crowds = []bystanders{
	{},
	{mms: 1, vmas: 1, pages: 2, cpus: 1, free: 2},
	{mms: 1, vmas: 3, pages: 3, cpus: 1, free: 6},
	{mms: 2, vmas: 4, pages: 4, cpus: 3, free: 12},
	{mms: 2, vmas: 5, pages: 7, cpus: 5, free: 20},
}

// crowd adds bystanders to a setup.
func crowd(s kernel.Setup, b bystanders) kernel.Setup {
	mms := append([]kernel.MMSetup(nil), s.MMs...)
	for i := range b.mms {
		mms = append(mms, kernel.MMSetup{Name: fmt.Sprintf("bystander%d", i)})
	}
	for i := range mms {
		vmas := append([]kernel.RegionSetup(nil), mms[i].Regions...)
		for v := range b.vmas {
			vmas = append(vmas, kernel.RegionSetup{Name: fmt.Sprintf("idle%d", v), Pages: b.pages, Writable: true, Fill: []string{"x"}})
		}
		mms[i].Regions = vmas
	}
	s.MMs = mms
	s.CPUs += b.cpus
	s.Frames += b.free
	return s
}

// measureGrowth measures the race in every crowd.
func measureGrowth(where string, tell func(figure)) error {
	file, ds := scenario.Parse("race", []byte(race))
	if scenario.Failed(ds) {
		return fmt.Errorf("%v", ds[0])
	}
	setup, ds := file.ForKernel(file.Kernel)
	if scenario.Failed(ds) {
		return fmt.Errorf("%v", ds[0])
	}
	states := uint64(0)
	for _, b := range crowds {
		m := claim.New(crowd(setup, b), file.Kernel)
		f := growthOf(m)
		f.Where, f.Kernel = where, file.Kernel.String()
		if states == 0 {
			states = f.States
		}
		if f.States != states {
			return fmt.Errorf("the race has %d states alone, and %d in a machine of %d cells: somebody takes part who should not", states, f.States, f.Cells)
		}
		tell(f)
	}
	return nil
}

// growthOf searches a model again and again; the memory is at the initial state whenever a search is done.
func growthOf(m *claim.Model) figure {
	clock := clockFor(1)
	f := figure{Measure: growth, Search: unreduced, Clock: clock.name, Cells: m.Memory().Layout().Len()}
	for spent := time.Duration(0); spent < enough/2; {
		c := check.New(m, check.Limits{})
		began := clock.now()
		for c.Run(1<<16).Phase < check.Stopped {
		}
		took := clock.now() - began
		spent += took
		if f.Proof == 0 || took.Seconds() < f.Proof {
			f.Proof = took.Seconds()
		}
		r := c.Result()
		f.Verdict, f.States, f.Transitions = r.Verdict.String(), r.States, r.Transitions
	}
	f.Seconds = f.Proof
	f.pace()
	return f
}
