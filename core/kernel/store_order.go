package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// ordered says whether a step must wait for its CPU's store buffer: one that stores atomically until it is empty, one
// that stores plainly until there is room.
func (s *Sim) ordered(cpu int, st *Step) Block {
	switch {
	case st.Order == Beside || st.Touches&^machine.Unbuffered == 0:
		return Block{}
	case st.Order == Plain && !s.M.BufferFull(cpu):
		return Block{}
	case st.Order == Locked && s.M.Load(s.M.Buffered(cpu)) == 0:
		return Block{}
	}
	return Block{On: OnStores, Who: cpu + 1, At: s.M.Buffered(cpu)}
}

// Fences that x86 has for nothing, because its atomic instructions are fences, and other CPUs need, are rules. Where one is
// off, the access behind it may be made before the one in front: a step of its own, before both, chooses.
//
//	in order: 0        the access takes place where the table has it
//	early:    1        it has taken place already, and what it found is used there

var inOrderOrEarly = []string{"in order", "early"}

func chooseEarly(_ *Ctx, offer func(int)) {
	offer(0)
	offer(1)
}

// mfence is the instruction: it waits until all stores before it are visible.
var _ = register(fnMfence, &Func{
	Name: "mfence", File: "user space",
	Steps: []Step{
		{Label: "fence", Says: "wait until all stores before are visible", Ref: "MFENCE", Touches: cell.Of(machine.StoreBuffers, machine.Contents), Do: func(c *Ctx) Next { return Return }},
	},
})
