package kernel

// An Omission is something that kernels do differently and that is no rule here, because nothing that can be played shows it.
type Omission struct {
	Name    string // as a rule would be called
	Says    string // what the kernel does
	Why     string // why it is no rule
	Commit  string // "" if unknown, or there is none
	Subject string
}

// LeftOut are the omissions, as far as they look like rules: what else is left out of a function stands in its file.
var LeftOut = []Omission{
	{Name: "wp_shared_first", Says: "a write fault asks first whether the mapping is shared, and then whether the page is anonymous; until 6.1 the other way round",
		Why:    "pages of a shared mapping are never anonymous here: both orders come to the same place",
		Commit: "b9086fde6d44", Subject: "mm: rework handling in do_wp_page() based on private vs. shared mappings"},
	{Name: "gup_fast_grab_split", Says: "slow GUP takes its reference with a function of its own, which does not ask whether the count is zero; until 6.9 with that of GUP-fast",
		Why:    "slow GUP holds the page-table lock, and what a PTE maps has a count: the test never fails there; where it asks for the zone is gup_zone_test",
		Commit: "f442fa614137", Subject: "mm: gup: stop abusing try_grab_folio"},
	{Name: "pfnmap_force_flush", Says: "munmap flushes at the end of every VMA of a device's memory, before it comes to the next",
		Why:    "it is for drivers that take away what they have mapped (unmap_mapping_range()), and none does here: the pages of a device stay where they are",
		Commit: "b67fbebd4cf9"},
	{Name: "foll_split", Says: "from v4.11 to v5.3 uprobes have GUP split the whole folio (FOLL_SPLIT); since, the PMD alone, which is uprobe_splits_pmd",
		Why: "none of the kernels here lies between"},
	{Name: "khugepaged_max_ptes", Says: "khugepaged leaves a range alone in which more than 511 PTEs map nothing or zeros, more than 64 pages are swapped out, or more than 256 shared " +
		"(max_ptes_none, max_ptes_swap, max_ptes_shared, of 512); MADV_COLLAPSE does not ask",
		Why: "a huge page of two pages lies below all of them; with hpage_pmd_nr 512, what is collapsed here has fewer of each"},
	{Name: "pt_reclaim_dontneed", Says: "MADV_DONTNEED frees a page table that it has emptied (since v6.14)",
		Why:    "none of the kernels here has it. That a page table goes under who walks it, with no mmap_lock held for writing, is shown where khugepaged retracts one: khp_retract_rcu",
		Commit: "6375e95f381e"},
	{Name: "upper_tables_freed", Says: "munmap and exit free the PMD, PUD and P4D tables, too, that map nothing any more (free_pgd_range)",
		Why: "tables above the PTE tables live as long as the mm here: what protects a walk that has come to one of them is what protects it in a PTE table, and that is pt_free"},
	{Name: "userfaultfd", Says: "userfaultfd asks user space before a page that is missing, or that it write-protects, is used; where UFFDIO_CONTINUE mapped a page of shmem read-only, FOLL_FORCE could write to it as to Dirty COW's, " +
		"until FOLL_COW went in 6.0 (force_write_rule=foll_cow)",
		Why:    "nobody has a userfaultfd here: of its faults nothing is known but their places in the order of questions",
		Commit: "5535be309971"},
	{Name: "ksm_smart_scan", Says: "ksmd passes over pages for which it has found no partner several times (since v6.7)",
		Why: "which page ksmd comes to next is not chosen here: it looks at all, as long as the scenario has it scan"},
	{Name: "lru_batches_of_age", Says: "a CPU has batches, too, of folios on their way to another end of an LRU list: lru_activate, lru_deactivate_file and lru_move_tail",
		Why: "they only say where on which list a folio stands, and reclaim comes here to any that a scenario names; a reference that a batch holds is seen in lru_add, in lru_deactivate and in lru_lazyfree"},
	{Name: "mmu_gather_full", Says: "zap_pte_range() unlocks, flushes and puts what is gathered when the gather is full, and goes on behind it",
		Why: "some ten thousand pages are gathered before; here a region has a few"},
	{Name: "copy_pte_range_breaks", Says: "fork unlocks both page tables for a moment, after some dozens of entries, where somebody waits for them, or for the CPU",
		Why: "a page table has two or three entries here, or those of one huge page"},
	{Name: "writeback_zeroes_tail", Says: "once a folio is clean, writeback zeroes what of it lies behind i_size",
		Why: "contents are those of the first bytes of a page, which lie inside the file if the page does"},
}
