// Package claim is what must hold: the catalogue of claims about memory
// management, each a family of small predicates over the machine.
//
// Its nouns: a Claim is named for what holds ("pinned-never-freed") and has a
// sentence; a predicate is the claim for one folio, one page, one pin; a Model is
// a scenario on a kernel together with the claims that are judged: what package
// check explores.
//
// Its law: a predicate says beforehand which cells it may read, and is
// evaluated when one of them was written, never otherwise. Claims about a step
// rather than a state (a freed table was walked) are alarms: ghost cells that the
// step raises.
//
// Who adds a claim adds to the catalogue: its sentence, which says what holds and never how it is checked;
// Promised, if older releases don't keep it; About, if they have not what it speaks of; alarms (raised by steps through Machine.Raise, with words
// in alarmed) or a family of predicates; Breaker, the scenario and the rule that make it false, which a
// test plays; in judging.go, when there is something for it to judge, unless there always is.
//
// Reading order: claim.go (the catalogue), predicates.go, mapped.go, files.go, ksm.go, model.go; reducible.go.
package claim

import (
	"fmt"
	"slices"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A Claim is one thing that must hold.
type Claim struct {
	Name string
	Says string // the claim in a sentence, for people
	// Promised tells from which release (as Version.Order) on the kernel means to
	// keep it; before, it is not judged unless a scenario asks.
	Promised int
	// About are the rules that the sentence is about: a kernel that lacks one has not what is claimed of it, and the
	// claim is not judged there, whoever asks.
	About   []kernel.RuleID
	Breaker Breaker

	alarms []machine.Alarm
	family func(*Model) []predicate
	track  machine.Track
}

// A Breaker shows that a claim says something: a scenario, a kernel on which the claim holds
// there, and that kernel without a rule, on which it is false. A claim that nothing can break shows nothing.
type Breaker struct {
	Scenario string // of the gallery
	Holds    string // a kernel as scenarios write it: "v6.12 with tlb_flush=pv"
	Breaks   string // "v6.12 with tlb_flush=pv without gup_pte_recheck"
}

// never is the Promised of claims that are judged only where a scenario asks for them: they would cost every other one states, or are not kept
// everywhere (hugetlb's copies give secrets away in every release).
const never = 1 << 20

// exclusivity is what claims about PG_anon_exclusive are about.
var exclusivity = []kernel.RuleID{kernel.AnonExclusive}

// Catalogue is the claims that a Model judges, in the order in which they are shown.
var Catalogue = []*Claim{
	{Name: "gup-returns-only-mapped-pages",
		Says:    "GUP returns only a page that was mapped there, with the permission asked for, at some instant during the call.",
		Breaker: Breaker{"gup-fast-vs-reclaim", "v6.12 with tlb_flush=pv", "v6.12 with tlb_flush=pv without gup_pte_recheck"},
		alarms:  []machine.Alarm{machine.AlarmForeignPage}, track: machine.Track{Seen: true}},
	{Name: "gup-reads-stored-entries", Promised: never,
		Says:    "GUP-fast goes by page-table entries that were stored there, not by the halves of two.",
		Breaker: Breaker{"pae-tearing-vs-reclaim", "v4.6", "v4.6 with gup_pte_read=plain"},
		alarms:  []machine.Alarm{machine.AlarmTornEntry}, track: machine.Track{Seen: true}},
	{Name: "pinned-never-freed",
		Says:    "A page that somebody holds through GUP is not given back to the allocator.",
		Breaker: Breaker{"reclaim-freeze", "v6.12 without gup_pte_recheck with tlb_flush=broadcast", "v6.12 without gup_pte_recheck with tlb_flush=broadcast without reclaim_freeze"},
		alarms:  []machine.Alarm{machine.AlarmPinnedFreed}},
	{Name: "refcount-discipline",
		Says:    "A reference is added only where there is one already, dropped only by who has it, and a page is freed only at zero.",
		Breaker: Breaker{"gup-fast-vs-reclaim-clean", "v6.12", "v6.12 without gup_get_unless_zero"},
		alarms:  []machine.Alarm{machine.AlarmBadPage, machine.AlarmRefOnZero, machine.AlarmRefUnderflow}},
	{Name: "refcount-is-sum-of-holders",
		Says:    "The reference count of every folio is the sum of what its holders hold.",
		Breaker: Breaker{"reclaim-freeze", "v6.12", "v6.12 without reclaim_freeze"},
		family:  refcounts},
	{Name: "mapcount-is-number-of-ptes",
		Says:    "The mapcount of every folio is the number of PTEs that map it, whenever no page-table lock is held.",
		Breaker: Breaker{"fork-and-write", "v6.12", "v6.12 without fork_counts_mappings"},
		family:  mapcounts},
	{Name: "huge-mapcounts-add-up",
		Says:    "The entire mapcount of every large folio is the number of PMD entries that map it, and its large mapcount (before v6.10, which keeps it, total_mapcount()) the number of all that map pages of it, whenever no PMD is locked.",
		Breaker: Breaker{"pin-vs-fork-huge", "v6.12", "v6.12 without fork_counts_pmd_mappings"},
		family:  hugeMapcounts},
	{Name: "pincount-is-live-pins", Promised: 507,
		Says:    "The pincount of a large folio is at least the number of pins that are held of its pages; when all have finished, it is that number.",
		Breaker: Breaker{"pin-count-huge", "v6.12", "v6.12 without pincount_exact_large"},
		family:  pincounts, track: machine.Track{Pins: true}},
	{Name: "pinned-folio-not-split",
		Says:    "A large folio is not split while pins of it are counted: its pages could not share them out.",
		Breaker: Breaker{"split-vs-pin", "v6.12", "v6.12 without split_freeze"},
		alarms:  []machine.Alarm{machine.AlarmPinnedSplit}},
	{Name: "exclusive-page-mapped-once", Promised: 519, About: exclusivity,
		Says:    "An anonymous page that is exclusive is mapped by one page-table entry.",
		Breaker: Breaker{"fork-and-write", "v6.12", "v6.12 without fork_clears_exclusive"},
		family:  mappedOnce},
	{Name: "writable-anon-exclusive", Promised: 519, About: exclusivity,
		Says:    "A writable entry of an anonymous page means that the page is exclusive, and one in a private mapping that the page is anonymous, whenever the page-table lock is free.",
		Breaker: Breaker{"fork-and-write", "v6.12", "v6.12 with fork_wrprotect=never"},
		family:  writableExclusive},
	{Name: "swapped-page-not-exclusive", Promised: 519, About: exclusivity,
		Says:    "While a page-table entry is a swap entry, and the swap cache still has its page, that page is not exclusive, whenever the page-table lock is free.",
		Breaker: Breaker{"fork-swap-entry", "v6.12", "v6.12 without fork_clears_swp_exclusive"},
		family:  swappedShared},
	{Name: "pin-matches-page-table",
		Says:    "While a page is held for writing through GUP (from v5.6 on: pinned), it is the page that the process has there, unless the process gave it up.",
		Breaker: Breaker{"pin-vs-fork", "v6.12", "v6.12 without gup_write_protect_seq"},
		family:  func(m *Model) []predicate { return pins(m, pinsForWriting) }, track: machine.Track{Pins: true}},
	{Name: "read-only-pin-matches-page-table", Promised: 519,
		Says:    "While an anonymous page is pinned for reading, it is the page that the process has there, unless the process gave it up; and so is any page of a shared mapping that is pinned for long.",
		Breaker: Breaker{"read-only-pin", "v6.12 without swp_exclusive", "v6.12 without swp_exclusive without gup_unshare"},
		family:  func(m *Model) []predicate { return pins(m, pinsForReading) }, track: machine.Track{Pins: true}},
	{Name: "longterm-pin-matches-page-table", Promised: 602,
		Says:    "While a page of a file, or the zero page, is pinned for reading and for long (FOLL_LONGTERM) in a private mapping, it is the page that the process has there, unless the process gave it up. Kernels before v6.2, v6.1.192 among them, pin it as it is: the next write leaves the pin behind.",
		Breaker: Breaker{"unshare-file-page", "v6.12", "v6.12 without unshare_non_anon"},
		family:  func(m *Model) []predicate { return pins(m, pinsNotYetCopied) }, track: machine.Track{Pins: true}},
	{Name: "pinned-anon-exclusive", Promised: 519, About: exclusivity,
		Says:    "An anonymous page that is pinned is exclusive, until the pin is given back.",
		Breaker: Breaker{"pin-fast-vs-reclaim", "v6.12", "v6.12 without gup_pte_recheck"},
		alarms:  []machine.Alarm{machine.AlarmUnpinShared}, family: pinnedExclusive, track: machine.Track{Pins: true}},
	{Name: "no-lost-device-write",
		Says:    "What a device has written through GUP, and was marked dirty, is what the process reads afterwards.",
		Breaker: Breaker{"madv-free-vs-dio", "v6.12", "v6.12 without lazyfree_refcount_check"},
		alarms:  []machine.Alarm{machine.AlarmLostDMA}, family: func(m *Model) []predicate { return endContents(m, true) },
		track: machine.Track{Values: true, Pins: true}},
	{Name: "no-lost-store",
		Says:    "What a CPU has stored is what the process reads afterwards.",
		Breaker: Breaker{"fork-stale-tlb", "v6.12", "v6.12 without fork_flush_tlb"},
		alarms:  []machine.Alarm{machine.AlarmLostStore}, family: func(m *Model) []predicate { return endContents(m, false) },
		track: machine.Track{Values: true, Pins: true}},
	{Name: "swap-keeps-content", Promised: never,
		Says:    "A page that is read back from swap holds what it held when it left the swap cache.",
		Breaker: Breaker{"store-vs-reclaim", "v6.12", "v6.12 without reclaim_flush_dirty"},
		alarms:  []machine.Alarm{machine.AlarmReadOther}, track: machine.Track{Swapped: true}},
	{Name: "cow-keeps-secrets", Promised: never,
		Says:    "What a process stores after a fork is not seen through a reference that another process has taken on the page that they shared.",
		Breaker: Breaker{"cow-either-way", "v5.8", "v5.8 without forced_cow"},
		family:  secrets, track: machine.Track{Stores: true}},
	{Name: "unshare-keeps-write-protection",
		Says:    "Unsharing a page, so that it may be pinned, does not make its PTE writable.",
		Breaker: Breaker{"read-only-pin", "v6.12 without swp_exclusive", "v6.12 without swp_exclusive without unshare_keeps_ro"},
		alarms:  []machine.Alarm{machine.AlarmUnshareWritable}},
	{Name: "tlb-within-vma", Promised: 413,
		Says:    "While nobody changes an mm's mappings, no CPU translates a page with more than its VMA allows; a guest's CPU that is marked to flush before it runs again is excused, and a lazy one.",
		Breaker: Breaker{"mprotect-vs-reclaim", "v6.12", "v6.12 without batched_pending"},
		family:  withinVMA},
	{Name: "no-tlb-entry-of-freed-page", Promised: never,
		Says:    "A page is given back only when no CPU translates to it any more; a guest's CPU that is marked to flush before it runs again is excused, and a lazy one.",
		Breaker: Breaker{"store-vs-munmap", "v6.12", "v6.12 without gather_flush_before_free"},
		family:  freedTranslations},
	{Name: "tlb-follows-page-table", Promised: never,
		Says:    "A CPU translates a page as the page table maps it, and with no more than that allows, unless who changed it has yet to finish the flush; a guest's CPU that is marked to flush before it runs again is excused, and a lazy one.",
		Breaker: Breaker{"fork-stale-tlb", "v6.12", "v6.12 without fork_flush_tlb"},
		family:  tlbFollows},
	{Name: "no-small-and-huge-translation", Promised: never,
		Says:    "No CPU translates an address both as part of a huge page and as a small page elsewhere, unless who changed it has yet to finish the flush; a guest's CPU that is marked to flush before it runs again is excused, and a lazy one.",
		Breaker: Breaker{"lazy-tlb-two-sizes", "v6.12", "v6.12 without switch_mm_checks_generation"},
		family:  oneSize},
	{Name: "moved-page-misses-no-store", Promised: never,
		Says:    "A page that is moved, or collapsed into a huge one, is not stored to between its copying and the switch to the copy.",
		Breaker: Breaker{"migrate-vs-store", "v6.12", "v6.12 without migrate_flush"},
		alarms:  []machine.Alarm{machine.AlarmMissedStore}, track: machine.Track{Copies: true}},
	{Name: "no-walk-of-freed-table",
		Says:    "No walker, of hardware or of software, reads a page table that was freed: the MMU, GUP-fast, or who has come by a reverse mapping.",
		Breaker: Breaker{"gup-fast-vs-munmap", "v6.12", "v6.12 without gup_irq_off"},
		alarms:  []machine.Alarm{machine.AlarmFreedTable}},
	{Name: "no-stale-tlb-use",
		Says:    "No access goes through a TLB entry whose page was freed.",
		Breaker: Breaker{"walker-vs-munmap", "v6.12", "v6.12 without gather_flush_before_free"},
		alarms:  []machine.Alarm{machine.AlarmStaleTLB}},
	{Name: "ksm-page-read-only",
		Says:    "No PTE that may be written to maps a page of KSM, and no page of KSM is exclusive.",
		Breaker: Breaker{"ksm-two-pages", "v6.12", "v6.12 without ksm_excl_share"},
		family:  sharedReadOnly},
	{Name: "ksm-page-keeps-content",
		Says:    "A page that KSM shares, and a page table maps, holds what it held when KSM began to share it.",
		Breaker: Breaker{"ksm-two-pages", "v6.12", "v6.12 without ksm_flush"},
		family:  sharedContents, track: machine.Track{Shared: true}},
	{Name: "ksm-merges-equal-pages",
		Says:    "When KSM puts its page in the place of another, both hold the same.",
		Breaker: Breaker{"ksm-vs-gup-fast", "v6.12", "v6.12 without ksm_clear_before_check"},
		alarms:  []machine.Alarm{machine.AlarmUnequalMerged}},
	{Name: "no-stale-secondary-use",
		Says:    "A guest, or a device that has translations of its own, never reads or writes a page that was freed.",
		Breaker: Breaker{"guest-vs-dontneed", "v6.12", "v6.12 with notifier_start=never"},
		alarms:  []machine.Alarm{machine.AlarmStaleSecondary}},
	{Name: "secondary-follows-page-table", Promised: 414,
		Says:    "What a secondary MMU translates to is what the page table maps there, and writable only if that is.",
		Breaker: Breaker{"guest-vs-cow", "v6.12", "v6.12 without kv_seq_check"},
		family:  secondaryFollows},
	{Name: "guest-tlb-follows-secondary",
		Says:    "What a CPU has in its guest TLB is what the secondary MMU has, whenever nobody has mmu_lock.",
		Breaker: Breaker{"guest-vs-cow", "v6.12", "v6.12 without kv_flush_tlbs"},
		family:  guestTLBs},
	{Name: "clean-page-is-on-disk",
		Says:    "When nobody is at it any more, a page of a file that is clean, or was dropped from the page cache, is on its disk as it was written last.",
		Breaker: Breaker{"dontneed-vs-writeback", "v6.12", "v6.12 without delayed_rmap"},
		family:  cleanPages, track: machine.Track{Values: true, Pins: true}},
	{Name: "no-page-behind-the-end",
		Breaker: Breaker{"hugetlb-truncate-vs-fault", "v6.12", "v6.12 without hugetlb_truncate_mutex"},
		Says:    "When all have finished, the page cache keeps no huge page that lies behind its file's end, out of the pool for good.",
		family:  behindEnd},
	{Name: "writes-are-soft-dirty",
		Says:    "Memory that somebody watches since clear_refs has ended is written to by a CPU, or got by force for writing, only if its entry is soft-dirty.",
		Breaker: Breaker{"soft-dirty-vs-mprotect", "v6.1", "v6.1 without mprotect_asks_soft_dirty"},
		alarms:  []machine.Alarm{machine.AlarmUnwatched}},
	{Name: "no-block-freed-under-io",
		Says:    "No block of a file is given back while a disk is about to write to it.",
		Breaker: Breaker{"dio-aio-vs-truncate", "v6.12", "v6.12 without inode_dio_wait"},
		alarms:  []machine.Alarm{machine.AlarmFreedBlock}},
	{Name: "mapping-outlives-its-readers",
		Says:    "GUP, and a throttled writer, follow folio->mapping only to an address_space that is there.",
		Breaker: Breaker{"inode-rcu", "v6.12 with tlb_flush=pv", "v6.12 with tlb_flush=pv without inode_rcu"},
		alarms:  []machine.Alarm{machine.AlarmNullMapping, machine.AlarmFreedMapping, machine.AlarmThrottledInode}},
	{Name: "longterm-pin-not-movable", Promised: 513,
		Says:    "A page that is held for long (FOLL_LONGTERM), by a pin or, before there were any, by a reference, does not lie in ZONE_MOVABLE or in memory of CMA.",
		Breaker: Breaker{"longterm-pin-movable", "v6.12", "v6.12 with gup_longterm_zone=none"},
		family:  longtermPins, track: machine.Track{Pins: true}},
	{Name: "no-migration-entry-left",
		Says:    "When nobody is at it any more, no page-table entry stands for a page that is being moved.",
		Breaker: Breaker{"migrate-vs-gup-fast", "v6.12", "v6.12 without migrate_undo"},
		family:  migrationEntries},
	{Name: "file-system-asked-before-stores", Promised: never,
		Says:    "A page of a file whose file system must be asked before a write is stored to, by a CPU or a device, only if it was asked since the page was cleaned.",
		Breaker: Breaker{"longterm-pin-vs-writeback", "v6.12", "v6.12 without gup_slow_file_check"},
		alarms:  []machine.Alarm{machine.AlarmUnnoticedStore}, track: machine.Track{Notice: true}},
	{Name: "no-unexpected-dirty-page", Promised: never,
		Says:    "A page of a file whose file system must be asked before a write is marked dirty only after it was asked; else it has no buffers to write from.",
		Breaker: Breaker{"longterm-pin-vs-writeback", "v6.12", "v6.12 without gup_slow_file_check"},
		alarms:  []machine.Alarm{machine.AlarmUnexpectedDirty}, track: machine.Track{Notice: true}},
	{Name: "no-bug-in-writeback", Promised: never,
		Says:    "Writeback does not stop the kernel: a dirty page without buffers, which somebody has dirtied behind its file system's back, is skipped.",
		Breaker: Breaker{"dirty-without-buffers", "v6.1", "v6.1 without ext4_skip_nobuf"},
		alarms:  []machine.Alarm{machine.AlarmNoBuffers}},
	{Name: "device-gone-when-page-freed",
		Says:    "A device reaches no page that was freed since it was got for it.",
		Breaker: Breaker{"vfio-unmap", "v6.12", "v6.12 without iommu_flush_before_unpin"},
		alarms:  []machine.Alarm{machine.AlarmDeviceTooLate}},
	{Name: "stable-under-writeback", Promised: never,
		Says:    "A page is not stored to while its disk reads it.",
		Breaker: Breaker{"stable-pages-stores", "v6.12 with stable_pages", "v6.12"},
		alarms:  []machine.Alarm{machine.AlarmUnstable}, track: machine.Track{Notice: true}},
}

// Lacks returns the rule that the claim is about and the kernel lacks; nil if there is none: the claim can be judged there.
func (c *Claim) Lacks(k *kernel.Kernel) *kernel.Rule {
	for _, id := range c.About {
		if !k.On(id) {
			return kernel.Rules[id]
		}
	}
	return nil
}

// NothingLeft says why none of the claims can be judged on a kernel; "" if one can, or none is named. They are those of a judge line: a check
// that judges nothing would say Never of anything.
func NothingLeft(names []string, k kernel.Kernel) string {
	why := ""
	for _, name := range names {
		c := ByName(name)
		r := c.Lacks(&k)
		if r == nil {
			return ""
		}
		if why == "" {
			why = fmt.Sprintf("%v has no %s, which %s is about: nothing is left to judge there", k, r.Name, name)
		}
	}
	return why
}

// PromisedSince is since when the claim is judged unasked: "always", "v5.19", "never".
func (c *Claim) PromisedSince() string {
	switch c.Promised {
	case 0:
		return "always"
	case never:
		return "never"
	}
	return fmt.Sprintf("v%d.%d", c.Promised/100, c.Promised%100)
}

// Progress is the claims that the check itself judges, of all runs together.
var Progress = []*Claim{
	{Name: check.NoDeadlock,
		Says:    "Whoever has program left can go on, at once or when somebody else has gone on.",
		Breaker: Breaker{"odp-vs-dontneed", "v6.12", "v6.12 without interval_end_even"}},
	{Name: check.NoLivelock,
		Says:    "Nobody retries for ever, as long as everybody gets a turn: whoever can go on all the time, or waits for a lock that is free now and then.",
		Breaker: Breaker{"uprobe-huge-retries", "v6.12", "v6.12 without uprobe_splits_pmd"}},
}

// All is every claim that scenarios may write, in the order in which they are shown.
func All() []*Claim { return slices.Concat(Catalogue, Progress) }

// Names returns the names of All.
func Names() []string {
	var out []string
	for _, c := range All() {
		out = append(out, c.Name)
	}
	return out
}

// ByName returns the claim of that name, or nil.
func ByName(name string) *Claim {
	for _, c := range All() {
		if c.Name == name {
			return c
		}
	}
	return nil
}
