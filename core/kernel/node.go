package kernel

import "gupscope/core/machine"

// A ZoneSetup is a zone of a node, with so many free frames.
type ZoneSetup struct {
	machine.Zone
	Frames int
}

// zones are the zones of the machine.
func (s *Setup) zones() []machine.Zone {
	var out []machine.Zone
	for _, z := range s.Zones {
		out = append(out, z.Zone)
	}
	return out
}

// frameZones says for every frame for data in which zone it lies: first what is there at the start, small
// folios and then large ones, then what is free, zone by zone. (Where large folios are possible, a zone has
// whole blocks.)
func (s *Setup) frameZones(frames, hugePages int, large bool) []uint8 {
	if len(s.Zones) == 0 {
		return nil
	}
	out := make([]uint8, 1, frames+1)
	add := func(n, zone int) {
		for range n {
			out = append(out, uint8(zone))
		}
	}
	shared := map[string]bool{}
	s.eachRegion(func(v *RegionSetup) {
		switch v.State {
		case Mapped, Clean:
			add(len(v.Fill), v.Zone)
		case Merged:
			for _, content := range v.Fill {
				if !shared[content] {
					shared[content] = true
					add(1, v.Zone)
				}
			}
		}
	})
	add(s.cachedAtStart(), 0)
	if large {
		add(firstBlock(len(out)-1, hugePages)-len(out), 0)
		s.eachRegion(func(v *RegionSetup) {
			add(v.LargeAtStart(hugePages), v.Zone)
		})
		add(s.hugeAtStart(), 0)
	}
	for i, z := range s.Zones {
		add(z.Frames, i)
	}
	return out
}

func (s *Setup) eachRegion(f func(*RegionSetup)) {
	for i := range s.MMs {
		for r := range s.MMs[i].Regions {
			f(&s.MMs[i].Regions[r])
		}
	}
}

// zonelist is where the task's allocation of a page for user space looks, in order: on its node first. While
// it pins for long it takes nothing from CMA and, later, ZONE_MOVABLE, where it could not stay.
// compare mm/page_alloc.c:current_gfp_context
func (c *Ctx) zonelist() []int {
	long := c.pinsForLong()
	return c.M.Zonelist(c.M.NodeOfCPU(c.CPU), false, long && c.sim.longtermLeavesMovable, long)
}

// target is where the page that another one is moved to may lie.
// compare mm/migrate.c:alloc_migration_target
func (c *Ctx) target(node int, reason uint64) []int {
	long := reason == mrLongtermPin
	return c.M.Zonelist(node, reason == mrSyscall || reason == mrNUMAMisplaced, long, long)
}
