package kernel

import "slices"

// A RuleID is a rule's place in the catalogue.
type RuleID uint8

// A Rule is one thing that a kernel does or does not do: a toggle. Most are on
// or off; some have values. Value 0 is off, or the first value.
type Rule struct {
	ID       RuleID
	Name     string   // as scenarios write it
	Says     string   // what the kernel does when it is on
	Protects string   // what goes wrong when it is off
	Guards   string   // the step it guards: "gup_fast_pte_range: recheck PTE"
	Values   []string // nil: off, on
	Needs    []RuleID // rules that must be on for this one to make sense

	// History, oldest first: from which release on the rule has which value.
	// A rule without an entry for a release is off there.
	History []Since

	// Config says for a value that is not the default from which release (as
	// Version.Order) on it is a configuration that existed; without an entry it is a what-if.
	Config map[uint8]int

	Commit     string // the commit that introduced it, "" if unknown
	Subject    string // that commit's subject
	Confidence string // how we know: "read in source", "commit seen", "from memory", "derived"

	// follow, if set, gives the default from the other rules.
	follow func(v *Version, k *Kernel) uint8
}

// Since says that a rule has a value from a release on.
type Since struct {
	Order int
	Value uint8
}

// on is the history of a rule that came with a release and stayed.
func on(order int) []Since { return []Since{{order, 1}} }

// always is the history of a rule older than every release at hand.
var always = on(0)

func (r *Rule) at(v *Version, k *Kernel) uint8 {
	if r.follow != nil {
		return r.follow(v, k)
	}
	var val uint8
	if slices.Contains(v.Backports, r.ID) {
		return 1
	}
	for _, s := range r.History {
		if v.Order >= s.Order {
			val = s.Value
		}
	}
	return val
}

// ValueName returns the name of a value: "off", "on" or one of Values.
func (r *Rule) ValueName(v uint8) string {
	if r.Values != nil {
		return r.Values[v]
	}
	return [...]string{"off", "on"}[v]
}

func (r *Rule) valueOf(name string) (uint8, bool) {
	names := r.Values
	if names == nil {
		names = []string{"off", "on"}
	}
	for i, n := range names {
		if n == name {
			return uint8(i), true
		}
	}
	return 0, false
}

