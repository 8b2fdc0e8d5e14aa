package kernel

// A GUPFlag is a FOLL_ flag as programs may write it.
type GUPFlag struct {
	Name, Doc    string
	Bit          uint64
	Since, Until int  // first release that has it, and the first that has it no more, as Version.Order; 0: all
	Internal     bool // set by the API's own functions: callers that set it are refused, since there is a check
}

// FOLL_ flags, as bits of the model (the kernel's own numbers differ by version). They are kept where a page-table entry
// may be, too, so none of them is a bit of a frame's number.
const (
	FollWrite uint64 = 1 << iota
	FollLongterm
	FollForce
	FollGet
	FollPin
	FollTouch    // mark what is got accessed and, for a write, dirty
	FollCOW      // COW was broken: a dirty PTE will do for a write (v4.9 to v6.0)
	FollNoFault  // what is not mapped is not faulted in
	FollNoWait   // do not wait for I/O
	FollTried    // this is another try, after mmap_lock was dropped
	FollRemote   // of another mm
	FollFastOnly // without the slow path
)
const (
	FollUnlockable     uint64 = 1 << (53 + iota) // mmap_lock may be dropped on the way
	FollHonorNUMAFault                           // what NUMA balancing has made inaccessible is faulted in
	FollAnon                                     // of anonymous memory alone
	FollDump                                     // for a core dump: holes and the zero page are errors
	FollSplitPMD                                 // split the huge PMD first
	FollPCIP2PDMA                                // memory of a PCI device will do
	FollInterruptible                            // any signal will do to give up
	FollHWPoison                                 // memory that has failed is told as such
	FollMadvPopulate                             // for MADV_POPULATE: its errors, and no page
)

// Two arguments of GUP's entries that are no flags, as callers get them wrong: no array for the pages, and a *locked that is not 1. They are refused at the entry, and
// stand among its flags as far as that.
const (
	gupNoPages uint64 = 1 << (62 + iota)
	gupNotLocked
)

// The first releases in which GUP asks for the array of pages, for references and for pins, and in which callers of GUP of another mm say what they have locked (from memory: 5b56d49fc31d,
// "mm: add locked parameter to get_user_pages_remote()").
const (
	GetNeedsPagesSince = 603
	PinNeedsPagesSince = 601
	RemoteLockedSince  = 410
)

// UnlockedRefusesPinSince is the first release in which get_user_pages_unlocked() refuses FOLL_PIN. From 5.8 to 6.2 it goes on, and pins (read in source): a call that nobody makes, which is not played.
const UnlockedRefusesPinSince = 603

// gupArgs are the words for them.
var gupArgs = map[string]uint64{"NULL": gupNoPages, "LOCKED_0": gupNotLocked}

// GUPArg is what a word of a GUPArgParam is among the flags.
func GUPArg(word string) uint64 { return gupArgs[word] }

