package kernel

// fileRules are of files: inodes, blocks, truncation, writeback.
var fileRules = []*Rule{
	{ID: InodeRCU, Name: "inode_rcu", History: always,
		Says:     "the memory of an inode, its address_space in it, is freed after an RCU grace period",
		Protects: "GUP-fast follows folio->mapping to an inode that was freed",
		Guards:   "iput: free the inode",
		Commit:   "fa0d7e3de6d6", Subject: "fs: icache RCU free inodes",
		Confidence: "commit seen; 2.6.38 from memory"},
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
		Protects:   "what was stored behind the end through a mapping becomes part of the file; nothing here, where the content of a page stands for its first bytes",
		Guards:     "pwrite: did the file end inside a block before this one?",
		Confidence: "absent in 6.1.192, present in 6.12.117 (read in source), which has a late backport; v6.13 from memory"},
	{ID: StablePages, Name: "stable_pages", Config: map[uint8]int{1: 0},
		Says:       "the disk wants pages that do not change while it reads them: who is about to write waits for writeback",
		Protects:   "a checksum of the page is wrong on the disk",
		Guards:     "ext4_page_mkwrite: wait for writeback",
		Confidence: "read in source; a property of the disk, not of the release"},
	{ID: FaultAround, Name: "fault_around", Config: map[uint8]int{1: 0},
		Says:       "a read fault of a file also maps the pages around that the page cache has",
		Protects:   "nothing: it saves faults",
		Guards:     "do_read_fault: map what the page cache has around",
		Confidence: "read in source; a setting (fault_around_bytes, 64 KiB unless set), off here, as on the machines whose programs are replayed: a fault maps one page"},
	{ID: FaultAroundRecheck, Name: "fault_around_recheck", History: always,
		Says:       "who maps the pages around looks again, with a folio's lock held, whether it is still the file's",
		Protects:   "a page that was truncated is mapped after the last look for its mappings",
		Guards:     "filemap_map_pages: try its lock",
		Confidence: "read in source"},
}
