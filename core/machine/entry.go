package machine

import (
	"fmt"
	"strings"
)

// An Entry is one page-table entry with the bits of x86-64: present, swap or none.
type Entry uint64

// Bits of a present entry.
const (
	Present  Entry = 1 << 0
	RW       Entry = 1 << 1
	User     Entry = 1 << 2
	Accessed Entry = 1 << 5
	Dirty    Entry = 1 << 6
	PSE      Entry = 1 << 7
	ProtNone Entry = 1 << 8 // with Present clear: mapped, but the hardware may not use it (PROT_NONE)
	Special  Entry = 1 << 9 // _PAGE_SPECIAL: no struct page to count (the zero page)
	// SoftDirty is _PAGE_SOFT_DIRTY: the kernel has made the entry dirty since somebody began to watch; where nobody ever does, it is not kept.
	SoftDirty Entry = 1 << 11
	Devmap    Entry = 1 << 57 // _PAGE_DEVMAP (bit 58 until 6.5): beside Special; the frame is a device's, and has a struct page
	NX        Entry = 1 << 63

	pfnShift       = 12
	pfnMask  Entry = (1<<40 - 1) << pfnShift

	pkeyShift       = 59 // bits 59 to 62: the protection key; see pkey.go
	pkeyMask  Entry = 15 << pkeyShift

	// Stale is in no page table: it marks a captured value whose frame was freed
	// since. (Hardware ignores bits 52 to 58 of an entry.)
	Stale Entry = 1 << 52
)

// Bits of a swap entry: not present; E says that the page was exclusive; the
// offset is stored inverted from bit 9, the type from bit 59.
const (
	SwpSoftDirty   Entry = 1 << 1 // of a migration entry, too: what the present one was
	SwpExclusive   Entry = 1 << 3
	swpOffsetShift       = 9
	swpOffsetMask  Entry = (1<<50 - 1) << swpOffsetShift
	swpTypeShift         = 59
)

// Types of entries that are neither present nor none. Those below the first
// are swap devices.
const (
	swpHWPoison               = 23
	swpMigrationRead          = 24
	swpMigrationReadExclusive = 25
	swpMigrationWrite         = 26

	migrationYoung = 1 << 48 // of the offset, above the frame
	migrationDirty = 1 << 49
)

// A MigrationKind says what a migration entry becomes when it is removed.
type MigrationKind uint8

const (
	MigrationRead          MigrationKind = swpMigrationRead
	MigrationReadExclusive MigrationKind = swpMigrationReadExclusive // a page that was exclusive
	MigrationWrite         MigrationKind = swpMigrationWrite         // exclusive, too
)

// MakePTE returns a present leaf entry for a user page.
func MakePTE(f Frame, bits Entry) Entry {
	return Entry(f)<<pfnShift | Present | User | Accessed | NX | bits
}

// MakeHuge returns a PMD entry that maps a huge page.
func MakeHuge(head Frame, bits Entry) Entry { return MakePTE(head, bits|PSE) }

// MakeTable returns the entry that points to a table of the next level.
func MakeTable(f Frame) Entry {
	return Entry(f)<<pfnShift | Present | RW | User | Accessed
}

// MakeSwap returns the swap entry of a slot of device 0.
func MakeSwap(slot int, exclusive bool) Entry {
	e := ^(Entry(slot) << swpOffsetShift) & swpOffsetMask
	if exclusive {
		e |= SwpExclusive
	}
	return e
}

// MakeMigration returns the entry that stands for a page while it is moved;
// accessed and dirty are as they were in its PTE.
func MakeMigration(kind MigrationKind, f Frame, accessed, dirty bool) Entry {
	offset := uint64(f)
	if accessed {
		offset |= migrationYoung
	}
	if dirty {
		offset |= migrationDirty
	}
	return ^(Entry(offset)<<swpOffsetShift)&swpOffsetMask | Entry(kind)<<swpTypeShift
}

// Migration decodes a migration entry.
func (e Entry) Migration() (kind MigrationKind, f Frame, accessed, dirty bool) {
	offset := uint64(^e & swpOffsetMask >> swpOffsetShift)
	return MigrationKind(e >> swpTypeShift), Frame(offset), offset&migrationYoung != 0, offset&migrationDirty != 0
}