// GUPFlags are the flags that programs may write. What FOLL_PCI_P2PDMA would allow is not there: no page is memory of a
// PCI device.
// compare include/linux/mm_types.h
var GUPFlags = []GUPFlag{
	{Name: "FOLL_WRITE", Bit: FollWrite,
		Doc: "The page will be written to: its PTE must be writable, or a fault makes it so."},
	{Name: "FOLL_LONGTERM", Bit: FollLongterm, Since: 502,
		Doc: "The page will be held for long: it must not lie where pages have to be movable."},
	{Name: "FOLL_FORCE", Bit: FollForce,
		Doc: "Access is allowed where the process itself may not: the way of ptrace."},
	{Name: "FOLL_NOFAULT", Bit: FollNoFault, Since: 517,
		Doc: "What is not mapped as asked is not faulted in: -EFAULT."},
	{Name: "FOLL_NOWAIT", Bit: FollNoWait,
		Doc: "Faults do not wait for I/O: nothing is got where they would have to."},
	{Name: "FOLL_HONOR_NUMA_FAULT", Bit: FollHonorNUMAFault, Since: 605,
		Doc: "What NUMA balancing has made inaccessible is faulted in first."},
	{Name: "FOLL_ANON", Bit: FollAnon, Since: 417,
		Doc: "Anonymous memory alone: -EFAULT for files."},
	{Name: "FOLL_DUMP", Bit: FollDump,
		Doc: "For a core dump: -EFAULT for what was never touched, and for the zero page."},
	{Name: "FOLL_SPLIT_PMD", Bit: FollSplitPMD, Since: 504,
		Doc: "A huge PMD is split first."},
	{Name: "FOLL_PCI_P2PDMA", Bit: FollPCIP2PDMA, Since: 602,
		Doc: "Memory of a PCI device will do, too; not for long."},
	{Name: "FOLL_INTERRUPTIBLE", Bit: FollInterruptible, Since: 602,
		Doc: "Once mmap_lock was dropped, any signal ends the call (-EINTR), not only one that kills."},
	{Name: "FOLL_HWPOISON", Bit: FollHWPoison,
		Doc: "Memory that has failed is told as such: -EHWPOISON, not -EFAULT. GUP-fast does not know it."},
	{Name: "FOLL_GET", Bit: FollGet,
		Doc: "Take a reference: what get_user_pages does anyway. Not beside a pin."},
	{Name: "FOLL_PIN", Bit: FollPin, Since: 506, Internal: true,
		Doc: "Take a pin: for pin_user_pages alone to set."},
	{Name: "FOLL_TOUCH", Bit: FollTouch, Internal: true,
		Doc: "Mark the page accessed and, for a write, dirty: since v6.3 for GUP alone to set."},
	{Name: "FOLL_TRIED", Bit: FollTried, Internal: true,
		Doc: "mmap_lock was dropped once already: since v6.3 for GUP alone to set."},
	{Name: "FOLL_REMOTE", Bit: FollRemote, Internal: true,
		Doc: "The mm is another's: since v6.3 for GUP alone to set."},
	{Name: "FOLL_FAST_ONLY", Bit: FollFastOnly, Since: 508, Internal: true,
		Doc: "No slow path: since v6.3 for GUP alone to set."},
	{Name: "FOLL_UNLOCKABLE", Bit: FollUnlockable, Since: 603, Internal: true,
		Doc: "mmap_lock may be dropped: for GUP alone to set."},
	{Name: "FOLL_MADV_POPULATE", Bit: FollMadvPopulate, Since: 609, Internal: true,
		Doc: "For MADV_POPULATE, which has errors of its own: for GUP alone to set."},
}

// FollByName returns the flag of that name, or nil.
func FollByName(name string) *GUPFlag {
	for i := range GUPFlags {
		if GUPFlags[i].Name == name {
			return &GUPFlags[i]
		}
	}
	return nil
}

// follFlags are the words for them.
var follFlags = func() (names []string) {
	for _, f := range GUPFlags {
		names = append(names, f.Name)
	}
	return names
}()

// internalFlags are those that only the API itself may set.
var internalFlags = func() (bits uint64) {
	for _, f := range GUPFlags {
		if f.Internal {
			bits |= f.Bit
		}
	}
	return bits
}()

// fastFlags are those that GUP-fast knows what to do with.
const fastFlags = FollWrite | FollLongterm | FollForce | FollPin | FollGet | FollFastOnly | FollNoFault | FollPCIP2PDMA | FollHonorNUMAFault

// A gupAPI is a set of entries of GUP, by what they have in common.
type gupAPI uint8

const (
	getAPI         gupAPI = 1 << iota // get_user_pages*()
	pinAPI                            // pin_user_pages*()
	fastAPI                           // *_fast(): not for what the fast path does not know
	unlockedAPI                       // *_unlocked(), *_locked(): mmap_lock may be dropped
	fastOnlyAPI                       // *_fast_only(): the fast path alone; until v6.2 without errors
	getFastOnlyAPI                    // get_user_pages_fast_only()
	remoteAPI                         // *_remote(): of another mm
)

// A Rejection is what callers of GUP must not ask for: an error, and a warning in the kernel's log, before anything
// else is looked at.
type Rejection struct {
	Label string
	Says  string
	When  Cond   // in which kernels it is refused
	Errno uint64 // 0: no page, and no error
	of    gupAPI
	bits  uint64 // any of them
	also  uint64 // and all of these
}

