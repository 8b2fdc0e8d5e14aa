package kernel

import (
	"slices"

	"gupscope/core/machine"
)

// Through are the functions that a statement may come to on this kernel, its own first: each is followed by those that its
// steps may call, in the steps' order, and stands there once. A guess from above, as [Sim.Asked] is: which of them a run enters is up to the run.
func (s *Sim) Through(task, stmt int) []*Bound {
	st := &s.Setup.Tasks[task].Body[stmt]
	seen := make([]bool, len(s.funcs))
	var out []*Bound
	var come func(FuncID)
	come = func(fn FuncID) {
		f := &s.funcs[fn]
		if seen[fn] || f.Func == nil || !s.mayCome(f) {
			return
		}
		seen[fn] = true
		out = append(out, f)
		for i := range f.Steps {
			if f.Off[i] {
				continue
			}
			for _, called := range f.Steps[i].Calls {
				come(called)
			}
		}
	}
	come(st.Call.table(st.Args))
	return out
}

// mayCome reports whether a scenario has what a function is for: huge pages, pages of hugetlb, somebody who moves pages, files whose pages shmem.c finds (those of ramfs and secret memory, too).
func (s *Sim) mayCome(f *Bound) bool {
	switch {
	case !s.entered(f):
		return false
	case f.Source == "mm/huge_memory.c":
		return Large.In(&s.Kernel)
	case f.Source == "mm/shmem.c":
		return slices.ContainsFunc(s.Setup.Files, func(file FileSetup) bool {
			return file.Kind == machine.Shmem || file.Kind == machine.Ramfs || file.Kind == machine.Secretmem
		})
	}
	return true
}
