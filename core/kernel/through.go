package kernel

// Through are the functions that a statement may come to on this kernel, its own first: each is followed by those that its
// steps may call, in the steps' order, and stands there once. A guess from above, as [Sim.Asked] is: which of them a run enters is up to the run.
func (s *Sim) Through(task, stmt int) []*Bound {
	st := &s.Setup.Tasks[task].Body[stmt]
	seen := make([]bool, len(s.funcs))
	var out []*Bound
	var come func(FuncID)
	come = func(fn FuncID) {
		f := &s.funcs[fn]
		if seen[fn] || f.Func == nil {
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