// RuleByName returns the rule of that name, or nil.
func RuleByName(name string) *Rule {
	for _, r := range Rules {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// The catalogue. Names are the longer, telling ones of the two they had.
const (
	GUPIRQOff RuleID = iota
	GUPGetUnlessZero
	GUPPTERecheck
	GUPPMDRecheck
	GUPHasPinnedFirst
	GUPWriteProtectSeq
	GUPUnshare
	ShareFences
	FOLLPinCounting
	ZeroPageNotCounted
	AnonExclusive
	SwpExclusive
	WPReuse
	CowClearFlushFirst
	RmapDropAfterSet
	SwapinSwapFreeFirst
	SwapinWritable
	ReclaimBatch
	ReclaimFlushDirty
	ReclaimFlushFree
	ReclaimFreeze
	ReclaimSkipsPinned
	ReclaimKeepsPinned
	BatchedPending
	AddToSwapDirties
	SwapZeromap
	MunmapReadLock
	PerVMALock
	SwapinSkipsCache
	SwapcachePrepare
	SwapinReadWritable
	GatherFlushFirst
	TLBFlush
	PTFree
	ForkPinTest
	ForkFlushTLB
	ForkWrprotect
	MprotectUpgrade
	ForceWrite
	GUPLongtermRequiresPin
	ForkDupRmap
	MadviseMore
	LazyfreeRefTest
	GUPFastFileCheck
	GUPSlowFileCheck
	GUPSecretmemCheck
	GUPUnshareNonAnon
	InodeRCU
	ZapFlushBeforeUnlock
	DelayedRmap
	Ext4SkipNobuf
	PunchWritesFirst
	EOFTailZeroed
	ReclaimMayWritepage
	StablePages
	GUPPMDLeafRecheck
	GUPCompoundRecheck
	PMDSplitCarriesDirty
	DoubleMap
	KhpSyncOne
	KhpCheckBeforeClear
	ruleCount
)

// Values of the rules that have more than two.
const (
	WPReuseMapcount uint8 = iota
	WPReuseRefcount1
	WPReuseRefcount1SwapDrain
	WPReuseExclusive
)
const (
	SwapinReuseSwapPage uint8 = iota
	SwapinOnWrite
	SwapinIfExclusive
)
const (
	TLBFlushIPI uint8 = iota
	TLBFlushPV
	TLBFlushBroadcast
)
const (
	FileCheckNone uint8 = iota
	FileCheckV7
	FileCheckDoubleRead
	FileCheckFinal
)
const (
	CompoundNone uint8 = iota
	CompoundRefuse
	CompoundRetry
)
const (
	PTFreeGather uint8 = iota
	PTFreeRCU
	PTFreeImmediate
)
const (
	ForkWrprotectNever uint8 = iota
	ForkWrprotectFirst
	ForkWrprotectLast
)
const (
	ForceDropWrite uint8 = iota
	ForceFollCOW
	ForceExclusive
)
const (
	MprotectNever uint8 = iota
	MprotectDirtyExclusive
	MprotectExclusive
)

// Rules is the catalogue, in the order of the IDs.
var Rules = []*Rule{
	{ID: GUPIRQOff, Name: "gup_irq_off", History: always,
		Says:       "GUP-fast walks with interrupts off on its CPU",
		Protects:   "page tables are freed under the walk; with a flush by IPI, pages too",
		Guards:     "gup_fast: disable interrupts",
		Confidence: "read in source (4.6 to 6.12)"},
	{ID: GUPGetUnlessZero, Name: "gup_get_unless_zero", History: on(413),
		Says:     "GUP-fast takes a reference only if the count is not zero",
		Protects: "a reference is taken on a page that was freed or is frozen",
		Guards:   "try_grab_folio_fast: take a reference",
		Commit:   "e585513b76f7", Subject: "x86/mm/gup: Switch GUP to the generic get_user_page_fast() implementation",
		Confidence: "commit seen; release v4.13 from memory"},
	{ID: GUPPTERecheck, Name: "gup_pte_recheck", History: on(413),
		Says:     "having its reference, GUP-fast looks at the PTE again",
		Protects: "the page was unmapped, freed and given to somebody else between the first look and the reference",
		Guards:   "gup_fast_pte_range: is the PTE still the same?",
		Commit:   "e585513b76f7", Subject: "x86/mm/gup: Switch GUP to the generic get_user_page_fast() implementation",
		Confidence: "commit seen; release v4.13 from memory"},
	{ID: GUPPMDRecheck, Name: "gup_pmd_recheck", History: on(601),
		Says:     "having its reference, GUP-fast looks at the PMD again",
		Protects: "the page table was taken out of the tree (khugepaged) while its PTEs stayed as they were",
		Guards:   "gup_fast_pte_range: is the PMD still the same?",
		Commit:   "70cbc3cc78a9", Subject: "mm: gup: fix the fast GUP race against THP collapse",
		Confidence: "read in source; commit seen"},
	{ID: GUPHasPinnedFirst, Name: "gup_has_pinned_first", History: on(509), Needs: []RuleID{FOLLPinCounting},
		Says:     "a pinning GUP marks the mm as one with pinned pages before it pins",
		Protects: "fork does not know that pages may be pinned and shares them",
		Guards:   "gup_fast_fallback: mark the mm",
		Commit:   "008cfe4418b3", Subject: "mm: Introduce mm_struct.has_pinned",
		Confidence: "read in source; commit seen"},
	{ID: GUPWriteProtectSeq, Name: "gup_write_protect_seq", History: on(511), Needs: []RuleID{FOLLPinCounting},
		Says:     "a pinning GUP-fast gives up if fork was write-protecting meanwhile",
		Protects: "a page is pinned just before fork shares it",
		Guards:   "gup_fast: read write_protect_seq",
		Commit:   "57efa1fe5957", Subject: "mm/gup: prevent gup_fast from racing with COW during fork",
		Confidence: "read in source; commit seen"},
	{ID: GUPUnshare, Name: "gup_unshare", History: on(519), Needs: []RuleID{AnonExclusive, FOLLPinCounting},
		Says:     "a read-only pin of an anonymous page that may be shared unshares it first",
		Protects: "the next write fault copies the page away under the pin",
		Guards:   "gup_fast_pte_range: may a shared page be pinned?",
		Commit:   "a7f226604170", Subject: "mm/gup: trigger FAULT_FLAG_UNSHARE when R/O-pinning a possibly shared anonymous page",
		Confidence: "read in source; commit seen"},
	{ID: ShareFences, Name: "share_fences", History: on(601), Needs: []RuleID{AnonExclusive},
		Says:     "taking exclusivity away from a page is ordered by fences; without them the unmap flushes at once",
		Protects: "a batched flush lets GUP-fast pin a page that stops being exclusive (on weakly ordered CPUs)",
		Guards:   "try_to_unmap_one: defer the flush",
		Commit:   "088b8aa537c2", Subject: "mm: fix PageAnonExclusive clearing racing with concurrent RCU GUP-fast",
		Confidence: "read in source; commit seen"},
	{ID: FOLLPinCounting, Name: "foll_pin_counting", History: on(507),
		Says:     "pin_user_pages() counts 1024 references for a pin",
		Protects: "nobody can tell a pinned page from one with a passing reference",
		Guards:   "try_grab_folio_fast: count the pin",
		Commit:   "3faa52c03f44", Subject: "mm/gup: track FOLL_PIN pages",
		Confidence: "read in source; commit seen"},
	{ID: ZeroPageNotCounted, Name: "zero_page_not_counted", History: on(605), Needs: []RuleID{FOLLPinCounting},
		Says:     "a pin of the shared zero page is not counted",
		Protects: "the count of the zero page overflows",
		Guards:   "try_grab_folio: count the pin",
		Commit:   "c8070b787519", Subject: "mm: Don't pin ZERO_PAGE in pin_user_pages()",
		Confidence: "read in source; commit seen"},
	{ID: AnonExclusive, Name: "anon_exclusive", History: on(519),
		Says:     "an anonymous page knows whether one mm alone maps it (PG_anon_exclusive)",
		Protects: "COW must guess from counts whether a page is shared",
		Guards:   "do_wp_page: may the page be reused?",
		Commit:   "6c287605fd56", Subject: "mm: remember exclusively mapped anonymous pages with PG_anon_exclusive",
		Confidence: "read in source; commit seen"},
	{ID: SwpExclusive, Name: "swp_exclusive", History: on(519), Needs: []RuleID{AnonExclusive},
		Says:     "the swap entry remembers that the page was exclusive",
		Protects: "a page that comes back from swap is copied although nobody shares it",
		Guards:   "try_to_unmap_one: put the swap entry",
		Commit:   "1493a1913e34", Subject: "mm/swap: remember PG_anon_exclusive via a swp pte bit",
		Confidence: "read in source; commit seen"},
	{ID: WPReuse, Name: "wp_reuse_rule", Values: []string{"mapcount", "refcount1", "refcount1_swapdrain", "exclusive"},
		History:  []Since{{0, WPReuseMapcount}, {509, WPReuseRefcount1}, {518, WPReuseRefcount1SwapDrain}, {519, WPReuseExclusive}},
		Says:     "when a write fault may reuse a read-only anonymous page instead of copying it",
		Protects: "a reference held through GUP sees another page than the process",
		Guards:   "do_wp_page: may the page be reused?",
		Commit:   "09854ba94c6a", Subject: "mm: do_wp_page() simplification",
		Confidence: "read in source; commits seen; 5.18 by date"},
	{ID: CowClearFlushFirst, Name: "cow_clear_flush_first", History: always,
		Says:       "COW clears the PTE and flushes before the new page is mapped",
		Protects:   "one CPU reads the old page while another writes the new one",
		Guards:     "wp_page_copy: clear the PTE and flush",
		Confidence: "read in source"},
	{ID: RmapDropAfterSet, Name: "rmap_drop_after_set", History: always,
		Says:       "COW drops the old page's mapcount only after the new PTE is in place",
		Protects:   "another process reuses the old page while a TLB still maps it here",
		Guards:     "wp_page_copy: the old page is mapped once less",
		Confidence: "read in source"},
	{ID: SwapinSwapFreeFirst, Name: "swapin_swap_free_first", History: on(518),
		Says:     "swap-in gives the slot back before it sets the PTE",
		Protects: "the reuse test counts the slot as one more user",
		Guards:   "do_swap_page: give the slot back",
		Commit:   "c145e0b47c77", Subject: "mm: streamline COW logic in do_swap_page()",
		Confidence: "commit seen; 5.18 by date"},
	{ID: SwapinWritable, Name: "swapin_cow_rule", Values: []string{"reuse_swap_page", "write_and_refcount1", "exclusive"},
		History:  []Since{{0, SwapinReuseSwapPage}, {518, SwapinOnWrite}, {519, SwapinIfExclusive}},
		Says:     "when swap-in may map the page writable",
		Protects: "a page that others still reference becomes writable",
		Guards:   "do_swap_page: map it",
		Commit:   "c145e0b47c77", Subject: "mm: streamline COW logic in do_swap_page()",
		Confidence: "read in source; 5.18 by date"},
	{ID: ReclaimBatch, Name: "reclaim_batch", History: always,
		Says:     "reclaim clears PTEs first and flushes the TLBs of many pages at once, later",
		Protects: "nothing: it is an optimisation; off, every PTE is flushed at once",
		Guards:   "try_to_unmap_one: defer the flush",
		Commit:   "72b252aed506", Subject: "mm: send one IPI per CPU to TLB flush all entries after unmapping pages",
		Confidence: "read in source; commit seen (4.3)"},
	{ID: ReclaimFlushDirty, Name: "reclaim_flush_dirty", History: always,
		Says:     "reclaim flushes the batch before it writes a dirty page out",
		Protects: "a CPU stores through its stale TLB entry after the write-out",
		Guards:   "shrink_folio_list: flush before the write-out",
		Commit:   "d950c9477d51", Subject: "mm: defer flush of writable TLB entries",
		Confidence: "read in source; commit seen (4.3)"},
	{ID: ReclaimFlushFree, Name: "reclaim_flush_free", History: always,
		Says:     "reclaim flushes the batch before it gives pages back to the allocator",
		Protects: "a CPU uses a page through its stale TLB entry after somebody else got it",
		Guards:   "shrink_folio_list: flush before freeing",
		Commit:   "72b252aed506", Subject: "mm: send one IPI per CPU to TLB flush all entries after unmapping pages",
		Confidence: "read in source; commit seen (4.3)"},
	{ID: ReclaimFreeze, Name: "reclaim_freeze", History: always,
		Says:       "reclaim takes the last references with one compare-and-exchange to zero",
		Protects:   "a reference taken between the count and the removal is overlooked",
		Guards:     "__remove_mapping: freeze the references",
		Confidence: "read in source"},
	{ID: ReclaimSkipsPinned, Name: "reclaim_skips_pinned", History: on(511), Needs: []RuleID{FOLLPinCounting},
		Says:     "a page that may be pinned is not put into the swap cache",
		Protects: "a pinned page is unmapped and comes back as another one",
		Guards:   "shrink_folio_list: may it be pinned?",
		Commit:   "feb889fb40fa", Subject: "mm: don't put pinned pages into the swap cache",
		Confidence: "commit seen; absent 5.9, present 5.11"},
	{ID: ReclaimKeepsPinned, Name: "reclaim_keeps_pinned", History: on(604), Needs: []RuleID{FOLLPinCounting},
		Says:     "after unmapping, a page that may be pinned is neither written out nor freed",
		Protects: "file-system data is stripped from a pinned page",
		Guards:   "shrink_folio_list: may it be pinned now?",
		Commit:   "d824ec2a1546", Subject: "mm: do not reclaim private data from pinned page",
		Confidence: "commit seen; release 6.4 from memory; also in 6.1.y"},
	{ID: BatchedPending, Name: "batched_pending", History: on(413),
		Says:     "who changes PTEs first finishes a flush that reclaim has put off",
		Protects: "munmap or mprotect returns while a CPU still has the old translation",
		Guards:   "zap_pte_range: finish a batched flush",
		Commit:   "3ea277194daa", Subject: "mm, mprotect: flush TLB if potentially racing with a parallel reclaim leaving stale TLB entries",
		Confidence: "commit seen; v4.13 from memory"},
	{ID: AddToSwapDirties, Name: "add_to_swap_dirties", History: on(407),
		Says:       "a page that enters the swap cache is marked dirty, so that it gets written",
		Protects:   "a clean page is dropped although swap holds no copy",
		Guards:     "add_to_swap: mark it dirty",
		Confidence: "absent in 4.6.2 (read), present in 6.1; the release between is unknown"},
	{ID: SwapZeromap, Name: "swap_zeromap", History: on(612),
		Says:     "a page of zeros is not written to swap: a bit of its slot says so",
		Protects: "nothing: it saves the write and the read",
		Guards:   "pageout: is it all zeros?",
		Commit:   "0ca0c24e3211", Subject: "mm: store zero pages to be swapped out in a bitmap",
		Confidence: "absent in 6.1, present in 6.12 (read in source); commit and release from memory"},
	{ID: MunmapReadLock, Name: "munmap_read_lock", History: on(420),
		Says:     "munmap zaps with mmap_lock downgraded to a read lock",
		Protects: "nothing: it lets faults elsewhere go on",
		Guards:   "do_munmap: downgrade mmap_lock",
		Commit:   "dd2283f2605e", Subject: "mm: mmap: zap pages with read mmap_sem in munmap",
		Confidence: "commit seen; v4.20 from memory"},
	{ID: PerVMALock, Name: "per_vma_lock", History: on(604),
		Says:     "a page fault takes the lock of its VMA alone, mmap_lock only where that fails",
		Protects: "nothing: it lets faults elsewhere go on while an mm changes",
		Guards:   "do_user_addr_fault: take the VMA's own lock",
		Commit:   "", Subject: "",
		Confidence: "6.4 from the fact sheets"},
	{ID: SwapinSkipsCache, Name: "swapin_skips_cache", History: on(415),
		Says:     "from a synchronous swap device, a page that one PTE names is read without going through the swap cache",
		Protects: "nothing: it is an optimisation",
		Guards:   "do_swap_page: read past the swap cache",
		Commit:   "", Subject: "",
		Confidence: "present in 6.1 and 6.12; v4.15 from memory"},
	{ID: SwapcachePrepare, Name: "swapcache_prepare", History: on(608), Needs: []RuleID{SwapinSkipsCache},
		Says:     "reading past the swap cache marks the slot as cached first",
		Protects: "two faults read the same slot, and one maps what the other has overwritten meanwhile",
		Guards:   "do_swap_page: mark the slot",
		Commit:   "", Subject: "",
		Confidence: "about 6.8; also in 6.1.y"},
	{ID: SwapinReadWritable, Name: "swapin_read_maps_writable", History: on(612), Needs: []RuleID{AnonExclusive},
		Says:       "a read fault maps an exclusive page from swap writable at once",
		Protects:   "nothing: it saves a second fault",
		Guards:     "do_swap_page: map it",
		Confidence: "absent in 6.1, present in 6.12 (read in source)"},
	{ID: GatherFlushFirst, Name: "gather_flush_before_free", History: always,
		Says:       "mmu_gather flushes the TLBs before it frees tables and pages",
		Protects:   "a CPU uses a page or table that was freed",
		Guards:     "tlb_finish_mmu: flush",
		Confidence: "read in source"},
	{ID: TLBFlush, Name: "tlb_flush", Values: []string{"ipi", "pv", "broadcast"}, Config: map[uint8]int{TLBFlushPV: 416},
		Says:     "how other CPUs' TLBs are flushed: an IPI that is waited for; as a KVM guest, where a CPU that the host preempted is only marked; or by a broadcast instruction that interrupts nobody",
		Protects: "-",
		Guards:   "flush_tlb_multi",
		Commit:   "858a43aae236", Subject: "KVM: X86: use paravirtualized TLB Shootdown",
		Confidence: "read in source (6.12); commit id and v4.16 from memory"},
	{ID: PTFree, Name: "pt_free", Values: []string{"gather", "rcu", "immediate"}, Config: map[uint8]int{PTFreeRCU: 414},
		Says:     "when a page-table page is freed: with the pages, after the flush; after an RCU grace period; or at once, before the flush",
		Protects: "GUP-fast reads a table that was freed",
		Guards:   "tlb_remove_table",
		Commit:   "9e52fc2b50de", Subject: "x86/mm: Enable RCU based page table freeing (CONFIG_HAVE_RCU_TABLE_FREE=y)",
		Confidence: "commit seen; v4.14 from memory",
		// A kernel that flushes without waiting for every CPU frees its tables by RCU, as soon as x86 can.
		follow: func(v *Version, k *Kernel) uint8 {
			if k.value[TLBFlush] != TLBFlushIPI && v.Order >= 414 {
				return PTFreeRCU
			}
			return PTFreeGather
		}},
	{ID: ForkPinTest, Name: "fork_pin_test", History: on(509), Needs: []RuleID{FOLLPinCounting, GUPHasPinnedFirst},
		Says:     "fork gives the child a copy of a page that may be pinned, at once",
		Protects: "the parent's next write is copied away under its own pin",
		Guards:   "copy_page_range: may it be pinned?",
		Commit:   "70e806e4e645", Subject: "mm: Do early cow for pinned pages during fork() for ptes",
		Confidence: "read in source; commit seen"},
	{ID: ForkFlushTLB, Name: "fork_flush_tlb", History: always,
		Says:       "fork flushes the parent's TLBs before it returns",
		Protects:   "another thread of the parent writes to a page that the child shares by now",
		Guards:     "dup_mmap: flush",
		Confidence: "read in source"},
	{ID: ForkWrprotect, Name: "fork_wrprotect", Values: []string{"never", "first", "last"}, History: []Since{{0, ForkWrprotectFirst}, {509, ForkWrprotectLast}},
		Says:       "fork makes the parent's PTE read-only: before it takes the child's reference, or after it has looked at pins",
		Protects:   "what one of them stores after the fork, the other reads",
		Guards:     "copy_page_range: write-protect the PTE",
		Confidence: "read in source (4.6, 6.1, 6.12); the order between from the commits"},
	{ID: MprotectUpgrade, Name: "mprotect_upgrades", Values: []string{"never", "dirty_exclusive", "exclusive"}, Needs: nil,
		History:  []Since{{0, MprotectNever}, {601, MprotectDirtyExclusive}, {602, MprotectExclusive}},
		Says:     "when mprotect makes the PTE of a private anonymous page writable, instead of leaving that to a fault",
		Protects: "nothing: it saves a fault",
		Guards:   "change_pte_range: put it back",
		Commit:   "64fe24a3e05e", Subject: "mm/mprotect: try avoiding write faults for exclusive anonymous pages when changing protection",
		Confidence: "v6.1 and v6.12 seen in what they do; releases from memory"},
	{ID: ForceWrite, Name: "force_write_rule", Values: []string{"drop_write", "foll_cow", "exclusive"}, Needs: nil,
		History:  []Since{{0, ForceDropWrite}, {409, ForceFollCOW}, {601, ForceExclusive}},
		Says:     "how a write with FOLL_FORCE knows that it may write to the page behind a read-only PTE: it forgets that it wants to write; COW was broken, and the PTE is dirty; the page is exclusive",
		Protects: "the copy is discarded meanwhile, and the page of the file is written to (Dirty COW)",
		Guards:   "follow_page_pte: a copy that may be written to?",
		Commit:   "19be0eaffa3a", Subject: "mm: remove gup_flags FOLL_WRITE games from __get_user_pages()",
		Confidence: "read in source; commits seen (4.9; exclusive: 5535be309971)"},
	{ID: GUPLongtermRequiresPin, Name: "gup_longterm_requires_pin", History: on(511), Needs: []RuleID{FOLLPinCounting},
		Says:       "FOLL_LONGTERM without a pin is refused",
		Protects:   "pages are held for long that nobody can tell are held",
		Guards:     "get_user_pages: check the flags",
		Confidence: "read in source (present in 5.11, absent in 5.9)"},
	{ID: ForkDupRmap, Name: "fork_counts_mappings", History: always,
		Says:       "fork counts the child's PTE among the mappings of the page",
		Protects:   "the parent takes a page for its own that the child maps, too",
		Guards:     "copy_page_range: it is mapped once more",
		Confidence: "read in source"},
	{ID: MadviseMore, Name: "madvise_free_and_more", History: on(514),
		Says:       "madvise knows FREE (with a list of its own for lazyfree pages), COLD, PAGEOUT and POPULATE; what older kernels have of these is not modelled",
		Protects:   "-",
		Guards:     "madvise: is the advice known?",
		Confidence: "FREE 4.5 (its list 4.12), COLD and PAGEOUT 5.4, POPULATE 5.14: from memory"},
	{ID: LazyfreeRefTest, Name: "lazyfree_refcount_check", History: on(518),
		Says:     "reclaim discards a lazyfree page only if nobody has a reference on it",
		Protects: "a device's write to a page that MADV_FREE has freed lazily is lost",
		Guards:   "try_to_unmap_one: may it be discarded?",
		Commit:   "6c8e2a256915", Subject: "mm: fix race between MADV_FREE reclaim and blkdev direct IO read",
		Confidence: "commit seen; 5.18 from memory"},
	{ID: GUPFastFileCheck, Name: "gup_fast_file_check", Values: []string{"none", "v7", "double_read", "final"}, History: []Since{{605, FileCheckFinal}},
		Says:     "what GUP-fast asks about a folio that is to be pinned for writing, for long: nothing; folio_mapping() (a draft of the patch); folio->mapping, read twice (another); or read once",
		Protects: "a page of a file is written behind its file system's back, as long as the pin lasts",
		Guards:   "gup_fast_folio_allowed: which file system is it?",
		Commit:   "a6e79df92e4a", Subject: "mm/gup: disallow FOLL_LONGTERM GUP-fast writing to file-backed mappings",
		Confidence: "read in source; commit seen; the drafts from the mails"},
	{ID: GUPSlowFileCheck, Name: "gup_slow_file_check", History: on(605),
		Says:     "GUP under mmap_lock refuses to pin a mapping for writing, for long, whose file system must be asked before a write",
		Protects: "a page of a file is written behind its file system's back, as long as the pin lasts",
		Guards:   "__get_user_pages_locked: check the VMA's flags",
		Commit:   "8ac268436e6d", Subject: "mm/gup: disallow FOLL_LONGTERM GUP-nonfast writing to file-backed mappings",
		Confidence: "read in source; commit seen"},
	{ID: GUPSecretmemCheck, Name: "gup_secretmem_check", History: on(514),
		Says:     "GUP refuses secret memory",
		Protects: "memory that is taken out of the kernel's own mapping is read through it",
		Guards:   "gup_fast_folio_allowed: is there secret memory?",
		Commit:   "f002882ca369", Subject: "mm: merge folio_is_secretmem() and folio_fast_pin_allowed() into gup_fast_folio_allowed()",
		Confidence: "read in source; the commit is that of the merged form"},
	{ID: GUPUnshareNonAnon, Name: "unshare_non_anon", History: on(602),
		Says:     "a read-only pin for long, of a page of a file or the zero page in a private mapping, unshares it, too",
		Protects: "the next write fault copies the page away under the pin",
		Guards:   "follow_page_pte: must it be unshared first?",
		Commit:   "84209e87c696", Subject: "mm/gup: reliable R/O long-term pinning in COW mappings",
		Confidence: "read in source; commit seen"},
	{ID: InodeRCU, Name: "inode_rcu", History: always,
		Says:     "the memory of an inode, its address_space in it, is freed after an RCU grace period",
		Protects: "GUP-fast follows folio->mapping to an inode that was freed",
		Guards:   "iput: free the inode",
		Commit:   "fa0d7e3de6d6", Subject: "fs: icache RCU free inodes",
		Confidence: "commit seen; 2.6.38 from memory"},
	{ID: ZapFlushBeforeUnlock, Name: "zap_flush_before_unlock", History: always,
		Says:     "where a dirty PTE of a file was cleared, the TLBs are flushed before the page-table lock is dropped",
		Protects: "a CPU stores through its stale TLB entry after the page was cleaned",
		Guards:   "zap_pte_range: flush before unlocking",
		Commit:   "1cf35d47712d", Subject: "mm: split 'tlb_flush_mmu()' into tlb flushing and memory freeing parts",
		Confidence: "read in source; commit seen; 3.15 from memory"},
	{ID: DelayedRmap, Name: "delayed_rmap", History: on(602), Needs: []RuleID{ZapFlushBeforeUnlock},
		Says:     "where a dirty PTE of a file was cleared, the page counts as mapped until the TLBs are flushed",
		Protects: "writeback finds no PTE to wait for and cleans the page while a CPU can still store through its TLB",
		Guards:   "zap_pte_range: the page is mapped once less",
		Commit:   "5df397dec7c4", Subject: "mm: delay page_remove_rmap() until after the TLB has been flushed",
		Confidence: "absent in 6.1, present in 6.12 (read in source); commit seen"},
	{ID: Ext4SkipNobuf, Name: "ext4_skip_nobuf", History: on(518),
		Says:     "ext4 warns and skips a dirty page without buffers, where it stopped with a BUG before",
		Protects: "the kernel stops",
		Guards:   "ext4_writepages: has it buffers?",
		Commit:   "cc5095747edf", Subject: "ext4: don't BUG if someone dirty pages without asking ext4 first",
		Confidence: "read in source; commit seen"},
	{ID: PunchWritesFirst, Name: "punch_writes_first", History: []Since{{0, 1}, {614, 0}},
		Says:       "punching a hole writes the dirty pages of the range out first",
		Protects:   "nothing: they are thrown away afterwards",
		Guards:     "fallocate: write the page out first",
		Confidence: "present in 6.1.192, absent in 6.12.117 (read in source), which has a late backport; v6.14 from memory",
		follow: func(v *Version, _ *Kernel) uint8 {
			if v.Order >= 614 || v.Name == "v6.12.117" {
				return 0
			}
			return 1
		}},
	{ID: EOFTailZeroed, Name: "eof_tail_zeroed", History: on(613),
		Says:       "a file that grows has the rest of its last block zeroed first",
		Protects:   "what was stored behind the end through a mapping becomes part of the file",
		Guards:     "pwrite: did the file end inside a block before this one?",
		Confidence: "absent in 6.1.192, present in 6.12.117 (read in source), which has a late backport; v6.13 from memory"},
	{ID: ReclaimMayWritepage, Name: "reclaim_may_writepage", History: []Since{{0, 1}, {612, 0}},
		Says:       "kswapd may write dirty pages of a file out itself",
		Protects:   "nothing: others write them",
		Guards:     "shrink_folio_list: a dirty page of a file",
		Confidence: "present in 6.1, absent in 6.12 (read in source); the release between is unknown"},
	{ID: StablePages, Name: "stable_pages", Config: map[uint8]int{1: 0},
		Says:       "the disk wants pages that do not change while it reads them: who is about to write waits for writeback",
		Protects:   "a checksum of the page is wrong on the disk",
		Guards:     "ext4_page_mkwrite: wait for writeback",
		Confidence: "read in source; a property of the disk, not of the release"},
	{ID: GUPPMDLeafRecheck, Name: "gup_pmd_leaf_recheck", History: on(413),
		Says:     "having its reference on a huge page, GUP-fast looks at the PMD again",
		Protects: "the huge page was unmapped, freed and given to somebody else between the first look and the reference",
		Guards:   "gup_fast_pmd_leaf: is the PMD still the same?",
		Commit:   "e585513b76f7", Subject: "x86/mm/gup: Switch GUP to the generic get_user_page_fast() implementation",
		Confidence: "commit seen; release v4.13 from memory"},
	{ID: GUPCompoundRecheck, Name: "gup_compound_recheck", Values: []string{"none", "refuse", "retry"},
		History:  []Since{{0, CompoundNone}, {514, CompoundRefuse}, {519, CompoundRetry}},
		Says:     "having its reference on a folio, GUP-fast looks whether the page still belongs to it; if not, it gives up, or takes the right folio's",
		Protects: "the folio was split meanwhile: the reference is on a neighbour, and the page returned has none",
		Guards:   "try_grab_folio_fast: does the page still belong to the folio?",
		Commit:   "c24d37322548", Subject: "mm/gup: fix try_grab_compound_head() race with split_huge_page()",
		Confidence: "read in source; commit seen; v5.14 from memory"},
	{ID: PMDSplitCarriesDirty, Name: "pmd_split_carries_dirty", History: on(602),
		Says:       "splitting a huge PMD gives every PTE the dirty bit that the PMD had",
		Protects:   "nothing: the folio is marked dirty either way",
		Guards:     "__split_huge_pmd: fill the page table",
		Confidence: "absent in 6.1.192, present in 6.12.117 (seen on both); the release between is unknown"},
	{ID: DoubleMap, Name: "thp_double_map", History: []Since{{0, 1}, {602, 0}},
		Says:       "a huge page that PMDs and PTEs map at once is marked so, and each of its pages counts one mapping more",
		Protects:   "nothing: it was how mapcounts were kept",
		Guards:     "__split_huge_pmd: is it mapped by another PMD?",
		Confidence: "seen in 6.1.192, gone in 6.12.117; v6.2 from memory"},

	{ID: KhpSyncOne, Name: "khp_sync_one", History: on(601),
		Says:     "having taken the page table out of the tree, collapse sends every CPU an IPI and waits for it, if tables are freed by RCU",
		Protects: "GUP-fast walks a page table that is deposited, used again or freed",
		Guards:   "collapse_huge_page: tlb_remove_table_sync_one",
		Commit:   "2ba99c5e0881", Subject: "mm/khugepaged: fix GUP-fast interaction by sending IPI",
		Confidence: "read in source; commit seen; v6.1 from memory"},
	{ID: KhpCheckBeforeClear, Name: "khp_check_before_clear", History: nil,
		Says:       "collapse counts the references on the pages before it takes their page table out of the tree, not after",
		Protects:   "nothing: it is a mistake that no kernel made; GUP-fast takes a reference between the count and the removal",
		Guards:     "collapse_huge_page: isolate the pages",
		Confidence: "what-if"},
}
