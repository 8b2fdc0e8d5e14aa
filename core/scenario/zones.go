package scenario

import (
	"slices"

	"gupscope/core/kernel"
)

// zone reads "[movable | cma] [node N]": a zone of a node.
func (c *cursor) zone() (z kernel.ZoneSetup) {
	z.Movable = c.keyword("movable")
	z.CMA = !z.Movable && c.keyword("cma")
	if c.keyword("node") {
		z.Node = c.number("nodes", 0, maxNode)
	}
	return z
}

// zoneNumber is the zone's place in the setup, which gets it if it has it not yet. ZONE_NORMAL of node 0 is the
// first; a scenario that speaks of no other has none.
func (b *builder) zoneNumber(z kernel.ZoneSetup) int {
	s := &b.file.setup
	if z == (kernel.ZoneSetup{}) && s.Zones == nil {
		return 0
	}
	if s.Zones == nil {
		s.Zones = []kernel.ZoneSetup{{}}
	}
	if i := slices.IndexFunc(s.Zones, func(have kernel.ZoneSetup) bool { return have.Zone == z.Zone }); i >= 0 {
		return i
	}
	s.Zones = append(s.Zones, z)
	return len(s.Zones) - 1
}

// frames reads "frames N [movable | cma] [node N]".
func (b *builder) frames(c *cursor) {
	n := c.number("frames", 0, b.maxFrames())
	z := c.zone()
	key := "frames"
	if z != (kernel.ZoneSetup{}) {
		key = "frames of " + z.Zone.String()
	}
	if !c.ok() || !b.once(c, key) {
		return
	}
	if z == (kernel.ZoneSetup{}) {
		b.file.setup.Frames = n
		return
	}
	b.file.setup.Zones[b.zoneNumber(z)].Frames = n
}

// node reads "node cpu1 N": which node a CPU belongs to.
func (b *builder) node(c *cursor) {
	cpu := c.cpu()
	n := c.number("nodes", 0, maxNode)
	if !c.ok() || !b.once(c, "node "+c.toks[1].text) {
		return
	}
	s := &b.file.setup
	s.CPUNodes = grown(s.CPUNodes, cpu)
	s.CPUNodes[cpu] = n
	var z kernel.ZoneSetup
	z.Node = n
	b.zoneNumber(z)
	b.perCPU = append(b.perCPU, cpuLine{c.toks[1], cpu})
}

// countZones gives the first zone the frames of the line that names none, and makes Frames the sum of all.
func (b *builder) countZones() {
	s := &b.file.setup
	if s.Zones == nil {
		return
	}
	if t := b.said["tables"]; t != nil {
		b.report(Error, t.start, t.end, nil, "page tables have a pool of their own where there are several zones: leave the line out")
	}
	s.Zones[0].Frames = s.Frames
	s.Frames = 0
	for i, z := range s.Zones {
		s.Frames += z.Frames
		if z.Frames%s.HugePages != 0 && i < len(s.Zones)-1 && b.hasHuge() {
			t := b.said["frames"]
			if t == nil {
				t = b.file.items[0].first()
			}
			b.report(Error, t.start, t.end, nil, "huge pages take frames in blocks of %d: %s has %d free frames, write a multiple of that", s.HugePages, z.Zone, z.Frames)
		}
	}
}

// hasHuge reports whether a mapping wants huge pages.
func (b *builder) hasHuge() bool {
	for _, m := range b.file.setup.MMs {
		if slices.ContainsFunc(m.Regions, func(r kernel.RegionSetup) bool { return r.Huge }) {
			return true
		}
	}
	return false
}
