package replay

import (
	"fmt"
	"testing"

	"gupscope/core/kernel"
)

// What holds of every observation of the corpus must hold of what the model says of programs that no kernel ran.

// A lawbook holds one program's observations against that.
type lawbook struct {
	kinds  map[string]RegionKind
	pins   map[string]bool // by slot: is it a pin, not a get
	merges bool            // ksmd scans
	huge   bool            // there are pages of a huge region that are not observed
	broken []string        // by the observation at hand
}

func newLawbook(p *Program) *lawbook {
	l := &lawbook{kinds: map[string]RegionKind{}, pins: map[string]bool{}, merges: merges(p)}
	for i := range p.Steps {
		switch op := &p.Steps[i].Op; op.Verb {
		case Mem:
			l.kinds[op.Region] = op.Kind
			l.huge = l.huge || op.Kind == THP || op.Kind == Anon2M
		case PinPage:
			l.pins[op.Slot] = !op.Pin.Get
		}
	}
	return l
}

func (l *lawbook) require(ok bool, format string, args ...any) {
	if !ok {
		l.broken = append(l.broken, fmt.Sprintf(format, args...))
	}
}

// judge returns what is wrong with the observation behind an operation.
func (l *lawbook) judge(op *Op, o *Observation) []string {
	l.broken = nil
	mapped := map[Label]int{} // by how many entries
	for who, regions := range o.Tables {
		for r, entries := range regions {
			for i, e := range entries {
				mapped[e.Label]++
				l.entry(o, fmt.Sprintf("%s %s.%d", who, r, i), r, i, e)
			}
		}
	}
	for name, f := range o.Frames {
		l.frame(o, name, f, mapped[name])
	}
	for name, s := range o.Swap {
		l.require(s.Count < 0 || s.Count == mapped[name] || l.huge, "%s is named by %d entries, and counts %d", name, mapped[name], s.Count)
		l.require(s.Count != 0 || s.Cache != NoLabel, "%s is free", name)
	}
	for name, p := range o.Pins {
		l.require(p.Val == o.Frames[p.Frame].Val, "%s reads %d of %s, which holds %d", name, p.Val, p.Frame, o.Frames[p.Frame].Val)
	}
	l.result(op, o)
	return l.broken
}

// shared reports whether a region is a file's, mapped shared.
func (l *lawbook) shared(r string) bool {
	k := l.kinds[r]
	return k == Ext4Shared || k == ShmemShared || k == HugetlbShared
}

// entry: what a page table may map, and how.
func (l *lawbook) entry(o *Observation, at, r string, i int, e Entry) {
	f, known := o.Frames[e.Label]
	anon := f.Flags&FlagAnon != 0
	switch {
	case e.Kind == Swapped:
		l.require(!e.Exclusive || o.Swap[e.Label].Count == 1, "%s: %s, named %d times", at, e, o.Swap[e.Label].Count)
		l.require(o.Swap[e.Label].Count >= 0, "%s: %s is shmem's", at, e)
	case e.Kind != PTE && e.Kind != PMD:
		l.require(e.Kind == NoEntry || e.Kind == NoVMA, "%s: %s, at rest", at, e)
	case !e.Label.renamed():
		l.require(!e.Write, "%s: %s, a zero page", at, e)
	default:
		l.require(known, "%s: %s has no record", at, e)
		l.require(!e.Write || !anon || f.Flags&FlagExclusive != 0 && f.Flags&FlagKSM == 0, "%s: %s is %s", at, e, f.Flags)
		l.require(!e.Write || anon || l.shared(r), "%s: %s writes to the file", at, e)
		l.require(!anon || !l.shared(r), "%s: %s is anonymous", at, e)
		l.require(anon || o.Cache[r] == nil || o.Cache[r][i] == e.Label, "%s: %s is not in the page cache", at, e)
		l.require(f.Order == 0 || f.Flags&FlagHugetlb != 0 || f.Index == i, "%s: %s is page %d of its folio", at, e, f.Index)
	}
}

