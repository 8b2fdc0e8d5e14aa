package claim_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

var everyPair = flag.Bool("every-pair", false, "have every pair of TestTwoActors meet on every kernel")

// A stage is what two parties meet at: the memory of mm A, and what else there has to be.
type stage struct {
	name   string
	files  string
	memory string // what is in mm A
	frames string // free ones, of two nodes
	actors []actor
}

// An actor is what one party does there: a program of a thread, or of a task of the kernel.
type actor struct{ name, where, program string }

// stages are of one small page, a huge page, one that may come to be, pages that may be merged, a page of a file.
var stages = []stage{
	{"small", "", "buf = anon 1 rw \"a\"\nnew = room for buf", "frames 2\nframes 1 node 1", []actor{
		{"store", "in A", `v = load(buf); store(buf, "x")`},
		{"get", "in A", `p = get_user_pages_fast(buf, FOLL_WRITE); device_write(p, "d"); set_page_dirty_lock(p); put_page(p)`},
		{"pin", "in A", `p = pin_user_pages_fast(buf, FOLL_WRITE); device_write(p, "d"); unpin_user_pages_dirty_lock(p)`},
		{"long pin", "in A", `p = pin_user_pages(buf, FOLL_WRITE | FOLL_LONGTERM); device_write(p, "d"); unpin_user_pages_dirty_lock(p)`},
		{"read pin", "in A", `p = pin_user_pages_fast(buf, 0); v = device_read(p); unpin_user_page(p)`},
		{"munmap", "in A", `munmap(buf)`},
		{"refault", "in A", `madvise(buf, MADV_DONTNEED); store(buf, "r"); v = load(buf)`},
		{"free", "in A", `madvise(buf, MADV_FREE)`},
		{"pageout", "in A", `madvise(buf, MADV_PAGEOUT); v = load(buf)`},
		{"mprotect", "in A", `mprotect(buf, PROT_READ); mprotect(buf, PROT_READ_WRITE)`},
		{"mremap", "in A", `mremap(buf, new)`},
		{"fork", "in A", `fork(B); store(buf, "y")`},
		{"reclaim", "kernel", `shrink_folio_list(A.buf)`},
		{"move", "kernel", `move_pages(A.buf, 1)`},
	}},
	{"huge", "", "buf = thp 1 rw \"a\" \"b\"\nnew = room for buf", "frames 4\nframes 2 node 1", []actor{
		{"store", "in A", `v = load(buf[0]); store(buf[1], "x")`},
		{"pin", "in A", `p = pin_user_pages_fast(buf[1], FOLL_WRITE); device_write(p, "d"); unpin_user_pages_dirty_lock(p)`},
		{"munmap", "in A", `munmap(buf[1]); v = load(buf[0])`},
		{"refault", "in A", `madvise(buf, MADV_DONTNEED); store(buf[0], "r"); v = load(buf[0])`},
		{"mprotect", "in A", `mprotect(buf, PROT_READ); mprotect(buf, PROT_READ_WRITE)`},
		{"mremap", "in A", `mremap(buf, new); v = load(new[0])`},
		{"fork", "in A", `fork(B); store(buf[0], "y")`},
		{"split", "kernel", `split_huge_page(A.buf[0])`},
		{"reclaim", "kernel", `shrink_folio_list(A.buf[0])`},
		{"move", "kernel", `move_pages(A.buf[0], 1)`},
	}},
	{"to be huge", "", "buf = anon 2 rw \"a\" \"b\" hugepage\nnew = room for buf", "frames 4\nframes 1 node 1", []actor{
		{"collapse", "kernel", `khugepaged(A.buf)`},
		{"store", "in A", `v = load(buf[0]); store(buf[1], "x")`},
		{"pin", "in A", `p = pin_user_pages_fast(buf[1], FOLL_WRITE); device_write(p, "d"); unpin_user_pages_dirty_lock(p)`},
		{"munmap", "in A", `munmap(buf)`},
		{"refault", "in A", `madvise(buf, MADV_DONTNEED); store(buf[0], "r"); v = load(buf[0])`},
		{"mprotect", "in A", `mprotect(buf, PROT_READ); mprotect(buf, PROT_READ_WRITE)`},
		{"mremap", "in A", `mremap(buf, new); v = load(new[0])`},
		{"fork", "in A", `fork(B); store(buf[0], "y")`},
		{"reclaim", "kernel", `shrink_folio_list(A.buf[0])`},
		{"move", "kernel", `move_pages(A.buf[0], 1)`},
	}},
	{"file to be huge", "file f = shmem 2 \"a\" \"b\"", "buf = f shared rw", "frames 4\nframes 1 node 1", []actor{
		{"collapse", "kernel", `khugepaged(A.buf)`},
		{"store", "in A", `v = load(buf[0]); store(buf[1], "x")`},
		{"pin", "in A", `p = pin_user_pages_fast(buf[1], FOLL_WRITE); device_write(p, "d"); unpin_user_pages_dirty_lock(p)`},
		{"pageout", "in A", `store(buf[0], "r"); madvise(buf, MADV_PAGEOUT); v = load(buf[0])`},
		{"munmap", "in A", `store(buf[0], "m"); munmap(buf)`},
		{"truncate", "kernel", `ftruncate(f, 1)`},
		{"punch", "kernel", `fallocate(f[1], FALLOC_FL_PUNCH_HOLE)`},
		{"reclaim", "kernel", `shrink_folio_list(A.buf[0])`},
		{"move", "in A", `store(buf[0], "y"); move_pages(buf[0], 1); v = load(buf[0])`},
		{"compact", "kernel", `compact_zone(A.buf[0])`},
	}},
	{"huge file", "file f = shmem 2 \"a\" \"b\" thp", "buf = f shared rw", "frames 4\nframes 2 node 1", []actor{
		{"collapse", "kernel", `khugepaged(A.buf)`},
		{"store", "in A", `v = load(buf[0]); store(buf[1], "x"); w = load(buf[1])`},
		{"pin", "in A", `p = pin_user_pages_fast(buf[1], FOLL_WRITE); device_write(p, "d"); unpin_user_pages_dirty_lock(p)`},
		{"pageout", "in A", `store(buf[0], "r"); madvise(buf, MADV_PAGEOUT); v = load(buf[0])`},
		{"munmap", "in A", `store(buf[0], "m"); munmap(buf[0])`},
		{"truncate", "kernel", `ftruncate(f, 1); ftruncate(f, 2)`},
		{"punch", "kernel", `fallocate(f[1], FALLOC_FL_PUNCH_HOLE)`},
		{"split", "in A", `store(buf[0], "s"); split_huge_page(buf[0]); v = load(buf[0])`},
		{"reclaim", "kernel", `shrink_folio_list(A.buf[0])`},
		{"move", "in A", `store(buf[0], "y"); move_pages(buf[0], 1); v = load(buf[0])`},
		{"compact", "kernel", `compact_zone(A.buf[0])`},
		{"write", "kernel", `pwrite(f[0], "w"); v = pread(f[0])`},
	}},
	{"merged", "", "key = anon 1 rw \"a\" merged\nbuf = anon 1 rw \"a\" mergeable\nnew = room for buf", "frames 2\nframes 1 node 1", []actor{
		{"ksmd", "kernel", `ksm_do_scan()`},
		{"store", "in A", `v = load(buf); store(buf, "x"); w = load(key)`},
		{"pin", "in A", `p = pin_user_pages_fast(buf, FOLL_WRITE); device_write(p, "d"); unpin_user_pages_dirty_lock(p); w = load(key)`},
		{"read pin", "in A", `p = pin_user_pages_fast(buf, 0); v = device_read(p); unpin_user_page(p)`},
		{"refault", "in A", `madvise(buf, MADV_DONTNEED); store(buf, "r"); v = load(buf)`},
		{"mremap", "in A", `mremap(buf, new); v = load(new)`},
		{"fork", "in A", `fork(B); store(buf, "y")`},
		{"reclaim", "kernel", `shrink_folio_list(A.buf)`},
		{"move", "kernel", `move_pages(A.buf, 1)`},
	}},
	{"file", "file f = ext4 1 \"a\"", "buf = f shared rw\nnew = room for buf", "frames 2\nframes 1 node 1", []actor{
		{"fsync", "kernel", `fsync(f)`},
		{"store", "in A", `store(buf, "x"); v = load(buf)`},
		{"pin", "in A", `p = pin_user_pages_fast(buf, FOLL_WRITE); device_write(p, "d"); unpin_user_pages_dirty_lock(p)`},
		{"munmap", "in A", `store(buf, "m"); munmap(buf)`},
		{"refault", "in A", `madvise(buf, MADV_DONTNEED); store(buf, "r"); v = load(buf)`},
		{"mremap", "in A", `mremap(buf, new); store(new, "y")`},
		{"truncate", "kernel", `ftruncate(f, 0)`},
		{"direct", "kernel", `ext4_dio_write_iter(f, "n"); v = pread(f)`},
		{"reclaim", "kernel", `shrink_folio_list(A.buf)`},
		{"move", "kernel", `move_pages(A.buf, 1)`},
	}},
}

