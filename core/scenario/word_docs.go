package scenario

import "gupscope/core/kernel"

// wordDoc documents a flag or word of calls.
func wordDoc(word string) string {
	if f := kernel.FollByName(word); f != nil {
		return f.Doc
	}
	return wordDocs[word]
}

// wordDocs document the words of calls that are no flags of GUP.
var wordDocs = map[string]string{
	"MADV_DONTNEED":        "The content is thrown away: the next access finds a fresh page, or what the file has.",
	"MADV_DONTNEED_LOCKED": "The content is thrown away, also of memory that mlock has locked, which stays locked: the next access finds a fresh page. Since v5.18.",
	"MADV_FREE":            "The content may be thrown away when memory is short, unless somebody stores to the page first.",
	"MADV_COLD":            "The pages are the next to be reclaimed: not accessed, and at the inactive end of the LRU list.",
	"MADV_PAGEOUT":         "The pages are reclaimed now: to swap, or to the file's disk.",
	"MADV_POPULATE_READ":   "All pages are mapped as a read fault would map them, without being read.",
	"MADV_POPULATE_WRITE":  "All pages are mapped as a write fault would map them, writable and without being written.",
	"MADV_COLLAPSE":        "The range becomes a huge page now, as khugepaged would make it later.",
	"MADV_MERGEABLE":       "KSM may merge the pages with others of the same content.",
	"MADV_UNMERGEABLE":     "KSM leaves the pages alone from now on; what it merged gets pages of its own again.",
	"MADV_HWPOISON":        "The memory of the pages fails: they are marked, unmapped and never used again; who touches it gets SIGBUS, unless a disk has what it held.",
	"MADV_DONTFORK":        "fork leaves the range out: the child has nothing there.",
	"MADV_DOFORK":          "fork copies the range again, as without MADV_DONTFORK.",
	"MADV_WIPEONFORK":      "The child of a fork finds the range empty: zeros, on pages of its own.",
	"MADV_KEEPONFORK":      "The child of a fork finds the range as it is, as without MADV_WIPEONFORK.",
	"PR_SET_MEMORY_MERGE":  "Whether KSM may merge the memory of the process, all that can be: 1, or 0.",
	"MADV_NOHUGEPAGE":      "The range is to have no huge pages from now on: neither faults nor khugepaged make any there, nor does MADV_COLLAPSE. What is huge stays so.",

	"PROT_NONE":       "No access: every load and store is a fault.",
	"PROT_READ":       "Loads only: a store is a fault.",
	"PROT_READ_WRITE": "Loads and stores: PROT_READ and PROT_WRITE.",
	"SYNC":            "The call waits until the disk has written.",
	"AIO":             "The call returns when the write is submitted, unless the file grows: the disk goes on by itself.",
	"PROT_WRITE":      "Stores; what the hardware can write to it can read as well.",

	"PKEY_UNRESTRICTED":   "The thread may do with the key's memory whatever the memory itself allows.",
	"PKEY_DISABLE_ACCESS": "The thread may neither load from the key's memory nor store to it.",
	"PKEY_DISABLE_WRITE":  "The thread may load from the key's memory, and not store to it.",

	"MPOL_MF_MOVE":     "Only pages that no other process maps are moved.",
	"MPOL_MF_MOVE_ALL": "Pages that others map are moved, too.",

	"SIGKILL": "It ends the process: who waits so that a fatal signal may wake him gives up.",
	"SIGUSR1": "An ordinary signal: who waits so that any signal may wake him gives up.",

	"IOMMU_WRITE": "The device may write to the memory: the pages are pinned for writing.",
	"IOMMU_READ":  "The device only reads: the pages are pinned for reading.",

	"FUTEX_READ":         "The futex's word is only read (FUTEX_WAIT): memory that may not be written to will do.",
	"NULL":               "There is no array for the pages, and references are asked for: a mistake of the caller.",
	"LOCKED_0":           "*locked is 0: the caller says that he does not hold mmap_lock, which he must. A mistake.",
	"FAULT_FLAG_WRITE":   "The page is to be written to: COW is broken.",
	"FAULT_FLAG_UNSHARE": "The page is to be the process's own, and stays read-only (since v5.19). Not together with FAULT_FLAG_WRITE.",
	"FUTEX_WRITE":        "The futex's word is written to (FUTEX_WAKE_OP, futexes of locks): so must its memory be.",

	"IB_ACCESS_LOCAL_WRITE": "The device may write to the memory: the pages are pinned for writing.",
	"IB_ACCESS_REMOTE_READ": "The device only reads; until v6.2 the pages were pinned for writing by force all the same.",

	"FALLOC_FL_PUNCH_HOLE": "The pages of the range are taken out of the file, which keeps its size: what is read there is zeros.",
	"POSIX_FADV_DONTNEED":  "The file's clean pages leave the page cache, unless somebody maps or holds them.",
}