// frame: counts and flags.
func (l *lawbook) frame(o *Observation, name Label, f Frame, mapped int) {
	if f.Order == 0 {
		want := held(o, name, l.pins)
		l.require(f.Ref == want, "%s has %d references, not %d", name, f.Ref, want)
		l.require(f.Map == mapped || l.huge && l.merges && f.Map > mapped, "%s is mapped %d times, and counts %d", name, mapped, f.Map)
		l.require(f.Flags&FlagExclusive == 0 || f.Map < 2, "%s is exclusive, and mapped %d times", name, f.Map)
	} else {
		l.require(f.Ref >= f.Map+f.Pin && f.Map >= f.Entire, "%s: %+v", name, f)
	}
	l.require(f.Flags&FlagExclusive == 0 || f.Flags&FlagAnon != 0 && f.Flags&FlagKSM == 0, "%s is %s", name, f.Flags)
	l.require((f.Flags&FlagSwapCache != 0) == (f.Swap != NoLabel), "%s is %s, its slot %s", name, f.Flags, f.Swap)
	l.require(f.Flags&(FlagWriteback|FlagLocked) == 0, "%s is %s, at rest", name, f.Flags)
}

// result: what an operation returned is what is there.
func (l *lawbook) result(op *Op, o *Observation) {
	r := &o.Result
	if r.Err != "" || r.Signal != "" || r.Skip != "" {
		return
	}
	var e Entry
	if t := o.Tables[op.Process][op.Region]; op.Page >= 0 && op.Page < len(t) {
		e = t[op.Page]
	}
	switch op.Verb {
	case Load:
		l.require(r.Val == o.Frames[e.Label].Val, "read %d from %s, which holds %d", r.Val, e, o.Frames[e.Label].Val)
	case Store:
		l.require(e.Write && e.Dirty && o.Frames[e.Label].Val == op.Value, "wrote %d to %s, which holds %d", op.Value, e, o.Frames[e.Label].Val)
	case DMARead:
		l.require(r.Val == o.Pins[op.Slot].Val, "the device reads %d, %s holds %d", r.Val, op.Slot, o.Pins[op.Slot].Val)
	case PinPage:
		if p, ok := o.Pins[op.Slot]; ok {
			f := o.Frames[p.Frame].Flags
			l.require(p.Frame == e.Label, "%s has %s, the page table %s", op.Slot, p.Frame, e)
			l.require(op.Pin.Get || f&FlagAnon == 0 || f&FlagExclusive != 0, "%s is pinned, and %s", p.Frame, f)
		}
	}
}

// The laws are the kernels'.
func TestLawsHoldOfTheCorpus(t *testing.T) {
	for _, c := range corpora {
		for _, p := range sampled(corpus(t, c.branch), 4) {
			l := newLawbook(p)
			for i := range p.Steps {
				if broken := l.judge(&p.Steps[i].Op, &p.Steps[i].After); broken != nil {
					t.Errorf("%s %s, op %d: %s: %s", c.branch, p.ID, i, p.Steps[i].Op.Text, broken)
				}
			}
		}
	}
}

const drawnPrograms = 200

// On programs that are made up the model comes to an end, knows every operation, and keeps the laws.
func TestLawsHoldOfDrawnPrograms(t *testing.T) {
	for branch, name := range kernels {
		k, err := kernel.Make(name)
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(drawnPrograms) {
			p := drawn(n)
			m, err := begin(Replaying(k), p)
			l := newLawbook(p)
			for i := range p.Steps {
				var o Observation
				if err == nil {
					o, err = do(m, p.Steps[i].Op)
				}
				if err != nil {
					t.Errorf("%s %s, op %d: %s: %v", branch, p.ID, i, p.Steps[i].Op.Text, err)
					break
				}
				if broken := l.judge(&p.Steps[i].Op, &o); broken != nil {
					t.Errorf("%s %s, op %d: %s: %s", branch, p.ID, i, p.Steps[i].Op.Text, broken)
				}
			}
		}
	}
}