// partiesAct is the scenario of two parties.
func partiesAct(s stage, a, b actor) string {
	var t strings.Builder
	fmt.Fprintf(&t, "GUP pair\nkernel v6.12\n%s\nmm A {\n%s\n}\n", s.files, s.memory)
	if a.name == "fork" || b.name == "fork" {
		t.WriteString("mm B forked from A\nP2 on cpu2 in B { v = load(buf) }\n")
	}
	fmt.Fprintf(&t, "%s\nP0 on cpu0 %s { %s }\nP1 on cpu1 %s { %s }\n", s.frames, a.where, a.program, b.where, b.program)
	return t.String()
}

// A gap is a pair of which it is known that some kernels break promises.
type gap struct {
	stage, one, other string
	since, before     int // releases, as Version.Order; before 0: all
	broken            string
	why               string // with the scenario that is about it
}

var gaps = []gap{
	{"small", "get", "fork", 0, 508, "pin-matches-page-table no-lost-store", "fork does not see references, and COW counts mappings: direct-read-vs-fork"},
	{"small", "get", "fork", 508, 0, "no-lost-device-write no-lost-store", "fork does not see references that are no pins: direct-read-vs-fork"},
	{"small", "pin", "fork", 508, 510, "pin-matches-page-table no-lost-store", "fork's look at pins can be passed, or there is none: pin-vs-fork"},
	{"small", "long pin", "fork", 508, 509, "pin-matches-page-table no-lost-store", "fork does not look at pins: pin-vs-fork"},
	{"huge", "pin", "fork", 508, 510, "no-lost-store", "the same: pin-vs-fork-huge"},
	{"to be huge", "pin", "fork", 508, 510, "no-lost-store", "the same, of a small page: pin-vs-fork"},
	{"huge", "refault", "split", 0, 407, "no-lost-store no-migration-entry-left no-livelock", "the split takes another huge page for its own: split-vs-refault"},
	{"huge", "refault", "reclaim", 0, 407, "no-lost-store no-migration-entry-left no-livelock", "the same"},
	{"huge", "refault", "move", 0, 407, "no-lost-store no-migration-entry-left no-livelock", "the same: until v4.13 move_pages splits what it finds"},
	{"huge", "fork", "split", 0, 407, "no-lost-store no-migration-entry-left no-livelock", "the same: COW maps the other huge page"},
	{"huge", "mremap", "move", 414, 513, "no-livelock", "a PMD migration entry that mremap has in hand is overlooked: mremap-huge-vs-migrate. (Before, there were none: move_pages split what it found)"},
	{"to be huge", "mremap", "move", 500, 514, "no-livelock", "a page table moves without the locks of reverse mappings: mremap-table-vs-migrate"},
	{"file to be huge", "collapse", "move", 518, 612, "no-lost-store no-stale-tlb-use", "khugepaged puts a page back that it has yet to flush: khp-file-vs-move"},
	{"merged", "pin", "fork", 508, 510, "pin-matches-page-table no-lost-store", "as of a small page: pin-vs-fork"},
	{"huge", "mremap", "reclaim", 500, 514, "no-lost-store no-migration-entry-left no-livelock", "a page table moves without the locks of reverse mappings: mremap-table-vs-migrate"},
}

