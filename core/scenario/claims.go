package scenario

import (
	"gupscope/core/check"
	"gupscope/core/claim"
)

// claimNames are the names that may stand behind claim, judge, judging and Sometimes.
func claimNames() []string { return claim.Names() }

// claimSays is the claim in a sentence.
func claimSays(name string) string {
	if c := claim.ByName(name); c != nil {
		return c.Says
	}
	switch name {
	case check.NoDeadlock:
		return "Whoever has program left can go on, at once or when somebody else has gone on."
	case check.NoLivelock:
		return "Nobody retries for ever, as long as everybody gets a turn: whoever can go on all the time, or waits for a lock that is free now and then."
	}
	return ""
}

// promised reports whether the release means to keep the claim, so that it is
// judged unless the scenario says otherwise.
func promised(name string, order int) bool {
	c := claim.ByName(name)
	return c == nil || order >= c.Promised
}
