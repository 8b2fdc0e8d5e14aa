package kernel

import "math/bits"

// A Cond is a condition on a kernel: a rule has (or has not) one of its values.
type Cond struct {
	where  has // only in scenarios that have this
	rule   RuleID
	values uint8 // set of values under which it holds; 0: always
}

// With holds in kernels that have the rule.
func With(r RuleID) Cond { return Cond{rule: r, values: 0xfe} }

// Without holds in kernels that do not have the rule.
func Without(r RuleID) Cond { return Cond{rule: r, values: 1} }

// If holds in kernels where the rule has one of the values.
func If(r RuleID, values ...uint8) Cond {
	c := Cond{rule: r}
	for _, v := range values {
		c.values |= 1 << v
	}
	return c
}

// Large holds where large folios are possible: what it guards would tell nothing elsewhere.
var Large = Cond{where: hasLarge}

// Hugetlbs holds where there are huge pages of hugetlb.
var Hugetlbs = Cond{where: hasHugetlb}

// Migrating holds where pages may be moved: what it guards would tell nothing elsewhere.
var Migrating = Cond{where: hasMoves}

// AndMovable holds where the condition does and there is a ZONE_MOVABLE.
func (c Cond) AndMovable() Cond { return c.and(hasMovable) }

// Merging holds where ksmd may merge pages: what it guards would tell nothing elsewhere.
var Merging = Cond{where: hasKSM}

// AndLarge holds where the condition does and large folios are possible.
func (c Cond) AndLarge() Cond { return c.and(hasLarge) }

// AndRooms holds where the condition does and mremap may move pages.
func (c Cond) AndRooms() Cond { return c.and(hasRooms) }

// AndLargeRooms holds where the condition does, large folios are possible and mremap may move them.
func (c Cond) AndLargeRooms() Cond { return c.and(hasLarge | hasRooms) }

// AndSeveral holds where the condition does and a GUP call asks for several pages.
func (c Cond) AndSeveral() Cond { return c.and(hasPages) }

// AndTurns holds where the condition does and tasks share CPUs.
func (c Cond) AndTurns() Cond { return c.and(hasTurns) }

// AndTSO holds where the condition does and CPUs have store buffers.
func (c Cond) AndTSO() Cond { return c.and(hasTSO) }

// AndHalves holds where the condition does and entries are stored in halves.
func (c Cond) AndHalves() Cond { return c.and(hasHalves) }

// AndWhole holds where the condition does and entries are stored whole.
func (c Cond) AndWhole() Cond { return c.and(hasWhole) }

// GatherFull holds where an mmu_gather may get full: what it guards would tell nothing elsewhere.
var GatherFull = Cond{where: hasGatherFull}

// AndGatherFull holds where the condition does and an mmu_gather may get full.
func (c Cond) AndGatherFull() Cond { return c.and(hasGatherFull) }

// AndGathers holds where the condition does and two mmu_gathers of one mm may be open at once.
func (c Cond) AndGathers() Cond { return c.and(hasGathers) }

// FewSlots holds where swap may be nearly full: what it guards would tell nothing elsewhere.
var FewSlots = Cond{where: hasFewSlots}

// AndFewSlots holds where the condition does and swap may be nearly full.
func (c Cond) AndFewSlots() Cond { return c.and(hasFewSlots) }

// FewBlocks holds where the disk may be full: what it guards would tell nothing elsewhere.
var FewBlocks = Cond{where: hasFewBlocks}

// AndStableSwap holds where the condition does and the swap device wants pages that do not change while it reads them.
func (c Cond) AndStableSwap() Cond { return c.and(hasStableSwap) }

// Throttled holds where who dirties pages of files is throttled.
var Throttled = Cond{where: hasThrottle}

// AndThrottled holds where the condition does and who dirties pages of files is throttled.
func (c Cond) AndThrottled() Cond { return c.and(hasThrottle) }

// Poisoning holds where memory may fail: what it guards would tell nothing elsewhere.
var Poisoning = Cond{where: hasPoison}