// TestTwoActors has every two parties act on one page at once, on the newest kernel and on one of the others in turn. A kernel that lacks no rule breaks
// no promise, but for the gaps that are known.
//
//	go test ./core/claim -run TestTwoActors -timeout 1h -every-pair
func TestTwoActors(t *testing.T) {
	var states, turn, met uint64
	for _, s := range stages {
		for i, a := range s.actors {
			for j, b := range s.actors[i:] {
				if testing.Short() && (i+j)%4 != 0 || a.name == "fork" && b.name == "fork" || s.files != "" && a.name == "collapse" && b.name == "collapse" { // there is one khugepaged
					continue
				}
				for _, v := range kernelsFor(&turn, s, a, b) {
					n, ok := meet(t, s, a, b, v)
					if states += n; ok {
						met++
					}
				}
			}
		}
	}
	t.Logf("%d pairs met, %d states", met, states)
}

// kernelsFor are the kernels on which two parties meet. Fork beside what walks reverse mappings has some hundred thousand states:
// a small page on the newest kernel is enough.
func kernelsFor(turn *uint64, s stage, a, b actor) []*kernel.Version {
	if walks := []string{"reclaim", "move", "pageout"}; a.name == "fork" && slices.Contains(walks, b.name) || b.name == "fork" && slices.Contains(walks, a.name) {
		if s.name == "small" {
			return []*kernel.Version{kernel.Newest}
		}
		return nil
	}
	if *everyPair {
		return kernel.Versions
	}
	*turn++
	return []*kernel.Version{kernel.Versions[*turn*4%uint64(len(kernel.Versions))], kernel.Newest}
}

