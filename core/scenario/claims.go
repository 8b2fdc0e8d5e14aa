package scenario

import "gupscope/core/claim"

// claimNames are the names that may stand behind claim, judge, judging and Sometimes.
func claimNames() []string { return claim.Names() }

// claimSays is the claim in a sentence.
func claimSays(name string) string {
	if c := claim.ByName(name); c != nil {
		return c.Says
	}
	return ""
}

// promised reports whether the release means to keep the claim, so that it is
// judged unless the scenario says otherwise.
func promised(name string, order int) bool {
	c := claim.ByName(name)
	return c == nil || order >= c.Promised
}
