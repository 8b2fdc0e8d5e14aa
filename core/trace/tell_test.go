package trace

import "testing"

func TestThirdPerson(t *testing.T) {
	for says, want := range map[string]string{
		"read the PTE":                    "reads the PTE",
		"lock the PTL, read the PTE":      "locks the PTL and reads the PTE",
		"flush the TLBs, late":            "flushes the TLBs, late",
		"copy the content: \"a\"":         "copies the content: \"a\"",
		"load: \"a\"":                     "loads \"a\"",
		"may it be pinned? no":            "asks: may it be pinned? no",
		"no VMA there: -EFAULT":           "finds no VMA there: -EFAULT",
		"there is no VMA: -EFAULT":        "finds that there is no VMA: -EFAULT",
		"the count is zero: no reference": "finds that the count is zero: no reference",
	} {
		if got := thirdPerson(says); got != want {
			t.Errorf("%q: got %q, want %q", says, got, want)
		}
	}
}

func TestPossessive(t *testing.T) {
	for name, want := range map[string]string{
		"PTE of A buf":                  "PTE of A's buf",
		"PMD lock of A":                 "PMD lock of A",
		"PTL of the PTE table of A buf": "PTL of the PTE table of A's buf",
	} {
		if got := possessive(name); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}