// MakePoison returns the entry that stands for a page whose memory has failed.
func MakePoison(f Frame) Entry {
	return ^(Entry(f)<<swpOffsetShift)&swpOffsetMask | swpHWPoison<<swpTypeShift
}

// Poisoned returns the frame that a poison entry stands for.
func (e Entry) Poisoned() Frame { return Frame(^e & swpOffsetMask >> swpOffsetShift) }

// None reports whether the entry is empty; accessed and dirty do not count.
func (e Entry) None() bool { return e&^(Accessed|Dirty) == 0 }

// PMDNone reports whether an entry of a PMD table is empty, as pmd_none() does: with PAE a half may be left of one that is being cleared.
func (e Entry) PMDNone() bool { return !e.Present() && !e.IsMigration() }

// Present reports whether the entry maps something for software, as pte_present() does:
// a PROT_NONE entry does, too, and a huge one that is just being split (PSE without
// Present). The hardware asks for the bit Present itself.
func (e Entry) Present() bool { return e&(Present|ProtNone|PSE) != 0 }

// IsSwap reports whether the entry names a slot of a swap device.
func (e Entry) IsSwap() bool {
	return !e.None() && !e.Present() && e>>swpTypeShift == 0
}

// IsMigration reports whether the entry stands for a page that is being moved.
func (e Entry) IsMigration() bool {
	t := e >> swpTypeShift
	return !e.None() && !e.Present() && t >= swpMigrationRead && t <= swpMigrationWrite
}

// IsPoison reports whether the entry stands for a page whose memory has failed.
func (e Entry) IsPoison() bool {
	return !e.None() && !e.Present() && e>>swpTypeShift == swpHWPoison
}

// LowHalf are the bits that stand for the low half of an entry of x86-32 with PAE: those that the
// hardware checks. The frame stands in the high half: frames of a scenario lie so that they differ in it alone.
const LowHalf Entry = 1<<9 - 1

// Low returns the low half of an entry.
func (e Entry) Low() Entry { return e & LowHalf }

// High returns the high half.
func (e Entry) High() Entry { return e &^ LowHalf }

// SoftDirtied reports whether an entry is soft-dirty, present or not.
func (e Entry) SoftDirtied() bool {
	if e.Present() {
		return e.Has(SoftDirty)
	}
	return !e.None() && e.Has(SwpSoftDirty)
}

// WithSoftDirty returns the entry soft-dirty, present or not.
func (e Entry) WithSoftDirty() Entry {
	switch {
	case e.Present():
		return e | SoftDirty
	case e.None():
		return e
	}
	return e | SwpSoftDirty
}

// WithoutSoftDirty returns the entry not soft-dirty.
func (e Entry) WithoutSoftDirty() Entry {
	switch {
	case e.Present():
		return e &^ SoftDirty
	case e.None():
		return e
	}
	return e &^ SwpSoftDirty
}

// IsHuge reports whether a PMD entry has something else than a page table: a huge page, or the
// migration entry that stands for one.
func (e Entry) IsHuge() bool { return e.Has(PSE) || e.IsMigration() }

// Has reports whether all the bits are set.
func (e Entry) Has(bits Entry) bool { return e&bits == bits }

// Frame returns the frame of a present entry.
func (e Entry) Frame() Frame { return Frame(e & pfnMask >> pfnShift) }

// NoFrame reports whether a present entry, which may be made of halves of two, names a frame that is not there.
func (m *Machine) NoFrame(e Entry) bool {
	return e.Present() && e&pfnMask>>pfnShift >= Entry(m.FrameCount())
}

// Slot returns the slot of a swap entry.
func (e Entry) Slot() int { return int(^e & swpOffsetMask >> swpOffsetShift) }

// Fresh returns the entry as it was read: without the stale mark. (In a swap
// entry the bit belongs to the offset.)
func (e Entry) Fresh() Entry {
	if e.Present() {
		return e &^ Stale
	}
	return e
}

// IsStale reports whether the frame was freed since the entry was captured.
func (e Entry) IsStale() bool { return e.Present() && e.Has(Stale) }

