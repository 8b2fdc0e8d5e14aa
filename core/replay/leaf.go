package replay

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// A leaf is one observation, the unit of counting: the result of an operation as a whole,
// a page-table entry, one field of one record.
type leaf struct {
	path string // "r", "pt.A.R.0", "fr.F0.ref", "sw.S0.cnt", "pc.R.0", "disk.R.0", "size.R", "pins.s0.f"
	text string // as the corpus writes it
}

// leaves lists what an observation says, in a fixed order: processes by name,
// regions as declared, labels by number. name is applied to every label; it must not call two by one name.
func (o *Observation) leaves(regions []string, name func(Label) Label) []leaf {
	w := leafWriter{name: name, all: make([]leaf, 0, 32)}
	w.add("r", o.Result.String())
	for _, p := range slices.Sorted(maps.Keys(o.Tables)) {
		for _, r := range inOrder(o.Tables[p], regions) {
			for i, e := range o.Tables[p][r] {
				e.Label = w.rename(e.Label)
				w.add("pt."+p+"."+r+"."+strconv.Itoa(i), e.String())
			}
		}
	}
	frames, swap := renamed(o.Frames, w.rename), renamed(o.Swap, w.rename)
	for _, l := range byNumber(frames) {
		w.frame("fr."+string(l)+".", frames[l])
	}
	for _, l := range byNumber(swap) {
		w.slot("sw."+string(l)+".", swap[l])
	}
	for _, r := range inOrder(o.Cache, regions) {
		for i, l := range o.Cache[r] {
			w.add("pc."+r+"."+strconv.Itoa(i), w.rename(l).String())
		}
	}
	for _, r := range inOrder(o.Disk, regions) {
		for i, b := range o.Disk[r] {
			w.add("disk."+r+"."+strconv.Itoa(i), b.String())
		}
	}
	for _, r := range inOrder(o.Size, regions) {
		w.number("size."+r, o.Size[r])
	}
	for _, s := range slots(o.Pins) {
		w.add("pins."+s+".f", w.rename(o.Pins[s].Frame).String())
		w.word("pins."+s+".val", o.Pins[s].Val)
	}
	return w.all
}

type leafWriter struct {
	name func(Label) Label
	all  []leaf
}

func (w *leafWriter) rename(l Label) Label {
	if !l.renamed() {
		return l
	}
	return w.name(l)
}

func (w *leafWriter) add(path, text string)     { w.all = append(w.all, leaf{path, text}) }
func (w *leafWriter) number(path string, n int) { w.add(path, strconv.Itoa(n)) }
func (w *leafWriter) word(path string, content uint32) {
	w.add(path, strconv.FormatUint(uint64(content), 10))
}

func (w *leafWriter) frame(at string, f Frame) {
	w.number(at+"ref", f.Ref)
	w.number(at+"map", f.Map)
	w.number(at+"pin", f.Pin)
	w.add(at+"fl", f.Flags.String())
	w.word(at+"val", f.Val)
	if f.Order > 0 {
		w.number(at+"ord", f.Order)
		w.number(at+"hd", f.Index)
		w.number(at+"ent", f.Entire)
		if f.Flags&FlagHugetlb == 0 {
			w.number(at+"pmap", f.PageMap)
		}
	}
	if f.Swap != NoLabel {
		w.add(at+"sw", string(w.rename(f.Swap)))
	}
}

func (w *leafWriter) slot(at string, s Slot) {
	w.number(at+"cnt", s.Count)
	cache := "null"
	if s.Cache != NoLabel {
		cache = string(w.rename(s.Cache))
	}
	w.add(at+"cache", cache)
	if s.HasDisk {
		w.word(at+"disk", s.Disk)
	}
	if s.Zero {
		w.add(at+"zero", "1")
	}
}

// inOrder lists the keys of m: those in order first, in that order.
func inOrder[T any](m map[string]T, order []string) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		i, j := slices.Index(order, a), slices.Index(order, b)
		if i < 0 || j < 0 {
			return cmp.Or(cmp.Compare(j, i), cmp.Compare(a, b))
		}
		return i - j
	})
}

func renamed[T any](m map[Label]T, name func(Label) Label) map[Label]T {
	out := make(map[Label]T, len(m))
	for l, v := range m {
		out[name(l)] = v
	}
	return out
}

func byNumber[T any](m map[Label]T) []Label {
	return slices.SortedFunc(maps.Keys(m), compareLabels)
}

func compareLabels(a, b Label) int {
	return cmp.Or(cmp.Compare(a.number(), b.number()), cmp.Compare(a, b))
}

// slots lists the names of slots by their number.
func slots(m map[string]Pin) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(len(a)-len(b), cmp.Compare(a, b)) })
}
