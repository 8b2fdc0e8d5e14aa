package claim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/scenario"
)

// unmodifiedCalls are what is played at once on kernels of which nothing is switched off: everything that takes pages of a file away or writes them out, and
// faults. Nothing forks: a fork beside a GET may lose what is written by it, on all kernels.
var unmodifiedCalls = []string{"store", "load", "madvise", "mprotect", "munmap", "shrink_folio_list", "fallocate", "ftruncate", "fsync", "pwrite", "pread", "posix_fadvise"}

// unmodifiedMemory is a page of a file, or of anonymous memory, in one mm, and frames for all who take one.
func (d *draw) unmodifiedMemory() {
	d.mms, d.regions, d.pages = 1, []string{"buf"}, []int{1}
	if d.file = !d.chance(4); d.file {
		fmt.Fprintf(&d.b, "file f = %s 1 %s%s\n", d.one("ext4", "shmem"), d.value(), d.one("", "", " dirty", " dropped"))
		fmt.Fprintf(&d.b, "mm A { buf = f %s rw }\n", d.one("shared", "shared", "private"))
	} else {
		fmt.Fprintf(&d.b, "mm A { buf = anon 1 rw %s%s }\n", d.value(), d.one("", "", " clean", " swapped"))
	}
	fmt.Fprintf(&d.b, "frames 4\n%s", d.one("", "", "swap async\n"))
}

// unmodifiedTasks are a user of memory, through a pin or by itself, and two or three who disturb it.
func (d *draw) unmodifiedTasks() {
	d.b.WriteString("P0 on cpu0 in A {\n")
	pin := func(flags string) string {
		return fmt.Sprintf(" p = %s(buf, %s)\n", d.one("pin_user_pages_fast", "pin_user_pages"), flags)
	}
	switch d.IntN(4) {
	case 0:
		fmt.Fprintf(&d.b, "%s device_write(p, %s)\n unpin_user_pages_dirty_lock(p)\n", pin(d.one("FOLL_WRITE", "FOLL_WRITE | FOLL_LONGTERM")), d.value())
	case 1:
		fmt.Fprintf(&d.b, "%s v = device_read(p)\n unpin_user_page(p)\n", pin(d.one("0", "FOLL_LONGTERM")))
	case 2:
		fmt.Fprintf(&d.b, " store(buf, %s)\n v = load(buf)\n", d.value())
	case 3:
		fmt.Fprintf(&d.b, " load(buf)\n store(buf, %s)\n", d.value())
	}
	d.b.WriteString("}\n")
	for t := 1; t < 3+d.IntN(2); t++ {
		kernelTask, held := d.chance(2), false
		fmt.Fprintf(&d.b, "P%d on cpu%d %s {\n", t, t, map[bool]string{false: "in A", true: "kernel"}[kernelTask])
		for range 1 + d.IntN(4)/3 {
			for !d.statement(kernelTask, 0, &held) {
			}
		}
		d.b.WriteString("}\n")
	}
}

// unmodified returns the text of the scenario of a number, whole but for its kernel. What is no scenario is drawn again.
func unmodified(number uint64) (text string, file *scenario.File) {
	for try := uint64(0); ; try++ {
		d := &draw{Rand: rand.New(rand.NewPCG(number, 1<<32|try)), only: unmodifiedCalls}
		d.b.WriteString("GUP generated\nkernel v6.12\n")
		d.unmodifiedMemory()
		d.unmodifiedTasks()
		file, ds := scenario.Parse("generated", []byte(d.b.String()))
		if !scenario.Failed(ds) {
			return d.b.String(), file
		}
	}
}

// What breaks on kernels as they are, by scenarios that tell it as true of Linux, and what each of them rests on: without that it does not break.
var unmodifiedTold = []struct {
	scenario, change string
	claims           []string
}{
	{"fsync-vs-reclaim-batched", " without reclaim_batch", []string{"clean-page-is-on-disk", "no-lost-store"}}, // also pageout-vs-fsync-batched
	{"lazyfree-vs-fault-batched", " without reclaim_batch", []string{"no-lost-store"}},
	{"munmap-vs-writeback", " with delayed_rmap", []string{"clean-page-is-on-disk", "no-lost-store"}}, // also dontneed-vs-writeback; until v6.2
	{"mprotect-vs-truncate", " with mprotect_gathers", []string{"tlb-within-vma"}},                    // until v5.19
}

// unmodifiedBreaks returns the claims that break within the bound, and whether everything was seen; none where the kernel has not what is played.
func unmodifiedBreaks(t *testing.T, file *scenario.File, on string) (claims []string, whole bool) {
	k, ds := scenario.ParseKernel(on)
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	setup, ds := file.ForKernel(k)
	if scenario.Failed(ds) {
		return nil, false
	}
	r := proof(check.Reduced(claim.Reduce(claim.New(setup, k)), check.Limits{States: 100_000}))
	return names(r), r.Verdict != check.Unknown
}

// toldAs returns the scenario that tells why a claim breaks on a kernel; "" if none does.
func toldAs(t *testing.T, file *scenario.File, on, broken string) string {
	for _, told := range unmodifiedTold {
		if slices.Contains(told.claims, broken) {
			if still, _ := unmodifiedBreaks(t, file, on+told.change); !slices.Contains(still, broken) {
				return told.scenario
			}
		}
	}
	return ""
}

// TestUnmodified plays three and four tasks at once on kernels as they are, up to a bound: no claim may break, except by what a scenario tells as true of Linux.
//
//	go test ./core/claim -run TestUnmodified -timeout 0 -generated 5000 -generated-from 1000
func TestUnmodified(t *testing.T) {
	var played, proved, told int
	for number := *generatedFrom; number < *generatedFrom+generatedModels(4, 18); number++ {
		text, file := unmodified(number)
		for _, on := range []string{"v5.4", "v6.1", "v6.12"} {
			broken, whole := unmodifiedBreaks(t, file, on)
			played++
			if whole {
				proved++
			}
			for _, name := range broken {
				if by := toldAs(t, file, on, name); by != "" {
					told++
					t.Logf("scenario %d: %s breaks on %s, as %s tells", number, name, on, by)
					continue
				}
				t.Errorf("scenario %d: %s breaks on %s\n%s", number, name, on, text)
			}
		}
	}
	t.Logf("%d played, %d of them to the end; %d breaches are told", played, proved, told)
	if proved == 0 {
		t.Error("nothing was played to the end: this tells nothing")
	}
}
