package scenario

// This file is what the package knows of claims. It stands in for package
// claim until that is there.

type claimEntry struct {
	name, says string
	promised   int // from which release on it is judged without being asked for
}

var catalogue = []claimEntry{
	{"gup-returns-only-mapped-pages", "GUP returns only a page that was mapped there, with the permission asked for, at some instant during the call.", 0},
	{"pinned-never-freed", "A page that somebody holds through GUP is not given back to the allocator.", 0},
	{"refcount-discipline", "A reference is added only where there is one already, dropped only by who has it, and a page is freed only at zero.", 0},
	{"refcount-is-sum-of-holders", "The reference count of every folio is the sum of what its holders hold.", 0},
	{"pin-matches-page-table", "While a page is held for writing through GUP, it is the page that the process has there, unless the process gave it up.", 0},
	{"read-only-pin-matches-page-table", "While an anonymous page is pinned for reading, it is the page that the process has there, unless the process gave it up.", 519},
	{"pinned-anon-exclusive", "An anonymous page that is pinned is exclusive, until the pin is given back.", 519},
	{"no-lost-device-write", "What a device has written through GUP, and was marked dirty, is what the process reads afterwards.", 0},
	{"no-deadlock", "Whoever has program left can go on, at once or when somebody else has gone on.", 0},
}

// claimNames are the names that may stand behind claim, judge, judging and Sometimes.
func claimNames() []string {
	var names []string
	for _, c := range catalogue {
		names = append(names, c.name)
	}
	return names
}

// claimSays is the claim in a sentence.
func claimSays(name string) string {
	for _, c := range catalogue {
		if c.name == name {
			return c.says
		}
	}
	return ""
}

// promised reports whether the release means to keep the claim, so that it is
// judged unless the scenario says otherwise.
func promised(name string, order int) bool {
	for _, c := range catalogue {
		if c.name == name {
			return order >= c.promised
		}
	}
	return false
}
