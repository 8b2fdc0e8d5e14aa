package replay

import (
	"fmt"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A region is what a mem operation maps.
type region struct {
	name  string
	kind  RegionKind
	pages int // that are observed
	file  int // behind it; -1: none
}

// Variables of every task: what the last statement returned, then one for each slot of the program.
const returned = 0

const hugePages = 512

// poolPages is how many huge pages the corpus' kernels had in their pool of hugetlb.
const poolPages = 64

// newPlayer makes the machine for a program: an mm with a CPU and a task for every process that
// the program will have, a kernel thread on each CPU, and as much memory as the
// program can use. Regions are mapped from the start; nobody looks before the
// program has mapped them all.
func newPlayer(program *Program, k kernel.Kernel) (*Player, error) {
	p := &Player{program: program, process: map[string]*process{}, pins: map[string]*slot{}}
	setup := kernel.Setup{HugePages: hugePages, SwapAsync: true}
	first := kernel.MMSetup{Name: "A"}
	writes := 0
	setup.KSM = merges(program)
	vars := []string{"returned"}
	for i := range program.Steps {
		op := &program.Steps[i].Op
		switch op.Verb {
		case Mem:
			if op.Kind == Room {
				room, at := first.Regions[0], p.regions[0]
				room.Name, room.Room, at.name = op.Region, true, op.Region
				first.Regions, p.regions = append(first.Regions, room), append(p.regions, at)
				break
			}
			r := regionSetup(op)
			at := region{op.Region, op.Kind, op.Pages, -1}
			if at.hugetlb() {
				setup.Hugetlb = poolPages
			}
			if f, ok := fileSetup(op, len(p.regions)); ok {
				at.file, r.File = len(setup.Files), len(setup.Files)
				setup.Files = append(setup.Files, f)
			}
			first.Regions = append(first.Regions, r)
			p.regions = append(p.regions, at)
		case Fork:
			p.forks = append(p.forks, &process{name: op.Other})
		case PinPage:
			vars = append(vars, op.Slot)
		case Collapse:
			setup.LargeFolios = true
		case Madvise:
			setup.Lazyfree = setup.Lazyfree || op.Advice == Free
		}
		writes++
	}
	p.forks = append([]*process{{name: "A", alive: true}}, p.forks...)
	p.process["A"] = p.forks[0]
	setup.MMs = []kernel.MMSetup{first}
	living := map[string]string{"A": "A"} // processes by what their mm is called
	for i := range program.Steps {
		if op := &program.Steps[i].Op; op.Verb == Fork {
			name := op.Other
			for n := 2; mmIndex(&setup, name) >= 0; n++ {
				name = fmt.Sprintf("%s%d", op.Other, n)
			}
			setup.MMs = append(setup.MMs, kernel.MMSetup{Name: name, Parent: living[op.Process], Regions: first.Regions})
			living[op.Other] = name
		}
	}
	setup.CPUs = len(setup.MMs)
	for i, mm := range setup.MMs {
		p.forks[i].mm, p.forks[i].task = i, i
		setup.Tasks = append(setup.Tasks, kernel.TaskSetup{Name: mm.Name, CPU: i, MM: i, Vars: vars})
	}
	for cpu := range setup.CPUs {
		setup.Tasks = append(setup.Tasks, kernel.TaskSetup{Name: fmt.Sprintf("kworker/%d", cpu), CPU: cpu, MM: -1, Vars: vars[:1]})
	}
	setup.Frames, setup.Slots = p.memory(writes, len(setup.MMs))
	p.nodes(&setup)
	p.sim = kernel.New(setup, k, machine.Track{})
	p.actors = p.sim.Actors()
	m := p.sim.M
	p.frames = lives{m.State(0).Cell(), make([]int, m.FrameCount())}
	p.swap = lives{m.SwapMap(0).Cell(), make([]int, m.Slots)}
	return p, nil
}

func mmIndex(s *kernel.Setup, name string) int {
	for i, mm := range s.MMs {
		if mm.Name == name {
			return i
		}
	}
	return -1
}

func regionSetup(op *Op) kernel.RegionSetup {
	r := kernel.RegionSetup{Name: op.Region, Pages: op.Pages, Writable: op.Prot == ProtReadWrite}
	switch op.Kind {
	case Anon:
		r.Kind = machine.RegionAnon
	case THP, Anon2M:
		r.Kind, r.Pages, r.Huge = machine.RegionAnon, hugePages, op.Kind == THP
	case Ext4Private, ShmemPrivate, HugetlbPrivate:
		r.Kind = machine.RegionFilePrivate
	case Hugetlb:
		r.Kind = machine.RegionHugetlb
	case Ext4Shared, ShmemShared, HugetlbShared, AnonShared, Ext4Hole, SecretMemory:
		r.Kind = machine.RegionFileShared
	default:
		panic("replay: a kind of region that the reader knows and nobody maps: " + string(op.Kind))
	}
	return r
}

// memory is how many frames and swap slots no program of so many steps can use up: each step may
// take a frame for every page of every process, and pins may keep them all. Of a huge page a
// step may take one, and a frame for each page of it besides (a collapse that reads them from swap).
func (p *Player) memory(steps, processes int) (frames, slots int) {
	for _, r := range p.regions {
		if r.huge() {
			frames += (steps + 2) * 2 * hugePages
			slots += (processes + 2) * hugePages
			continue
		}
		frames += (steps + 2) * r.pages * processes
		slots += (steps + 2) * r.pages
	}
	return min(frames, maxFrames), slots
}

// maxFrames is more than the longest programs of the corpus use of one node; frames of both nodes have numbers of 16 bits.
const maxFrames = 24 << 10

// huge reports whether the region is of one huge page, which small ones may be in the place of.
func (r *region) huge() bool { return r.kind == THP || r.kind == Anon2M }

// hugetlb reports whether the region is of huge pages of the pool.
func (r *region) hugetlb() bool {
	return r.kind == Hugetlb || r.kind == HugetlbShared || r.kind == HugetlbPrivate
}

// onDisk reports whether the region maps a file on a disk.
func (r *region) onDisk() bool {
	return r.kind == Ext4Shared || r.kind == Ext4Private || r.kind == Ext4Hole
}
