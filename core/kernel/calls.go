package kernel

// A Call is something a task of a scenario can do: the vocabulary of its programs.
type Call struct {
	Name    string // the newest name; what v6.12 prints
	Was     []Name // older names, oldest first
	Params  []Param
	Result  Result
	From    Place
	Since   int               // first release that has it, as Version.Order; 0: all
	Until   int               // first release that has it no more; 0: none
	Use     string            // what to write instead on a kernel that does not have it
	Doc     string            // one or two sentences for hover and documentation
	entry   FuncID            // the table that runs it; fnNone: see users
	words   map[string]FuncID // where a word says so, another table
	moves   bool              // it may move pages
	holds   uint64            // FOLL_ flags with which it gets its page, if it has no parameter for them
	guest   bool              // it runs a guest: the task's mm is its memory
	sva     bool              // a device that is bound to the task's mm does it
	gathers bool              // it may open an mmu_gather
	walks   bool              // it may walk the reverse mapping of a folio: see Stmt.walksRmap
	GivesUp bool              // it may get nothing, and no error either: 0
}

// A Name is what something was called before a release.
type Name struct {
	Name   string
	Before int // Version.Order of the first release with the next name
}

// NameIn returns the call's name in that version.
func (c *Call) NameIn(v *Version) string {
	for _, w := range c.Was {
		if v.Order < w.Before {
			return w.Name
		}
	}
	return c.Name
}

// In reports whether the version has the call.
func (c *Call) In(v *Version) bool {
	return v.Order >= c.Since && (c.Until == 0 || v.Order < c.Until)
}

// A Param is one parameter of a call.
type Param struct {
	Name     string
	Kind     ParamKind
	Optional bool
	Words    []string // for Flags and Word: what may be written
}

// NamesPages reports whether an argument for the parameter names a page, or pages, of an mm.
func (p Param) NamesPages(a Arg) bool {
	switch p.Kind {
	case PageParam, PagesParam, VMAParam:
		return true
	}
	return a.Memory
}

// Stores reports whether an argument for the parameter is a content.
func (p Param) Stores(a Arg) bool { return p.Kind == ValueParam || p.Kind == SourceParam && !a.Memory }

// A ParamKind says what may stand in a parameter's place.
type ParamKind uint8

const (
	PageParam     ParamKind = iota // a page of an mm: buf, buf[2], A.buf
	VMAParam                       // pages of a region: buf, or buf[2]; the callee gets the first and the last
	PagesParam                     // a page, and how many from there on: buf; buf, 2; the callee gets the first and the number
	VarParam                       // a variable of the task that holds what GUP returned: p, p[1]
	VarsParam                      // all pages that a variable holds, or one: p, p[1]; the callee gets the first and the number
	ValueParam                     // what is stored: "d"
	FlagsParam                     // FOLL_WRITE | FOLL_LONGTERM, or 0
	FileParam                      // a file: f
	FilePageParam                  // a page of a file: f, f[2]
	NumberParam                    // a number of pages
	WordParam                      // one word: MADV_DONTNEED
	MMParam                        // an mm that is forked from the task's own
	ProcessParam                   // a process, by its mm: A
	RoomParam                      // where mremap moves the mapping before it: new
	PkeyParam                      // a protection key, 0 to 15; the callee gets one more
	SourceParam                    // what is written: "d"; or the memory that it comes from: buf, buf[2]; the callee gets the content, and the page plus one or 0
	GUPArgParam                    // what a caller of GUP gets wrong beside its flags: NULL, for the array of pages; LOCKED_0, for *locked
	BufferParam                    // the memory that is read into: buf, buf[2]; the callee gets the page plus one, or 0
)

// A Result says what a call returns.
type Result uint8

const (
	NoResult     Result = iota
	ErrResult           // 0, an errno or a signal
	PageResult          // a page that is held, or an errno
	ValueResult         // what was read, or a signal
	NumberResult        // a number, or an errno
)

// A Place says who may make a call.
type Place uint8

const (
	Anywhere   Place = iota
	UserTask         // a task "in" an mm
	KernelTask       // a task of the kernel: "on cpu1 kernel"
)

var (
	gupParams       = []Param{{Name: "page", Kind: PagesParam}, {Name: "flags", Kind: FlagsParam, Words: follFlags, Optional: true}, {Name: "pages", Kind: GUPArgParam, Words: []string{"NULL"}, Optional: true}}
	gupLockedParams = append(gupParams[:2:2], Param{Name: "pages or locked", Kind: GUPArgParam, Words: []string{"NULL", "LOCKED_0"}, Optional: true})
)