// AndPoison holds where the condition does and memory may fail.
func (c Cond) AndPoison() Cond { return c.and(hasPoison) }

// Halved and Whole hold where entries are stored in halves, and where not.
var Halved, Whole = Cond{where: hasHalves}, Cond{where: hasWhole}

// AndMlocks holds where the condition does and somebody locks memory.
func (c Cond) AndMlocks() Cond { return c.and(hasMlocks) }

// AndMappings holds where the condition does and folio->mapping may change under GUP's eyes, or be secret memory's.
func (c Cond) AndMappings() Cond { return c.and(hasMappings) }

// AndSignals holds where the condition does and somebody sends signals.
func (c Cond) AndSignals() Cond { return c.and(hasSignals) }

// AndLazyfree holds where the condition does and somebody frees memory lazily.
func (c Cond) AndLazyfree() Cond { return c.and(hasLazyfree) }

// Several holds where a GUP call asks for more pages than one: what it guards would tell nothing elsewhere.
var Several = Cond{where: hasPages}

// FiveLevels holds where page tables have five levels: what it guards would tell nothing elsewhere.
var FiveLevels = Cond{where: hasFiveLevels}

// UpperFreed holds where tables above the PTE tables may be freed: what it guards would tell nothing elsewhere.
var UpperFreed = Cond{where: hasUpperFreed}

// P4DsRead holds where walks read what lies above the PUDs: what it guards would tell nothing elsewhere.
var P4DsRead = Cond{where: hasP4Ds}

// PUDsGo holds where PUD entries may go: what it guards would tell nothing elsewhere.
var PUDsGo = Cond{where: hasPUDsGo}

// SharedPMDs holds where mms may share PMD tables: what it guards would tell nothing elsewhere.
var SharedPMDs = Cond{where: hasSharedPMDs}

// AndSharedPMDs holds where the condition does and mms may share PMD tables.
func (c Cond) AndSharedPMDs() Cond { return c.and(hasSharedPMDs) }

// MappingLocked holds where i_mmap_rwsem is taken: nobody would wait for it elsewhere.
var MappingLocked = Cond{where: hasMappingLocks}

// Remapping holds where mremap may move pages: what it guards would tell nothing elsewhere.
var Remapping = Cond{where: hasRooms}

// RmapLocked holds where who walks a reverse mapping may meet who changes what it leads to: nobody would wait for its lock elsewhere.
var RmapLocked = Cond{where: hasRmapLocks}

// AndRmapLocks holds where the condition does and the locks of reverse mappings are waited for.
func (c Cond) AndRmapLocks() Cond { return c.and(hasRmapLocks) }

// AndKhugepagedExit holds where the condition does and khugepaged may meet the end of an mm.
func (c Cond) AndKhugepagedExit() Cond { return c.and(hasKhugepagedExit) }

// UprobedExit holds where uprobes may meet the end of an mm: what it guards would tell nothing elsewhere.
var UprobedExit = Cond{where: hasUprobedExit}

// FileTHP holds where pages of files may be collapsed into huge ones: what it guards would tell nothing elsewhere.
var FileTHP = Cond{where: hasFileTHP}

// AndFileTHP holds where the condition does and pages of files may be collapsed into huge ones.
func (c Cond) AndFileTHP() Cond { return c.and(hasFileTHP) }

// KhpPasses holds where khugepaged may come to huge pages of files: what it guards would tell nothing elsewhere.
var KhpPasses = Cond{where: hasFileTHP | hasKhpPasses}

// AndKhpPasses holds where the condition does and khugepaged may come to huge pages of files.
func (c Cond) AndKhpPasses() Cond { return c.and(hasFileTHP | hasKhpPasses) }

// FilePMDs holds where PMD entries may map huge pages of files: what it guards would tell nothing elsewhere.
var FilePMDs = Cond{where: hasFileTHP | hasFilePMDs}

