package kernel

import "slices"

// Before returns the version that this one is told against: for a stable tree its release, for the
// code of other architectures x86's of the same release, else the release before it; nil for the first.
func (v *Version) Before() *Version {
	i := slices.Index(Versions, v)
	for i--; i >= 0; i-- {
		if was := Versions[i]; was.Generic == nil && (was.Year != 0 || v.Order == was.Order) {
			return was
		}
	}
	return nil
}

// A Difference is a rule that two kernels have otherwise.
type Difference struct {
	Rule     *Rule
	Was, Now string // the names of its values
	Commit   string // that made it so; "" if unknown, or if it is another architecture's code
}

// Differences lists the rules that a version has otherwise than the one it is told against; nil for the first.
func (v *Version) Differences() []Difference {
	before := v.Before()
	if before == nil {
		return nil
	}
	was, now := plain(before), plain(v)
	var out []Difference
	for _, r := range Rules {
		if a, b := was.Value(r.ID), now.Value(r.ID); a != b {
			out = append(out, Difference{r, r.ValueName(a), r.ValueName(b), r.commitIn(v, b)})
		}
	}
	return out
}

// commitIn is the commit with which a rule came to have a value in a version.
func (r *Rule) commitIn(v *Version, value uint8) string {
	if v.Generic != nil {
		return ""
	}
	return r.CommitOf(r.ValueName(value))
}

// plain is the kernel of a version without changes.
func plain(v *Version) Kernel {
	k, err := Make(v.Name)
	if err != nil {
		panic("kernel: a version without changes can be made: " + err.Error())
	}
	return k
}

// GuardedSteps lists the steps that are bound or passed over by a rule, as "function: sentence"; none for a
// rule that decides something inside of one, which its Guards names.
func (r *Rule) GuardedSteps() []string {
	var out []string
	add := func(f *Func, steps []Step) {
		for i := range steps {
			if rule, ok := steps[i].When.Rule(); ok && rule == r {
				if text := f.Name + ": " + steps[i].Says; !slices.Contains(out, text) {
					out = append(out, text)
				}
			}
		}
	}
	for _, f := range funcs {
		if f == nil {
			continue
		}
		add(f, f.Steps)
		for _, v := range f.Instead {
			add(f, v.Steps)
			if rule, ok := v.When.Rule(); ok && rule == r {
				out = append(out, f.Name+": all of it")
			}
		}
	}
	return out
}