// Calls is the vocabulary, in the order in which documentation lists it.
var Calls = []*Call{
	{Name: "store", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "value", Kind: ValueParam}}, Result: ErrResult, From: UserTask, entry: fnStore,
		Doc: "The thread writes to its memory: a TLB hit, or the hardware's walk, or a page fault and then again."},
	{Name: "load", Params: []Param{{Name: "page", Kind: PageParam}}, Result: ValueResult, From: UserTask, entry: fnLoad,
		Doc: "The thread reads its memory: a TLB hit, or the hardware's walk, or a page fault and then again."},
	{Name: "guest_store", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "value", Kind: ValueParam}}, Result: ErrResult, From: UserTask, entry: fnGuestStore, guest: true,
		Doc: "The thread runs a guest, whose memory is its mm (KVM_RUN), and the guest writes: by KVM's own page table, which GUP fills and the MMU notifier empties. No PTE of the process is asked."},
	{Name: "guest_load", Params: []Param{{Name: "page", Kind: PageParam}}, Result: ValueResult, From: UserTask, entry: fnGuestLoad, guest: true,
		Doc: "The thread runs a guest, whose memory is its mm (KVM_RUN), and the guest reads: by KVM's own page table, which GUP fills and the MMU notifier empties."},
	{Name: "sva_store", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "value", Kind: ValueParam}}, Result: ErrResult, From: UserTask, entry: fnSVAStore, sva: true,
		Doc: "A device that is bound to the mm (IOMMU SVA) writes: by what its IOTLB has, or the process's own page table. A page that is not there is faulted in for it."},
	{Name: "sva_load", Params: []Param{{Name: "page", Kind: PageParam}}, Result: ValueResult, From: UserTask, entry: fnSVALoad, sva: true,
		Doc: "A device that is bound to the mm (IOMMU SVA) reads: by what its IOTLB has, or the process's own page table."},
	{Name: "odp_store", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "value", Kind: ValueParam}}, Result: ErrResult, From: UserTask, Since: 505, Use: "guest_store", entry: fnODPStore,
		Doc: "An RDMA card writes to memory that the process has registered for on-demand paging (ODP): by a page table of its own, which hmm_range_fault fills (until v5.9 GUP), and an interval notifier empties. Nothing is pinned. Memory to which it writes anywhere in the mm is faulted in for writing on its reads, too."},
	{Name: "odp_load", Params: []Param{{Name: "page", Kind: PageParam}}, Result: ValueResult, From: UserTask, Since: 505, Use: "guest_load", entry: fnODPLoad,
		Doc: "An RDMA card reads memory that the process has registered for on-demand paging (ODP): by a page table of its own, which hmm_range_fault fills (until v5.9 GUP), and an interval notifier empties."},
	{Name: "get_user_pages_fast", Params: gupParams,
		Result: PageResult, From: UserTask, entry: fnGetUserPagesFast,
		Doc: "Takes a reference (FOLL_GET) on the page mapped there, or on several from there on: first without any lock, with interrupts off; where that is refused, under mmap_lock. Of several it may get the first ones: that is no error."},
	{Name: "pin_user_pages_fast", Params: gupParams,
		Result: PageResult, From: UserTask, Since: 506, Use: "get_user_pages_fast", entry: fnPinUserPagesFast,
		Doc: "As get_user_pages_fast, but takes a pin (FOLL_PIN: 1024 references on a small folio): for whoever touches the data."},
	{Name: "get_user_pages_fast_only", Was: []Name{{"__get_user_pages_fast", 508}}, Params: gupParams,
		Result: PageResult, From: UserTask, entry: fnGetUserPagesFastOnly, GivesUp: true,
		Doc: "As get_user_pages_fast, but gives up where locks would be needed: it returns 0 then."},
	{Name: "get_user_pages", Params: gupParams,
		Result: PageResult, From: UserTask, entry: fnGetUserPages,
		Doc: "Takes a reference (FOLL_GET) on the page mapped there, under mmap_lock and the page-table lock, faulting it in if need be."},
	{Name: "pin_user_pages", Params: gupParams,
		Result: PageResult, From: UserTask, Since: 506, Use: "get_user_pages", entry: fnPinUserPages,
		Doc: "As get_user_pages, but takes a pin (FOLL_PIN)."},
	{Name: "pin_user_pages_fast_only", Params: gupParams, Result: PageResult, From: UserTask, Since: 508, Until: 610, Use: "pin_user_pages_fast", entry: fnPinUserPagesFastOnly, GivesUp: true,
		Doc: "As pin_user_pages_fast, but gives up where locks would be needed: it returns 0 then."},
	{Name: "get_user_pages_unlocked", Params: gupParams, Result: PageResult, From: UserTask, entry: fnGetUserPagesUnlocked,
		Doc: "As get_user_pages, but mmap_lock is dropped while a fault waits for I/O, and everything is looked at again then."},
	{Name: "pin_user_pages_unlocked", Params: gupParams, Result: PageResult, From: UserTask, Since: 508, Use: "pin_user_pages", entry: fnPinUserPagesUnlocked,
		Doc: "As get_user_pages_unlocked, but takes a pin (FOLL_PIN)."},
	{Name: "get_user_pages_locked", Params: gupLockedParams, Result: PageResult, From: UserTask, Until: 518, Use: "get_user_pages_unlocked", entry: fnGetUserPagesLockedAPI,
		Doc: "As get_user_pages_unlocked, for callers that hold mmap_lock, and are told whether they hold it still."},
	{Name: "pin_user_pages_locked", Params: gupLockedParams, Result: PageResult, From: UserTask, Since: 508, Until: 518, Use: "pin_user_pages_unlocked", entry: fnPinUserPagesLocked,
		Doc: "As get_user_pages_locked, but takes a pin (FOLL_PIN)."},
	{Name: "get_user_pages_remote", Params: gupLockedParams, Result: PageResult, From: Anywhere, entry: fnGetUserPagesRemote,
		Doc: "As get_user_pages, of the memory of any mm, which is kept meanwhile. -ESRCH: it is gone."},
	{Name: "pin_user_pages_remote", Params: gupLockedParams, Result: PageResult, From: Anywhere, Since: 506, Use: "get_user_pages_remote", entry: fnPinUserPagesRemote,
		Doc: "As get_user_pages_remote, but takes a pin (FOLL_PIN)."},
	{Name: "fixup_user_fault", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "fault_flags", Kind: FlagsParam, Words: faultFlagWords}}, Result: ErrResult, From: UserTask, entry: fnFixupUserFault,
		Doc: "Kernel code that walks page tables itself faults the page in, under mmap_lock, with fault flags of its own choice. Of private memory in small pages."},
	{Name: "device_write", Params: []Param{{Name: "page", Kind: VarParam}, {Name: "value", Kind: ValueParam}}, entry: fnDeviceWrite,
		Doc: "The device, or the kernel through its own mapping, writes to the page that is held. No page table and no TLB is asked."},
	{Name: "device_read", Params: []Param{{Name: "page", Kind: VarParam}}, Result: ValueResult, entry: fnDeviceRead,
		Doc: "The device reads the page that is held. No page table and no TLB is asked."},
	{Name: "set_page_dirty_lock", Params: []Param{{Name: "page", Kind: VarParam}}, entry: fnSetPageDirtyLock,
		Doc: "Marks the page dirty under its lock: whoever wrote to it through a reference must, before giving the reference back."},
	{Name: "put_page", Params: []Param{{Name: "page", Kind: VarParam}}, entry: fnPutPage,
		Doc: "Gives back the reference that get_user_pages took. The last one frees the page."},
	{Name: "unpin_user_page", Was: []Name{{"put_user_page", 506}}, Params: []Param{{Name: "page", Kind: VarParam}}, Since: 502, Use: "put_page", entry: fnUnpinUserPage,
		Doc: "Gives back the pin that pin_user_pages took; where there are no pins yet, the reference."},
	{Name: "unpin_user_pages", Was: []Name{{"put_user_pages", 506}}, Params: []Param{{Name: "page", Kind: VarsParam}}, Since: 502, Use: "put_page", entry: fnUnpinUserPages,
		Doc: "Gives back the pins of all pages that the variable holds: as unpin_user_page, which is for one."},
	{Name: "unpin_user_pages_dirty_lock", Was: []Name{{"put_user_pages_dirty_lock", 506}}, Params: []Param{{Name: "page", Kind: VarsParam}}, Since: 502, Use: "set_page_dirty_lock and put_page", entry: fnUnpinUserPagesDirtyLock,
		Doc: "Marks each page dirty that is clean, then gives back its pin."},
	{Name: "unpin_user_page_range_dirty_lock", Params: []Param{{Name: "page", Kind: VarsParam}}, Since: 513, Use: "unpin_user_pages_dirty_lock", entry: fnUnpinUserPageRangeDirtyLock,
		Doc: "As unpin_user_pages_dirty_lock, for pages that lie side by side. Nobody asks whether they are still exclusive."},
	{Name: "unpin_folio", Params: []Param{{Name: "page", Kind: VarParam}}, Since: 611, Use: "unpin_user_page", entry: fnUnpinFolio,
		Doc: "Gives back the pin of a folio. Nobody asks whether it is still exclusive."},
	{Name: "unpin_folios", Params: []Param{{Name: "page", Kind: VarsParam}}, Since: 611, Use: "unpin_user_pages", entry: fnUnpinFolios,
		Doc: "Gives back the pins of all folios that the variable holds. Nobody asks whether they are still exclusive."},
	{Name: "unpin_user_folio", Params: []Param{{Name: "page", Kind: VarsParam}}, Since: 611, Use: "unpin_user_pages", entry: fnUnpinUserFolio,
		Doc: "Gives back, with one subtraction, the pins of one folio that the variable holds, from its first page on; pages of others stay pinned. Nobody asks whether it is still exclusive."},
	{Name: "bio_iov_iter_get_pages", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "flags", Kind: FlagsParam, Words: follFlags[:1], Optional: true}},
		Result: PageResult, From: UserTask, entry: fnBioGetPages,
		Doc: "Gets the page for direct I/O (O_DIRECT), with FOLL_WRITE where the disk is read into memory: a pin from v6.5 on, a reference before."},
	{Name: "bio_release_pages", Params: []Param{{Name: "page", Kind: VarParam}}, entry: fnBioReleasePages,
		Doc: "Gives back what bio_iov_iter_get_pages took. Who has read from the disk calls set_page_dirty_lock before."},
	{Name: "bio_check_pages_dirty", Params: []Param{{Name: "page", Kind: VarParam}}, entry: fnBioCheckPagesDirty,
		Doc: "At the end of a disk read: marks the page dirty again, if writeback has cleaned it since bio_set_pages_dirty."},
	{Name: "munmap", Params: []Param{{Name: "vma", Kind: VMAParam}}, Result: ErrResult, From: UserTask, entry: fnMunmap, gathers: true,
		Doc: "Takes the VMA out of the mm, clears its PTEs, frees its page table, flushes, then frees its pages."},
	{Name: "madvise", Params: []Param{{Name: "vma", Kind: VMAParam}, {Name: "advice", Kind: WordParam, Words: madvWords}},
		Result: ErrResult, From: UserTask, entry: fnMadvise, gathers: true, words: map[string]FuncID{"MADV_COLLAPSE": fnMadviseCollapse, "MADV_MERGEABLE": fnKSMMadvise, "MADV_UNMERGEABLE": fnKSMMadvise, madvHWPoison: fnMadviseInjectError,
			"MADV_DONTFORK": fnMadviseVMABehavior, "MADV_DOFORK": fnMadviseVMABehavior, "MADV_WIPEONFORK": fnMadviseVMABehavior, "MADV_KEEPONFORK": fnMadviseVMABehavior, "MADV_NOHUGEPAGE": fnMadviseVMABehavior},
		Doc: "MADV_DONTNEED: clears the PTEs and frees the pages; the VMA and its page table stay; memory that is locked it refuses, and MADV_DONTNEED_LOCKED (v5.18) does not. MADV_FREE: reclaim may discard the pages until they are written to. MADV_COLD: they are not accessed any more. MADV_PAGEOUT: one pass of reclaim over them. MADV_POPULATE_READ, MADV_POPULATE_WRITE: faults them in. MADV_COLLAPSE (v6.1): copies them into huge pages, which the PMD maps at once; of files those of shmem that it may map so. MADV_MERGEABLE: ksmd may share pages of it that hold the same; MADV_UNMERGEABLE: no more, and undoes what it has shared. MADV_DONTFORK: children do not get it at all, until MADV_DOFORK; MADV_WIPEONFORK (v4.14): they get it empty, until MADV_KEEPONFORK. MADV_HWPOISON: has the memory of its pages fail (memory_failure): they are marked, unmapped, taken out of their file, and never used again; who touches the memory gets SIGBUS, unless a disk has what it held. Who holds such a page keeps it. Not for hugetlb, ramfs and secret memory."},
	{Name: "mlock", Params: []Param{{Name: "vma", Kind: VMAParam}}, Result: ErrResult, From: UserTask, entry: fnMlock,
		Doc: "Locks memory: faults its pages in, and reclaim does not unmap them until munlock. It is no pin: they may still be moved, and are copied at writes after a fork."},
	{Name: "munlock", Params: []Param{{Name: "vma", Kind: VMAParam}}, Result: ErrResult, From: UserTask, entry: fnMunlock,
		Doc: "Unlocks memory that mlock has locked."},
	{Name: "khugepaged", Params: []Param{{Name: "vma", Kind: VMAParam}}, From: KernelTask, entry: fnKhugepaged,
		Doc: "khugepaged finds the range that the page lies in: if nobody else uses its pages, they are copied into a huge page, which takes their place. Of files it collapses those of shmem (from v4.8 on), whose file system wants huge pages then; the page tables over them go, and in a later pass those by which such a huge page is mapped."},
	{Name: "ksm_do_scan", From: KernelTask, entry: fnKSMDoScan,
		Doc: "ksmd makes one full scan over all mergeable memory. A page that holds the same as at the last scan is merged with an equal one: both are write-protected, and one replaces the other."},
	{Name: "prctl", Params: []Param{{Name: "option", Kind: WordParam, Words: prctlWords}, {Name: "arg2", Kind: NumberParam}}, Result: ErrResult, From: UserTask, Since: 604, Use: "madvise(MADV_MERGEABLE)", entry: fnPrctl,
		Doc: "PR_SET_MEMORY_MERGE, 1: KSM may merge all memory of the process that can be merged, and of children that it forks from now on. 0: none of it any more, and what is merged gets pages of its own again."},
	{Name: "pwrite", Params: []Param{{Name: "page", Kind: FilePageParam}, {Name: "value", Kind: SourceParam}}, Result: ErrResult, From: Anywhere, entry: fnPwrite,
		Doc: "Writes to the beginning of a page of a file, by way of the page cache: a content (\"b\"), or what the process has in its memory (buf), which is faulted in before the folio is locked, and copied with page faults off. Page tables of who maps the file are not changed. Returns 0, or the error: -ENOSPC where the disk is full (blocks), -EFAULT where there is no memory to read."},
	{Name: "ext4_dio_write_iter", Was: []Name{{"generic_file_direct_write", 505}}, Params: []Param{{Name: "page", Kind: FilePageParam}, {Name: "value", Kind: ValueParam}, {Name: "aio", Kind: WordParam, Words: dioWords, Optional: true}}, Result: ErrResult, From: Anywhere, entry: fnDirectPwrite, walks: true, gathers: true,
		Doc: "Writes a page of a file of ext4 to its disk, past the page cache (O_DIRECT). What the page cache has is thrown out before and after, whoever holds it; if it is dirty again by then, the page is written as pwrite does. AIO: if the file does not grow, the call returns once the write is submitted, and nobody has i_rwsem while the disk writes. Returns 0, or the error."},
	{Name: "pread", Params: []Param{{Name: "page", Kind: FilePageParam}, {Name: "buf", Kind: BufferParam, Optional: true}}, Result: ValueResult, From: Anywhere, entry: fnPread,
		Doc: "Reads the beginning of a page of a file, by way of the page cache: what is not there is read in. With buf it goes to the process's memory, which may fault: no lock is held. -EFAULT: there is no such memory."},
	{Name: "fsync", Params: []Param{{Name: "file", Kind: FileParam}}, Result: ErrResult, From: Anywhere, entry: fnFsync, walks: true,
		Doc: "Writes the file's dirty pages to its disk, and waits. PTEs become read-only and clean before; references through GUP are not looked at."},
	{Name: "msync", Params: []Param{{Name: "vma", Kind: VMAParam}}, Result: ErrResult, From: UserTask, entry: fnMsync, walks: true,
		Doc: "MS_SYNC: writes the dirty pages that shared file mappings in the range map to their disk, and waits."},
	{Name: "ftruncate", Params: []Param{{Name: "file", Kind: FileParam}, {Name: "pages", Kind: NumberParam}}, Result: ErrResult, From: Anywhere, entry: fnFtruncate, walks: true, gathers: true,
		Doc: "Sets the file's size, in pages. What lies behind the end leaves page tables, page cache and disk; whoever holds a page keeps it, detached."},
	{Name: "fallocate", Params: []Param{{Name: "page", Kind: FilePageParam}, {Name: "mode", Kind: WordParam, Words: []string{"FALLOC_FL_PUNCH_HOLE"}}}, Result: ErrResult, From: Anywhere, entry: fnFallocate, walks: true, gathers: true,
		Doc: "FALLOC_FL_PUNCH_HOLE: makes a hole of one page; the size stays. Private copies stay mapped."},
	{Name: "posix_fadvise", Params: []Param{{Name: "file", Kind: FileParam}, {Name: "advice", Kind: WordParam, Words: []string{"POSIX_FADV_DONTNEED"}}}, Result: ErrResult, From: Anywhere, entry: fnFadvise, walks: true,
		Doc: "POSIX_FADV_DONTNEED: drops the file's pages from the page cache that are clean, mapped nowhere and held by nobody."},
	{Name: "iput", Params: []Param{{Name: "file", Kind: FileParam}}, Result: ErrResult, From: Anywhere, entry: fnIput, gathers: true,
		Doc: "The file was unlinked, and its last reference is dropped: pages and inode go. Nothing happens while a VMA maps it."},
	{Name: "shrink_folio_list", Was: []Name{{"shrink_page_list", 601}}, Params: []Param{{Name: "page", Kind: PageParam}}, From: KernelTask, entry: fnShrinkFolioList, walks: true,
		Doc: "One pass of reclaim over the folio that is mapped there, or that the swap cache holds for it: isolate, add to swap, unmap, write out, free."},
	{Name: "process_vm_readv", Params: []Param{{Name: "page", Kind: PageParam}}, Result: ValueResult, From: Anywhere, entry: fnProcessVMReadv,
		Doc: "Reads memory of another process: pins the page there, copies, unpins it."},
	{Name: "process_vm_writev", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "value", Kind: ValueParam}}, Result: ErrResult, From: Anywhere, entry: fnProcessVMWritev,
		Doc: "Writes memory of another process: pins the page there for writing, copies, marks it dirty, unpins it."},
	{Name: "mem_read", Params: []Param{{Name: "page", Kind: PageParam}}, Result: ValueResult, From: Anywhere, entry: fnMemRead,
		Doc: "Reads /proc/PID/mem: with FOLL_FORCE, so that it reads PROT_NONE, too."},
	{Name: "mem_write", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "value", Kind: ValueParam}}, Result: ErrResult, From: Anywhere, entry: fnMemWrite,
		Doc: "Writes /proc/PID/mem, as a debugger does: with FOLL_FORCE, so that it writes copies of what the process may only read."},
	{Name: "fork", Params: []Param{{Name: "mm", Kind: MMParam}}, Result: ErrResult, From: UserTask, entry: fnFork,
		Doc: "Makes the mm: a copy of the caller's memory, whose pages both share until one of them writes. The threads in it begin then; never, if it fails: -ENOMEM, where a pinned huge page of hugetlb must be copied and the pool has none."},
	{Name: "exit", From: UserTask, entry: fnExit, gathers: true,
		Doc: "The thread leaves its mm. The last one of the mm takes its memory away; what is held through GUP stays."},
	{Name: "kill", Params: []Param{{Name: "mm", Kind: ProcessParam}, {Name: "signal", Kind: WordParam, Words: signalWords}}, Result: ErrResult, From: Anywhere, entry: fnKill,
		Doc: "Sends the process a signal: SIGKILL, to all its threads; or SIGUSR1, which it has a handler for, to the first. Slow GUP gives up for it, between its tries and where it waits for mmap_lock: -EINTR; for SIGUSR1 with FOLL_INTERRUPTIBLE alone. That a thread which was killed dies is not played: say exit()."},
	{Name: "mprotect", Params: []Param{{Name: "vma", Kind: VMAParam}, {Name: "prot", Kind: WordParam, Words: protWords}}, Result: ErrResult, From: UserTask, entry: fnMprotect, gathers: true,
		Doc: "Changes what may be done with the memory, in the VMAs and in the PTEs, and flushes what was taken away."},
	{Name: "pkey_alloc", Params: []Param{{Name: "rights", Kind: WordParam, Words: pkeyRights, Optional: true}}, Result: NumberResult, From: UserTask, Since: 409, entry: fnPkeyAlloc,
		Doc: "Gives the process a protection key, the lowest that is free: 1, if it has none yet. The calling thread gets the rights for it that it asks for; other threads may do nothing with memory that has it until they say pkey_set. -ENOSPC: there is none."},
	{Name: "pkey_free", Params: []Param{{Name: "pkey", Kind: PkeyParam}}, Result: ErrResult, From: UserTask, Since: 409, entry: fnPkeyFree,
		Doc: "Gives a protection key back. Memory that has it keeps it, and belongs to whom the key is given next."},
	{Name: "pkey_mprotect", Params: []Param{{Name: "vma", Kind: VMAParam}, {Name: "prot", Kind: WordParam, Words: protWords}, {Name: "pkey", Kind: PkeyParam}}, Result: ErrResult, From: UserTask, Since: 409, Use: "mprotect", entry: fnMprotect, gathers: true,
		Doc: "As mprotect, and the memory gets a protection key: what may be done with it depends on the PKRU of the thread that does it, too. -EINVAL: the key is not given out."},
	{Name: "pkey_set", Params: []Param{{Name: "pkey", Kind: PkeyParam}, {Name: "rights", Kind: WordParam, Words: pkeyRights}}, From: UserTask, Since: 409, entry: fnPkeySet,
		Doc: "The thread writes its register PKRU (WRPKRU): what it may do from now on with memory that has the key. No other thread is asked, nothing is flushed, the kernel hears nothing of it. At the start a thread may do nothing by any key but 0."},
	{Name: "clear_refs", Params: []Param{{Name: "vma", Kind: VMAParam}}, From: UserTask, entry: fnClearRefs, gathers: true,
		Doc: "The process writes 4 to its /proc/PID/clear_refs, to see what is written to from now on (soft-dirty): PTEs become read-only, and the TLBs are flushed. Here of one mapping, not of all."},
	{Name: "mremap", Params: []Param{{Name: "vma", Kind: VMAParam}, {Name: "to", Kind: RoomParam}}, Result: ErrResult, From: UserTask, entry: fnMremap, gathers: true,
		Doc: "Moves the mapping, or a page of it, to the same place in a room for it, or back (MREMAP_MAYMOVE | MREMAP_FIXED): its PTEs, or whole page tables, go there, and the TLBs are flushed."},
	{Name: "direct_read", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "value", Kind: ValueParam}}, From: UserTask,
		Doc: "read() of a file opened with O_DIRECT: the disk writes to the page, which is held meanwhile: by references, from v6.5 on by pins."},
	{Name: "direct_write", Params: []Param{{Name: "page", Kind: PageParam}}, Result: ValueResult, From: UserTask,
		Doc: "write() to a file opened with O_DIRECT: the disk reads the page, which is held meanwhile. Returns what it read."},
	{Name: "vmsplice", Params: []Param{{Name: "page", Kind: PageParam}}, Result: PageResult, From: UserTask,
		Doc: "Puts the page into a pipe: a reference, for as long as nobody reads the pipe."},
	{Name: "pipe_read", Params: []Param{{Name: "page", Kind: VarParam}}, Result: ValueResult,
		Doc: "Reads what vmsplice has put into the pipe, as it is by now, and gives the page back."},
	{Name: "io_uring_register", Params: []Param{{Name: "page", Kind: PageParam}}, Result: PageResult, From: UserTask, Since: 501, Use: "get_user_pages", entry: fnIOUringRegister, holds: lasting.Flags,
		Doc: "Registers a fixed buffer of io_uring: the page is pinned for writing, for long. Until v6.4, -EOPNOTSUPP for files that are not shmem."},
	{Name: "io_uring_unregister", Params: []Param{{Name: "page", Kind: VarParam}}, Since: 501, Use: "put_page",
		Doc: "Gives a fixed buffer back. Nothing is marked dirty."},
	{Name: "vfio_dma_map", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "prot", Kind: WordParam, Words: iommuWords, Optional: true}}, Result: PageResult, From: UserTask, entry: fnVaddrGetPFNs,
		Doc: "Maps the page for a device, through the IOMMU: it is pinned for long, for writing unless the device may only read it (IOMMU_READ). Of a device's memory, which has no struct page (pfnmap), the number is taken, and nothing held. No notifier: the mapping never follows the page table."},
	{Name: "vfio_dma_unmap", Params: []Param{{Name: "page", Kind: VarParam}, {Name: "value", Kind: ValueParam, Optional: true}}, entry: fnVFIOUnmap,
		Doc: "Takes the page from the device, marks it dirty if the device may write, and gives it back. The value is what the device has still under way: it lands before the IOMMU's TLB is flushed."},
	{Name: "ib_umem_get", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "access", Kind: WordParam, Words: rdmaWords, Optional: true}}, Result: PageResult, From: UserTask,
		Doc: "Registers memory with an RDMA card: the page is pinned for long, for writing. Of memory that the card only reads (IB_ACCESS_REMOTE_READ): from v6.2 on for reading, before for writing by force (FOLL_FORCE), so that COW is broken."},
	{Name: "ib_umem_release", Params: []Param{{Name: "page", Kind: VarParam}},
		Doc: "Takes the page from the RDMA card, marks it dirty if the card may write, and gives it back."},
	{Name: "iommufd_ioas_map", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "prot", Kind: WordParam, Words: iommuWords, Optional: true}}, Result: PageResult, From: UserTask, Since: 602, Use: "vfio_dma_map",
		Doc: "Maps the page for a device, by iommufd: it is pinned for long, for writing unless the device may only read it (IOMMU_READ), by pin_user_pages_fast, where vfio_dma_map says pin_user_pages_remote. No notifier: the mapping never follows the page table."},
	{Name: "iommufd_ioas_unmap", Params: []Param{{Name: "page", Kind: VarParam}}, Since: 602, Use: "vfio_dma_unmap",
		Doc: "Takes the page from the device, marks it dirty if the device may write, and gives it back; nobody asks whether it is still exclusive."},
	{Name: "get_dump_page", Params: []Param{{Name: "page", Kind: PageParam}}, Result: PageResult, From: UserTask, entry: fnGetDumpPage, holds: dumpFlags,
		Doc: "What a core dump does for each page of the process: a reference on it, by force (FOLL_FORCE). What would be zeros is left out (FOLL_DUMP): memory that nobody touched, and the zero page. -EFAULT: the dump has a hole there."},
	{Name: "get_futex_key", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "rw", Kind: WordParam, Words: futexWords}}, Result: NumberResult, From: UserTask, entry: fnGetFutexKey,
		Doc: "What a futex in shared memory is known by. The page is got for writing, so that COW is broken; for FUTEX_READ (FUTEX_WAIT), if that fails, for reading. 2 (FUT_OFF_MMSHARED): it is anonymous memory, known by mm and address; 1 (FUT_OFF_INODE): a file's, known by inode and index."},
	{Name: "ptrace_peek", Params: []Param{{Name: "page", Kind: PageParam}}, Result: ValueResult, From: Anywhere,
		Doc: "A debugger reads memory of the process, with FOLL_FORCE."},
	{Name: "ptrace_poke", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "value", Kind: ValueParam}}, Result: ErrResult, From: Anywhere,
		Doc: "A debugger writes memory of the process, with FOLL_FORCE: copies of what the process may only read are written, too."},
	{Name: "uprobe_register", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "opcode", Kind: ValueParam}}, Result: ErrResult, From: KernelTask, entry: fnUprobeRegister,
		Doc: "Puts a breakpoint into text of a process, a private mapping of a file: a copy with it takes the page's place. Nobody asks whether somebody holds the old page. Where the process may write, or the breakpoint is there already, nothing happens."},
	{Name: "uprobe_unregister", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "opcode", Kind: ValueParam}}, Result: ErrResult, From: KernelTask, entry: fnUprobeUnregister,
		Doc: "Takes a breakpoint out of text of a process again: what was there before. Where none is, nothing happens. From v5.4 on, if that is what the page cache has, the copy goes, and the next access finds the file's page."},
	{Name: "schedule", From: Anywhere, entry: fnSchedule,
		Doc: "Runs for a moment, and lets another task have the CPU: what a task does whose only part is that it had the CPU."},
	{Name: "mfence", From: UserTask, entry: fnMfence,
		Doc: "Waits until all that the CPU has stored before is visible to others. It tells something where memory is tso alone."},
	{Name: "move_pages", Params: []Param{{Name: "page", Kind: PageParam}, {Name: "node", Kind: NumberParam}, {Name: "flags", Kind: WordParam, Words: moveWords, Optional: true}},
		Result: ErrResult, From: Anywhere, entry: fnMovePages, walks: true, moves: true,
		Doc: "Moves the page to a node: a new page takes its place, if nobody uses the old one. -EAGAIN: somebody did, ten times. MPOL_MF_MOVE_ALL: even if others map it, too."},
	{Name: "do_pages_stat", Params: []Param{{Name: "page", Kind: PageParam}}, Result: ErrResult, From: Anywhere, entry: fnDoPagesStat, moves: true,
		Doc: "move_pages() without nodes: asks on which node the page lies. 0: on some; -ENOENT, -EFAULT: there is none."},
	{Name: "split_huge_page", Params: []Param{{Name: "page", Kind: PageParam}}, Result: ErrResult, From: Anywhere, entry: fnSplitHugePagesPid, walks: true,
		Doc: "Splits the large folio that is mapped there into small ones, as writing to /sys/kernel/debug/split_huge_pages does."},
	{Name: "deferred_split_scan", From: KernelTask, entry: fnDeferredSplitScan, walks: true,
		Doc: "The shrinker of large folios that are not mapped as a whole any more: splits one of them, so that what is not mapped of it is free."},
	{Name: "task_numa_work", Params: []Param{{Name: "vma", Kind: VMAParam}}, From: UserTask, entry: fnTaskNUMAWork, walks: true, gathers: true, moves: true,
		Doc: "NUMA balancing makes the PTEs of the range inaccessible: the next access faults, and moves the page to the node that it comes from. GUP notices where the kernel has numa_balancing."},
	{Name: "compact_zone", Params: []Param{{Name: "page", Kind: PageParam}}, From: KernelTask, entry: fnCompactZone, walks: true, moves: true,
		Doc: "kcompactd moves the folio that is mapped there to another free frame of its zone, unless somebody uses it."},
	{Name: "lru_add_drain", From: Anywhere, entry: fnLRUAddDrain,
		Doc: "Moves the folios of this CPU's batches to the LRU list, or makes them lazyfree: each loses the reference of the batch."},
}

// table is the table that runs the call with these arguments.
func (c *Call) table(args []Arg) FuncID {
	for _, a := range args {
		if fn, ok := c.words[a.Word]; ok {
			return fn
		}
	}
	return c.entry
}

// makesHuge reports whether the call may make small pages huge ones.
func (c *Call) makesHuge(args []Arg) bool {
	if c.entry == fnKhugepaged {
		return true
	}
	for _, a := range args {
		if a.Word == "MADV_COLLAPSE" || a.Word == "MADV_HUGEPAGE" {
			return true
		}
	}
	return false
}

// CallByName returns the call of that name in any version, or nil.
func CallByName(name string) *Call {
	for _, c := range Calls {
		if c.Name == name {
			return c
		}
		for _, w := range c.Was {
			if w.Name == name {
				return c
			}
		}
	}
	return nil
}
