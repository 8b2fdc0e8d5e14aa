package scenario

import (
	"slices"

	"gupscope/core/claim"
	"gupscope/core/kernel"
)

// claimNames are the names that may stand behind claim, judge, judging and Sometimes.
func claimNames() []string { return claim.Names() }

// claimSays is the claim in a sentence.
func claimSays(name string) string {
	if c := claim.ByName(name); c != nil {
		return c.Says
	}
	return ""
}

// promised reports whether the kernel means to keep the claim, so that it is
// judged unless the scenario says otherwise.
func promised(name string, k kernel.Kernel) bool {
	c := claim.ByName(name)
	return c == nil || k.Version.Order >= c.Promised && c.Lacks(&k) == nil
}

// lacking is the rule that a claim is about and the kernel lacks; "" if there is none, or no such claim.
func lacking(name string, k kernel.Kernel) string {
	if c := claim.ByName(name); c != nil {
		if r := c.Lacks(&k); r != nil {
			return r.Name
		}
	}
	return ""
}

// Judges reports whether a claim is judged on a kernel where the scenario is checked as it is opened.
func (f *File) Judges(name string, k kernel.Kernel) bool {
	list := f.judged(k)
	return list == nil && promised(name, k) || slices.Contains(list, name) && lacking(name, k) == ""
}
