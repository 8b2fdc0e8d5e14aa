package kernel

import "gupscope/core/machine"

// smallAtStart is how many small folios there are at the start.
func (s *Setup) smallAtStart() int {
	n := s.cachedAtStart()
	shared := map[string]bool{}
	for _, mm := range s.MMs {
		for _, v := range mm.Regions {
			switch {
			case s.hugetlb(&v), v.Kind == machine.RegionPFN:
			case v.State == Mapped, v.State == Clean:
				n += len(v.Fill)
			case v.State == Merged:
				for _, content := range v.Fill {
					shared[content] = true
				}
			}
		}
	}
	return n + len(shared)
}

// scanned puts the page's mm on ksmd's list; ksmd has seen the page once, if it is filled.
func (s *Sim) scanned(p machine.PageID, i int, vs *RegionSetup) {
	s.M.Register(s.M.Pages()[p].MM)
	if i < len(vs.Fill) && vs.State != Swapped {
		s.M.Store(s.M.RmapItem(p), machine.RmapItem{Known: true, Node: -1, Checksum: s.M.Value(vs.Fill[i]) + 1}.Word())
	}
}

// merged is the frame that KSM shares among all merged pages of that content: a page more maps it.
func (s *Sim) merged(p machine.PageID, content uint64, frame *machine.Frame) machine.Frame {
	m := s.M
	node, ok := m.NextStableNode(0)
	for ok && m.Peek(m.Contents(machine.Hold(m.Peek(m.StableNode(node))).Frame())) != content {
		node, ok = m.NextStableNode(node + 1)
	}
	if !ok {
		f := *frame
		*frame++
		m.Allocate(f, machine.FrameData)
		m.Store(m.Ref(f), 0)
		m.Store(m.Contents(f), content)
		m.Store(m.Index(f), uint64(m.Pages()[p].Index))
		m.Store(m.Flags(f), machine.PGUptodate|machine.PGSwapBacked|machine.PGLRU|machine.PGDirty)
		node = m.NewStableNode()
		m.Share(node, f)
	}
	f := machine.Hold(m.Peek(m.StableNode(node))).Frame()
	m.Store(m.Ref(f), m.Peek(m.Ref(f))+1)
	m.Store(m.Mapcount(f), m.Peek(m.Mapcount(f))+1)
	m.Store(m.RmapItem(p), machine.RmapItem{Known: true, Node: node, Checksum: content + 1}.Word())
	return f
}
