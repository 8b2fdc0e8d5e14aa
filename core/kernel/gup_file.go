package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// What GUP asks about pages of files: whoever pins one for writing, for long, writes
// behind the file system's back again and again.

// gup_fast_folio_allowed, of a folio that is held, its PTE looked at twice, interrupts
// off, in straight line:
//
//	not a pin for writing for long, and a large folio, which is no secret memory: allowed
//	a folio of hugetlb: allowed
//	mapping = READ_ONCE(folio->mapping)
//	NULL: truncated: refuse
//	anonymous: allowed
//	mapping->a_ops: secretmem: refuse; shmem: allowed; a pin for writing for long: refuse
//
// The file may be truncated meanwhile, and mapping become NULL; so it is read once. The
// inode may be evicted, the mapping in it; but its memory is freed by RCU, and interrupts off hold the
// grace period up:
//
//	CPU0 (GUP-fast)                      CPU1 (truncation)
//	mapping = folio->mapping: file f
//	                                     folio->mapping = NULL
//	mapping = folio->mapping: NULL       // the second read of a kernel that reads twice
//	mapping->a_ops: a NULL pointer
//
// An earlier version of the patch asked folio_mapping(): no mapping was allowed, and the swap
// cache of an anonymous folio was taken for a file. Nothing keeps the compiler from reading the word again behind the question.
//
// So CONFIG_SECRETMEM has every GUP-fast look at the mapping of a small folio, and go the slow way with one that was truncated. As
// long as nobody truncates anything, and nothing is secret, that tells nothing, and is left out. From 5.14 to 6.8 secret memory was
// asked for by a function of its own, before the second look at the PTE: see folio_is_secretmem. (Left out: a slab page is refused.)
//
// compare mm/gup.c:gup_fast_folio_allowed
var _ = register(fnGUPFastFolioAllowed, &Func{
	Name: "gup_fast_folio_allowed", Was: []Name{{"folio_fast_pin_allowed", 610}}, File: "mm/gup.c", Params: []int{gaFolio, gaFlags},
	Locals: gupAllowedLocals,
	Steps: []Step{
		0: gupRejectFile,
		1: gupRejectSecretmem,
		2: gupNothingToReject,
		3: gupNoneOfLarge,
		4: gupOfHugetlb,
		5: {Label: "mapping", Says: "read folio->mapping", Ref: "READ_ONCE(folio->mapping)", Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
			v := c.Keep(gaMapping, c.M.Mapping(c.Frame(gaFolio)))
			switch {
			case v == 0:
				c.Say("folio->mapping is NULL, it was truncated: refuse")
				return c.Return(gupRefused)
			case machine.MappingFile(v) < 0:
				c.Say("it is anonymous: allowed")
				return c.Return(0)
			}
			return Then
		}},
		6: gupMappingOps,
	},
	Instead: []Variant{
		{If(GUPFastFileCheck, FileCheckDoubleRead), []Step{
			0: gupRejectFile,
			1: gupRejectSecretmem,
			2: gupNothingToReject,
			3: gupOfHugetlb,
			4: {Label: "mapping", Says: "is folio->mapping set?", Answer: "yes", Ref: "folio->mapping", Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
				v := c.Load(c.M.Mapping(c.Frame(gaFolio)))
				switch {
				case v == 0:
					c.Say("folio->mapping is NULL, it was truncated: refuse")
					return c.Return(gupRefused)
				case machine.MappingFile(v) < 0:
					c.Say("it is anonymous: allowed")
					return c.Return(0)
				}
				return Then
			}},
			5: gupMappingAgain,
			6: gupMappingOps,
		}},
		{If(GUPFastFileCheck, FileCheckV7), []Step{
			0: gupRejectFile,
			1: gupRejectSecretmem,
			2: gupNothingToReject,
			3: gupOfHugetlb,
			4: gupFolioMapping,
			5: gupMappingOps,
		}},
		{If(GUPFastFileCheck, FileCheckV7Reload), []Step{
			0: gupRejectFile,
			1: gupRejectSecretmem,
			2: gupNothingToReject,
			3: gupOfHugetlb,
			4: gupFolioMapping,
			5: gupMappingAgain,
			6: gupMappingOps,
		}},
	},
})

