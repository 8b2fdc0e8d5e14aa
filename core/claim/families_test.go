package claim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"gupscope/core/scenario"
)

// A family is memory of one sort, and the calls that matter to it: what is drawn from the whole vocabulary seldom meets.
type family struct {
	name   string
	memory func(d *draw)
	calls  []string
	kernel []string // what tasks of the kernel call; none: what of calls they may
}

// everyday are the calls that every family has beside its own: faults, what gives memory up, and who changes what may be done with it.
var everyday = []string{"store", "load", "store", "load", "madvise", "mprotect", "munmap"}

// remote are the ways to memory of other processes.
var remote = []string{"process_vm_readv", "process_vm_writev", "mem_read", "mem_write", "ptrace_peek", "ptrace_poke"}

var families = []family{
	{"file", (*draw).fileMemory, []string{"store", "load", "madvise", "mprotect", "munmap", "shrink_folio_list", "fallocate", "ftruncate", "fsync", "pwrite", "pread", "posix_fadvise"}, nil},
	{"hugetlb", (*draw).hugetlbMemory, slices.Concat(everyday, []string{"move_pages", "process_vm_readv", "process_vm_writev", "mem_read", "clear_refs", "get_futex_key"}),
		[]string{"move_pages", "process_vm_readv", "process_vm_writev", "mem_read", "compact_zone", "shrink_folio_list"}},
	{"hugetlb-file", (*draw).hugetlbFileMemory, slices.Concat(everyday, []string{"fallocate", "ftruncate", "pread", "move_pages", "process_vm_writev", "get_futex_key"}),
		[]string{"fallocate", "ftruncate", "pread", "move_pages", "process_vm_writev"}},
	{"huge-file", (*draw).hugeFileMemory, slices.Concat(everyday, []string{"madvise", "fallocate", "ftruncate", "pread", "pwrite", "split_huge_page", "move_pages"}),
		[]string{"khugepaged", "khugepaged", "shrink_folio_list", "split_huge_page", "move_pages", "ftruncate", "fallocate", "pwrite", "compact_zone", "deferred_split_scan"}},
	{"two-mms", (*draw).twoMMsMemory, slices.Concat(everyday, remote, []string{"pread", "pwrite", "move_pages", "get_futex_key"}),
		slices.Concat(remote, []string{"shrink_folio_list", "fsync", "ftruncate", "fallocate", "pwrite", "move_pages"})},
	{"forked", (*draw).forkedMemory, slices.Concat(everyday, remote), slices.Concat(remote, []string{"shrink_folio_list", "move_pages", "compact_zone"})},
	{"ksm", (*draw).ksmMemory, slices.Concat(everyday, []string{"madvise", "process_vm_writev", "mem_write", "move_pages", "prctl"}), []string{"ksm_do_scan", "ksm_do_scan", "shrink_folio_list", "move_pages", "process_vm_writev"}},
	{"thp", (*draw).thpMemory, slices.Concat(everyday, []string{"madvise", "split_huge_page", "mremap", "move_pages", "task_numa_work", "clear_refs"}),
		[]string{"khugepaged", "khugepaged", "split_huge_page", "deferred_split_scan", "shrink_folio_list", "compact_zone", "move_pages"}},
	{"moved", (*draw).movedMemory, slices.Concat(everyday, []string{"move_pages", "task_numa_work", "mremap", "mlock", "munlock"}), []string{"move_pages", "compact_zone", "shrink_folio_list"}},
	{"newer", (*draw).newerMemory, slices.Concat(everyday, []string{"pkey_mprotect", "pkey_set", "get_futex_key", "pread", "pwrite", "ext4_dio_write_iter", "fallocate", "ftruncate", "clear_refs", "iommufd_ioas_map", "vfio_dma_map", "direct_read", "direct_write", "get_dump_page"}),
		[]string{"ext4_dio_write_iter", "pwrite", "pread", "fsync", "fallocate", "ftruncate", "posix_fadvise", "shrink_folio_list", "ptrace_poke", "mem_write"}},
}

// memoryOf adds an mm with one region.
func (d *draw) memoryOf(region string, pages int, format string, args ...any) {
	fmt.Fprintf(&d.b, "mm %c { %s = %s }\n", 'A'+d.mms, region, fmt.Sprintf(format, args...))
	d.mms, d.regions, d.pages = d.mms+1, append(d.regions, region), append(d.pages, pages)
}

// forks adds a child of A.
func (d *draw) forks() {
	d.b.WriteString("mm B forked from A\n")
	d.mms, d.forked, d.regions, d.pages = 2, true, append(d.regions, d.regions[0]), append(d.pages, d.pages[0])
}

func (d *draw) filled() string { return d.value() + d.one("", "", " clean", " swapped") }

// fileMemory is a page of a file, or of anonymous memory, in one mm.
func (d *draw) fileMemory() {
	if d.file = !d.chance(4); d.file {
		fmt.Fprintf(&d.b, "file f = %s 1 %s%s\n", d.one("ext4", "shmem"), d.value(), d.one("", "", " dirty", " dropped"))
		d.memoryOf("buf", 1, "f %s rw", d.one("shared", "shared", "private"))
	} else {
		d.memoryOf("buf", 1, "anon 1 rw %s", d.filled())
	}
	fmt.Fprintf(&d.b, "frames 4\n%s", d.one("", "", "swap async\n"))
}

