package machine

import "testing"

// newLarge is a machine with four free blocks of two frames and a region of two huge pages.
func newLarge() *Machine {
	m := New(Config{
		CPUs: 1, Frames: 9, Tables: 2, HugePages: 2, LargeFolios: true, Values: []string{"", "a"},
		MMs:      []MMConfig{{Name: "A", Parent: -1, Regions: []RegionConfig{{Name: "buf", Pages: 4}}}},
		Tasks:    []TaskConfig{{Name: "P0", Vars: []string{"p"}}},
		Captures: func(uint16) int { return 0 }, Locals: func(uint16) int { return 0 },
	})
	m.Store(m.State(1), FrameData)
	for _, l := range m.UpperLevels() {
		if l > LevelPMD {
			m.SetEntry(m.Upper(0, l), 0, MakeTable(m.Upper(0, m.Below(l))))
		}
	}
	return m
}

func TestBlocksAreOfferedAndSmallFramesBreakThemUp(t *testing.T) {
	m := newLarge()
	offered := func(small bool) (out []Frame) {
		f := func(f Frame) { out = append(out, f) }
		if small {
			m.Offers(false, f)
		} else {
			m.OffersBlocks(f)
		}
		return out
	}
	if got := offered(false); len(got) != 1 || got[0] != 2 {
		t.Fatalf("blocks offered: %v, want the lowest free one, 2", got)
	}
	m.Allocate(5, FrameData)
	if got := offered(true); len(got) != 1 || got[0] != 4 {
		t.Errorf("a small allocation is offered %v, want 4: its block is broken up already", got)
	}
	m.AllocateLarge(2)
	if got := offered(false); len(got) != 1 || got[0] != 6 {
		t.Errorf("blocks offered: %v, want 6: 2 is taken and 4 broken up", got)
	}
	if m.Head(3) != 2 || m.Head(4) != 4 || m.FolioPages(3) != 2 || m.FolioPages(4) != 1 {
		t.Error("frame 3 is the tail of folio 2, frame 4 a folio of its own")
	}
}

func TestAHugeEntryHoldsOneReferenceAndMapsEveryPage(t *testing.T) {
	m := newLarge()
	m.AllocateLarge(2)
	p := m.PageAt(0, 0, 0)
	m.SetEntry(m.Upper(0, LevelPMD), 0, MakeHuge(2, RW|Dirty))
	if m.Peek(m.Ledger(2)) != 1 || m.Peek(m.PMDs(2)) != 1 || m.Peek(m.Ledger(3)) != 0 {
		t.Errorf("ledger %d, PMDs %d; a huge entry is one holder", m.Peek(m.Ledger(2)), m.Peek(m.PMDs(2)))
	}
	if e := m.Mapped(p + 1); e.Frame() != 3 || !e.Has(RW) {
		t.Errorf("page 1 is mapped as %v, want frame 3, writable", e)
	}
	if _, ok := m.Find(p, LevelPTE); ok {
		t.Error("there is no PTE table below a huge entry")
	}
	m.SetEntry(m.Upper(0, LevelPMD), 0, MakeHuge(m.HugeZero(), 0))
	if m.Peek(m.Ledger(2)) != 0 || m.Peek(m.Ledger(m.HugeZero())) != 0 {
		t.Error("the entry's reference is gone, and the huge zero folio's mappings are not counted")
	}
	m.SetHold(m.Var(0, 0), MakeHold(3, 1))
	if m.Peek(m.Ledger(2)) != 1 {
		t.Error("who holds a tail holds the folio")
	}
}

func TestFreeingALargeFolio(t *testing.T) {
	m := newLarge()
	m.AllocateLarge(2)
	m.SetHold(m.Var(0, 0), MakeHold(3, 1))
	if m.Free(2) {
		t.Fatal("a folio with a reference was freed")
	}
	m = newLarge()
	m.Track.Alarms = 1 << AlarmPinnedFreed
	m.AllocateLarge(2)
	m.Store(m.Contents(3), 1)
	m.Store(m.Var(0, 0), uint64(MakeHold(3, 1)))
	m.Store(m.Ref(2), 0)
	if !m.Free(2) || m.Peek(m.State(3)) != FrameFree || m.Peek(m.Compound(3)) != 0 || m.Peek(m.Contents(3)) != 0 {
		t.Error("both frames are free and small again")
	}
	if !Hold(m.Peek(m.Var(0, 0))).IsStale() || m.Peek(m.Alarm(AlarmPinnedFreed)) == 0 {
		t.Error("the hold on the tail is stale now, and that it was held is noticed")
	}
}

func TestDepositKeepsItsTable(t *testing.T) {
	m := newLarge()
	table := m.TableFrame(0)
	m.Allocate(table, FrameTable)
	m.SetDeposit(m.PageAt(0, 0, 2), MakeHold(table, 1))
	if m.Peek(m.Ledger(table)) != 1 || m.Peek(m.Deposit(m.PageAt(0, 0, 0))) != 0 {
		t.Error("the deposit of the second huge page holds the table")
	}
	if h := m.TakeDeposit(m.PageAt(0, 0, 3)); h.Frame() != table || m.Peek(m.Ledger(table)) != 0 {
		t.Error("taken out, its reference is the taker's")
	}
}
