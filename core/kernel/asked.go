package kernel

// Asked are the rules that steps are about which the scenario may come to, on this kernel or on one that has the other value
// of a rule: from each statement's function by way of whatever its steps may call, the nearest first. It is a guess from above, made without a
// search (which of them matter, only a check tells), and it misses rules that decide something inside a step and have none of their own.
func (s *Sim) Asked() []*Rule {
	var out []*Rule
	var next []FuncID
	asked, seen := make([]bool, len(Rules)), make([]bool, len(s.funcs))
	come := func(fn FuncID) {
		if !seen[fn] && s.funcs[fn].Func != nil {
			seen[fn] = true
			next = append(next, fn)
		}
	}
	look := func(c Cond) (here bool) {
		if !c.In(&s.Kernel) {
			return false
		}
		if r, ok := c.Rule(); ok && !asked[r.ID] && !r.beside(s) {
			asked[r.ID] = true
			out = append(out, r)
		}
		return true
	}
	steps := func(all []Step) {
		for i := range all {
			if look(all[i].When) {
				for _, fn := range all[i].Calls {
					come(fn)
				}
			}
		}
	}
	for _, t := range s.Setup.Tasks {
		for _, st := range t.Body {
			come(st.Call.table(st.Args))
		}
	}
	for ; len(next) > 0; next = next[1:] {
		f := &s.funcs[next[0]]
		steps(f.Steps)
		steps(f.Func.Steps)
		for _, v := range f.Instead {
			if look(v.When) {
				steps(v.Steps)
			}
		}
	}
	return out
}

// beside reports whether the rule is about what the scenario does not have.
func (r *Rule) beside(s *Sim) bool {
	return r.Hugetlb && s.M.Hugetlb == 0 || r.Secondary && !s.M.Secondary || r.Advice != "" && !s.Setup.Advises(r.Advice)
}
