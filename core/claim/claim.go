// Package claim is what must hold: the catalogue of claims about memory
// management, each a family of small predicates over the machine.
//
// Its nouns: a Claim is named for what holds ("pinned-never-freed") and has a
// sentence; a predicate is the claim for one folio, one page, one pin; a Model is
// a scenario on a kernel together with the claims that are judged: what package
// check explores.
//
// Its law: a predicate says beforehand which cells it may read, and is
// evaluated when one of them was written, never otherwise. Claims about a step
// rather than a state (a freed table was walked) are alarms: ghost cells that the
// step raises.
//
// Reading order: claim.go (the catalogue), predicates.go, model.go; reducible.go.
package claim

import (
	"gupscope/core/check"
	"gupscope/core/machine"
)

// A Claim is one thing that must hold.
type Claim struct {
	Name string
	Says string // the claim in a sentence, for people
	// Promised tells from which release (as Version.Order) on the kernel means to
	// keep it; before, it is not judged unless a scenario asks.
	Promised int

	alarms []machine.Alarm
	family func(*Model) []predicate
	track  machine.Track
}

// never is the Promised of claims that no release promises: scenarios ask for them.
const never = 1 << 20

// Catalogue is all claims, in the order in which they are shown.
var Catalogue = []*Claim{
	{Name: "gup-returns-only-mapped-pages",
		Says:   "GUP returns only a page that was mapped there, with the permission asked for, at some instant during the call.",
		alarms: []machine.Alarm{machine.AlarmForeignPage}, track: machine.Track{Seen: true}},
	{Name: "pinned-never-freed",
		Says:   "A page that somebody holds through GUP is not given back to the allocator.",
		alarms: []machine.Alarm{machine.AlarmPinnedFreed}},
	{Name: "refcount-discipline",
		Says:   "A reference is added only where there is one already, dropped only by who has it, and a page is freed only at zero.",
		alarms: []machine.Alarm{machine.AlarmBadPage, machine.AlarmRefOnZero, machine.AlarmRefUnderflow}},
	{Name: "refcount-is-sum-of-holders",
		Says:   "The reference count of every folio is the sum of what its holders hold.",
		family: refcounts},
	{Name: "mapcount-is-number-of-ptes",
		Says:   "The mapcount of every folio is the number of PTEs that map it, whenever no page-table lock is held.",
		family: mapcounts},
	{Name: "writable-anon-exclusive", Promised: 519,
		Says:   "A writable PTE of an anonymous page means that the page is exclusive, whenever the page-table lock is free.",
		family: writableExclusive},
	{Name: "pin-matches-page-table",
		Says:   "While a page is held for writing through GUP (from v5.6 on: pinned), it is the page that the process has there, unless the process gave it up.",
		family: func(m *Model) []predicate { return pins(m, true) }, track: machine.Track{Pins: true}},
	{Name: "read-only-pin-matches-page-table", Promised: 519,
		Says:   "While an anonymous page is pinned for reading, it is the page that the process has there, unless the process gave it up.",
		family: func(m *Model) []predicate { return pins(m, false) }, track: machine.Track{Pins: true}},
	{Name: "pinned-anon-exclusive", Promised: 519,
		Says:   "An anonymous page that is pinned is exclusive, until the pin is given back.",
		alarms: []machine.Alarm{machine.AlarmUnpinShared}, family: pinnedExclusive, track: machine.Track{Pins: true}},
	{Name: "no-lost-device-write",
		Says:   "What a device has written through GUP, and was marked dirty, is what the process reads afterwards.",
		alarms: []machine.Alarm{machine.AlarmLostDMA}, family: func(m *Model) []predicate { return endContents(m, true) },
		track: machine.Track{Values: true, Pins: true}},
	{Name: "no-lost-store",
		Says:   "What a CPU has stored is what the process reads afterwards.",
		alarms: []machine.Alarm{machine.AlarmLostStore}, family: func(m *Model) []predicate { return endContents(m, false) },
		track: machine.Track{Values: true, Pins: true}},
	{Name: "no-walk-of-freed-table",
		Says:   "No walker, of hardware or of software, reads a page table that was freed.",
		alarms: []machine.Alarm{machine.AlarmFreedTable}},
	{Name: "no-stale-tlb-use",
		Says:   "No access goes through a TLB entry whose page was freed.",
		alarms: []machine.Alarm{machine.AlarmStaleTLB}},
	{Name: "clean-page-is-on-disk",
		Says:   "When nobody is at it any more, a page of a file that is clean, or was dropped from the page cache, is on its disk as it was written last.",
		family: cleanPages, track: machine.Track{Values: true, Pins: true}},
	{Name: "mapping-outlives-its-readers",
		Says:   "GUP follows folio->mapping only to an address_space that is there.",
		alarms: []machine.Alarm{machine.AlarmNullMapping, machine.AlarmFreedMapping}},
	{Name: "longterm-pin-not-movable", Promised: 513,
		Says:   "A page that is pinned for long does not lie in ZONE_MOVABLE.",
		family: longtermPins, track: machine.Track{Pins: true}},
	{Name: "no-migration-entry-left",
		Says:   "When nobody is at it any more, no page-table entry stands for a page that is being moved.",
		family: migrationEntries},
	{Name: "file-system-asked-before-stores", Promised: never,
		Says:   "A page of a file whose file system must be asked before a write is stored to, by a CPU or a device, only if it was asked since the page was cleaned.",
		alarms: []machine.Alarm{machine.AlarmUnnoticedStore}, track: machine.Track{Notice: true}},
	{Name: "no-unexpected-dirty-page", Promised: never,
		Says:   "A page of a file whose file system must be asked before a write is marked dirty only after it was asked; else it has no buffers to write from.",
		alarms: []machine.Alarm{machine.AlarmUnexpectedDirty, machine.AlarmNoBuffers}, track: machine.Track{Notice: true}},
	{Name: "stable-under-writeback", Promised: never,
		Says:   "A page is not stored to while its disk reads it.",
		alarms: []machine.Alarm{machine.AlarmUnstable}, track: machine.Track{Notice: true}},
}

// Names returns the names of all claims that scenarios may write, those that
// the check itself judges among them.
func Names() []string {
	var out []string
	for _, c := range Catalogue {
		out = append(out, c.Name)
	}
	return append(out, check.NoDeadlock, check.NoLivelock)
}

// ByName returns the claim of that name, or nil.
func ByName(name string) *Claim {
	for _, c := range Catalogue {
		if c.Name == name {
			return c
		}
	}
	return nil
}
