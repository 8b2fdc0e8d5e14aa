package kernel

import (
	"cmp"
	"slices"
	"strings"
)

// A RuleID is a rule's place in the catalogue.
type RuleID uint16

// A Rule is one thing that a kernel does or does not do: a toggle. Most are on
// or off; some have values. Value 0 is off, or the first value.
type Rule struct {
	ID       RuleID
	Name     string   // as scenarios write it
	Says     string   // what the kernel does when it is on
	Protects string   // what goes wrong when it is off
	Guards   string   // the step it guards: "gup_fast_pte_range: recheck PTE"
	Untold   string   // why no scenario of the gallery comes out otherwise without it; "": some does
	Values   []string // nil: off, on
	Further  []string // what-ifs beside off and on
	Needs    []RuleID // rules that must be on for this one to make sense

	// History, oldest first: from which release on the rule has which value.
	// A rule without an entry for a release is off there.
	History []Since

	// Config says for a value that is not the default from which release (as
	// Version.Order) on it is a configuration that existed; without an entry it is a what-if.
	Config map[uint8]int

	Hugetlb   bool   // it is about huge pages of hugetlb, and changes nothing where there are none
	Secondary bool   // it is about secondary MMUs, and changes nothing where there are none
	Advice    string // it is about that advice of madvise, and changes nothing where nobody gives it

	Commit     string           // the commit that introduced it, "" if unknown
	Commits    map[uint8]string // by value, where there are several: the commit that it came with
	Subject    string           // that commit's subject
	Confidence string           // how we know: "read in source", "commit seen", "from memory", "derived"

	// follow, if set, gives the default from the other rules.
	follow func(v *Version, k *Kernel) uint8
}

// Since says that a rule has a value from a release on.
type Since struct {
	Order int
	Value uint8
}

// on is the history of a rule that came with a release and stayed.
func on(order int) []Since { return []Since{{order, 1}} }

// always is the history of a rule older than every release at hand.
var always = on(0)

// with is the follow of a rule that came with a release, in kernels that have others, too:
// who switches one of these off need not switch it off.
func with(order int, others ...RuleID) func(v *Version, k *Kernel) uint8 {
	return func(v *Version, k *Kernel) uint8 {
		if v.Order < order || slices.ContainsFunc(others, func(r RuleID) bool { return k.value[r] == 0 }) {
			return 0
		}
		return 1
	}
}

func (r *Rule) at(v *Version, k *Kernel) uint8 {
	if val, ok := v.Generic[r.ID]; ok {
		return val
	}
	if r.follow != nil {
		return r.follow(v, k)
	}
	var val uint8
	if slices.Contains(v.Backports, r.ID) {
		return 1
	}
	for _, s := range r.History {
		if v.Order >= s.Order {
			val = s.Value
		}
	}
	return val
}

// ValueName returns the name of a value: "off", "on", one of Further, or one of Values.
func (r *Rule) ValueName(v uint8) string {
	return r.ValueNames()[v]
}

// ValueNames are the names of all values, in their order.
func (r *Rule) ValueNames() []string {
	if r.Values != nil {
		return r.Values
	}
	return append([]string{"off", "on"}, r.Further...)
}

func (r *Rule) valueOf(name string) (uint8, bool) {
	i := slices.Index(r.ValueNames(), name)
	return uint8(max(i, 0)), i >= 0
}

// CommitOf is the commit with which the rule came to have a value, by the value's name; "" if it is not known.
func (r *Rule) CommitOf(value string) string {
	switch v, _ := r.valueOf(value); {
	case r.Commits != nil:
		return r.Commits[v]
	case v == 1:
		return r.Commit
	}
	return ""
}

// Lost says in a sentence what goes wrong when the rule is off; "" if nothing is to be said.
func (r *Rule) Lost() string {
	if r.Protects == "" || r.Protects == "-" {
		return ""
	}
	if strings.HasPrefix(r.Protects, "nothing") {
		return "It protects " + r.Protects + "."
	}
	if why, ok := strings.CutPrefix(r.Protects, "no claim: "); ok {
		return "Without it no claim breaks: " + why + "."
	}
	return "Without it: " + r.Protects + "."
}

// RuleByName returns the rule of that name, or nil.
func RuleByName(name string) *Rule {
	for _, r := range Rules {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Rules is the catalogue, in the order of the IDs.
var Rules = inOrder(gupRules, anonRules, reclaimRules, tlbRules, fileRules, hugeRules, ksmRules, secondaryRules)

func inOrder(groups ...[]*Rule) []*Rule {
	rules := slices.Concat(groups...)
	slices.SortFunc(rules, func(a, b *Rule) int { return cmp.Compare(a.ID, b.ID) })
	return rules
}
