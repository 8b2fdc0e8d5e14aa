package kernel

import "strings"

// Huge pages of hugetlb that are of a gigabyte (hugepagesz PUD_SIZE): a PUD entry maps each, and there are no tables below. For hugetlb that is no difference: its functions go by a
// page's entry, of whatever level that is (huge_pte). GUP has the same functions for both levels:
//
//	gup_fast_pmd_range    gup_fast_pud_range    read the entry; none: give up; it maps a huge page: the next
//	gup_fast_pmd_leaf     gup_fast_pud_leaf     may it be used so? Take the references; is the entry still the same? Until 4.12 x86 did not ask (gup_pmd_leaf_recheck)
//	follow_huge_pmd       follow_huge_pud       under the lock
//
// So there is one table for both, which has the name that its level has: a scenario has huge pages of one size alone, and where that is a gigabyte, no other memory.
//
// compare mm/gup.c:gup_fast_pud_leaf, arch/x86/mm/gup.c:gup_huge_pud (4.6), mm/hugetlb.c:huge_pte_offset

// pudWords are what is called otherwise one level up.
var pudWords = strings.NewReplacer("pmdp_get_lockless", "READ_ONCE(*pudp)", "PMD", "PUD", "pmd", "pud")

// oneLevelUp is a text about PMDs as one about PUDs.
func oneLevelUp(text string) string { return pudWords.Replace(text) }

// withPUDs are steps about PMD entries as steps about PUD entries.
func withPUDs(steps []Step) []Step {
	out := make([]Step, len(steps))
	for i, s := range steps {
		s.Label, s.Says, s.Ref, s.Answer = oneLevelUp(s.Label), oneLevelUp(s.Says), oneLevelUp(s.Ref), oneLevelUp(s.Answer)
		out[i] = s
	}
	return out
}
