package scenario

import (
	"slices"

	"gupscope/core/kernel"
)

// room reads "for NAME" behind "room": addresses to which mremap may move the pages of a mapping that stands above.
func (b *builder) room(v *kernel.RegionSetup, mm *kernel.MMSetup, c *cursor) {
	if c.choose("for", "for") == "" {
		return
	}
	w := c.word(VMA, "the mapping that may move there", func() []Completion { return offerHomes(mm) })
	if w == nil {
		return
	}
	home := vmaNamed(mm, w.text)
	switch {
	case home < 0:
		var names []string
		for _, r := range mm.Regions {
			names = append(names, r.Name)
		}
		c.unknown(w, "VMA", names)
		return
	case mm.Regions[home].Room:
		c.fail(w, replace(w, mm.Regions[mm.Regions[home].Home].Name), "%s is room itself: write room for the mapping that moves there", w.text)
		return
	case mm.Regions[home].Kind == kernel.PFN:
		c.fail(w, nil, "%s is a device's memory, which mremap does not move here", w.text)
		return
	case mm.Regions[home].Kind == kernel.Hugetlb || b.onHugetlbfs(&mm.Regions[home]):
		c.fail(w, nil, "%s is memory of hugetlb, which mremap does not move here", w.text)
		return
	}
	r := mm.Regions[home]
	v.Kind, v.Pages, v.Writable, v.Huge, v.File, v.First = r.Kind, r.Pages, r.Writable, r.Huge, r.File, r.First
	v.Room, v.Home = true, home
}

// onHugetlbfs reports whether a region maps a file of hugetlbfs.
func (b *builder) onHugetlbfs(r *kernel.RegionSetup) bool {
	return r.Kind.OfFile() && r.File < len(b.file.setup.Files) && b.file.setup.Files[r.File].Kind == kernel.Hugetlbfs
}

// offerHomes offers the mappings that there may be room for.
func offerHomes(mm *kernel.MMSetup) []Completion {
	var out []Completion
	for i := range mm.Regions {
		r := mm.Regions[i]
		if !r.Room && r.Kind != kernel.Hugetlb && r.Kind != kernel.PFN {
			out = append(out, Completion{Label: r.Name, Kind: VMA, Doc: vmaDoc(&r)})
		}
	}
	return out
}

// roomArg reads where a mapping moves: to a room for it, or from one to another, or back.
func (b *builder) roomArg(t *task, from kernel.Arg, c *cursor) kernel.Arg {
	w := c.word(VMA, "a room for the mapping", func() []Completion { return b.offerVMAs(t.MM) })
	if w == nil || t.MM < 0 || from.MM != t.MM {
		return kernel.Arg{}
	}
	regions := b.file.setup.MMs[t.MM].Regions
	home := func(i int) int {
		if regions[i].Room {
			return regions[i].Home
		}
		return i
	}
	var names []string
	for i, r := range regions {
		if i != from.Region && home(i) == home(from.Region) {
			names = append(names, r.Name)
		}
	}
	i := slices.IndexFunc(regions, func(r kernel.RegionSetup) bool { return r.Name == w.text })
	switch name := regions[from.Region].Name; {
	case slices.Contains(names, w.text):
		return kernel.Arg{MM: t.MM, Region: i, Page: from.Page}
	case b.partial:
	case i == from.Region:
		c.fail(w, meant(w, names), "%s is where it is: name a room for it", w.text)
	case i >= 0:
		c.fail(w, meant(w, names), "%s is no room for %s: write %s = room for %s in the mm", w.text, name, w.text, regions[home(from.Region)].Name)
	case len(names) == 0:
		c.fail(w, nil, "there is no room for %s: write %s = room for %s in the mm", name, w.text, name)
	default:
		c.unknown(w, "room", names)
	}
	return kernel.Arg{}
}