// AndFilePMDs holds where the condition does and PMD entries may map huge pages of files.
func (c Cond) AndFilePMDs() Cond { return c.and(hasFileTHP | hasFilePMDs) }

// AndNoHugepage holds where the condition does and somebody forbids huge pages (MADV_NOHUGEPAGE).
func (c Cond) AndNoHugepage() Cond { return c.and(hasNoHugepage) }

// UserBuffers holds where files are written from a process's memory, or read into it: what it guards would tell nothing elsewhere.
var UserBuffers = Cond{where: hasUserBuffers}

// AsyncDIO holds where direct I/O to files goes on after the call has returned: what it guards would tell nothing elsewhere.
var AsyncDIO = Cond{where: hasAsyncDIO}

// ShmemPunched holds where somebody punches a hole into a file of shmem: what it guards would tell nothing elsewhere.
var ShmemPunched = Cond{where: hasShmemPunch}

// AndShmemPunch holds where the condition does and somebody punches a hole into a file of shmem.
func (c Cond) AndShmemPunch() Cond { return c.and(hasShmemPunch) }

// SoftDirties holds where somebody watches what is written to: what it guards would tell nothing elsewhere.
var SoftDirties = Cond{where: hasSoftDirty}

// AndSoftDirty holds where the condition does and somebody watches what is written to.
func (c Cond) AndSoftDirty() Cond { return c.and(hasSoftDirty) }

// OnDAX holds where there is a file on DAX: what it guards would tell nothing elsewhere.
var OnDAX = Cond{where: hasDAX}

// AndAsyncDIO holds where the condition does and direct I/O to files goes on after the call has returned.
func (c Cond) AndAsyncDIO() Cond { return c.and(hasAsyncDIO) }

// AndUserBuffers holds where the condition does and files are written from a process's memory, or read into it.
func (c Cond) AndUserBuffers() Cond { return c.and(hasUserBuffers) }

// PFNMaps holds where memory without struct pages is mapped: what it guards would tell nothing elsewhere.
var PFNMaps = Cond{where: hasPFNs}

// Pkeyed holds where somebody uses protection keys: what it guards would tell nothing elsewhere.
var Pkeyed = Cond{where: hasPkeys}

// Stacked holds where a mapping grows down: what it guards would tell nothing elsewhere.
var Stacked = Cond{where: hasStack}

// AndMerging holds where the condition does and ksmd may merge pages.
func (c Cond) AndMerging() Cond { return c.and(hasKSM) }

func (c Cond) and(h has) Cond {
	c.where |= h
	return c
}

// A has is what not every scenario has: steps that would tell nothing elsewhere are passed over there.
type has uint64

