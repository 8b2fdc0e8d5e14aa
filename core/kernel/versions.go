package kernel

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Version is a kernel release that scenarios may name.
type Version struct {
	Name  string // "v6.12"
	Order int    // 612: releases compare by it
	Year  int    // of the release; 0 for a stable tree, which goes on
	About string // what it is known for, for the picker

	// Backports are the rules that a stable tree has beyond its mainline release.
	Backports []RuleID

	// Generic marks the code of other architectures than x86 while x86 had a GUP-fast of
	// its own, with how such an architecture has the rules that x86 has otherwise.
	Generic map[RuleID]uint8
}

// Versions are the releases at hand, oldest first.
var Versions = []*Version{
	{Name: "v4.6", Order: 406, Year: 2016, About: "x86 has a GUP-fast of its own: no second look at the PTE, a reference taken without asking whether the count is zero. Only the IPI of the TLB flush keeps it safe. COW counts mappings and overlooks references; a forced write forgets that it wants to write (Dirty COW)."},
	{Name: "v4.6-generic", Order: 406, Year: 2016, About: "The same release where x86's code is not used (arm64, powerpc): TLB flushes interrupt nobody, page tables are freed by RCU, and GUP-fast takes a reference only unless the count is zero, and looks at the PTE again.",
		Generic: map[RuleID]uint8{GUPGetUnlessZero: 1, GUPPTERecheck: 1, GUPPMDLeafRecheck: 1, TLBFlush: TLBFlushBroadcast, PTFree: PTFreeRCU}},
	{Name: "v5.4", Order: 504, Year: 2019, About: "x86 has the generic GUP-fast, and Dirty COW is repaired (v4.9). There are references only, no pins: FOLL_LONGTERM is a reference held for long. COW still counts mappings, so it can break either way."},
	{Name: "v5.8", Order: 508, Year: 2020, About: "Pins are counted (since v5.7; the calls are v5.6's), but nobody looks at them yet. COW can break either way, so every GUP of a private mapping, also for reading, breaks COW first: in this release alone."},
	{Name: "v5.9", Order: 509, Year: 2020, About: "COW counts references instead of mappings: one more than its own, and a write copies, even away from the process's own pin. Fork copies what may be pinned, but GUP-fast can pin just behind its look."},
	{Name: "v5.11", Order: 511, Year: 2021, About: "write_protect_seq closes the race of fork with GUP-fast, and pinned pages are not put into the swap cache. FOLL_LONGTERM needs a pin."},
	{Name: "v5.15", Order: 515, Year: 2021, About: "GUP-fast looks whether the page still belongs to its folio, and refuses if it was split. Secret memory (v5.14) is refused."},
	{Name: "v5.18", Order: 518, Year: 2022, About: "COW empties the LRU batch and the swap cache before it counts references: fewer copies for nothing. Lazily freed pages with references are kept."},
	{Name: "v5.19", Order: 519, Year: 2022, About: "PG_anon_exclusive: an anonymous page knows whether one mm alone has it. Who is exclusive is reused, whatever the references; who is not is unshared before it is pinned for reading. Unmapping an exclusive page flushes at once."},
	{Name: "v6.1", Order: 601, Year: 2022, About: "GUP-fast looks at the PMD again, and collapse sends an IPI: both khugepaged races of 2022 are closed. Fences instead of the forced flush; a forced write asks for exclusivity."},
	{Name: "v6.1.192", Order: 601, About: "The stable tree of v6.1: its names, and what was backported: the zero page is not counted, reclaim leaves pinned pages alone, swap-in marks the slot, GUP has no stack grow.",
		Backports: []RuleID{ZeroPageNotCounted, ReclaimKeepsPinned, SwapcachePrepare, FlushRangeTellsTables, KhpRetractAnonRecheck, HugetlbUnshareSync, PoisonIfAsked, ExpandStackLocked, CollapseCountAgain}},
	{Name: "v6.2", Order: 602, Year: 2023, About: "Pins for long, for reading, in private mappings are reliable also for file pages and the zero page: these are unshared, too. Pages of files count as mapped until the TLBs are flushed. On x86-32 with PAE, GUP-fast reads PMD entries as it reads PTEs."},
	{Name: "v6.5", Order: 605, Year: 2023, About: "A pin for writing, for long, of a mapping whose file system must be asked is refused, on both paths. Direct I/O takes pins instead of references; the zero page is not counted."},
	{Name: "v6.12", Order: 612, Year: 2024, About: "As v6.5, with the names of today; swap-in maps exclusive pages writable on a read, and a page of zeros is not written to swap."},
	{Name: "v6.12.117", Order: 612, About: "The stable tree of v6.12: its names, and what was backported to ext4: a file that grows has its last block zeroed, a hole is punched without writing first.",
		Backports: []RuleID{EOFTailZeroed, FlushRangeTellsTables, HugetlbUnshareSync, LRUKeepsFlag}},
}

