package claim_test

import (
	"fmt"
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/scenario"
)

// actors are what one party may do to one page: a program of a thread, or of a task of the kernel.
var actors = []struct{ where, program string }{
	{"in A", `v = load(buf); store(buf, "x")`},
	{"in A", `p = get_user_pages_fast(buf, FOLL_WRITE); device_write(p, "d"); set_page_dirty_lock(p); put_page(p)`},
	{"in A", `p = pin_user_pages_fast(buf, FOLL_WRITE); device_write(p, "d"); unpin_user_pages_dirty_lock(p)`},
	{"in A", `p = pin_user_pages(buf, FOLL_WRITE | FOLL_LONGTERM); device_write(p, "d"); unpin_user_pages_dirty_lock(p)`},
	{"in A", `p = pin_user_pages_fast(buf, 0); v = device_read(p); unpin_user_page(p)`},
	{"in A", `munmap(buf)`},
	{"in A", `madvise(buf, MADV_DONTNEED)`},
	{"in A", `madvise(buf, MADV_FREE)`},
	{"in A", `madvise(buf, MADV_PAGEOUT); v = load(buf)`},
	{"in A", `mprotect(buf, PROT_READ); mprotect(buf, PROT_READ_WRITE)`},
	{"in A", `mremap(buf, new)`},
	{"in A", `fork(B); store(buf, "y")`},
	{"kernel", `shrink_folio_list(A.buf)`},
	{"kernel", `move_pages(A.buf, 1)`},
}

// TestTwoActors has every two parties act on one page at once. On a kernel that lacks no rule no promise is broken, but for one that none has ever kept: fork does
// not see references that are no pins.
func TestTwoActors(t *testing.T) {
	states := uint64(0)
	for i, a := range actors {
		for j, b := range actors[i:] {
			if testing.Short() && (i+j)%4 != 0 || strings.Contains(a.program, "fork") && j == 0 {
				continue
			}
			text := partiesAct(a.where, a.program, b.where, b.program)
			file, ds := scenario.Parse("pair", []byte(text))
			if scenario.Failed(ds) {
				t.Fatal(text, ds)
			}
			setup, ds := file.ForKernel(file.Kernel)
			if scenario.Failed(ds) {
				t.Fatal(text, ds)
			}
			r := proof(check.Reduced(claim.Reduce(claim.New(setup, file.Kernel)), check.Limits{}))
			want := "Never []"
			if strings.Contains(text, "put_page") && strings.Contains(text, "fork(") {
				want = "Sometimes [no-lost-device-write no-lost-store]"
			}
			if got := fmt.Sprint(r.Verdict, " ", names(r)); got != want {
				t.Errorf("%s, not %s:\n%s", got, want, text)
			}
			states += r.States
		}
	}
	t.Logf("%d states", states)
}

// partiesAct is the scenario of two parties.
func partiesAct(where, program, where2, program2 string) string {
	var b strings.Builder
	b.WriteString("GUP pair\nkernel v6.12\nmm A {\n buf = anon 1 rw \"a\"\n new = room for buf\n}\n")
	if strings.Contains(program+program2, "fork") {
		b.WriteString("mm B forked from A\nP2 on cpu2 in B { v = load(buf) }\n")
	}
	b.WriteString("frames 2\nframes 1 node 1\n")
	fmt.Fprintf(&b, "P0 on cpu0 %s { %s }\nP1 on cpu1 %s { %s }\n", where, program, where2, program2)
	return b.String()
}
