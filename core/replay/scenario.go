package replay

import (
	"fmt"
	"strings"

	"gupscope/core/kernel"
)

// A Untold says why a program cannot be written as a scenario.
type Untold struct {
	Op   int // index of the operation, from 0
	Text string
	Why  string
}

func (u *Untold) Error() string { return fmt.Sprintf("op %d, %s: %s", u.Op, u.Text, u.Why) }

// Scenario writes a program in the language of scenarios, with what the kernel's operations returned as
// conditions on the end of the run. The error is an *Untold.
//
// Operations of a program come one after the other, those of a scenario's tasks in any
// order. So a program can be written down where nobody but a child acts once it is forked, by the last
// operation of its parent.
func Scenario(p *Program, k kernel.Kernel) (string, error) {
	w := teller{program: p, process: "A", tasks: map[string]*told{}, regions: map[string]*Op{}, forked: map[string]string{}, holder: map[string]string{}}
	for i := range p.Steps {
		if why := w.step(&p.Steps[i]); why != "" {
			return "", &Untold{i, p.Steps[i].Op.Text, why}
		}
	}
	return w.text(k), nil
}

type teller struct {
	program *Program
	process string // who acts
	order   []string
	tasks   map[string]*told
	names   []string       // regions, as declared
	regions map[string]*Op // by name
	mms     []string       // "mm B forked from A"
	forked  map[string]string
	holder  map[string]string // who has pinned a slot
	ends    []string
	frames  int
	huge    int // huge pages that may be taken
	pageout bool
	vars    int
	fork    string // the child that the last operation has made
}

// told is what one task does.
type told struct{ lines []string }

// step writes one operation; it returns why that cannot be.
func (w *teller) step(s *Step) string {
	op, r := &s.Op, &s.After.Result
	if r.Skip != "" {
		return ""
	}
	by := op.Process
	if by == "" {
		by = w.process // a device or a file has no order of its own
	}
	if by != w.process {
		if by != w.fork {
			return fmt.Sprintf("%s acts after %s has: the language knows no order between tasks but that a child begins after its fork", by, w.process)
		}
		w.process = by
	}
	w.fork = ""
	if (op.Verb == Unpin || op.Verb == DMARead || op.Verb == DMAWrite) && w.holder[op.Slot] != w.process {
		return "the page is held by the task that has got it, and that has nothing to do any more"
	}
	return w.operation(op, r)
}

