package kernel

// An Omission is something that kernels do differently and that is no rule here, because nothing that can be played shows it.
type Omission struct {
	Name    string // as a rule would be called
	Says    string // what the kernel does
	Why     string // why it is no rule
	Commit  string
	Subject string
}

// LeftOut are the omissions, as far as they look like rules: what else is left out of a function stands in its file.
var LeftOut = []Omission{
	{Name: "wp_shared_first", Says: "a write fault asks first whether the mapping is shared, and then whether the page is anonymous; until 6.1 the other way round",
		Why:    "pages of a shared mapping are never anonymous here: both orders come to the same place",
		Commit: "b9086fde6d44", Subject: "mm: rework handling in do_wp_page() based on private vs. shared mappings"},
	{Name: "gup_fast_grab_split", Says: "slow GUP takes its reference with a function of its own, which does not ask whether the count is zero; until 6.9 with that of GUP-fast",
		Why:    "slow GUP holds the page-table lock, and what a PTE maps has a count: the test never fails there. (Where it asks for the zone is gup_zone_test.)",
		Commit: "f442fa614137", Subject: "mm: gup: stop abusing try_grab_folio"},
	{Name: "pfnmap_force_flush", Says: "munmap flushes at the end of every VMA of a device's memory, before it comes to the next",
		Why:    "it is for drivers that take away what they have mapped (unmap_mapping_range()), and none does here: the pages of a device stay where they are",
		Commit: "b67fbebd4cf9"},
	{Name: "pt_reclaim_dontneed", Says: "MADV_DONTNEED frees a page table that it has emptied (since v6.14)",
		Why:    "none of the kernels here has it. That a page table goes under who walks it, with no mmap_lock held for writing, is shown where khugepaged retracts one: khp_retract_rcu",
		Commit: "6375e95f381e"},
}
