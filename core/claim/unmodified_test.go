package claim_test

import (
	"slices"
	"strings"
	"testing"

	"gupscope/core/check"
	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

// What breaks on kernels as they are, by scenarios that tell it as true of Linux, and what each of them rests on: without that it does not break. That is a rule, or what is played.
var unmodifiedTold = []struct {
	scenario, change string
	edit             func(text string) string // nil: what is played stays
	claims           []string
}{
	{"fsync-vs-reclaim-batched", " without reclaim_batch", nil, []string{"clean-page-is-on-disk", "no-lost-store"}}, // also pageout-vs-fsync-batched
	{"lazyfree-vs-fault-batched", " without reclaim_batch", nil, []string{"no-lost-store"}},
	{"munmap-vs-writeback", " with delayed_rmap", nil, []string{"clean-page-is-on-disk", "no-lost-store"}},                                      // also dontneed-vs-writeback; until v6.2
	{"mprotect-vs-truncate", " with mprotect_gathers", nil, []string{"tlb-within-vma"}},                                                         // until v5.19
	{"hugetlb-shared-pmd-table", " with hugetlb_unshare_flush", nil, []string{"tlb-within-vma", "no-stale-tlb-use", "no-lost-store"}},           // until v5.18
	{"get-vs-fork", "", without("fork", "mem_write", "ptrace_poke"), []string{"no-lost-store", "no-lost-device-write"}},                         // who writes by a reference
	{"get-vs-fork", "", without("fork", "mem_write", "ptrace_poke", "process_vm_writev"), []string{"no-lost-store", "no-lost-device-write"}},    // which this one does until v5.6
	{"mremap-table-vs-migrate", " with mremap_table_rmap_locks", nil, []string{"no-lost-store", "no-stale-tlb-use", "no-migration-entry-left"}}, // v5.0 to v5.14
	{"split-vs-mprotect", "", pageByPage, []string{"tlb-within-vma"}},
	{"huge-file-pmd-vs-fault", "", pageByPage, []string{"no-livelock"}}, // also huge-file-hole-vs-fault
}

// pageByPage has huge pages of files mapped page by page.
func pageByPage(text string) string { return strings.Replace(text, " pmd\n", "\n", 1) }

// without leaves the calls out, if one of a scenario's is called like the first.
func without(first string, calls ...string) func(text string) string {
	return func(text string) string {
		if !strings.Contains(text, " "+first+"(") {
			return text
		}
		var out strings.Builder
		for line := range strings.Lines(text) {
			if !slices.ContainsFunc(calls, func(call string) bool { return strings.Contains(line, " "+call+"(") }) {
				out.WriteString(line)
			}
		}
		return out.String()
	}
}

// unmodifiedBreaks returns the claims that break within the bound, and whether everything was seen; none where the kernel has not what is played. Who waits for a
// free frame where there is none is in no deadlock: Linux would reclaim a page, or kill somebody.
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
	for _, c := range r.Claims {
		if c.Claim == check.NoDeadlock && lacksMemory(claim.New(setup, k), c.Run) {
			continue
		}
		claims = append(claims, c.Claim)
	}
	return claims, r.Verdict != check.Unknown
}

// lacksMemory reports whether somebody waits for a free frame at the end of a run.
func lacksMemory(m *claim.Model, run []check.Choice) bool {
	for _, c := range run {
		m.Do(c)
	}
	return slices.ContainsFunc(m.Actors(), func(a kernel.Actor) bool { return m.Look(a.ID).On == kernel.OnMemory })
}

// toldAs returns the scenario that tells why a claim breaks on a kernel; "" if none does.
func toldAs(t *testing.T, text, on, broken string) string {
	for _, told := range unmodifiedTold {
		if !slices.Contains(told.claims, broken) {
			continue
		}
		played := text
		if told.edit != nil {
			if played = told.edit(text); played == text {
				continue
			}
		}
		file, ds := scenario.Parse("generated", []byte(played))
		if scenario.Failed(ds) {
			continue
		}
		if still, _ := unmodifiedBreaks(t, file, on+told.change); !slices.Contains(still, broken) {
			return told.scenario
		}
	}
	return ""
}

// unmodifiedOn are the kernels of a number.
func unmodifiedOn(number uint64) []string {
	if number/uint64(len(families))%4 == 3 {
		return []string{"v4.6", "v5.4", "v5.19", "v6.1", "v6.12"}
	}
	return []string{"v5.4", "v6.1", "v6.12"}
}

// TestUnmodified plays two to four tasks at once on kernels as they are, up to a bound: no claim may break, except by what a scenario tells as true of Linux. Numbers take
// the families in turn.
//
//	go test ./core/claim -run TestUnmodified -timeout 0 -generated 5000 -generated-from 1000
func TestUnmodified(t *testing.T) {
	var played, proved, told int
	for number := *generatedFrom; number < *generatedFrom+generatedModels(10, 50); number++ {
		text, file := unmodified(number)
		for _, on := range unmodifiedOn(number) {
			broken, whole := unmodifiedBreaks(t, file, on)
			played++
			if whole {
				proved++
			}
			for _, name := range broken {
				if by := toldAs(t, text, on, name); by != "" {
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
