package replay

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Programs made up in the shape of the corpus', which no kernel has run: what no recorded
// program has may still not break the model.

// A drawing makes up a program: one or two regions of any kind, up to three processes, and
// the operations that the corpus has on such regions.
type drawing struct {
	*rand.Rand
	program *Program
	regions []Op            // the mem operations
	living  []string        // processes
	ever    int             // processes that there have been
	slots   int             // slots that pins have named
	writing map[string]bool // slots that a device may write through
	value   int             // to be written next
}

// drawn is the program with that number.
func drawn(number uint64) *Program {
	d := &drawing{Rand: rand.New(rand.NewPCG(number, 1)), living: []string{"A"}, ever: 1, writing: map[string]bool{}, value: 11,
		program: &Program{ID: fmt.Sprintf("drawn-%d", number), Family: "drawn"}}
	for _, name := range []string{"R", "Q"}[:1+d.IntN(8)/6] {
		kind := pick(d, Anon, Anon, Anon, Anon, THP, Anon2M, ShmemShared, ShmemPrivate, Ext4Shared, Ext4Shared, Ext4Private, Hugetlb, HugetlbShared)
		d.add("mem %s %s %s %d", name, kind, pick(d, ProtReadWrite, ProtReadWrite, ProtReadWrite, ProtReadWrite, ProtRead), pick(d, 1, 1, 2, 3))
		d.regions = append(d.regions, d.program.Steps[len(d.program.Steps)-1].Op)
	}
	for n := 5 + d.IntN(14); n > 0 && len(d.living) > 0; n-- {
		d.operation()
	}
	return d.program
}

func pick[T any](d *drawing, of ...T) T { return of[d.IntN(len(of))] }

func (d *drawing) add(format string, args ...any) {
	op := ParseOp(fmt.Sprintf(format, args...))
	if op.Mistake != nil {
		panic(op.Text + ": " + op.Mistake.Error())
	}
	d.program.Steps = append(d.program.Steps, Step{Op: op})
}

func (d *drawing) process() string { return pick(d, d.living...) }

// page is a page of a region, more often than not the first.
func (d *drawing) page(region Op) string {
	i := 0
	if d.IntN(3) == 0 {
		i = d.IntN(region.Pages)
	}
	return fmt.Sprintf("%s.%d", region.Region, i)
}

// target is a page or the whole of a region.
func (d *drawing) target(region Op) string {
	return pick(d, region.Region, region.Region, d.page(region))
}

// fresh is a value that nobody has written yet; now and then one that many write.
func (d *drawing) fresh() int {
	if d.IntN(10) == 0 {
		return pick(d, 0, 5, 5)
	}
	d.value++
	return d.value - 1
}

// operation adds one that can be made on some region.
func (d *drawing) operation() {
	r := pick(d, d.regions...)
	verbs := strings.Fields("write write write write write write write pin pin pin pin pin read read fork fork mprotect mprotect madvise madvise madvise " +
		"reclaim migrate munmap exit ksm ksm vm_readv vm_writev memread memwrite memwrite msync")
	if d.slots > 0 {
		verbs = append(verbs, "dmaread", "dmaread", "dmawrite", "dmawrite", "unpin", "unpin")
	}
	onDisk := r.Kind == Ext4Shared || r.Kind == Ext4Private
	if onDisk || r.Kind == ShmemShared || r.Kind == ShmemPrivate {
		verbs = append(verbs, "fsync", "fsync", "fwrite", "fwrite", "fread", "truncate", "punch", "msync")
	}
	if onDisk {
		verbs = append(verbs, "dropcache", "dropcache")
	}
	if r.Kind == THP || r.Kind == Anon2M {
		verbs = append(verbs, "collapse", "collapse", "collapse")
	}
	d.make(pick(d, verbs...), r)
}

func (d *drawing) make(verb string, r Op) {
	slot := fmt.Sprintf("s%d", d.IntN(max(d.slots, 1)))
	switch verb {
	case "write", "memwrite":
		d.add("%s %s %s %d", verb, d.process(), d.page(r), d.fresh())
	case "read", "memread", "migrate":
		d.add("%s %s %s", verb, d.process(), d.page(r))
	case "vm_readv":
		d.add("vm_readv %s %s %s", d.process(), d.process(), d.page(r))
	case "vm_writev":
		d.add("vm_writev %s %s %s %d", d.process(), d.process(), d.page(r), d.fresh())
	case "pin":
		d.pin(r)
	case "dmawrite":
		if d.writing[slot] {
			d.add("dmawrite %s %d", slot, d.fresh())
		}
	case "dmaread":
		d.add("dmaread %s", slot)
	case "unpin":
		d.add("unpin %s%s", slot, pick(d, "", " dirty"))
	case "fork":
		if d.ever < 3 {
			child := string(rune('A' + d.ever))
			d.add("fork %s %s", d.process(), child)
			d.living, d.ever = append(d.living, child), d.ever+1
		}
	case "exit":
		if len(d.living) > 1 {
			who := d.process()
			d.add("exit %s", who)
			d.living = slices.DeleteFunc(d.living, func(p string) bool { return p == who })
		}
	case "mprotect":
		d.add("mprotect %s %s %s", d.process(), d.target(r), pick(d, ProtRead, ProtRead, ProtReadWrite, ProtReadWrite, ProtNone))
	case "madvise":
		d.add("madvise %s %s %s", d.process(), d.target(r), pick(d, DontNeed, PageOut, PageOut, PageOut, Free, Free, Cold, PopulateRead, PopulateWrite, Unmergeable))
	case "munmap", "msync":
		d.add("%s %s %s", verb, d.process(), d.target(r))
	case "collapse":
		d.add("collapse %s %s", d.process(), r.Region)
	case "fsync", "dropcache":
		d.add("%s %s", verb, r.Region)
	case "fwrite":
		d.add("fwrite %s %d", d.page(r), d.fresh())
	case "fread", "punch":
		d.add("%s %s", verb, d.page(r))
	case "truncate":
		d.add("truncate %s %d", r.Region, d.IntN(r.Pages+1))
	default:
		d.add("%s", verb)
	}
}

// pin adds one of the calls that the corpus knows: fast_only is get_user_pages' alone.
func (d *drawing) pin(r Op) {
	kind, access, how := pick(d, "PIN", "PIN", "GET"), pick(d, "r", "w"), pick(d, Slow, Fast)
	if kind == "PIN" && d.IntN(3) == 0 {
		access += " LONGTERM"
	}
	if d.IntN(6) == 0 {
		access += " FORCE"
	}
	if kind == "GET" && d.IntN(6) == 0 {
		access, how = access[:1], FastOnly
	}
	slot := fmt.Sprintf("s%d", d.slots)
	d.slots++
	d.writing[slot] = access[0] == 'w'
	d.add("pin %s %s %s %s %s -> %s", d.process(), d.page(r), kind, access, how, slot)
}
