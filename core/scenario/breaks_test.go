package scenario

import (
	"fmt"
	"strings"
	"testing"
)

// TestBreaks: a kernel that breaks a claim is told by what it has beyond the one most like it that holds the claim.
func TestBreaks(t *testing.T) {
	f, ds := Parse("breaks.gup", []byte(`GUP breaks
kernel v6.12
mm A { buf = anon 1 rw }
P0 on cpu0 in A { store(buf, "x") }
expect v5.8, v6.12, v6.12 with tlb_flush=pv, v6.12 without gup_pte_recheck: Never
expect v4.6: Sometimes no-lost-store
expect v6.12 with tlb_flush=pv without gup_pte_recheck, v6.1 without gup_irq_off: Sometimes no-lost-store
expect v6.12 without gup_irq_off judging no-lost-device-write: Never
expect v6.12 without gup_irq_off with tlb_flush=pv judging no-lost-store, no-lost-device-write: Sometimes no-lost-store
`))
	if Failed(ds) {
		t.Fatal(ds)
	}
	var got []string
	for _, b := range f.Breaks("no-lost-store") {
		got = append(got, fmt.Sprintf("%v: %v beyond %s", b.Kernel, b.By, b.From))
	}
	want := strings.TrimSpace(`
v4.6: [] beyond v4.6
v6.12 without gup_pte_recheck with tlb_flush=pv: [without gup_pte_recheck] beyond v6.12 with tlb_flush=pv
v6.1 without gup_irq_off: [without gup_irq_off] beyond v6.1
v6.12 without gup_irq_off with tlb_flush=pv: [without gup_irq_off] beyond v6.12 with tlb_flush=pv
`)
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}