// Rejections are what is refused, in the order in which it is looked at. Where kernels do not ask for the array yet (until v6.2; for pins until v6.0), nothing is known of
// what comes of a call without: it is not theirs to be played (Missing). What *locked is, older kernels are sure of (BUG_ON).
//
// Until v4.8 callers say write and force, not flags, and of GUP-fast write alone until v5.1 (so in 5.0, not in 5.2.y: read in source; 73b0140bf0fe): what is said here of other flags in those releases is what is behind
// their entries.
//
// compare mm/gup.c:is_valid_gup_args, gup_fast_fallback; until v6.2: is_valid_gup_flags, and tests in each entry
var Rejections = []Rejection{
	{"internal_flags", "flags that only GUP itself may set? Refuse", With(GUPValidArgs), EINVAL, getAPI | pinAPI | unlockedAPI | fastAPI | fastOnlyAPI, internalFlags, 0},
	{"get_with_pin", "FOLL_PIN from the caller? Refuse", With(FOLLPinCounting), EINVAL, getAPI, FollPin, 0},
	{"pin_with_get", "FOLL_GET beside a pin? Refuse", With(FOLLPinCounting), EINVAL, pinAPI, FollGet, 0},
	{"longterm_needs_pin", "FOLL_LONGTERM without a pin? Refuse", With(GUPLongtermRequiresPin), EINVAL, getAPI, FollLongterm, 0},
	{"fast_only_longterm", "FOLL_LONGTERM without a pin? Refuse", With(GUPValidArgs), EINVAL, getFastOnlyAPI, FollLongterm, 0},
	{"longterm_locked", "FOLL_LONGTERM where mmap_lock may be dropped? Refuse", Without(GUPUnlockedLongterm), EINVAL, unlockedAPI, FollLongterm, 0},
	{"longterm_remote", "FOLL_LONGTERM for the memory of another mm? Refuse", Without(GUPRemoteLongterm), EINVAL, remoteAPI, FollLongterm, 0},
	{"longterm_p2pdma", "memory of a PCI device for long? Refuse", With(GUPValidArgs), EINVAL, getAPI | pinAPI, FollPCIP2PDMA, FollLongterm},
	{"no_pages", "a reference, and no array for the page? Refuse", Cond{}, EINVAL, getAPI, gupNoPages, FollGet},
	{"no_pages_to_pin", "a pin, and no array for the page? Refuse", Cond{}, EINVAL, pinAPI, gupNoPages, 0},
	{"not_locked", "*locked is not 1? Refuse", With(GUPValidArgs), EINVAL, getAPI | pinAPI, gupNotLocked, 0},
	{"not_locked_bug", "*locked is not 1? BUG: the thread ends here", Without(GUPValidArgs), signalled | BUG, getAPI | pinAPI, gupNotLocked, 0},
	{"fast_force", "FOLL_FORCE without locks? Refuse", Without(GUPFastForce), EINVAL, fastAPI, FollForce, 0},
	{"fast_flags", "flags that GUP-fast does not know? Refuse", Cond{}, EINVAL, fastAPI, ^fastFlags, 0},
	{"fast_only_flags", "flags that GUP-fast does not know? Refuse", With(GUPValidArgs), EINVAL, fastOnlyAPI, ^fastFlags, 0},
	{"fast_only_nothing", "flags that GUP-fast does not know? Get nothing", Without(GUPValidArgs), 0, fastOnlyAPI, ^fastFlags, 0},
}

// rejecting are the steps that look at the flags (local 1) of an entry.
func rejecting(api gupAPI) (steps []Step) {
	for _, r := range Rejections {
		if r.of&api == 0 {
			continue
		}
		steps = append(steps, Step{Label: r.Label, Says: r.Says, Ref: "is_valid_gup_args", When: r.When, Local: true, Do: func(c *Ctx) Next {
			switch flags := c.L(1); {
			case flags&r.bits == 0 || flags&r.also != r.also:
				return Then
			case r.Errno == 0:
				return Return
			}
			return c.Fail(r.Errno)
		}})
	}
	return steps
}
