package replay

import (
	"gupscope/core/kernel"
)

// scans is how many full scans of ksmd the corpus' operation waits for.
const scans = 4

// ksm plays the corpus' operation: every region but those of hugetlbfs becomes mergeable in every
// living process, then ksmd scans. Between the scans nothing else runs.
func (p *Player) ksm(*Op) (Result, error) {
	for _, name := range []string{"A", "B", "C"} {
		proc := p.process[name]
		if proc == nil || !proc.alive {
			continue
		}
		for i, r := range p.regions {
			if r.hugetlb() {
				continue
			}
			all := kernel.Arg{MM: proc.mm, Region: i, Last: p.sim.Setup.MMs[0].Regions[i].Pages - 1}
			if _, err := p.call(proc.task, "madvise", all, kernel.Arg{Word: "MADV_MERGEABLE"}); err != nil {
				return Result{}, err
			}
		}
	}
	for range scans {
		if _, err := p.call(p.worker(0), "ksm_do_scan"); err != nil {
			return Result{}, err
		}
		if err := p.rest(); err != nil {
			return Result{}, err
		}
	}
	return Result{}, nil
}

// merges reports whether a program has ksmd scan.
func merges(p *Program) bool {
	for i := range p.Steps {
		if p.Steps[i].Op.Verb == KSM {
			return true
		}
	}
	return false
}
