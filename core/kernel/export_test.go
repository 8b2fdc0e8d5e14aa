package kernel

import "gupscope/core/machine"

// Instead makes lru_add_drain, which has no parameters and which everybody may
// call, run other steps in kernels that are bound from now on: for tests of what none of the
// kernel's own functions does. It returns what takes that back.
func Instead(name string, steps []Step) (restore func()) {
	was := funcs[fnLRUAddDrain]
	set := func(f *Func) {
		funcs[fnLRUAddDrain] = f
		clear(bound.of)
	}
	set(&Func{Name: name, File: "test", Steps: steps})
	return func() { set(was) }
}

// Locks are two locks of the machine: those of the first two folios.
func (c *Ctx) Locks() [2]machine.Word {
	return [2]machine.Word{c.M.FolioLock(1), c.M.FolioLock(2)}
}