const (
	hasLarge          has = 1 << iota // large folios are possible
	hasTurns                          // tasks share CPUs
	hasTSO                            // CPUs have store buffers
	hasMoves                          // pages may be moved
	hasHugetlb                        // there are huge pages of hugetlb
	hasHalves                         // entries are stored in halves: x86-32 with PAE
	hasWhole                          // entries are stored whole
	hasMovable                        // there is a ZONE_MOVABLE
	hasSecondary                      // an mm has a secondary MMU
	hasKSM                            // ksmd may merge pages
	hasRooms                          // mremap may move pages
	hasFiveLevels                     // page tables have five levels
	hasPages                          // a GUP call asks for several pages
	hasSharedPMDs                     // mms may share PMD tables
	hasMappingLocks                   // i_mmap_rwsem is taken: the locks of reverse mappings are waited for, or mms may share PMD tables
	hasStableSwap                     // the swap device wants pages that do not change while it reads them
	hasThrottle                       // who dirties pages of files is throttled
	hasGathers                        // two mmu_gathers of one mm may be open at once
	hasSignals                        // somebody sends signals
	hasRmapLocks                      // who walks a reverse mapping may meet who changes what it leads to: see rmap_lock.go
	hasIntervals                      // an mm has a device that goes by an interval notifier
	hasKhugepagedExit                 // khugepaged may meet the end of an mm
	hasLazyfree                       // somebody frees memory lazily
	hasPoison                         // memory may fail
	hasMlocks                         // somebody locks memory
	hasMappings                       // somebody truncates a file, or lets its inode go, or there is secret memory
	hasUprobedExit                    // an mm ends that uprobes may be in
	hasFileTHP                        // pages of files may be collapsed into huge ones
	hasPFNs                           // memory without struct pages is mapped
	hasKhpPasses                      // khugepaged may come to huge pages of files
	hasNUMA                           // the kernel has NUMA balancing
	hasFilePMDs                       // PMD entries may map huge pages of files
	hasFewSlots                       // swap may be nearly full
	hasFewBlocks                      // the disk may be full
	hasNoHugepage                     // somebody forbids huge pages
	hasPkeys                          // somebody uses protection keys
	hasStack                          // a mapping grows down
	hasManyRefs                       // a folio has so many references that its count may overflow
	hasUserBuffers                    // files are written from a process's memory, or read into it
	hasAsyncDIO                       // direct I/O to files goes on after the call has returned
	hasShmemPunch                     // somebody punches a hole into a file of shmem
	hasSoftDirty                      // somebody watches what is written to (soft-dirty)
	hasDAX                            // there is a file on DAX
	hasGigantic                       // huge pages of hugetlb are of a gigabyte
	hasUpperFreed                     // tables above the PTE tables may be freed
	hasP4Ds                           // walks read what lies above the PUDs: for that, or with five levels
	hasGatherFull                     // an mmu_gather may get full
	hasPUDsGo                         // PUD entries may go: for that, or as mms may share PMD tables
)

// lacks says, bit by bit, what a scenario is like that has it not.
var lacks = [...]string{
	"no large folios", "no two tasks share a CPU", "no store buffers", "no pages are moved", "no huge pages of hugetlb",
	"entries are stored whole", "entries are stored in halves", "no ZONE_MOVABLE", "no secondary MMU", "nobody merges pages", "nobody calls mremap",
	"tables of four levels", "no call of several pages", "no shared PMD tables", "nobody would wait for it", "the swap device needs no stable pages", "nobody is throttled",
	"no two mmu_gathers", "no signals", "nobody would wait for it", "no interval notifier", "no mm ends that khugepaged may be in", "nobody frees memory lazily", "no memory fails",
	"nobody locks memory", "no file is truncated, none is secret memory", "no mm ends that uprobes may be in", "nobody collapses pages of files",
	"no memory without struct pages",
	"khugepaged comes to no huge page of a file", "no NUMA balancing", "PTEs alone map pages of files", "swap has room", "the disk has room", "nobody forbids huge pages", "nobody uses protection keys",
	"no mapping grows down", "no count may overflow",
	"no file is written from memory of a process, or read into it", "no direct I/O to a file goes on by itself", "nobody punches holes into files of shmem", "nobody watches what is written to (soft-dirty)",
	"no file on DAX", "no huge pages of a gigabyte", "tables above the PTE tables stay", "PUDs and PMDs alone are read", "an mmu_gather has room", "PUD entries stay",
}

// Lacking says what the scenario that a kernel is bound for lacks, without which what the condition guards would tell nothing; "" if it has it all.
func (c Cond) Lacking(k *Kernel) string {
	if missing := c.where &^ k.has; missing != 0 {
		return lacks[bits.TrailingZeros64(uint64(missing))]
	}
	return ""
}

// In reports whether a kernel is bound for a scenario that has what the condition is about.
func (c Cond) In(k *Kernel) bool { return c.where&^k.has == 0 }

func (c Cond) holds(k *Kernel) bool {
	return c.In(k) && (c.values == 0 || c.values>>k.value[c.rule]&1 != 0)
}

// Rule returns the rule a condition is about; false if it is none.
func (c Cond) Rule() (*Rule, bool) {
	if c.values == 0 {
		return nil, false
	}
	return Rules[c.rule], true
}
