package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
)

// OfKernel is a kernel and what it could be instead. own is the one of the
// scenario's text, na says why the scenario cannot run on it. Of its rules those come first that the scenario asks.
func OfKernel(k, own kernel.Kernel, override bool, na string, decides []string, asked Asked) Kernel {
	x := Kernel{Name: k.Version.Name, Text: k.String(), Own: own.String(), Override: override, WhatIf: k.WhatIf(), NA: na}
	x.About = k.Version.About
	if was := k.Version.Before(); was != nil {
		x.Before = was.Name
	}
	for _, d := range k.Version.Differences() {
		x.Differs = append(x.Differs, Differs{setting(kernel.Setting{Rule: d.Rule.Name, Value: d.Now}), d.Rule.Says})
	}
	for _, s := range k.Changes() {
		x.Changes = append(x.Changes, setting(s))
	}
	for _, v := range kernel.Versions {
		x.Versions = append(x.Versions, Version{Name: v.Name, About: v.About, Year: v.Year, On: v == k.Version, Kernel: onto(v, &k)})
	}
	for _, r := range asked.order() {
		y := Rule{Name: r.Name, Says: r.Says, Protects: r.Protects, Guards: r.Guards, Group: asked.group(r), Since: since(r), Commit: r.Commit, Subject: r.Subject, Confidence: r.Confidence}
		for _, s := range k.Changes() {
			y.Changed = y.Changed || s.Rule == r.Name
		}
		for _, d := range decides {
			y.Decides = y.Decides || d == r.Name
		}
		for i, name := range r.ValueNames() {
			v := RuleValue{Name: name, On: int(k.Value(r.ID)) == i}
			if to, err := k.With(kernel.Setting{Rule: r.Name, Value: name}); err != nil {
				v.Refused = err.Error()
			} else {
				v.Kernel = to.String()
			}
			y.Values = append(y.Values, v)
		}
		x.Rules = append(x.Rules, y)
	}
	return x
}

// Asked are the rules that a scenario asks, each in one of the lists.
type Asked struct {
	Decides []*kernel.Rule // on which its verdict hangs, as its text expects
	Named   []*kernel.Rule // that its text names besides
	Reached []*kernel.Rule // that its functions ask besides, the nearest first
}

// order is all rules: those of the scenario first, its functions' by the part of the kernel, of which that comes first that has the nearest.
func (a *Asked) order() []*kernel.Rule {
	var nearest []int
	for _, r := range a.Reached {
		if g := group(r); !slices.Contains(nearest, g) {
			nearest = append(nearest, g)
		}
	}
	reached := slices.Clone(a.Reached)
	slices.SortStableFunc(reached, func(x, y *kernel.Rule) int {
		return cmp.Compare(slices.Index(nearest, group(x)), slices.Index(nearest, group(y)))
	})
	out := slices.Concat(a.Decides, a.Named, reached)
	first := len(out)
	for _, r := range byGroup {
		if !slices.Contains(out[:first], r) {
			out = append(out, r)
		}
	}
	return out
}

// group is the heading under which a rule stands.
func (a *Asked) group(r *kernel.Rule) string {
	name := groups[group(r)].name
	switch {
	case slices.Contains(a.Decides, r):
		return "The scenario's verdict hangs on them"
	case slices.Contains(a.Named, r):
		return "The scenario's text names them"
	case slices.Contains(a.Reached, r):
		return "The scenario's functions ask them: " + name
	}
	return "Not asked here: " + name
}

// setting is a departure from a version, as the picker's button says it.
func setting(s kernel.Setting) string {
	switch s.Value {
	case "off":
		return "− " + s.Rule
	case "on":
		return "+ " + s.Rule
	}
	return s.Rule + "=" + s.Value
}

// onto is a version with the departures of a kernel, as far as it can have them.
func onto(v *kernel.Version, k *kernel.Kernel) string {
	if to, err := kernel.Make(v.Name, k.Changes()...); err == nil {
		return to.String()
	}
	return v.Name
}

type grouping struct{ name, words string }

// groups are the parts of the kernel that rules belong to, with the words that
// the names of theirs begin with.
var groups = []grouping{
	{"GUP", "gup foll zero pincount"},
	{"Copy on write", "share unshare anon swp wp cow rmap"},
	{"fork()", "fork"},
	{"Faults and swap-in", "per swapin swapcache fault numa populate"},
	{"Reclaim", "reclaim batched add pageout lazyfree lru"},
	{"khugepaged", "khp khugepaged thp"},
	{"KSM", "ksm stable"},
	{"Moving pages", "migrate migration mremap move"},
	{"Hugetlb", "hugetlb"},
	{"Hardware failures", "memory"},
	{"Secondary MMUs and devices", "kv notifier interval odp iommu iou dio secondary"},
	{"Unmapping and TLB", ""},
}

// group is which of the groups a rule belongs to.
func group(r *kernel.Rule) int { return groupOf[r.ID] }

var groupOf = func() []int {
	out := make([]int, len(kernel.Rules))
	for _, r := range kernel.Rules {
		word, _, _ := strings.Cut(r.Name, "_")
		of := slices.IndexFunc(groups, func(g grouping) bool { return slices.Contains(strings.Fields(g.words), word) })
		if of < 0 {
			of = len(groups) - 1
		}
		out[r.ID] = of
	}
	return out
}()

// byGroup is the catalogue by groups.
var byGroup = func() []*kernel.Rule {
	out := slices.Clone(kernel.Rules)
	slices.SortStableFunc(out, func(x, y *kernel.Rule) int { return cmp.Compare(group(x), group(y)) })
	return out
}()

// since is when a rule came, or when it changed.
func since(r *kernel.Rule) string {
	var out []string
	for _, s := range r.History {
		if s.Order == 0 {
			if len(r.History) == 1 {
				return "always"
			}
			out = append(out, r.ValueName(s.Value)+" at first")
			continue
		}
		at := fmt.Sprintf("v%d.%d", s.Order/100, s.Order%100)
		if r.Values == nil {
			if s.Value == 0 {
				at += " (gone)"
			}
			out = append(out, at)
		} else {
			out = append(out, r.ValueName(s.Value)+" in "+at)
		}
	}
	if len(out) == 0 {
		return "in no release by itself"
	}
	return strings.Join(out, ", ")
}
