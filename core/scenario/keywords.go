package scenario

import "slices"

// A keyword is a word of the language, with the form in which it stands and a
// sentence about it.
type keyword struct{ word, form, doc string }

var keywords = []keyword{
	{"GUP", "GUP NAME", "The first line: what the scenario is called."},
	{"kernel", "kernel v6.12 without RULE with RULE=VALUE", "The kernel that the scenario runs on unless another one is picked."},
	{"file", `file f = ext4 2 "a" "b"`, "A file, its size in pages and the content of the first of them; the others are holes."},
	{"mm", `mm A { buf = anon 2 rw "a" }`, "An address space and its memory."},
	{"frames", "frames N", "How many free frames there are beside those in use at the start. Without this line: 1. Behind the number may stand the zone they lie in: movable, cma, node 1."},
	{"tables", "tables from frames", "Page tables come from the same frames as pages, so that a freed table may come back as a page. Without this line they have a pool of their own."},
	{"swap", "swap sync|async stable_writes N", "Whether a write to swap is finished when pageout returns (sync, as without this line), or ends later by itself (async); whether the device wants pages that do not change meanwhile; how many slots it has (as many as there are pages for it)."},
	{"blocks", "blocks N", "How many free blocks the disk of the files has, beside those that they have at the start: who needs one more gets -ENOSPC, or SIGBUS from a store. Without this line: enough."},
	{"writers", "writers throttled", "There are too many dirty pages: who dirties one of a file, by a write fault of a shared mapping, is throttled (balance_dirty_pages). Without this line nobody is."},
	{"memory", "memory sc|tso", "Whether all CPUs see every store at once (sc, as without this line), or each has a store buffer as on x86 (tso)."},
	{"arch", "arch x86-64|x86-32-pae", "Whether page-table entries are stored whole (x86-64, as without this line), or in two halves (x86-32 with PAE)."},
	{"pgtable_levels", "pgtable_levels 4|5 freed", "How many levels page tables have (CONFIG_PGTABLE_LEVELS): 4, as without this line, or 5 with LA57 (since v4.14): walks read the P4D between PGD and PUD; whether those above the PTE tables are freed, too."},
	{"mmu_gather", "mmu_gather N", "For how many pages an mmu_gather has room: who unmaps more flushes and frees on the way. Without this line: for as many as there are; real ones have room for ten thousand, and for eight where there is no memory."},
	{"hpage_pmd_nr", "hpage_pmd_nr 2|512", "How many pages a huge page has, and so how many entries a page table (HPAGE_PMD_NR): 2, as without this line, or another power of two up to the 512 of x86-64. More pages are more entries to go through one by one, and so more states."},
	{"hugepagesz", "hugepagesz PMD_SIZE|PUD_SIZE", "How large the huge pages of hugetlb are: 2 MiB, mapped by PMD entries, as without this line; or a gigabyte, mapped by PUD entries. Then all memory is in such pages."},
	{"nr_hugepages", "nr_hugepages N", "How many huge pages the pool of hugetlb has. Without this line: as many as everybody together can use."},
	{"preempt", "preempt cpu0 N", "The host may take this CPU away, N times at most, and give it back."},
	{"node", "node cpu1 N", "Which node a CPU belongs to: where its faults allocate first. Behind frames or a mapping: in which node's memory they lie."},
	{"speculate", "speculate cpu0", "The walker of this CPU may fill its TLB unasked."},
	{"claim", "claim NAME on|off", "Judges a claim that is off by itself, or does not judge one that is on."},
	{"judge", "judge NAME, NAME", "Judges these claims alone."},
	{"expect", "expect KERNEL, KERNEL: Never", "What a check of these kernels finds."},
	{"never", `never P0.v == "a"`, "At the end of no run this holds."},
	{"sometimes", `sometimes P0.v == "a"`, "At the end of some run this holds, of another it does not."},
	{"always", `always P0.v == "a"`, "At the end of every run this holds."},

	{"forked", "mm B forked from A", "An address space that fork(B) makes of A's: with the same memory, at the same addresses."},
	{"from", "tables from frames", "Page tables come from the same frames as pages; behind forked, the mm that is copied."},
	{"sc", "memory sc", "Memory is sequentially consistent."},
	{"tso", "memory tso", "Each CPU has a store buffer: what it stores, others see later; atomic instructions and fences wait until it is empty."},
	{"x86-64", "arch x86-64", "Page-table entries are stored whole."},
	{"x86-32-pae", "arch x86-32-pae", "Page-table entries are stored in two halves; the frames lie so that their numbers differ in the high half alone."},
	{"sync", "swap sync", "The write to swap is finished when pageout returns."},
	{"async", "swap async", "The write to swap ends later by itself; a later pass of reclaim frees the page."},
	{"freed", "pgtable_levels 4 freed", "Nothing else lies near what is mapped: the PMD table goes with the last VMA, and so do those above it (free_pgd_range); walks read every level from the PGD on."},
	{"stable_writes", "swap async stable_writes", "The swap device compresses or checksums what it reads: nobody is to store to a page meanwhile (SWP_STABLE_WRITES)."},
	{"throttled", "writers throttled", "Who dirties a page of a file sleeps until writeback has caught up; the fault drops its lock for that, if it may."},
	{"anon", "NAME = anon N rw|ro", "Private anonymous memory of N pages."},
	{"softdirty", "A.buf == softdirty", "In a condition: the page was written to since clear_refs, or nobody has called that, as /proc/PID/pagemap says."},
	{"thp", "NAME = thp N rw|ro", "Private anonymous memory of N huge pages (of two pages each, unless hpage_pmd_nr says more): MADV_HUGEPAGE; behind the contents of a file of shmem, huge pages that it has; in a condition, A.buf == thp: the PMD maps a huge page there."},
	{"pmd", "file F = shmem N thp pmd", "Behind a file of shmem: where there is no page table, a fault maps a huge page of it by the PMD; without it, page by page."},
	{"hugetlb", "NAME = hugetlb N rw|ro", "Private memory of N huge pages of the pool, which mmap has reserved (MAP_HUGETLB); with file, a file of hugetlbfs of N huge pages."},
	{"pfnmap", "NAME = pfnmap N rw|ro", "A shared mapping of N pages of a device's memory, which has no struct pages (remap_pfn_range: VM_IO, VM_PFNMAP): GUP refuses it."},
	{"mixedmap", "NAME = mixedmap N rw|ro", "As pfnmap, but the VMA may have pages with struct pages, too (vm_insert_mixed: VM_MIXEDMAP): what it has is looked for PTE by PTE."},
	{"references", `NAME = anon N rw "a" references N`, "Behind the contents: so many references somebody else has on each filled page, and keeps (pages in pipes, say). A folio's count has 32 bits."},
	{"stack", `NAME = stack N rw "a"`, "Private anonymous memory that grows down, to N pages at most: at the start its VMA has the last pages alone, those with a content, or one."},
	{"room", "NAME = room for NAME", "Addresses at which nothing is mapped at the start: mremap may move pages of the mapping there."},
	{"for", "NAME = room for NAME", "Behind room: the mapping that may move there."},
	{"rw", "anon N rw", "The process may write to it."},
	{"ro", "anon N ro", "The process may only read it."},
	{"ext4", "file f = ext4 N", "On a disk: its pages have blocks and buffers, and are written back."},
	{"shmem", "file f = shmem N", "In memory and swap alone: tmpfs, memfd, shared anonymous memory."},
	{"ramfs", "file f = ramfs N", "In memory alone."},
	{"secretmem", "file f = secretmem N", "Memory that the kernel itself does not map: GUP refuses it."},
	{"dax", `file f = dax N "a"`, "On memory that keeps what it holds: mappings lead to the device's own pages, which no page table counts (DAX). GUP gets them, but not for long."},
	{"nobuffers", `file f = ext4 N "a" nobuffers`, "The filled pages were read in: in the page cache, clean, without buffers. Without a word they were written and synced: clean, with buffers."},
	{"dirty", `file f = ext4 N "a" dirty`, "The filled pages were written and not synced: dirty in the page cache, nothing of them on disk."},
	{"dropped", `file f = ext4 N "a" dropped`, "The filled pages are on disk alone; of shmem: in swap."},
	{"foreign", `file f = ext4 N "a" foreign`, "Belongs to somebody else: the processes neither own the file nor may write to it (who has it mapped writable got it open). MADV_PAGEOUT takes none of its pages."},
	{"shared", "buf = f shared rw", "A mapping of a file: what is stored there is in the file (MAP_SHARED)."},
	{"gigabyte", "buf = f shared rw gigabyte", "A mapping of a hugetlb file that covers a whole gigabyte (of as many huge pages as are written): mms that map the same share its PMD table, in which what the file holds is mapped."},
	{"private", "buf = f private rw", "A mapping of a file: a store makes a copy (MAP_PRIVATE)."},
	{"clean", `anon N rw "a" clean`, "The filled pages were written to swap and read back: mapped clean, and in the swap cache."},
	{"swapped", `anon N rw "a" swapped`, "The filled pages were written to swap and dropped: the PTE holds the swap entry."},
	{"hugepage", `anon N rw "a" hugepage`, "MADV_HUGEPAGE was said of it after small pages were in it."},
	{"mergeable", `anon N rw "a" mergeable`, "MADV_MERGEABLE: ksmd may merge its pages; it has seen the filled ones once, as they are."},
	{"merged", `anon N rw "a" "a" merged`, "Mergeable, and ksmd has merged the filled pages that hold the same: they share one read-only page, with those of all merged mappings."},
	{"split", `thp N rw "a" split`, "The PMD was split: each page of the huge page has its PTE."},
	{"torn", `thp N rw "a" "b" torn`, "As split, but each page is one of another huge page, of which nothing else is mapped any more: what mremap leaves that has put pages of several in a row."},
	{"movable", `anon N rw "a" movable`, "The filled pages, or the free frames, lie in ZONE_MOVABLE: what is there must be possible to move away."},
	{"cma", `anon N rw "a" cma`, "The filled pages, or the free frames, are memory of CMA: lent to what can be moved away, until a device wants it."},
	{"on", "P0 on cpu0 in A { … }", "Which CPU the task runs on; behind a condition, which kernels it speaks of; with claim, that it is judged."},
	{"off", "claim NAME off", "The claim is not judged."},
	{"in", "P0 on cpu0 in A { … }", "A thread of the process with this mm."},
	{"after", "P1 on cpu1 kernel after P0 { … }", "The task begins when the other one, which stands above, has ended. It may be a name all the same."},
	{"without", "v6.12 without RULE", "The kernel without this rule."},
	{"with", "v6.12 with RULE=VALUE", "The kernel with this rule, or with this value of it."},
	{"judging", "expect KERNEL judging NAME, NAME: Never", "This line judges these claims alone."},
	{"Never", "expect KERNEL: Never", "No claim that is judged is ever false."},
	{"Sometimes", "expect KERNEL: Sometimes NAME, NAME", "Exactly these claims can become false."},
	{"within", "expect KERNEL: Never within N states", "The search is stopped after so many states: too many for a proof."},
	{"states", "expect KERNEL: Never, N states", "How many states the search has found, one number for each kernel."},
	{"reduced", "expect KERNEL: Never, N reduced states", "The number before it was counted by the reduced search."},
	{"and", "COND and COND", "Both hold."},
	{"or", "COND or COND", "One of them holds, or both."},
	{"not", "not COND", "It does not hold."},
}

// isReserved reports whether a word cannot be a name: those of the language but for after, which stands where no name can.
func isReserved(word string) bool {
	return word != "after" && slices.ContainsFunc(keywords, func(k keyword) bool { return k.word == word })
}

func keywordDoc(word string) string {
	for _, k := range keywords {
		if k.word == word {
			return k.doc
		}
	}
	return ""
}