// Bits returns the letters of a present entry's bits, and its protection key, if that is not 0: "W D", "A pkey 1".
func (e Entry) Bits() string {
	var b []string
	for _, x := range []struct {
		bit  Entry
		name string
	}{{RW, "W"}, {Dirty, "D"}, {Accessed, "A"}, {PSE, "PSE"}, {ProtNone, "PROT_NONE"}, {Special, "special"}, {Devmap, "devmap"}, {SoftDirty, "soft-dirty"}} {
		if e.Has(x.bit) {
			b = append(b, x.name)
		}
	}
	if k := e.Pkey(); k != 0 {
		b = append(b, fmt.Sprintf("pkey %d", k))
	}
	return strings.Join(b, " ")
}

// String is the entry as the page prints it: "none", "frame 3 W D A", "swap 0 exclusive".
func (e Entry) String() string {
	switch {
	case e.None():
		return "none"
	case e.IsSwap():
		s := fmt.Sprintf("swap %d", e.Slot())
		if e.Has(SwpExclusive) {
			s += " exclusive"
		}
		if e.Has(SwpSoftDirty) {
			s += ", soft-dirty"
		}
		return s
	case e.IsMigration():
		kind, f, _, _ := e.Migration()
		s := fmt.Sprintf("migration of frame %d, %s", f, map[MigrationKind]string{MigrationRead: "read", MigrationReadExclusive: "read, exclusive", MigrationWrite: "write"}[kind])
		if e.Has(SwpSoftDirty) {
			s += ", soft-dirty"
		}
		return s
	}
	if e.IsPoison() {
		return fmt.Sprintf("poison, frame %d", e.Poisoned())
	}
	if !e.Present() {
		return fmt.Sprintf("half written, not present, frame %d", e.Frame())
	}
	s := fmt.Sprintf("frame %d %s", e.Frame(), e.Bits())
	if e.Frame() == ZeroPage {
		s = "zero page " + e.Bits()
	}
	if !e.Has(Present) && !e.Has(ProtNone) { // pmd_mkinvalid
		s += ", invalid"
	}
	if e.IsStale() {
		s += ", stale"
	}
	return strings.TrimSpace(s)
}

// A Hold is a capture that carries references: frame and count, in the place of
// an Entry's bits (bit 0 is set, the count is in bits 1 to 11).
type Hold uint64

// MakeHold returns the hold of n references on a frame; none for n = 0.
func MakeHold(f Frame, n int) Hold {
	if n == 0 {
		return 0
	}
	return Hold(f)<<pfnShift | Hold(n)<<1 | 1
}

// DelayRmap marks, in an mmu_gather, a page that counts as mapped until the TLBs are
// flushed. Compare mm/mmu_gather.c:tlb_flush_rmaps.
const DelayRmap Hold = 1 << 54

// Uncounted returns the hold of a frame without a reference: a pin of the zero page.
func Uncounted(f Frame) Hold { return Hold(f)<<pfnShift | 1 }

// Frame returns the frame held.
func (h Hold) Frame() Frame { return Entry(h).Frame() }

// Count returns the number of references held.
func (h Hold) Count() int { return int(h >> 1 & 0x7ff) }

// Some reports whether anything is held.
func (h Hold) Some() bool { return h&1 != 0 }

// IsStale reports whether the frame was freed although it is held.
func (h Hold) IsStale() bool { return Entry(h).IsStale() }

func (h Hold) String() string {
	if !h.Some() {
		return "nothing"
	}
	s := fmt.Sprintf("frame %d", h.Frame())
	if h.Count() > 1 {
		s += fmt.Sprintf(" (%d references)", h.Count())
	}
	if h.IsStale() {
		s += ", stale"
	}
	return s
}

func entryText(_ int, v uint64) string { return Entry(v).String() }

// upperText is the text of an entry of a PMD table or above: such an entry names no swap slot, but may be half written.
func upperText(_ int, v uint64) string {
	if e := Entry(v); e.IsSwap() {
		return fmt.Sprintf("half written, not present, frame %d", e.Frame())
	}
	return Entry(v).String()
}

func holdText(_ int, v uint64) string { return Hold(v).String() }
