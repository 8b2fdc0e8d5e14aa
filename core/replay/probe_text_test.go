package replay

// What probes print, and the same of what the model has.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// short is an entry as the probe gup prints it.
func short(o *Observation, who string) string {
	e := entryOf(o, who)
	switch e.Kind {
	case PTE, PMD:
		text := strings.ToUpper(string(e.Kind)) + map[bool]string{true: ":rw", false: ":ro"}[e.Write]
		if o.Frames[e.Label].Flags&FlagExclusive != 0 {
			text += ":excl"
		}
		return text
	case NoVMA:
		return "NOVMA"
	}
	return string(e.Kind)
}

// snapshot is the page of a process as probes print it, as far as it is compared.
func snapshot(o *Observation, who string) string {
	e := entryOf(o, who)
	switch e.Kind {
	case PTE, PMD:
		return strings.ToUpper(string(e.Kind)) + frameText(o, e.Label, e.Kind == PMD) + bit(e.Write, " pW") + bit(e.Dirty, " pD")
	case Swapped:
		return "SWAP" + bit(e.Exclusive, " sEXCL")
	case NoVMA:
		return "NOVMA"
	case NoEntry:
		return "none"
	}
	return string(e.Kind)
}

func bit(on bool, text string) string {
	if on {
		return text
	}
	return ""
}

// frameText is a frame as probes print it; of the zero pages nothing is recorded.
func frameText(o *Observation, l Label, _ bool) string {
	if l == ZeroPage || l == HugeZeroPage {
		return " zero"
	}
	f := o.Frames[l]
	flags := f.Flags
	text := fmt.Sprintf(" ref=%d pin=%d o=%d", f.Ref, f.Pin, f.Order)
	switch {
	case flags&FlagHugetlb != 0:
		text += fmt.Sprintf(" ent=%d", f.Entire)
	case f.Order > 0:
		text += fmt.Sprintf(" map=%d ent=%d tot=%d", f.PageMap, f.Entire, f.Map)
	default:
		text += fmt.Sprintf(" map=%d ent=-1 tot=%d", f.Map, f.Map)
	}
	for _, n := range probeFlags {
		if flags&n.flag != 0 {
			text += " " + n.name
		}
	}
	return text
}

var probeFlags = []struct {
	name string
	flag FrameFlags
}{{"ANON", FlagAnon}, {"EXCL", FlagExclusive}, {"KSM", FlagKSM}, {"DIRTY", FlagDirty}, {"SWAPCACHE", FlagSwapCache}, {"SWAPBACKED", FlagSwapBacked}, {"HUGETLB", FlagHugetlb}, {"NOMAPPING", FlagNoMapping}}

// printed is a snapshot of a probe in the same words.
func printed(text string) string {
	f := strings.Fields(strings.Trim(text, "[]"))
	if len(f) == 0 {
		return ""
	}
	number := map[string]string{}
	var flags []string
	for _, w := range f[1:] {
		if k, v, ok := strings.Cut(w, "="); ok {
			number[k] = v
		} else {
			flags = append(flags, strings.Split(w, "+")...)
		}
	}
	is := func(name string) bool { return slices.Contains(flags, name) }
	switch f[0] {
	case "none", "NOVMA":
		return f[0]
	case "SWAP":
		return "SWAP" + bit(is("sEXCL"), " sEXCL")
	}
	out := map[string]string{"SLOT": ""}[f[0]]
	if f[0] != "SLOT" {
		out = f[0]
	}
	bits := bit(is("pW"), " pW") + bit(is("pD"), " pD")
	if is("ZEROPAGE") {
		return out + " zero" + bits
	}
	out += fmt.Sprintf(" ref=%s pin=%s o=%s", number["ref"], number["pin"], number["o"])
	if is("HUGETLB") {
		out += " ent=" + number["ent"]
	} else {
		out += fmt.Sprintf(" map=%s ent=%s tot=%s", number["map"], number["ent"], number["tot"])
	}
	for _, n := range probeFlags {
		if is(n.name) && !(n.flag == FlagDirty && is("HUGETLB")) {
			out += " " + n.name
		}
	}
	return out + bits
}

func snap(who string) func(*stage) string {
	return func(s *stage) string { return snapshot(s.now(), who) }
}

// inSlot is the page in the slot.
func inSlot(s *stage) string {
	p := s.now().Pins["s0"]
	return frameText(s.now(), p.Frame, false)
}

// ret is what the operation has returned.
func ret(s *stage) string { return strconv.Itoa(s.now().Result.Ret) }

// result is what the step with that index has returned; -1: the last one.
func (s *stage) result(step int) Result {
	if step < 0 {
		return s.now().Result
	}
	return s.at(step).Result
}

// rc is what the system call returned, of which libc makes -1 and an errno. Of several steps the first that failed counts.
func rc(steps ...int) func(*stage) string {
	return func(s *stage) string {
		for _, i := range steps {
			if s.result(i).Err != "" {
				return "-1"
			}
		}
		return strconv.Itoa(s.result(steps[len(steps)-1]).Ret)
	}
}

// errno is what libc leaves in errno.
func errno(steps ...int) func(*stage) string {
	return func(s *stage) string {
		for _, i := range steps {
			if r := s.result(i); r.Err != "" {
				return strconv.Itoa(-r.Ret)
			}
		}
		return "0"
	}
}

// loaded is the value that the process has read, or the signal that it took.
func loaded(s *stage) string {
	if n := signalNumber(s.now().Result.Signal); n != 0 {
		return fmt.Sprintf("SIG%d", n)
	}
	return valueName(s.now().Result.Val)
}

// wrote is 0, or the signal that the process took.
func wrote(s *stage) string { return strconv.Itoa(signalNumber(s.now().Result.Signal)) }

func signalNumber(name string) int { return map[string]int{"BUS": 7, "SEGV": 11}[name] }

// device is what the page in the slot holds.
func device(s *stage) string { return valueName(s.now().Pins["s0"].Val) }

// fromFile is what was read from the file, and how many bytes.
func fromFile(s *stage) string {
	return fmt.Sprintf("%s(%d)", valueName(s.now().Result.Val), s.now().Result.Ret)
}

// yes is a condition as probes print it.
func yes(is func(*stage) bool) func(*stage) string {
	return func(s *stage) string { return map[bool]string{true: "1", false: "0"}[is(s)] }
}

// mapsFrame reports whether an entry maps a page, and which.
func mapsFrame(e Entry) (Label, bool) { return e.Label, e.Kind == PTE || e.Kind == PMD }

// pinnedIsMapped reports whether the page in the slot is the one that a process maps.
func pinnedIsMapped(who string) func(*stage) bool {
	return func(s *stage) bool {
		l, ok := mapsFrame(s.entry(who))
		return ok && l == s.now().Pins["s0"].Frame
	}
}

// sameAs reports whether a process maps the page that it mapped behind an earlier step, there perhaps at another address.
func sameAs(step int, then, now string) func(*stage) bool {
	return func(s *stage) bool {
		was, mapped := mapsFrame(entryOf(s.at(step), then))
		is, ok := mapsFrame(s.entry(now))
		return mapped && ok && was == is
	}
}
