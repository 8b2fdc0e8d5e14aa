package scenario

import (
	"slices"

	"gupscope/core/kernel"
)

// A Break is a kernel on which a claim breaks, as an expect line has it.
type Break struct {
	Kernel kernel.Kernel
	// By is what does it: the settings that the kernel has beyond those of From. Nil if a release is so by itself.
	By []kernel.Setting
	// From is the kernel most like it, of the same release, with the more rules on, on which a line of the same scenario has the claim hold; the release, if
	// there is none.
	From string
}

// Breaks returns the kernels on which the claim breaks, by the expect lines: each once, in their order.
func (f *File) Breaks(name string) []Break {
	var out []Break
	var holds []kernel.Kernel
	for i := range f.Expects {
		e := &f.Expects[i]
		for _, k := range e.Kernels {
			switch broken := slices.Contains(e.Claims, name); {
			case broken && !slices.ContainsFunc(out, func(b Break) bool { return b.Kernel.String() == k.String() }):
				out = append(out, Break{Kernel: k})
			case !broken && f.judges(e, name, k):
				holds = append(holds, k)
			}
		}
	}
	for i := range out {
		b := &out[i]
		b.By, b.From = b.Kernel.Changes(), b.Kernel.Version.Name
		for _, k := range holds {
			if more, ok := beyond(b.Kernel, k); ok && (len(more) < len(b.By) || len(more) == len(b.By) && off(more) > off(b.By)) {
				b.By, b.From = more, k.String()
			}
		}
	}
	return out
}

// judges reports whether an expect line judges the claim on one of its kernels.
func (f *File) judges(e *Expect, name string, k kernel.Kernel) bool {
	list := e.Judge
	if list == nil {
		list = f.judged(k)
	}
	return lacking(name, k) == "" && (list == nil && promised(name, k) || slices.Contains(list, name))
}

// beyond returns the settings that a kernel has beyond those of another of its release; false if it does not have all of those.
func beyond(k, other kernel.Kernel) ([]kernel.Setting, bool) {
	if k.Version != other.Version {
		return nil, false
	}
	var more []kernel.Setting
	for _, s := range k.Changes() {
		if !slices.Contains(other.Changes(), s) {
			more = append(more, s)
		}
	}
	return more, len(more) > 0 && len(k.Changes()) == len(more)+len(other.Changes())
}

// off is how many of the settings switch a rule off.
func off(settings []kernel.Setting) int {
	n := 0
	for _, s := range settings {
		if s.Value == "off" {
			n++
		}
	}
	return n
}
