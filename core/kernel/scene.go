package kernel

import (
	"slices"

	"gupscope/core/check"
	"gupscope/core/machine"
)

// New sets a scenario up on a kernel: the machine as it is at the start, the
// kernel's tables, every task before its first shared step. track says which
// ghosts the claims that are judged need.
func New(setup Setup, k Kernel, track machine.Track) *Sim {
	s := &Sim{Kernel: k, Setup: setup, funcs: Bind(&k), actors: makeActors(&setup)}
	s.offer = func(key int) {
		s.choices = append(s.choices, check.Choice{Actor: s.offering, Key: uint16(key)})
	}
	s.statementsAhead()
	if k.On(AnonExclusive) {
		s.exclusive = machine.PGAnonExclusive
	}
	s.readSwapinWritable = k.On(SwapinReadWritable)
	s.M = machine.New(s.config(track))
	s.ctx = make([]Ctx, len(setup.Tasks))
	for i, t := range setup.Tasks {
		s.ctx[i] = Ctx{M: s.M, CPU: t.CPU, Task: i, MM: t.MM, sim: s}
	}
	s.findDevices()
	s.scene()
	began := Notes{Mute: true}
	s.Listen(&began)
	for t := range setup.Tasks {
		s.settle(t)
	}
	s.Listen(nil)
	s.Began = began.Went
	s.M.Mem.Forget()
	return s
}

// config is the machine that the setup needs.
func (s *Sim) config(track machine.Track) machine.Config {
	c := machine.Config{
		CPUs: s.Setup.CPUs, Shared: s.Setup.TablesFromFrames, Speculate: s.Setup.Speculate, Track: track,
		Captures: func(fn uint16) int { return s.funcs[fn].captures },
		Locals:   func(fn uint16) int { return len(s.funcs[fn].Locals) },
		StackText: func(v uint64) string {
			if fn := v >> 32; v != 0 {
				return s.funcs[fn].Title
			}
			return "none"
		},
		LocalText: func(fn uint16, i int) string { return s.funcs[fn].Title + " " + s.funcs[fn].Locals[i].Name },
	}
	c.Frames = s.Setup.Frames
	vmas := 0
	for _, mm := range s.Setup.MMs {
		mc := machine.MMConfig{Name: mm.Name}
		for _, v := range mm.VMAs {
			vmas++
			mc.VMAs = append(mc.VMAs, machine.VMAConfig{Name: v.Name, Pages: v.Pages, Writable: v.Writable})
			c.Slots += v.Pages
			if v.State != Swapped {
				c.Frames += len(v.Fill)
			}
		}
		c.MMs = append(c.MMs, mc)
	}
	c.Tables = vmas
	if c.Shared {
		c.Frames, c.Tables = c.Frames+vmas, 0
	}
	for _, t := range s.Setup.Tasks {
		c.Tasks = append(c.Tasks, machine.TaskConfig{Name: t.Name, CPU: t.CPU, MM: t.MM, Vars: t.Vars})
	}
	c.Values = s.values()
	return c
}

// values returns every content of the scenario, the empty one first, in the
// order of the file.
func (s *Sim) values() []string {
	out := []string{""}
	add := func(v string) {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	for _, mm := range s.Setup.MMs {
		for _, v := range mm.VMAs {
			for _, f := range v.Fill {
				add(f)
			}
		}
	}
	for _, t := range s.Setup.Tasks {
		for _, st := range t.Body {
			for i, p := range st.Call.Params {
				if p.Kind == ValueParam {
					add(st.Args[i].Value)
				}
			}
		}
	}
	return out
}

// scene builds what there is at the start.
func (s *Sim) scene() {
	m := s.M
	m.Store(m.State(machine.ZeroPage), machine.FrameData)
	m.Store(m.Ref(machine.ZeroPage), 1)
	for cpu, n := range s.Setup.Preempts {
		m.Store(m.Preempts(cpu), uint64(n))
	}
	frame, slot := machine.Frame(1), 0
	table := m.TableFrame(0)
	if m.Shared {
		table = m.TableFrame(m.TableCount() - 1) // from the other end, so that data keeps its frame numbers
	}
	for mm, ms := range s.Setup.MMs {
		s.upperTables(mm)
		for v, vs := range ms.VMAs {
			m.Store(m.VMA(mm, v), 1)
			s.pteTable(mm, v, table)
			for i := range vs.Pages {
				s.page(mm, v, i, &vs, table, &frame, &slot)
			}
			if m.Shared {
				table--
			} else {
				table++
			}
		}
	}
}

// upperTables links an mm's tables down to the PMD.
func (s *Sim) upperTables(mm int) {
	m := s.M
	for level := machine.LevelPGD; level >= machine.LevelPMD; level-- {
		f := m.Upper(mm, level)
		m.Store(m.State(f), machine.FrameTable)
		m.Store(m.Ref(f), 1)
		if level > machine.LevelPMD {
			m.SetEntry(f, 0, machine.MakeTable(m.Upper(mm, level-1)))
		}
	}
	m.Account(m.Root(mm), 1) // by the mm
}

// pteTable hangs a PTE table under an mm's PMD table.
func (s *Sim) pteTable(mm, vma int, table machine.Frame) {
	m := s.M
	m.Allocate(table, machine.FrameTable)
	m.SetTable(table, mm, vma)
	m.SetEntry(m.Upper(mm, machine.LevelPMD), vma, machine.MakeTable(table))
}

// page sets one page of a VMA up as its state says.
func (s *Sim) page(mm, vma, i int, vs *VMASetup, table machine.Frame, frame *machine.Frame, slot *int) {
	m := s.M
	p := m.PageAt(mm, vma, i)
	if i >= len(vs.Fill) {
		m.Wrote(p, 0)
		return
	}
	content := m.Value(vs.Fill[i])
	m.Wrote(p, content)
	exclusive := s.Kernel.On(SwpExclusive)
	if vs.State == Swapped {
		m.SetEntry(table, i, machine.MakeSwap(*slot, exclusive))
		m.Store(m.SwapMap(*slot), 1)
		m.Store(m.Disk(*slot), content)
		*slot++
		return
	}
	f := *frame
	*frame++
	m.Allocate(f, machine.FrameData)
	m.Store(m.Contents(f), content)
	m.Store(m.Mapcount(f), 1)
	m.Store(m.Mapping(f), machine.AnonMapping(mm))
	m.Store(m.Index(f), uint64(p))
	flags := machine.PGUptodate | machine.PGSwapBacked | machine.PGLRU | s.exclusive
	bits := machine.Dirty
	if vs.Writable {
		bits |= machine.RW
	}
	if vs.State == Clean {
		flags |= machine.PGSwapCache
		bits = 0
		if !exclusive {
			flags &^= machine.PGAnonExclusive
		}
		if vs.Writable && s.readSwapinWritable && exclusive {
			bits = machine.RW
		}
		m.Store(m.Ref(f), 2)
		m.Store(m.FolioSwap(f), uint64(*slot)+1)
		m.Store(m.SwapMap(*slot), machine.SwapHasCache)
		m.Store(m.Disk(*slot), content)
		m.SetSwapCache(*slot, machine.MakeHold(f, 1))
		*slot++
	}
	m.Store(m.Flags(f), flags)
	m.SetEntry(table, i, machine.MakePTE(f, bits))
}