func (w *teller) operation(op *Op, r *Result) string {
	switch op.Verb {
	case Mem:
		return w.mem(op)
	case Load:
		w.frames++
		w.value(r, "load(%s)", w.page(op))
	case Store:
		w.frames += 2
		w.returned(r, "store(%s, %q)", w.page(op), fmt.Sprint(op.Value))
	case Fork:
		if _, again := w.forked[op.Other]; again || op.Other == "A" {
			return "a process of that name was there before"
		}
		w.forked[op.Other], w.fork = w.process, op.Other
		w.mms = append(w.mms, fmt.Sprintf("mm %s forked from %s", op.Other, w.process))
		w.line("fork(%s)", op.Other)
	case Exit:
		w.line("exit()")
	case Mprotect:
		prot := map[Prot]string{ProtNone: "PROT_NONE", ProtRead: "PROT_READ", ProtReadWrite: "PROT_READ_WRITE"}[op.Prot]
		w.returned(r, "mprotect(%s, %s)", w.page(op), prot)
	case Munmap:
		w.returned(r, "munmap(%s)", w.page(op))
	case Madvise:
		advice := "MADV_" + strings.ToUpper(string(op.Advice))
		if advice == "MADV_UNMERGEABLE" {
			return "only ksm would notice"
		}
		w.pageout = w.pageout || advice == "MADV_PAGEOUT"
		w.frames += 2
		w.returned(r, "madvise(%s, %s)", w.page(op), advice)
	case Msync:
		w.returned(r, "msync(%s)", w.page(op))
	case Fsync:
		w.returned(r, "fsync(%s)", w.file(op))
	case FileWrite:
		w.frames++
		w.line("pwrite(%s[%d], %q)", w.file(op), op.Page, fmt.Sprint(op.Value))
	case FileRead:
		w.frames++
		w.value(r, "pread(%s[%d])", w.file(op), op.Page)
	case Truncate:
		w.returned(r, "ftruncate(%s, %d)", w.file(op), op.Pages)
	case Punch:
		w.returned(r, "fallocate(%s[%d], FALLOC_FL_PUNCH_HOLE)", w.file(op), op.Page)
	case DropCache:
		w.line("fsync(%s)", w.file(op))
		w.returned(r, "posix_fadvise(%s, POSIX_FADV_DONTNEED)", w.file(op))
	case PinPage:
		w.pin(op, r)
	case Unpin:
		w.line("%s(%s)", map[bool]string{true: "unpin_user_pages_dirty_lock", false: "unpin_user_page"}[op.Dirty], op.Slot)
		w.unpinned(op)
	case DMARead:
		w.value(r, "device_read(%s)", op.Slot)
	case DMAWrite:
		w.line("device_write(%s, %q)", op.Slot, fmt.Sprint(op.Value))
	case VMReadv:
		w.value(r, "process_vm_readv(%s.%s)", op.Other, w.page(op))
	case VMWritev:
		w.frames += 2
		w.returned(r, "process_vm_writev(%s.%s, %q)", op.Other, w.page(op), fmt.Sprint(op.Value))
	case MemRead:
		w.value(r, "mem_read(%s.%s)", op.Process, w.page(op))
	case MemWrite:
		w.frames += 2
		w.returned(r, "mem_write(%s.%s, %q)", op.Process, w.page(op), fmt.Sprint(op.Value))
	case Migrate:
		return "a scenario would have to say on which node each page lies"
	case Collapse:
		w.huge++
		w.returned(r, "madvise(%s, MADV_COLLAPSE)", w.page(op))
	default:
		return fmt.Sprintf("%s is what tasks of the kernel do, and in a scenario they do it at any time", op.Verb)
	}
	return ""
}

// mem declares a region.
func (w *teller) mem(op *Op) string {
	switch op.Kind {
	case THP, Anon2M:
		w.huge += 2
	}
	w.regions[op.Region] = op
	w.names = append(w.names, op.Region)
	w.frames += op.Pages
	return ""
}

// page is a page or the whole of a region.
func (w *teller) page(op *Op) string {
	if op.Page == WholeRegion || w.regions[op.Region].Pages == 1 && op.Page == 0 {
		return op.Region
	}
	return fmt.Sprintf("%s[%d]", op.Region, op.Page)
}

func (w *teller) file(op *Op) string { return "f" + op.Region }

// pin writes a pin operation.
func (w *teller) pin(op *Op, r *Result) {
	name := map[bool]string{true: "get_user_pages", false: "pin_user_pages"}[op.Pin.Get] + map[How]string{Slow: "", Fast: "_fast", FastOnly: "_fast_only"}[op.Pin.How]
	var flags []string
	for _, f := range []struct {
		is   bool
		name string
	}{{op.Pin.Write, "FOLL_WRITE"}, {op.Pin.Longterm, "FOLL_LONGTERM"}, {op.Pin.Force, "FOLL_FORCE"}} {
		if f.is {
			flags = append(flags, f.name)
		}
	}
	args := w.page(op)
	if flags != nil {
		args += ", " + strings.Join(flags, " | ")
	}
	w.frames += 2
	w.line("%s = %s(%s)", op.Slot, name, args)
	w.holder[op.Slot] = w.process
	if r.Err != "" {
		w.ends = append(w.ends, fmt.Sprintf("always %s.%s == -%s", w.task(), op.Slot, r.Err))
	}
}

// unpinned mends what step has written if the slot was got by get_user_pages.
func (w *teller) unpinned(op *Op) {
	for i := range w.program.Steps {
		if pin := &w.program.Steps[i].Op; pin.Verb == PinPage && pin.Slot == op.Slot {
			if t := w.tasks[w.process]; pin.Pin.Get {
				t.lines = t.lines[:len(t.lines)-1]
				if op.Dirty {
					w.line("set_page_dirty_lock(%s)", op.Slot)
				}
				w.line("put_page(%s)", op.Slot)
			}
		}
	}
}

