package kernel

import (
	"slices"

	"gupscope/core/machine"
)

// has is what the scenario has that not every one has.
func (s *Setup) has() (h has) {
	hugetlb := s.hugetlbPages() > 0
	if hugetlb {
		h |= hasHugetlb
	}
	if s.largeFolios() || hugetlb { // PMD entries may map huge pages
		h |= hasLarge
	}
	if s.largeFolios() || s.MovesPages() {
		h |= hasMoves
	}
	if slices.ContainsFunc(s.Zones, func(z ZoneSetup) bool { return !z.LongtermPinnable() }) {
		h |= hasMovable
	}
	if s.Turns {
		h |= hasTurns
	}
	if s.PAE {
		h |= hasHalves
	} else {
		h |= hasWhole
	}
	if s.TSO {
		h |= hasTSO
	}
	if s.FiveLevels {
		h |= hasFiveLevels | hasP4Ds
	}
	if s.GatherPages > 0 {
		h |= hasGatherFull
	}
	if s.FreesUpper {
		h |= hasUpperFreed | hasP4Ds | hasPUDsGo
	}
	if s.merges() {
		h |= hasKSM
	}
	odp, _ := s.odpMMs()
	if odp != 0 {
		h |= hasIntervals
	}
	if s.guestMMs()|s.boundMMs()|odp != 0 {
		h |= hasSecondary
	}
	if s.rooms() {
		h |= hasRooms | hasMappingLocks
	}
	if s.uprobesMeetExit() {
		h |= hasUprobedExit
	}
	if s.khugepagedMeetsExit() {
		h |= hasKhugepagedExit
	}
	if s.rmapLocks() {
		h |= hasRmapLocks | hasMappingLocks
	}
	if s.gigabytes() {
		h |= hasSharedPMDs | hasPUDsGo | hasMappingLocks
	}
	if s.gupPages() > 1 {
		h |= hasPages
	}
	if s.FewSlots {
		h |= hasFewSlots
	}
	if s.FewBlocks {
		h |= hasFewBlocks
	}
	if s.SwapStable {
		h |= hasStableSwap
	}
	if s.Throttled {
		h |= hasThrottle
	}
	if s.gathers() {
		h |= hasGathers
	}
	if s.signals() {
		h |= hasSignals
	}
	if s.changesMappings() {
		h |= hasMappings
	}
	if s.lazyfrees() {
		h |= hasLazyfree
	}
	if s.mlocks() {
		h |= hasMlocks
	}
	if s.poisons() {
		h |= hasPoison
	}
	if s.FileTHP() {
		h |= hasFileTHP
	}
	if s.filePMDs() {
		h |= hasFilePMDs
	}
	if s.Advises("MADV_NOHUGEPAGE") {
		h |= hasNoHugepage
	}
	if s.khpPasses() {
		h |= hasKhpPasses
	}
	if s.pfnMaps() {
		h |= hasPFNs
	}
	if s.pkeys() {
		h |= hasPkeys
	}
	if s.stacks() {
		h |= hasStack
	}
	if s.manyRefs() {
		h |= hasManyRefs
	}
	if s.shmemPunch() {
		h |= hasShmemPunch
	}
	if s.softDirty() {
		h |= hasSoftDirty
	}
	if s.asyncDIO() {
		h |= hasAsyncDIO
	}
	if s.userBuffers() {
		h |= hasUserBuffers
	}
	if s.onDAX() {
		h |= hasDAX
	}
	if s.Gigantic {
		h |= hasGigantic
	}
	return h
}

// manyRefs reports whether a folio has references elsewhere, so many that its count may overflow.
func (s *Setup) manyRefs() bool {
	return slices.ContainsFunc(s.MMs, func(m MMSetup) bool {
		return slices.ContainsFunc(m.Regions, func(r RegionSetup) bool { return r.Held > 0 })
	})
}

// changesMappings reports whether a folio's mapping may become NULL while GUP has the folio, or be what GUP asks for: secret memory's.
func (s *Setup) changesMappings() bool {
	if slices.ContainsFunc(s.Files, func(f FileSetup) bool { return f.Kind == machine.Secretmem }) {
		return true
	}
	return len(s.Files) > 0 && slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool {
			return slices.Contains([]FuncID{fnFtruncate, fnFallocate, fnIput, fnDirectPwrite}, st.Call.entry)
		})
	})
}

// softDirty reports whether somebody watches what is written to. x86-32 has no bit for that.
func (s *Setup) softDirty() bool {
	return !s.PAE && slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool { return st.Call.entry == fnClearRefs })
	})
}

// shmemPunch reports whether somebody punches a hole into a file of shmem.
func (s *Setup) shmemPunch() bool {
	return slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool {
			return st.Call.entry == fnFallocate && st.Args[0].File < len(s.Files) && s.Files[st.Args[0].File].Kind == machine.Shmem
		})
	})
}

// asyncDIO reports whether direct I/O to files goes on after the call has returned.
func (s *Setup) asyncDIO() bool { return s.Advises("AIO") }

// userBuffers reports whether files are written from a process's memory, or read into it.
func (s *Setup) userBuffers() bool {
	return slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool { return slices.ContainsFunc(st.Args, func(a Arg) bool { return a.Memory }) })
	})
}

// lazyfrees reports whether somebody frees memory lazily.
func (s *Setup) lazyfrees() bool { return s.Lazyfree || s.Advises("MADV_FREE") }

// Advises reports whether some task gives madvise that advice.
func (s *Setup) Advises(advice string) bool {
	return slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool {
			return slices.ContainsFunc(st.Args, func(a Arg) bool { return a.Word == advice })
		})
	})
}

// beginsActive is PG_active where new anonymous folios have it, and somebody looks at it.
func (s *Sim) beginsActive() uint64 {
	if s.activeAnon && s.M.Config.Deactivate {
		return machine.PGActive
	}
	return 0
}

// rooms reports whether there are rooms that mremap may move pages into.
func (s *Setup) rooms() bool {
	return slices.ContainsFunc(s.MMs, func(m MMSetup) bool {
		return slices.ContainsFunc(m.Regions, func(r RegionSetup) bool { return r.Room })
	})
}

// gigabytes reports whether a region covers a whole gigabyte, so that its PMD table may be shared.
func (s *Setup) gigabytes() bool {
	return slices.ContainsFunc(s.MMs, func(m MMSetup) bool {
		return slices.ContainsFunc(m.Regions, func(r RegionSetup) bool { return r.Gigabyte })
	})
}

// gupPages is the most pages that one GUP call asks for.
func (s *Setup) gupPages() int {
	n := 1
	for _, t := range s.Tasks {
		for _, st := range t.Body {
			if st.Call.Result == PageResult {
				n = max(n, st.Args[0].many())
			}
		}
	}
	return n
}

// exits reports whether some thread of an mm leaves it.
func (s *Setup) exits(mm int) bool {
	return slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return t.MM == mm && slices.ContainsFunc(t.Body, func(st Stmt) bool { return st.Call.entry == fnExit })
	})
}
