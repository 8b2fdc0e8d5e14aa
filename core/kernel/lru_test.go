package kernel_test

import (
	"fmt"
	"strings"
	"testing"

	"gupscope/core/machine"
)

// TestLazyfreeBatch holds how many folios MADV_FREE leaves in its CPU's batch, and how many it has made lazyfree.
func TestLazyfreeBatch(t *testing.T) {
	for _, tt := range []struct {
		on, region, does string
		batched, lazy    int
	}{
		{"v4.6", `anon 2 rw "a" "b"`, "madvise(buf, MADV_FREE)", 0, 0},
		{"v6.1", `anon 2 rw "a" "b"`, "madvise(buf, MADV_FREE)", 2, 0},
		{"v6.12", `anon 2 rw "a" "b"`, "madvise(buf, MADV_FREE)", 2, 0},
		{"v6.1", `anon 2 rw "a" "b"`, "madvise(buf[0], MADV_FREE)\nmadvise(buf[1], MADV_FREE)", 1, 1}, // the second drains what the first has put
		{"v6.12", `anon 2 rw "a" "b"`, "madvise(buf, MADV_FREE)\nlru_add_drain()", 0, 2},
		{"v6.12", `thp 1 rw "a" "b"`, "madvise(buf, MADV_FREE)", 0, 1},                               // a large folio does not wait
		{"v6.1", "anon 16 rw" + strings.Repeat(` "a"`, 16), "madvise(buf, MADV_FREE)", 1, 15},        // 15 fill it
		{"v6.1", `anon 2 rw "a" "b"`, "madvise(buf, MADV_FREE)\nmunmap(buf)", 0, 0},                  // drained, and freed
		{"v6.1", `anon 1 rw "a"`, "madvise(buf, MADV_FREE)\nmove_pages(buf, 0, MPOL_MF_MOVE)", 0, 1}, // drains all batches
	} {
		s := alone(t, tt.on, fmt.Sprintf("mm A { buf = %s }\nP0 on cpu0 in A {\n%s\n}", tt.region, tt.does))
		m, batched, lazy := s.M, 0, 0
		for _, k := range m.LRUKinds() {
			if k == machine.LRULazyfree {
				batched = int(m.Peek(m.LRUCount(0, k)))
			}
		}
		for f := machine.Frame(1); m.IsData(f); f++ {
			if m.Peek(m.Ref(f)) != 0 && m.Peek(m.Flags(f))&(machine.PGLRU|machine.PGSwapBacked) == machine.PGLRU {
				lazy++
			}
		}
		if batched != tt.batched || lazy != tt.lazy {
			t.Errorf("%s on %s: %d in the batch, %d lazyfree; want %d and %d", tt.does, tt.on, batched, lazy, tt.batched, tt.lazy)
		}
	}
}

// TestDeactivateBatch holds how many folios MADV_COLD leaves in its CPU's batch, and how many are active then.
func TestDeactivateBatch(t *testing.T) {
	for _, tt := range []struct {
		on, region, does string
		batched, active  int
	}{
		{"v5.8", `anon 2 rw "a" "b"`, "madvise(buf, MADV_COLD)", 2, 2},
		{"v5.8", `anon 2 rw "a" "b"`, "madvise(buf, MADV_COLD)\nlru_add_drain()", 0, 0},
		{"v5.8", `anon 2 rw "a" "b"`, "madvise(buf, MADV_COLD)\nlru_add_drain()\nmadvise(buf, MADV_COLD)", 0, 0}, // they are not active any more
		{"v5.8", "anon 1 rw", `store(buf, "a")` + "\nmadvise(buf, MADV_COLD)", 1, 1},                             // new, and drained by MADV_COLD
		{"v5.8", `thp 1 rw "a" "b"`, "madvise(buf, MADV_COLD)", 0, 0},                                            // a large folio does not wait
		{"v5.9", `anon 2 rw "a" "b"`, "madvise(buf, MADV_COLD)", 0, 0},
		{"v6.12", `anon 2 rw "a" "b"`, "madvise(buf, MADV_COLD)", 0, 0},
		{"v6.12 with lru_deactivate=all", `anon 2 rw "a" "b"`, "madvise(buf, MADV_COLD)", 2, 0},
	} {
		m, batched, active := alone(t, tt.on, fmt.Sprintf("mm A { buf = %s }\nP0 on cpu0 in A {\n%s\n}", tt.region, tt.does)).M, 0, 0
		for _, k := range m.LRUKinds() {
			if k == machine.LRUDeactivate {
				batched = int(m.Peek(m.LRUCount(0, k)))
			}
		}
		for f := machine.Frame(1); m.IsData(f); f++ {
			if m.Peek(m.Ref(f)) != 0 && m.Peek(m.Flags(f))&machine.PGActive != 0 {
				active++
			}
		}
		if batched != tt.batched || active != tt.active {
			t.Errorf("%s on %s: %d in the batch, %d active; want %d and %d", tt.does, tt.on, batched, active, tt.batched, tt.active)
		}
	}
}
