package verdict

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gupscope/core/scenario"
)

// A tie says which run of the kernel's own tests a scenario stands for: passed means that the condition holds at the end of all runs,
// failed that it does not in some.
type tie struct {
	test, cases string // test may begin with the one branch that it is about; cases is a regular expression for whole names
	scenario    string
	holds       string
}

const (
	swappedOut = `swapped out base page`
	huge2M     = `hugetlb \(2048 kB\)`
	// A large folio that PTEs map is the same to fork, faults and GUP whatever its size. Here it has as many pages as a huge page.
	anySize = `\((16|32|64|128|256|512|1024|2048) kB\)`
)

var ties = []tie{
	{"cow", `Basic COW after fork\(\) \.\.\. with base page`, "selftest-cow-fork", `P1.v == "a" and P1.x == "a"`},
	{"cow", `Basic COW after fork\(\) \.\.\. with ` + swappedOut, "selftest-cow-fork", `P1.w == "b" and P1.y == "b"`},
	{"cow", `Basic COW after fork\(\) with mprotect\(\) optimization \.\.\. with ` + swappedOut, "selftest-cow-fork-mprotect", `P1.w == "b" and P1.y == "b"`},
	{"cow", `Basic COW after fork\(\) with mprotect\(\) optimization \.\.\. with ` + huge2M, "hugetlb-basic-cow", `P1.v == "a" and P1.w == "a"`},
	{"cow", `Basic COW after fork\(\) when collapsing before fork\(\)`, "selftest-cow-collapse", `P1.v == "a" and P1.x == "a" and P1.w == "b" and P1.y == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in child with mprotect\(\) optimization \.\.\. with base page`, "selftest-cow-vmsplice-child", `P1.v == "a"`},
	{"cow", `vmsplice\(\) \+ unmap in child with mprotect\(\) optimization \.\.\. with ` + huge2M, "selftest-cow-vmsplice-child", `P1.w == "b"`},
	{"cow", `vmsplice\(\) before fork\(\), unmap in parent after fork\(\) \.\.\. with ` + swappedOut, "selftest-cow-vmsplice-parent", `P0.v == "a"`},
	{"cow", `vmsplice\(\) before fork\(\), unmap in parent after fork\(\) \.\.\. with ` + huge2M, "selftest-cow-vmsplice-parent", `P0.w == "b"`},
	{"cow", `R/O-mapping a page registered as iouring fixed buffer \.\.\. with base page`, "selftest-cow-iouring", `P0.v == "x"`},
	{"cow", `R/O-mapping a page registered as iouring fixed buffer \.\.\. with ` + huge2M, "selftest-cow-iouring", `P0.w == "y"`},
	{"cow", `fork\(\) with an iouring fixed buffer \.\.\. with base page`, "selftest-cow-iouring-fork", `P0.v == "x"`},
	{"cow", `fork\(\) with an iouring fixed buffer \.\.\. with ` + swappedOut, "selftest-cow-iouring-fork", `P0.w == "y"`},
	{"cow", `fork\(\) with an iouring fixed buffer \.\.\. with ` + huge2M, "selftest-cow-iouring-fork", `P0.x == "z"`},
	{"cow", `R/O GUP pin on R/O-mapped shared page \.\.\. with ` + swappedOut, "selftest-cow-pin-shared", `P0.v == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped shared page \.\.\. with ` + swappedOut, "selftest-cow-pin-shared", `P0.w == "y"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with base page`, "selftest-cow-pin-was-shared", `P0.v == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with ` + swappedOut, "selftest-cow-pin-was-shared", `P0.w == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped previously-shared page \.\.\. with ` + swappedOut, "selftest-cow-pin-was-shared", `P0.x == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with ` + huge2M, "selftest-cow-pin-was-shared", `P0.y == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped previously-shared page \.\.\. with ` + huge2M, "selftest-cow-pin-was-shared", `P0.z == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped exclusive page \.\.\. with base page`, "selftest-cow-pin-exclusive", `P0.v == "x"`},
	{"cow", `Basic COW \.\.\. with memfd`, "selftest-cow-not-anon", `P0.a == "a"`},
	{"cow", `Basic COW \.\.\. with memfd ` + huge2M, "selftest-cow-not-anon", `P0.b == "d"`},
	{"cow", `R/O longterm GUP pin \.\.\. with shared zeropage`, "selftest-cow-not-anon", `P0.v == "x"`},
	{"cow", `R/O longterm GUP pin \.\.\. with huge zeropage`, "selftest-cow-not-anon", `P0.w == "x"`},
	{"cow", `R/O longterm GUP pin \.\.\. with tmpfile`, "selftest-cow-not-anon", `P0.x == "x"`},
	{"cow", `R/O longterm GUP-fast pin \.\.\. with memfd`, "selftest-cow-not-anon", `P0.y == "x"`},
	{"cow", `R/O longterm GUP-fast pin \.\.\. with memfd ` + huge2M, "selftest-cow-not-anon", `P0.z == "x"`},

	{"cow", `Basic COW after fork\(\) \.\.\. with swapped-out THP \(2048 kB\)`, "selftest-cow-huge-fork", `P1.v == "a" and P1.x == "a"`},
	{"cow", `Basic COW after fork\(\) with mprotect\(\) optimization \.\.\. with THP \(2048 kB\)`, "selftest-cow-huge-fork", `P1.w == "b" and P1.y == "b"`},
	{"cow", `fork\(\) with an iouring fixed buffer \.\.\. with single PTE of THP ` + anySize, "selftest-cow-huge-fork", `P0.v == "x"`},
	{"cow", `R/O-mapping a page registered as iouring fixed buffer \.\.\. with THP \(2048 kB\)`, "selftest-cow-huge-iouring", `P0.a == "x"`},
	{"cow", `R/O-mapping a page registered as iouring fixed buffer \.\.\. with swapped-out THP \(2048 kB\)`, "selftest-cow-huge-iouring", `P0.b == "x"`},
	{"cow", `vmsplice\(\) \+ unmap in child \.\.\. with THP \(2048 kB\)`, "cow-huge", `P1.v == "a"`},
	{"cow", `vmsplice\(\) \+ unmap in child \.\.\. with PTE-mapped THP ` + anySize, "cow-huge-pte-mapped", `P1.v == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in child \.\.\. with single PTE of THP ` + anySize, "cow-huge-single-pte", `P1.v == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in child with mprotect\(\) optimization \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-huge-splice-child", `P1.w == "a"`},
	{"cow", `vmsplice\(\) \+ unmap in child with mprotect\(\) optimization \.\.\. with single PTE of THP ` + anySize, "selftest-cow-huge-splice-child", `P1.x == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in child with mprotect\(\) optimization \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-huge-splice-child", `P1.y == "a"`},
	{"cow", `vmsplice\(\) \+ unmap in child with mprotect\(\) optimization \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-huge-splice-child", `P1.z == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in parent after fork\(\) \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-huge-splice-parent", `P0.x == "a"`},
	{"cow", `vmsplice\(\) \+ unmap in parent after fork\(\) \.\.\. with swapped-out THP \(2048 kB\)`, "selftest-cow-huge-splice-parent", `P0.y == "a"`},
	{"cow", `vmsplice\(\) \+ unmap in parent after fork\(\) \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-huge-splice-parent", `P0.z == "a"`},
	{"cow", `vmsplice\(\) before fork\(\), unmap in parent after fork\(\) \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-huge-splice-parent", `P0.v == "a"`},
	{"cow", `vmsplice\(\) before fork\(\), unmap in parent after fork\(\) \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-huge-splice-parent", `P0.w == "b"`},
	{"cow", `R/O GUP pin on R/O-mapped shared page \.\.\. with swapped-out THP \(2048 kB\)`, "selftest-cow-huge-shared", `P0.a == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped shared page \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-huge-shared", `P0.b == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped shared page \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-huge-shared", `P0.c == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped shared page \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-huge-shared", `P0.d == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with THP \(2048 kB\)`, "selftest-cow-huge-was-shared", `P0.a == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped previously-shared page \.\.\. with THP \(2048 kB\)`, "selftest-cow-huge-was-shared", `P0.b == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-huge-was-shared", `P0.c == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped previously-shared page \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-huge-was-shared", `P0.d == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with swapped-out THP \(2048 kB\)`, "selftest-cow-huge-was-shared", `P0.e == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped previously-shared page \.\.\. with swapped-out THP \(2048 kB\)`, "selftest-cow-huge-was-shared", `P0.f == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with single PTE of THP ` + anySize, "selftest-cow-huge-part-shared", `P0.a == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped previously-shared page \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-huge-part-shared", `P0.b == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-huge-part-shared", `P0.c == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped previously-shared page \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-huge-part-shared", `P0.d == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped exclusive page \.\.\. with THP \(2048 kB\)`, "selftest-cow-huge-exclusive", `P0.a == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped exclusive page \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-huge-exclusive", `P0.b == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped exclusive page \.\.\. with swapped-out THP \(2048 kB\)`, "selftest-cow-huge-exclusive", `P0.c == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped exclusive page \.\.\. with swapped-out THP \(2048 kB\)`, "selftest-cow-huge-exclusive", `P0.d == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped exclusive page \.\.\. with single PTE of THP ` + anySize, "selftest-cow-huge-one-exclusive", `P0.a == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped exclusive page \.\.\. with single PTE of THP ` + anySize, "selftest-cow-huge-one-exclusive", `P0.b == "x"`},

	{"cow", `vmsplice\(\) before fork\(\), unmap in parent after fork\(\) \.\.\. with partially shared THP ` + anySize, "selftest-cow-huge-partly-shared", `P0.v == "a" and P0.w == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in parent after fork\(\) \.\.\. with partially shared THP ` + anySize, "selftest-cow-huge-partly-shared", `P0.x == "a" and P0.y == "b"`},
	{"cow", `fork\(\) with an iouring fixed buffer \.\.\. with partially shared THP ` + anySize, "selftest-cow-huge-partly-iouring", `P0.v == "x" and P0.w == "y"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped shared page \.\.\. with partially shared THP ` + anySize, "selftest-cow-huge-partly-pin", `P0.e == "x" and P0.f == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped exclusive page \.\.\. with partially shared THP ` + anySize, "selftest-cow-huge-partly-pin", `P0.a == "x" and P0.b == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped exclusive page \.\.\. with partially shared THP ` + anySize, "selftest-cow-huge-partly-pin", `P0.c == "x" and P0.d == "x"`},

	{"cow", `Basic COW after fork\(\) \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mremap", `P1.v == "a" and P1.x == "a"`},
	{"cow", `R/O-mapping a page registered as iouring fixed buffer \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mremap", `P0.v == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped shared page \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mremap", `P0.w == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped previously-shared page \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mremap-was-shared", `P0.v == "x"`},

	{"cow", `Basic COW after fork\(\) \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-mthp-fork", `P1.a == "a" and P3.a == "a"`},
	{"cow", `Basic COW after fork\(\) with mprotect\(\) optimization \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-mthp-fork", `P1.b == "a" and P3.b == "a"`},
	{"cow", `Basic COW after fork\(\) \.\.\. with single PTE of THP ` + anySize, "selftest-cow-mthp-fork", `P1.c == "b" and P3.c == "b"`},
	{"cow", `Basic COW after fork\(\) with mprotect\(\) optimization \.\.\. with single PTE of THP ` + anySize, "selftest-cow-mthp-fork", `P1.d == "b" and P3.d == "b"`},
	{"cow", `Basic COW after fork\(\) \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-fork", `P1.e == "b" and P3.e == "b"`},
	{"cow", `Basic COW after fork\(\) with mprotect\(\) optimization \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-fork", `P1.f == "b" and P3.f == "b"`},
	{"cow", `Basic COW after fork\(\) \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-mthp-fork", `P1.g == "a" and P3.g == "a"`},
	{"cow", `Basic COW after fork\(\) with mprotect\(\) optimization \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-mthp-fork", `P1.h == "a" and P3.h == "a"`},
	{"cow", `R/O GUP pin on R/O-mapped exclusive page \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-mthp-pins", `P0.a == "x"`},
	{"cow", `R/O-mapping a page registered as iouring fixed buffer \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-mthp-pins", `P0.b == "x"`},
	{"cow", `fork\(\) with an iouring fixed buffer \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-mthp-pins", `P1.a == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped shared page \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-mthp-pins", `P1.b == "x"`},
	{"cow", `R/O-mapping a page registered as iouring fixed buffer \.\.\. with single PTE of THP ` + anySize, "selftest-cow-mthp-pins", `P0.c == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped shared page \.\.\. with single PTE of THP ` + anySize, "selftest-cow-mthp-pins", `P1.c == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped shared page \.\.\. with single PTE of THP ` + anySize, "selftest-cow-mthp-pins", `P1.d == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped previously-shared page \.\.\. with single PTE of THP ` + anySize, "selftest-cow-mthp-pins", `P3.a == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped exclusive page \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-swapped-rest", `P1.a == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped exclusive page \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-swapped-rest", `P1.b == "x"`},
	{"cow", `R/O-mapping a page registered as iouring fixed buffer \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-swapped-rest", `P1.c == "x"`},
	{"cow", `fork\(\) with an iouring fixed buffer \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-swapped-rest", `P2.a == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped shared page \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-swapped-rest", `P2.b == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped shared page \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-swapped-rest", `P2.c == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-swapped-rest", `P4.a == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped exclusive page \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-mthp-swapped", `P0.a == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped exclusive page \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-mthp-swapped", `P0.b == "x"`},
	{"cow", `R/O-mapping a page registered as iouring fixed buffer \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-mthp-swapped", `P0.c == "x"`},
	{"cow", `fork\(\) with an iouring fixed buffer \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-mthp-swapped", `P1.a == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped exclusive page \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mthp-mremap", `P0.a == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped exclusive page \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mthp-mremap", `P0.b == "x"`},
	{"cow", `fork\(\) with an iouring fixed buffer \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mthp-mremap", `P1.a == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped shared page \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mthp-mremap", `P1.b == "y"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mthp-mremap", `P5.a == "x"`},
	{"cow", `Basic COW after fork\(\) with mprotect\(\) optimization \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mthp-mremap", `P2.v == "a" and P2.w == "b" and P4.v == "a" and P4.w == "b"`},
	{"cow", `R/O-mapping a page registered as iouring fixed buffer \.\.\. with partially shared THP ` + anySize, "selftest-cow-mthp-partly-shared", `P2.a == "x" and P2.b == "x"`},
	{"cow", `R/O GUP pin on R/O-mapped shared page \.\.\. with partially shared THP ` + anySize, "selftest-cow-mthp-partly-shared", `P2.c == "y" and P2.d == "y"`},
	{"cow", `Basic COW after fork\(\) \.\.\. with partially shared THP ` + anySize, "selftest-cow-mthp-partly-shared", `P3.v == "a" and P3.w == "b" and P5.v == "a" and P5.w == "b"`},
	{"cow", `Basic COW after fork\(\) with mprotect\(\) optimization \.\.\. with partially shared THP ` + anySize, "selftest-cow-mthp-partly-shared", `P3.x == "a" and P3.y == "b" and P5.x == "a" and P5.y == "b"`},
	{"cow", `R/O GUP pin on R/O-mapped previously-shared page \.\.\. with partially shared THP ` + anySize, "selftest-cow-mthp-partly-shared", `P6.a == "x" and P6.b == "x"`},
	{"cow", `R/O GUP-fast pin on R/O-mapped previously-shared page \.\.\. with partially shared THP ` + anySize, "selftest-cow-mthp-partly-shared", `P6.c == "x" and P6.d == "x"`},
	{"cow", `vmsplice\(\) \+ unmap in child \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mthp-splice-mremap", `P1.v == "a" and P1.w == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in child with mprotect\(\) optimization \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mthp-splice-mremap", `P1.x == "a"`},
	{"cow", `vmsplice\(\) \+ unmap in child \.\.\. with partially shared THP ` + anySize, "selftest-cow-mthp-splice-partly", `P2.v == "a" and P2.w == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in child with mprotect\(\) optimization \.\.\. with partially shared THP ` + anySize, "selftest-cow-mthp-splice-partly", `P2.x == "a"`},
	{"cow", `vmsplice\(\) \+ unmap in child \.\.\. with swapped-out, PTE-mapped THP ` + anySize, "selftest-cow-mthp-splice-swapped", `P1.v == "a"`},
	{"cow", `vmsplice\(\) \+ unmap in child \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-splice-swapped", `P1.w == "b"`},
	{"cow", `vmsplice\(\) before fork\(\), unmap in parent after fork\(\) \.\.\. with PTE-mapped THP ` + anySize, "selftest-cow-mthp-splice-parent", `P0.v == "a"`},
	{"cow", `vmsplice\(\) before fork\(\), unmap in parent after fork\(\) \.\.\. with single PTE of THP ` + anySize, "selftest-cow-mthp-splice-parent", `P0.w == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in parent after fork\(\) \.\.\. with single PTE of THP ` + anySize, "selftest-cow-mthp-splice-parent", `P0.x == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in parent after fork\(\) \.\.\. with single PTE of swapped-out THP ` + anySize, "selftest-cow-mthp-splice-parent", `P0.y == "b"`},
	{"cow", `vmsplice\(\) before fork\(\), unmap in parent after fork\(\) \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mthp-splice-moved", `P0.v == "a" and P0.w == "b"`},
	{"cow", `vmsplice\(\) \+ unmap in parent after fork\(\) \.\.\. with partially mremap\(\)'ed THP ` + anySize, "selftest-cow-mthp-splice-moved", `P0.x == "a" and P0.y == "b"`},

	{"gup_longterm", `R/W longterm GUP pin in MAP_SHARED file mapping \.\.\. with tmpfile`, "selftest-gup-longterm-shared", `not P0.a == -EFAULT`},
	{"gup_longterm", `R/W longterm GUP-fast pin in MAP_SHARED file mapping \.\.\. with tmpfile`, "selftest-gup-longterm-shared", `not P0.b == -EFAULT`},
	{"gup_longterm", `R/W longterm GUP pin in MAP_SHARED file mapping \.\.\. with local tmpfile`, "selftest-gup-longterm-shared", `P0.c == -EFAULT`},
	{"gup_longterm", `R/W longterm GUP-fast pin in MAP_SHARED file mapping \.\.\. with local tmpfile`, "selftest-gup-longterm-shared", `P0.d == -EFAULT`},
	{"gup_longterm", `R/W longterm GUP-fast pin in MAP_SHARED file mapping \.\.\. with memfd ` + huge2M, "selftest-gup-longterm-shared", `not P0.e == -EFAULT`},
	{"gup_longterm", `R/O longterm GUP pin in MAP_SHARED file mapping \.\.\. with memfd`, "selftest-gup-longterm-shared", `not P0.p == -EFAULT`},
	{"gup_longterm", `R/O longterm GUP pin in MAP_SHARED file mapping \.\.\. with memfd ` + huge2M, "selftest-gup-longterm-shared", `not P0.q == -EFAULT`},
	{"gup_longterm", `R/O longterm GUP-fast pin in MAP_SHARED file mapping \.\.\. with local tmpfile`, "selftest-gup-longterm-shared", `not P0.r == -EFAULT`},
	{"gup_longterm", `R/O longterm GUP-fast pin in MAP_SHARED file mapping \.\.\. with memfd ` + huge2M, "selftest-gup-longterm-shared", `not P0.t == -EFAULT`},
	{"gup_longterm", `io_uring fixed buffer with MAP_SHARED file mapping \.\.\. with local tmpfile`, "selftest-gup-longterm-shared", `P0.i == -EFAULT`},
	{"gup_longterm", `R/W longterm GUP pin in MAP_PRIVATE file mapping \.\.\. with tmpfile`, "selftest-gup-longterm-private", `not P0.a == -EFAULT`},
	{"gup_longterm", `R/W longterm GUP-fast pin in MAP_PRIVATE file mapping \.\.\. with (memfd|tmpfile)`, "selftest-gup-longterm-private", `not P0.b == -EFAULT`},
	{"gup_longterm", `R/W longterm GUP-fast pin in MAP_PRIVATE file mapping \.\.\. with local tmpfile`, "selftest-gup-longterm-private", `not P0.c == -EFAULT`},
	{"gup_longterm", `R/W longterm GUP-fast pin in MAP_PRIVATE file mapping \.\.\. with memfd ` + huge2M, "selftest-gup-longterm-private", `not P0.d == -EFAULT`},
	{"gup_longterm", `R/O longterm GUP pin in MAP_PRIVATE file mapping \.\.\. with (memfd|tmpfile)`, "selftest-gup-longterm-private", `not P0.p == -EFAULT`},
	{"gup_longterm", `R/O longterm GUP-fast pin in MAP_PRIVATE file mapping \.\.\. with (memfd|tmpfile)`, "selftest-gup-longterm-private", `not P0.q == -EFAULT`},
	{"gup_longterm", `R/O longterm GUP-fast pin in MAP_PRIVATE file mapping \.\.\. with local tmpfile`, "selftest-gup-longterm-private", `not P0.r == -EFAULT`},
	{"gup_longterm", `io_uring fixed buffer with MAP_PRIVATE file mapping \.\.\. with memfd`, "selftest-gup-longterm-private", `not P0.i == -EFAULT`},

	{"mkdirty", `SIGSEGV generated, page not modified`, "selftest-mkdirty", `P0.f == SIGSEGV and P0.v == "a"`},    // after a write by ptrace
	{"mkdirty", `SIGSEGV generated, page not modified #3`, "selftest-mkdirty", `P0.g == SIGSEGV and P0.w == "b"`}, // after migration
	{"mkdirty", `SIGSEGV generated, page not modified #4`, "selftest-mkdirty", `P0.h == SIGSEGV and P0.x == "c"`}, // after migration of a huge page
	{"memfd_secret", `file IO is blocked as expected`, "selftest-memfd-secret", `P1.x == -ESPIPE and A.buf == "b"`},
	{"memfd_secret", `process_vm_read is blocked as expected`, "selftest-memfd-secret", `P1.v == -EFAULT`},
	{"memfd_secret", `ptrace is blocked as expected`, "selftest-memfd-secret", `P1.w == -EIO`},
	{"madv_populate", `test_prot_read`, "selftest-madv-populate", `P0.a == 0`},
	{"madv_populate", `test_prot_read #2`, "selftest-madv-populate", `P0.b == -EINVAL`},
	{"madv_populate", `test_holes #2`, "selftest-madv-populate", `P0.c == -ENOMEM`},
	{"madv_populate", `test_holes #3`, "selftest-madv-populate", `P0.d == -ENOMEM`},
	{"madv_populate", `test_holes #6`, "selftest-madv-populate", `P0.e == -ENOMEM`},
	{"madv_populate", `test_populate_write #2`, "selftest-madv-populate", `P0.f == 0`},
	{"madv_populate", `test_prot_write`, "selftest-madv-populate", `P0.g == -EINVAL`},
	{"madv_populate", `test_prot_write #2`, "selftest-madv-populate", `P0.h == 0`},
	{"madv_populate", `test_populate_read`, "selftest-madv-populate", `P0.p == -EFAULT and P0.i == 0 and not P0.q == -EFAULT`},
	{"madv_populate", `test_softdirty`, "selftest-softdirty", `not A.idle == softdirty and not A.was == softdirty`},
	{"madv_populate", `test_softdirty #3`, "selftest-softdirty", `P0.a == 0 and not A.read == softdirty`},
	{"khugepaged_all:anon", `collapse_single_pte_entry \(khugepaged:anon\)`, "selftest-khugepaged", `khugepaged.none != 0 and khugepaged.there == 0 and P0.v == "a"`},
	{"khugepaged_all:anon", `collapse_single_pte_entry \(madvise:anon\)`, "selftest-madv-collapse", `P0.a == 0 and P0.aa == 0 and P0.v == "a"`},
	{"khugepaged_all:anon", `collapse_single_pte_entry_compound \(madvise:anon\)`, "selftest-madv-collapse", `P0.b == 0 and P0.bb == 0 and P0.w == "c"`},
	{"khugepaged_all:anon", `collapse_full_of_compound \(madvise:anon\)`, "selftest-madv-collapse", `P0.c == 0 and P0.cc == 0 and P0.x == "f"`},
	{"khugepaged_all:anon", `collapse_swapin_single_pte \(madvise:anon\)`, "selftest-madv-collapse", `P0.d == 0 and P0.dd == 0 and P0.y == "h"`},
	{"khugepaged_all:anon", `madvise_collapse_existing_thps \(madvise:anon\)`, "selftest-madv-collapse", `P0.e == 0 and P0.z == "j"`},
	{"khugepaged_all:anon", `collapse_fork_compound \(madvise:anon\)`, "selftest-madv-collapse-fork", `P1.a == 0 and P1.aa == 0 and P1.v == "b" and P0.x == "a"`},
	{"khugepaged_all:anon", `collapse_max_ptes_shared \(madvise:anon\)`, "selftest-madv-collapse-fork", `P1.b == 0 and P1.bb == 0 and P1.w == "d" and P0.y == "d"`},
	{"khugepaged_all:anon", `collapse_single_pte_entry_compound \(khugepaged:anon\)`, "selftest-khugepaged-after", `A.part == thp and P1.v == "c"`},
	{"khugepaged_all:anon", `collapse_swapin_single_pte \(khugepaged:anon\)`, "selftest-khugepaged-after", `A.out == thp and P1.w == "h"`},
	{"khugepaged_all:anon", `collapse_compound_extreme \(khugepaged:anon\)`, "selftest-khugepaged-torn", `A.buf == thp and P0.v == "a" and P0.w == "b"`},
	{"khugepaged_all:anon", `collapse_fork \(khugepaged:anon\)`, "selftest-khugepaged-fork", `B.small == thp and A.small != thp and P1.v == "a" and P2.w == "a"`},
	{"khugepaged_all:shmem", `collapse_full \(madvise:shmem\)`, "selftest-madv-collapse-shmem", `P0.a == 0 and A.full == thp and A.full == "a" and A.full[1] == "b"`},
	{"khugepaged_all:shmem", `madvise_retracted_page_tables \(madvise:shmem\)`, "selftest-madv-collapse-shmem", `P1.b == 0 and A.gone == thp and A.gone == "c" and A.gone[1] == "d"`},
	{"khugepaged_all:shmem", `collapse_full \(khugepaged:shmem\)`, "selftest-khugepaged-shmem", `A.full == thp and P1.w == "a" and A.full[1] == "b"`},
	{"khugepaged_all:shmem", `collapse_full_of_compound \(khugepaged:shmem\)`, "selftest-khugepaged-shmem", `A.part == thp and P0.e == 0 and P1.x == "d"`},
	{"ksm_functional_tests", `test_unmerge_discarded`, "ksm-unmerge", `P0.e == 0 and P0.v != "a" and P0.w == "a"`},
	{"ksm_functional_tests", `test_prctl_unmerge #2`, "ksm-prctl", `P2.v == "c" and P2.f == 0 and P2.w == "c"`},
	{"ksm_functional_tests", `test_prot_none`, "ksm-prot-none", `P0.e == 0 and P0.v == "b" and P0.w == "a"`},
}

// untied are the cases that no scenario stands for, and why. Both are regular expressions for whole names; test may begin with the branch.
var untied = []struct{ test, cases, why string }{
	{".*", `\(whole program\)`, "the sum of the others"},
	{"cow", `.*with hugetlb \(1048576 kB\)`, "hugetlb has one size here, which PMD entries map: no PUD entry maps a page"},
	{"gup_longterm", `.*with memfd hugetlb \(1048576 kB\)`, "hugetlb has one size here, which PMD entries map: no PUD entry maps a page"},
	{"6.1 ksm_functional_tests", `test_prctl_fork_exec`, "it was skipped there: prctl(PR_SET_MEMORY_MERGE) came with v6.4. A scenario with prctl cannot run on older kernels; and nobody calls exec"},
}

// selfTests returns the results: kernel, test, case, result.
func selfTests(t *testing.T) [][]string {
	text, err := os.ReadFile("../replay/testdata/selftests.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// the kernels that the results are of.
var testedKernels = map[string]string{"6.1": "v6.1.192", "6.12": "v6.12.117"}

// TestSelfTests computes what the kernel's own tests have found. Every result is tied to a condition on a scenario, or listed with the reason
// why not.
func TestSelfTests(t *testing.T) {
	used, excused := make([]int, len(ties)), make([]int, len(untied))
	type question struct {
		tie    int
		branch string
	}
	type answer struct{ always, sometimes bool }
	answers := map[question]answer{} // one tie may stand for results of several sizes
	for _, row := range selfTests(t) {
		branch, test, name, result := row[0], row[1], row[2], row[3]
		by, without := -1, -1
		for i, o := range ties {
			if (o.test == test || o.test == branch+" "+test) && whole(o.cases).MatchString(name) {
				if by >= 0 {
					t.Errorf("%s: %s is tied twice", test, name)
				}
				by = i
				used[i]++
			}
		}
		for i, o := range untied {
			if (whole(o.test).MatchString(test) || whole(o.test).MatchString(branch+" "+test)) && whole(o.cases).MatchString(name) && without < 0 {
				without = i
				excused[i]++
			}
		}
		switch {
		case by < 0 && without < 0:
			t.Errorf("%s %s: %s has no scenario, and no reason is given", branch, test, name)
		case by >= 0 && without >= 0:
			t.Errorf("%s %s: %s has a scenario, and a reason why it has none: %s", branch, test, name, untied[without].why)
		case by >= 0 && result != "skip":
			a, known := answers[question{by, branch}]
			if !known {
				a.always, a.sometimes = ends(t, ties[by], testedKernels[branch])
				answers[question{by, branch}] = a
			}
			if got := map[bool]string{true: "pass", false: "fail"}[a.always]; got != result || a.always != a.sometimes && a.always {
				t.Errorf("%s %s: %s: %s, but here: %s, by %s with %s", branch, test, name, result, got, ties[by].scenario, ties[by].holds)
			}
		}
	}
	for i, n := range used {
		if n == 0 {
			t.Errorf("no result is called %s: %s", ties[i].test, ties[i].cases)
		}
	}
	for i, n := range excused {
		if n == 0 {
			t.Errorf("no result is left out by %s: %s", untied[i].test, untied[i].cases)
		}
	}
}

func whole(pattern string) *regexp.Regexp { return regexp.MustCompile("^(?:" + pattern + ")$") }

// ends returns whether the condition holds at the end of every run, and of some.
func ends(t *testing.T, o tie, on string) (always, sometimes bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../scenarios", o.scenario+".gup"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"", "not "} {
		f, ds := scenario.Parse(o.scenario, asked(text, fmt.Sprintf("sometimes %s(%s)", word, o.holds)))
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		k, ds := scenario.ParseKernel(on)
		if scenario.Failed(ds) {
			t.Fatal(ds)
		}
		out := run(t, f, &scenario.Expect{}, k)
		if seen := len(out.Seen) > 0; word == "" {
			sometimes = seen
		} else {
			always = !seen
		}
	}
	return always, sometimes
}

// asked is the scenario with the one question in place of its own.
func asked(text []byte, question string) []byte {
	var out strings.Builder
	answered := false
	for line := range strings.Lines(string(text)) {
		switch word, _, _ := strings.Cut(line, " "); word {
		case "always", "sometimes", "never", "expect":
			answered = true
		case "": // inside a task, or more of the line above
		default:
			answered = false
		}
		if !answered {
			out.WriteString(line)
		}
	}
	return []byte(out.String() + question + "\n")
}
