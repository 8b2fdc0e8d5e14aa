package replay

import (
	"slices"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// nodes gives the machine a second node, if the program moves pages. Each has room for everything.
func (p *Player) nodes(s *kernel.Setup) {
	if !slices.ContainsFunc(p.program.Steps, func(st Step) bool { return st.Op.Verb == Migrate }) {
		return
	}
	s.Frames = (s.Frames + hugePages - 1) / hugePages * hugePages
	for node := range 2 {
		s.Zones = append(s.Zones, kernel.ZoneSetup{Zone: machine.Zone{Node: node}, Frames: s.Frames})
	}
	s.Frames *= 2
}

// migrate asks for the page's node, and if there is one has the page moved to the other.
func (p *Player) migrate(op *Op) (Result, error) {
	return p.byProcess(op, func(proc *process) (Result, error) {
		task, page := p.worker(0), p.page(proc, op)
		r, err := p.call(task, "do_pages_stat", page)
		if asked := p.result(r); err != nil || asked.Err != "" {
			return Result{Status: asked.Err}, err
		}
		m := p.sim.M
		at := m.Mapped(m.PageAt(page.MM, page.Region, page.Page)).Frame()
		r, err = p.call(task, "move_pages", page, kernel.Arg{Number: 1 - m.ZoneOf(at).Node}, kernel.Arg{Word: "MPOL_MF_MOVE_ALL"})
		switch moved := p.result(r); moved.Err {
		case "":
			return Result{Status: "moved"}, err
		case "EAGAIN":
			return Result{Ret: 1, Status: "failed"}, err
		default:
			return Result{Status: moved.Err}, err
		}
	})
}