// hugetlbMemory is a private huge page of hugetlb, of one process or of a parent and its child.
func (d *draw) hugetlbMemory() {
	d.hugetlb = true
	d.memoryOf("buf", 1, "hugetlb 1 rw%s", d.one("", " "+d.value(), " "+d.value()))
	if d.chance(2) {
		d.forks()
	}
	d.b.WriteString(d.one("", "", "nr_hugepages 1\n", "nr_hugepages 2\n", "nr_hugepages 3\n"))
}

// hugetlbFileMemory is a file of hugetlb, which one or two processes map.
func (d *draw) hugetlbFileMemory() {
	d.hugetlb, d.file = true, true
	fmt.Fprintf(&d.b, "file f = hugetlb 1%s\n", d.one("", " "+d.value(), " "+d.value()))
	gigabyte := d.one("", "", " gigabyte")
	d.memoryOf("buf", 1, "f shared rw%s", gigabyte)
	switch d.IntN(3) {
	case 0:
		d.memoryOf("other", 1, "f shared rw%s", gigabyte)
	case 1:
		d.memoryOf("other", 1, "f private rw")
	}
	d.b.WriteString(d.one("", "nr_hugepages 2\n", "nr_hugepages 3\n"))
}

// hugeFileMemory is a file of shmem, of a huge page's worth, which is huge, or may become so.
func (d *draw) hugeFileMemory() {
	d.file, d.filePages = true, 2
	two := d.value() + " " + d.value()
	fmt.Fprintf(&d.b, "file f = shmem 2 %s\n", d.one(two+" thp", two+" thp pmd", two+" thp pmd", two+" pmd", two+" pmd", two, d.value()+" pmd"))
	d.memoryOf("buf", 2, "f %s rw", d.one("shared", "shared", "shared", "private"))
	if d.chance(3) {
		d.memoryOf("other", 2, "f %s", d.one("shared rw", "shared ro", "private rw"))
	}
	fmt.Fprintf(&d.b, "frames %d\n%s", 4+2*d.IntN(2), d.one("", "", "frames 1 node 1\n"))
}

// twoMMsMemory is a page that two processes have: of a file that both map, or each its own.
func (d *draw) twoMMsMemory() {
	if d.file = !d.chance(4); d.file {
		fmt.Fprintf(&d.b, "file f = %s 1 %s%s\n", d.one("ext4", "shmem"), d.value(), d.one("", "", " dirty", " dropped"))
		d.memoryOf("buf", 1, "f %s rw", d.one("shared", "shared", "private"))
		d.memoryOf("other", 1, "f %s", d.one("shared rw", "private rw", "shared ro"))
	} else {
		d.memoryOf("buf", 1, "anon 1 rw %s", d.filled())
		d.memoryOf("other", 1, "anon 1 rw")
	}
	fmt.Fprintf(&d.b, "frames 4\n%s", d.one("", "", "swap async\n", "frames 1 node 1\n"))
}

// forkedMemory is a page of a parent and its child.
func (d *draw) forkedMemory() {
	if d.file = d.chance(4); d.file {
		fmt.Fprintf(&d.b, "file f = %s 1 %s\n", d.one("ext4", "shmem"), d.value())
		d.memoryOf("buf", 1, "f private rw")
	} else {
		d.memoryOf("buf", 1, "anon 1 rw %s", d.filled())
	}
	d.forks()
	fmt.Fprintf(&d.b, "frames 4\n%s", d.one("", "", "swap async\n", "frames 1 node 1\n"))
}

// ksmMemory is pages that hold the same, of one process or two.
func (d *draw) ksmMemory() {
	same, state := d.value(), d.one("mergeable", "mergeable", "merged")
	if d.chance(2) {
		d.memoryOf("buf", 2, "anon 2 rw %s %s %s", same, same, state)
	} else {
		d.memoryOf("buf", 1, "anon 1 rw %s %s", same, state)
		d.memoryOf("other", 1, "anon 1 rw %s %s", same, state)
	}
	fmt.Fprintf(&d.b, "frames %d\n%s", 4, d.one("", "", "frames 1 node 1\n"))
}

// thpMemory is anonymous memory that is huge, was huge, or may become so.
func (d *draw) thpMemory() {
	room := d.one("", "", "; new = room for buf")
	d.room = room != ""
	two := d.value() + " " + d.value()
	d.memoryOf("buf", 2, "%s%s", d.one("thp 1 rw "+two, "thp 1 rw "+two, "thp 1 rw "+two+" split", "thp 1 rw "+two+" torn", "anon 2 rw "+two+" hugepage", "thp 1 rw"), room)
	if d.chance(5) && !d.room {
		d.forks()
	}
	fmt.Fprintf(&d.b, "frames %d\n%s", 4+2*d.IntN(2), d.one("", "", "frames 2 node 1\n", "swap async\n"))
}