const gaFolio, gaMapping, gaFlags, gaReject = 0, 1, 2, 3

var gupAllowedLocals = []Local{{"folio", FrameLocal}, {"mapping", IntLocal}, {"flags", FlagsLocal}, {"reject", IntLocal}}

// gupRefused is what gup_fast_folio_allowed returns for a folio that the slow path must decide on.
const gupRefused = 1

// What may have to be refused, as bits.
const (
	rejectFile uint64 = 1 << iota
	rejectSecretmem
)

var (
	gupRejectFile = Step{Label: "reject_file", Says: "a pin for writing, for long?", Local: true, When: With(GUPFastFileCheck), Do: func(c *Ctx) Next {
		if all := FollPin | FollLongterm | FollWrite; c.L(gaFlags)&all == all {
			c.Set(gaReject, rejectFile)
		}
		return Then
	}}
	gupRejectSecretmem = Step{Label: "check_secretmem", Says: "it may be secret memory", Ref: "CONFIG_SECRETMEM", Local: true, When: If(GUPSecretmemTest, SecretmemCheckAfter).AndMappings(), Do: func(c *Ctx) Next {
		c.Set(gaReject, c.L(gaReject)|rejectSecretmem)
		return Then
	}}
	gupNoneOfLarge = Step{Label: "large", Says: "is it a large folio, which is no secret memory?", Answer: "no", Ref: "folio_test_large", Reads: cell.Of(machine.Refs), When: If(GUPSecretmemTest, SecretmemCheckAfter).AndMappings().AndLarge(), Do: func(c *Ctx) Next {
		if c.M.IsLarge(c.Frame(gaFolio)) && c.L(gaReject)&rejectFile == 0 {
			c.Say("it is a large folio, so no secret memory: allowed")
			return c.Return(0)
		}
		return Then
	}}
	gupFolioMapping = Step{Label: "mapping", Says: "ask for the folio's mapping", Ref: "folio_mapping", Reads: cell.Of(machine.Mappings, machine.Flags), Do: func(c *Ctx) Next {
		f := c.Frame(gaFolio)
		v := c.Keep(gaMapping, c.M.Mapping(f))
		switch {
		case c.Load(c.M.Flags(f))&machine.PGSwapCache != 0:
			c.Say("its mapping is the swap cache's, which is not shmem: refuse")
			return c.Return(gupRefused)
		case machine.MappingFile(v) < 0:
			c.Say("it has none: allowed")
			return c.Return(0)
		}
		return Then
	}}
	gupMappingAgain = Step{Label: "mapping_again", Says: "read folio->mapping again", Ref: "shmem_mapping(folio->mapping)", Reads: cell.Of(machine.Mappings), Do: func(c *Ctx) Next {
		if c.Keep(gaMapping, c.M.Mapping(c.Frame(gaFolio))) == 0 {
			c.Say("folio->mapping is NULL now: a NULL pointer is followed")
			c.M.Raise(machine.AlarmNullMapping, uint64(c.Frame(gaFolio)))
			return c.Return(gupRefused)
		}
		return Then
	}}
	gupNothingToReject = Step{Label: "nothing", Says: "nothing to refuse?", Local: true, Do: func(c *Ctx) Next {
		if c.L(gaReject) == 0 {
			return c.Return(0)
		}
		return Then
	}}
	gupOfHugetlb = Step{Label: "hugetlb", Says: "is it of hugetlb?", Ref: "folio_test_hugetlb", When: Hugetlbs, Local: true, Do: func(c *Ctx) Next {
		if c.M.IsHugetlb(c.Frame(gaFolio)) {
			return c.Return(0)
		}
		return Then
	}}
	gupMappingOps = Step{Label: "a_ops", Says: "which file system is it?", Answer: "yes", Ref: "mapping->a_ops", Reads: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
		file := machine.MappingFile(c.L(gaMapping))
		if c.Load(c.M.Inode(file)) == machine.InodeFreed {
			c.Say("the inode was freed: mapping->a_ops is somebody else's memory")
			c.M.Raise(machine.AlarmFreedMapping, uint64(c.Frame(gaFolio)))
			return c.Return(gupRefused)
		}
		kind := c.M.Files[file].Kind
		switch {
		case kind == machine.Secretmem && c.L(gaReject)&rejectSecretmem != 0:
			c.Say("secret memory: refuse")
			return c.Return(gupRefused)
		case c.L(gaReject)&rejectFile == 0 || kind == machine.Shmem:
			c.Sayf("%v: allowed", kind)
			return c.Return(0)
		}
		c.Sayf("%v: refuse", kind)
		return c.Return(gupRefused)
	}}
)

