package kernel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"gupscope/core/machine"
)

// Identity is the version of the model: a hash over its tables, its rules and the
// layout of its memory. Two programs of one identity make the same of the same
// choices, whatever else differs between them; a room is replayed only by its own.
//
// What a step does is code, which cannot be hashed: who changes an action without
// changing its table gives generation the next number.
var Identity = sync.OnceValue(func() string {
	h := sha256.New()
	fmt.Fprintln(h, "generation", generation)
	for id, f := range funcs {
		if f == nil {
			continue
		}
		fmt.Fprintln(h, "func", id, f.Name, f.Params, f.Locals)
		hashSteps(h, f.Steps)
		for _, v := range f.Instead {
			fmt.Fprintln(h, "instead", v.When)
			hashSteps(h, v.Steps)
		}
	}
	for _, r := range Rules {
		fmt.Fprintln(h, "rule", r.Name, r.ValueNames(), r.Needs, r.History, r.Config)
	}
	for _, v := range Versions {
		fmt.Fprintln(h, "version", v.Name, v.Order)
		k, err := Make(v.Name)
		if err != nil {
			panic("kernel: a version without changes can be made: " + err.Error())
		}
		mem := New(specimen, k, machine.Track{}).M.Mem
		fmt.Fprintln(h, "layout", mem.Layout().Len(), mem.Rehash())
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
})

// generation counts the changes of actions that no table shows.
const generation = 1

func hashSteps(w io.Writer, steps []Step) {
	for i, s := range steps {
		fmt.Fprintln(w, i, s.Label, s.When, s.Local, s.Wait != nil, s.Choose != nil, s.Touches, s.Order)
	}
}

// specimen has something of everything that the layout gives cells to.
var specimen = Setup{
	CPUs:  2,
	Files: []FileSetup{{Name: "f", Pages: 2, Fill: []string{"a"}}},
	MMs: []MMSetup{{Name: "A", Regions: []RegionSetup{
		{Name: "buf", Pages: 2, Writable: true, Fill: []string{"a"}},
		{Name: "map", Kind: machine.RegionFileShared, Pages: 2},
	}}},
	Tasks: []TaskSetup{
		{Name: "P0", CPU: 0, MM: 0, Vars: []string{"p"}},
		{Name: "P1", CPU: 1, MM: -1},
	},
	Frames:   1,
	Preempts: []int{1, 0},
}
