package view

import (
	"fmt"
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
	"gupscope/core/trace"
)

// A Cell is all there is to say of one cell of the machine: what it holds, down
// to the bit, who wrote it and when.
type Cell struct {
	ID      int
	Name    string
	At      int    // the step at which it holds that
	Value   string // "frame 1 W D A"
	Raw     string // "0x8000000000001067"
	Bits    []Bit
	Watched bool
	Last    int     // the step that wrote it last, 0: none yet
	Next    int     // the next step of the run that writes it, 0: none
	Writes  []Write // all that write it in this run, in order
}

// A Write is a step that wrote a cell.
type Write struct {
	N        int
	Lane     string
	Who      Who
	Says     string
	Old, New string
	Bits     []Bit // those that it changed
	Ahead    bool  // it is still to come
}

// OfCell is a cell at the cursor; false if there is none of that number.
func OfCell(r *trace.Run, id int, watched []cell.ID) (Cell, bool) {
	layout := r.Model.Memory().Layout()
	if id < 0 || id >= layout.Len() {
		return Cell{}, false
	}
	c := columnsOf(r)
	w := cell.ID(id)
	class, at := layout.Class(w), r.Cursor()
	v := r.Model.Memory().Peek(w)
	x := Cell{ID: id, Name: layout.Name(w), At: at, Value: layout.Decode(w, v), Raw: fmt.Sprintf("%#x", v), Watched: slices.Contains(watched, w),
		Last: r.WrittenBy(w, at), Next: r.NextWrite(w, at)}
	was := v
	if at > 0 {
		if ch := r.Steps()[at-1].Change(w); ch != nil {
			was = ch.OldV
		}
	}
	x.Bits = bitsOf(class, v, was)
	for _, n := range r.Writers(w) {
		st := &r.Steps()[n-1]
		ch := st.Change(w)
		y := Write{N: n, Says: st.Says, Old: ch.Old, New: ch.New, Ahead: n > at}
		if lane := c.actor[st.Actor]; lane >= 0 {
			y.Lane, y.Who = c.lanes[lane].Name, c.lanes[lane].Who
		}
		for _, b := range bitsOf(class, ch.NewV, ch.OldV) {
			if b.Changed {
				y.Bits = append(y.Bits, b)
			}
		}
		x.Writes = append(x.Writes, y)
	}
	return x, true
}

// bitsOf decodes a value to its fields, and what they were in another one.
func bitsOf(class cell.Class, v, was uint64) []Bit {
	switch class {
	case machine.PTEs, machine.PMDs, machine.TLBs, machine.Secondary:
		return entryBits(class, machine.Entry(v), machine.Entry(was))
	case machine.Flags:
		var out []Bit
		for bit := uint64(1); bit <= v|was && bit != 0; bit <<= 1 {
			if (v|was)&bit != 0 {
				out = append(out, bit1(machine.FlagNames(bit)[0], "", v&bit != 0, was&bit != 0))
			}
		}
		return out
	}
	return nil
}

func bit1(name, says string, is, was bool) Bit {
	b := Bit{Name: name, Value: "0", Says: says, Changed: is != was, Was: "0"}
	if is {
		b.Value = "1"
	}
	if was {
		b.Was = "1"
	}
	return b
}

func field(name, says, is, was string) Bit {
	return Bit{Name: name, Value: is, Says: says, Was: was, Changed: is != was}
}

// entryBits decodes a page-table entry, as x86-64 has it: what it is now decides which
// fields there are.
func entryBits(class cell.Class, e, was machine.Entry) []Bit {
	flag := func(bit machine.Entry, name, says string) Bit { return bit1(name, says, e.Has(bit), was.Has(bit)) }
	frame := func(e machine.Entry) string {
		if !e.Present() {
			return "–"
		}
		return fmt.Sprint(e.Frame())
	}
	switch {
	case e.None() && was.None():
		return []Bit{flag(machine.Present, "P (0)", "not present, and nothing else: none")}
	case !e.Present() && !e.None() && e.IsSwap():
		slot := func(e machine.Entry) string {
			if e.Present() || !e.IsSwap() {
				return "–"
			}
			return fmt.Sprint(e.Slot())
		}
		return []Bit{flag(machine.Present, "P (0)", "present: no, so the hardware looks at no other bit"), field("type (59–63)", "swap device", "0", "0"),
			field("offset (9–58)", "swap slot, stored inverted", slot(e), slot(was)), flag(machine.SwpExclusive, "E (3)", "the page was exclusive to this process")}
	case e.IsPoison():
		failed := func(e machine.Entry) string {
			if !e.IsPoison() {
				return "–"
			}
			return fmt.Sprint(e.Poisoned())
		}
		return []Bit{flag(machine.Present, "P (0)", "present: no, so the hardware looks at no other bit"), field("type (59–63)", "HWPOISON: what was mapped here has failed", "23", "23"),
			field("offset (9–58)", "the frame whose memory has failed, stored inverted", failed(e), failed(was))}
	case !e.Present() && !e.None():
		kind, f, young, dirty := e.Migration()
		return []Bit{flag(machine.Present, "P (0)", "present: no, so the hardware looks at no other bit"), field("type (59–63)", "migration entry: what it becomes", fmt.Sprint(uint8(kind)), fmt.Sprint(uint8(kind))),
			field("offset (9–58)", "the frame that is being moved, stored inverted", fmt.Sprint(f), frame(was)),
			bit1("young", "it was accessed", young, young), bit1("dirty", "it was dirty", dirty, dirty)}
	}
	out := []Bit{flag(machine.Present, "P (0)", "present: the hardware may use it"), flag(machine.RW, "R/W (1)", "writable"), flag(machine.User, "U/S (2)", "user mode may use it"),
		flag(machine.Accessed, "A (5)", "accessed: set by the hardware walk")}
	if class != machine.PMDs || e.Has(machine.PSE) {
		out = append(out, flag(machine.Dirty, "D (6)", "dirty: set by the first write through it"))
	}
	if class == machine.PMDs {
		out = append(out, flag(machine.PSE, "PS (7)", "maps a huge page, points to no table"))
	}
	out = append(out, flag(machine.ProtNone, "G (8)", "with P clear: PROT_NONE, mapped but not for the hardware"))
	if class != machine.PMDs {
		out = append(out, flag(machine.Special, "SPECIAL (9)", "no struct page that is counted"))
	}
	out = append(out, field("pfn (12–51)", "page frame", frame(e), frame(was)))
	if e.Pkey() != 0 || was.Pkey() != 0 {
		out = append(out, field("PKEY (59–62)", "protection key: PKRU of the thread says what it may do by it", fmt.Sprint(e.Pkey()), fmt.Sprint(was.Pkey())))
	}
	out = append(out, flag(machine.NX, "NX (63)", "no execute"))
	if class == machine.TLBs || class == machine.Secondary {
		out = append(out, flag(machine.Stale, "stale", "not hardware's: the frame was freed since the translation was taken"))
	}
	return out
}