// folio_is_secretmem, of a folio that is held, interrupts off, its PTE not looked at again yet, in straight line:
//
//	a large folio: no
//	mapping = folio->mapping
//	NULL, or anonymous: no
//	mapping->a_ops: secretmem? Then refuse
//
// The folio may have come to somebody else meanwhile, and it is his mapping that is looked at; the second look at the PTE
// has the reference put all the same. That is safe, and only wasteful: interrupts off keep any inode's memory.
//
// Left out: until 6.9 a folio that is not on the LRU list was taken for none of secret memory, so one in a batch was let through
// (6.8 and 6.9 read in source; 65291dcfcf89).
//
// compare include/linux/secretmem.h:page_is_secretmem, folio_is_secretmem (until 6.8)
var _ = register(fnFolioIsSecretmem, &Func{
	Name: "folio_is_secretmem", Was: []Name{{"page_is_secretmem", 606}}, File: "include/linux/secretmem.h", Params: []int{0},
	Locals: []Local{{"folio", FrameLocal}, {"mapping", IntLocal}},
	Steps: []Step{
		{Label: "mapping", Says: "read folio->mapping", Ref: "folio->mapping", Reads: cell.Of(machine.Mappings, machine.Refs), Do: func(c *Ctx) Next {
			f := c.Frame(0)
			if c.M.IsLarge(f) {
				c.Say("it is a large folio: no secret memory")
				return c.Return(0)
			}
			if v := c.Keep(1, c.M.Mapping(f)); machine.MappingFile(v) < 0 {
				c.Say("folio->mapping is no file's: no secret memory")
				return c.Return(0)
			}
			return Then
		}},
		{Label: "a_ops", Says: "is it secret memory?", Answer: "no", Ref: "mapping->a_ops", Reads: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			file := machine.MappingFile(c.L(1))
			switch {
			case c.Load(c.M.Inode(file)) == machine.InodeFreed:
				c.Say("the inode was freed: mapping->a_ops is somebody else's memory")
				c.M.Raise(machine.AlarmFreedMapping, uint64(c.Frame(0)))
				return c.Return(gupRefused)
			case c.M.Files[file].Kind == machine.Secretmem:
				c.Say("secret memory: refuse")
				return c.Return(gupRefused)
			}
			return c.Return(0)
		}},
	},
})

// fileRefused reports whether GUP refuses a file mapping: secret memory always; a pin for
// writing, for long, of a mapping whose file system must be asked before each write.
// compare mm/gup.c:check_vma_flags, writable_file_mapping_allowed
func (c *Ctx) fileRefused(p machine.PageID, gup uint64) bool {
	if !c.isFile(p) {
		return false
	}
	kind := c.M.Files[c.M.Region(p).File].Kind
	all := FollPin | FollLongterm | FollWrite
	return kind == machine.Secretmem && c.sim.secretmemRefused ||
		gup&all == all && c.sim.longtermFileRefused && Decide(NeedsDirtyTracking, c.Load(c.M.VMA(p)), kind)
}

// isAnon reports whether a folio is anonymous.
func (c *Ctx) isAnon(f machine.Frame) bool {
	return f != machine.ZeroPage && machine.IsAnon(c.Load(c.M.Mapping(c.M.Head(f))))
}

// mustUnshare reports whether a page that a read-only PTE maps must be unshared before it
// is pinned for reading: an anonymous one that is not exclusive; in newer kernels, for long, also one
// that is not anonymous, which a write fault would replace in a private mapping.
// compare mm/gup.c:gup_must_unshare
func (c *Ctx) mustUnshare(f machine.Frame, gup uint64) bool {
	if !c.isAnon(f) {
		return gup&FollLongterm != 0 && c.sim.unshareNonAnon
	}
	return c.Load(c.M.Flags(f))&machine.PGAnonExclusive == 0
}