// line adds a statement of who acts.
func (w *teller) line(format string, args ...any) {
	t := w.tasks[w.process]
	if t == nil {
		t = &told{}
		w.tasks[w.process] = t
		w.order = append(w.order, w.process)
	}
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

func (w *teller) variable() string {
	w.vars++
	return fmt.Sprintf("v%d", w.vars)
}

// value adds a statement that reads, and what it has read. (Zeros have no name in the language.)
func (w *teller) value(r *Result, format string, args ...any) {
	v := w.variable()
	w.line(v+" = "+format, args...)
	switch {
	case r.Signal != "":
		w.ends = append(w.ends, fmt.Sprintf("always %s.%s == SIG%s", w.task(), v, r.Signal))
	case r.Err != "":
		w.ends = append(w.ends, fmt.Sprintf("always %s.%s == -%s", w.task(), v, r.Err))
	case r.HasVal && r.Val != 0:
		w.ends = append(w.ends, fmt.Sprintf("always %s.%s == %q", w.task(), v, fmt.Sprint(r.Val)))
	}
}

// returned adds a statement that returns an error or none.
func (w *teller) returned(r *Result, format string, args ...any) {
	v := w.variable()
	w.line(v+" = "+format, args...)
	end := "0"
	switch {
	case r.Signal != "":
		end = "SIG" + r.Signal
	case r.Err != "":
		end = "-" + r.Err
	}
	w.ends = append(w.ends, fmt.Sprintf("always %s.%s == %s", w.task(), v, end))
}

// task is the name of the task of who acts.
func (w *teller) task() string { return "P" + w.process }

// maxTold is how many frames a scenario made of a program has free, at most.
const maxTold = 40

// maxHuge is how many huge pages of these.
const maxHuge = 6

func (w *teller) text(k kernel.Kernel) string {
	var b strings.Builder
	fmt.Fprintf(&b, "GUP replay-%s\n\"Program %s of the corpus, and what %s did.\"\n\nkernel %s\n\n", w.program.ID, w.program.ID, w.program.Kernel, k)
	for i, name := range w.names {
		w.fileLine(&b, i, w.regions[name])
	}
	fmt.Fprintln(&b, "mm A {")
	for _, name := range w.names {
		fmt.Fprintf(&b, "    %s = %s %s\n", name, w.memory(w.regions[name]), map[Prot]string{ProtRead: "ro", ProtReadWrite: "rw"}[w.regions[name].Prot])
	}
	fmt.Fprintf(&b, "}\n%s\n", strings.Join(w.mms, "\n"))
	if w.huge > 0 {
		fmt.Fprintf(&b, "hpage_pmd_nr %d\n", hugePages)
	}
	fmt.Fprintf(&b, "frames %d\n", min(w.huge, maxHuge)*hugePages+min(w.frames+1, maxTold))
	if w.pageout {
		fmt.Fprintln(&b, "swap async")
	}
	for cpu, name := range w.order {
		fmt.Fprintf(&b, "\nP%s on cpu%d in %s {\n    %s\n}\n", name, cpu, name, strings.Join(w.tasks[name].lines, "\n    "))
	}
	fmt.Fprintf(&b, "\n// What the program did is all that is judged: some of it breaks claims that are made of the newest kernels.\nexpect %s judging refcount-is-sum-of-holders: Never\n%s\n", k, strings.Join(w.ends, "\n"))
	return b.String()
}

// fileLine declares the file behind a region.
func (w *teller) fileLine(b *strings.Builder, region int, op *Op) {
	f, ok := fileSetup(op, region)
	if !ok {
		return
	}
	fmt.Fprintf(b, "file f%s = %v %d", op.Region, f.Kind, f.Pages)
	for _, v := range f.Fill {
		fmt.Fprintf(b, " %q", v)
	}
	fmt.Fprintln(b)
}

// memory is the sort of memory of a region.
func (w *teller) memory(op *Op) string {
	switch op.Kind {
	case THP:
		return "thp 1"
	case Anon2M:
		return fmt.Sprintf("anon %d", hugePages)
	case Anon, Hugetlb:
		return fmt.Sprintf("%s %d", op.Kind, op.Pages)
	case Ext4Private, ShmemPrivate:
		return "f" + op.Region + " private"
	}
	return "f" + op.Region + " shared"
}