// Newest is the newest mainline release: what a scenario runs on that names none.
var Newest = ByName("v6.12")

// Plain is the version without changes.
func (v *Version) Plain() Kernel {
	k, err := Make(v.Name)
	if err != nil {
		panic("kernel: a version without changes can be made: " + err.Error())
	}
	return k
}

// Releases are all versions as they were released: the columns of a table of verdicts.
func Releases() []Kernel {
	var out []Kernel
	for _, v := range Versions {
		out = append(out, v.Plain())
	}
	return out
}

// EveryFlush are the releases with every way to flush TLBs: as machines without and with a hypervisor, or of other makers, run them.
func EveryFlush() []Kernel {
	var out []Kernel
	for _, v := range Versions {
		for _, flush := range Rules[TLBFlush].Values {
			k, err := Make(v.Name, Setting{Rules[TLBFlush].Name, flush})
			if err != nil {
				panic("kernel: every release can flush in every way: " + err.Error())
			}
			out = append(out, k)
		}
	}
	return out
}

// ByName returns the version of that name, or nil.
func ByName(name string) *Version {
	for _, v := range Versions {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// A Kernel is a version and the value of every rule: what a scenario runs on.
// The zero Kernel is none; make one with [Make].
type Kernel struct {
	Version *Version
	changes []Setting // as written, in the order of the catalogue
	value   [ruleCount]uint8
	has     has // what the scenario has that it is bound for
}

// A Setting is one departure from a version: a rule and the value it is given.
type Setting struct {
	Rule  string
	Value string // "off", "on", or one of the rule's values
}

// String is the setting as a scenario writes it: "without gup_pte_recheck", "with tlb_flush=pv".
func (s Setting) String() string {
	switch s.Value {
	case "off":
		return "without " + s.Rule
	case "on":
		return "with " + s.Rule
	}
	return "with " + s.Rule + "=" + s.Value
}

// Make returns the kernel of that version with the settings applied. The error
// is one of *UnknownVersion, *UnknownRule, *BadValue, *Repeated, *Needed.
func Make(version string, settings ...Setting) (Kernel, error) {
	v := ByName(version)
	if v == nil {
		return Kernel{}, &UnknownVersion{version}
	}
	if len(settings) == 0 {
		if known, ok := plainKernels.Load(v); ok {
			return known.(Kernel), nil
		}
	}
	k := Kernel{Version: v, value: histories()[v]}
	set := [ruleCount]bool{}
	for _, s := range settings {
		r := RuleByName(s.Rule)
		if r == nil {
			return Kernel{}, &UnknownRule{s.Rule}
		}
		val, ok := r.valueOf(s.Value)
		if !ok {
			return Kernel{}, &BadValue{r, s.Value}
		}
		if set[r.ID] {
			return Kernel{}, &Repeated{r}
		}
		set[r.ID] = true
		k.value[r.ID] = val
	}
	for _, r := range following {
		if !set[r.ID] {
			k.value[r.ID] = r.at(v, &k)
		}
	}
	for id, is := range set {
		if r := Rules[id]; is && k.value[id] != r.at(v, &k) {
			k.changes = append(k.changes, Setting{r.Name, r.ValueName(k.value[id])})
		}
	}
	for _, r := range needing {
		if k.value[r.ID] == 0 {
			continue
		}
		for _, n := range r.Needs {
			if k.value[n] == 0 {
				return Kernel{}, &Needed{Rule: Rules[n], By: r, In: v}
			}
		}
	}
	if len(settings) == 0 {
		plainKernels.Store(v, k)
	}
	return k, nil
}

// histories are the values that rules have in each version whatever the others are: zero for those that follow others.
var histories = sync.OnceValue(func() map[*Version][ruleCount]uint8 {
	all := map[*Version][ruleCount]uint8{}
	for _, v := range Versions {
		var value [ruleCount]uint8
		for _, r := range Rules {
			if r.follow == nil {
				value[r.ID] = r.at(v, nil)
			}
		}
		all[v] = value
	}
	return all
})

// following are the rules whose default hangs on others, which stand before them in the catalogue; needing are those that need others.
var following, needing = only(func(r *Rule) bool { return r.follow != nil }), only(func(r *Rule) bool { return len(r.Needs) > 0 })

func only(what func(r *Rule) bool) []*Rule {
	return slices.DeleteFunc(slices.Clone(Rules), func(r *Rule) bool { return !what(r) })
}

// plainKernels are those that depart from their version in nothing, by *Version: whoever reads a scenario asks for them all the time.
var plainKernels sync.Map

// On reports whether a rule is on (or has any value but the first).
func (k *Kernel) On(id RuleID) bool { return k.value[id] != 0 }

// Value returns the index of the rule's value.
func (k *Kernel) Value(id RuleID) uint8 { return k.value[id] }

// Changes returns in what the kernel departs from its version, in the order of the catalogue.
func (k *Kernel) Changes() []Setting { return k.changes }

// With returns the kernel with one more setting; a setting of the same rule is replaced.
func (k *Kernel) With(s Setting) (Kernel, error) {
	var all []Setting
	for _, c := range k.changes {
		if c.Rule != s.Rule {
			all = append(all, c)
		}
	}
	return Make(k.Version.Name, append(all, s)...)
}

// String is the kernel as a scenario writes it: "v6.12 without gup_pte_recheck with tlb_flush=pv".
func (k Kernel) String() string {
	if k.Version == nil {
		return "no kernel"
	}
	var b strings.Builder
	b.WriteString(k.Version.Name)
	for _, s := range k.changes {
		b.WriteString(" " + s.String())
	}
	return b.String()
}

// WhatIf says why no release was like this kernel, or "" if one was.
func (k *Kernel) WhatIf() string {
	for _, s := range k.changes {
		r := RuleByName(s.Rule)
		since, ok := r.Config[k.value[r.ID]]
		if !ok || k.Version.Order < since {
			return fmt.Sprintf("what-if: no %s was released %v", k.Version.Name, s)
		}
	}
	return ""
}

// An UnknownVersion names a kernel that we don't have.
type UnknownVersion struct{ Name string }

func (e *UnknownVersion) Error() string {
	var have []string
	for _, v := range Versions {
		have = append(have, v.Name)
	}
	return fmt.Sprintf("unknown kernel %s; there are %s", e.Name, strings.Join(have, ", "))
}

// An UnknownRule names a rule that is not in the catalogue.
type UnknownRule struct{ Name string }

func (e *UnknownRule) Error() string { return "unknown rule " + e.Name }

// A BadValue gives a rule a value that it cannot have.
type BadValue struct {
	Rule  *Rule
	Value string
}

func (e *BadValue) Error() string {
	if e.Rule.Values == nil {
		return fmt.Sprintf("rule %s is on or off: write \"with %s\" or \"without %s\"", e.Rule.Name, e.Rule.Name, e.Rule.Name)
	}
	return fmt.Sprintf("rule %s has no value %s; it is one of %s: write \"with %s=%s\"",
		e.Rule.Name, e.Value, strings.Join(e.Rule.Values, ", "), e.Rule.Name, e.Rule.Values[0])
}

// A Repeated rule is set twice.
type Repeated struct{ Rule *Rule }

func (e *Repeated) Error() string { return fmt.Sprintf("rule %s is set twice", e.Rule.Name) }

// A Needed rule is off although another one that is on needs it.
type Needed struct {
	Rule, By *Rule
	In       *Version
}

func (e *Needed) Error() string {
	return fmt.Sprintf("rule %s needs %s: switch %s off too, or leave %s on", e.By.Name, e.Rule.Name, e.By.Name, e.Rule.Name)
}