// meet has two parties meet on a kernel; false where it has not what they call.
func meet(t *testing.T, s stage, a, b actor, v *kernel.Version) (states uint64, ok bool) {
	text := partiesAct(s, a, b)
	file, ds := scenario.Parse("pair", []byte(text))
	if scenario.Failed(ds) {
		t.Fatal(text, ds)
	}
	k, err := kernel.Make(v.Name)
	if err != nil {
		t.Fatal(err)
	}
	setup, ds := file.ForKernel(k)
	if scenario.Failed(ds) {
		return 0, false
	}
	r := proof(check.New(claim.New(setup, k), check.Limits{})) // races leave little to be left out: reduced, it takes three times as long
	if got, want := strings.Join(names(r), " "), broken(s, a, b, v); got != want || (r.Verdict == check.Never) != (want == "") {
		t.Errorf("%s: %s against %s on %s: %v [%s], not [%s]:\n%s", s.name, a.name, b.name, v.Name, r.Verdict, got, want, text)
	}
	return r.States, true
}

// broken are the claims of which it is known that a kernel breaks them when the two meet.
func broken(s stage, a, b actor, v *kernel.Version) string {
	for _, g := range gaps {
		if g.stage == s.name && (g.one == a.name && g.other == b.name || g.one == b.name && g.other == a.name) && v.Order >= g.since && (g.before == 0 || v.Order < g.before) {
			return g.broken
		}
	}
	return ""
}