// movedMemory is a page that is moved: to another frame, or to other addresses.
func (d *draw) movedMemory() {
	room := d.one("", "; new = room for buf")
	d.room = room != ""
	if d.file = d.chance(2); d.file {
		fmt.Fprintf(&d.b, "file f = %s 1 %s%s\n", d.one("ext4", "shmem"), d.value(), d.one("", "", " dirty", " dropped"))
		d.memoryOf("buf", 1, "f %s rw%s", d.one("shared", "shared", "private"), room)
	} else {
		d.memoryOf("buf", 1, "anon 1 rw %s%s", d.filled(), room)
	}
	fmt.Fprintf(&d.b, "frames %d\n%s%s", 4, d.one("", "frames 1 node 1\n", "frames 2 node 1\n"), d.one("", "", "swap async\n"))
}

// newerMemory is what protection keys, stacks, direct I/O and soft-dirty are about.
func (d *draw) newerMemory() {
	switch d.IntN(4) {
	case 0:
		d.memoryOf("buf", 2, "stack 2 rw %s", d.value())
	case 1:
		d.memoryOf("buf", 1, "anon 1 rw %s", d.filled())
	case 2:
		d.file = true
		fmt.Fprintf(&d.b, "file f = ext4 1 %s%s\n", d.value(), d.one("", "", " dirty", " dropped"))
		d.memoryOf("buf", 1, "f %s rw", d.one("shared", "shared", "private"))
	case 3: // a file, and other memory to read it into or write it from
		d.file = true
		fmt.Fprintf(&d.b, "file f = %s 1 %s%s\n", d.one("ext4", "shmem"), d.value(), d.one("", "", " dirty", " dropped"))
		d.memoryOf("buf", 1, "anon 1 rw %s", d.filled())
	}
	fmt.Fprintf(&d.b, "frames 4\n%s", d.one("", "", "swap async\n"))
}

// tasksOf are a user of memory, through a pin or by itself, and one to three who disturb it.
func (d *draw) tasksOf(f *family) {
	d.b.WriteString("P0 on cpu0 in A {\n")
	if d.forked && d.chance(2) {
		d.b.WriteString(" fork(B)\n")
	}
	at := fmt.Sprintf("buf[%d]", d.IntN(d.pages[0]))
	pin := func(flags string) string {
		return fmt.Sprintf(" p = %s(%s, %s)\n", d.one("pin_user_pages_fast", "pin_user_pages"), at, flags)
	}
	if strings.Contains(strings.Join(f.calls, " "), "pkey_set") && d.chance(2) {
		d.b.WriteString(" pkey_alloc()\n")
	}
	switch d.IntN(4) {
	case 0:
		fmt.Fprintf(&d.b, "%s device_write(p, %s)\n unpin_user_pages_dirty_lock(p)\n", pin(d.one("FOLL_WRITE", "FOLL_WRITE | FOLL_LONGTERM")), d.value())
	case 1:
		fmt.Fprintf(&d.b, "%s v = device_read(p)\n unpin_user_page(p)\n", pin(d.one("0", "FOLL_LONGTERM")))
	case 2:
		fmt.Fprintf(&d.b, " store(%s, %s)\n v = load(%s)\n", at, d.value(), at)
	case 3:
		fmt.Fprintf(&d.b, " load(%s)\n store(%s, %s)\n", at, at, d.value())
	}
	if d.forked && !strings.Contains(d.b.String(), "fork(") {
		d.b.WriteString(" fork(B)\n")
	}
	d.b.WriteString("}\n")
	others := 1 + d.IntN(3)
	for t := 1; t <= others; t++ {
		kernelTask, held, mm := d.chance(2), false, d.IntN(d.mms)
		if d.only = f.calls; kernelTask && f.kernel != nil {
			d.only = f.kernel
		}
		fmt.Fprintf(&d.b, "P%d on cpu%d %s {\n", t, t, map[bool]string{false: "in " + string(rune('A'+mm)), true: "kernel"}[kernelTask])
		for range 1 + d.IntN(4)/3 {
			for !d.statement(kernelTask, mm, &held) {
			}
		}
		d.b.WriteString("}\n")
	}
}

// unmodified returns the text of the scenario of a number, whole but for its kernel. What is no scenario is drawn again.
func unmodified(number uint64) (text string, file *scenario.File) {
	f := &families[number%uint64(len(families))]
	for try := uint64(0); ; try++ {
		d := &draw{Rand: rand.New(rand.NewPCG(number, 1<<32|try)), once: true}
		d.b.WriteString("GUP generated\nkernel v6.12\n")
		f.memory(d)
		d.tasksOf(f)
		file, ds := scenario.Parse("generated", []byte(d.b.String()))
		if !scenario.Failed(ds) {
			return d.b.String(), file
		}
		if try == 1000 {
			panic(fmt.Sprintf("of what is drawn of %s nothing is a scenario: %v\n%s", f.name, ds, d.b.String()))
		}
	}
}
