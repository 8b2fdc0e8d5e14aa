package machine

import (
	"fmt"
	"strings"

	"gupscope/core/cell"
)

// Memory protection keys of x86-64: a VMA has one of 16 keys, and so have its entries in the page table. What may be done through a key says
// a register of each thread, PKRU: two bits a key, which the thread itself writes (WRPKRU), without the kernel.
//
// Pkeys of Config says that somebody uses keys. Elsewhere all memory has key 0, with which everything is allowed.
const (
	PkeyCount = 16 // arch_max_pkey()

	PkeyDisableAccess uint64 = 1 // PKEY_DISABLE_ACCESS, the lower of a key's bits in PKRU
	PkeyDisableWrite  uint64 = 2 // PKEY_DISABLE_WRITE

	// InitPKRU is what PKRU is after exec: no access by any key but key 0.
	InitPKRU uint64 = 0x55555554
)

// Pkey returns the protection key of a present leaf entry.
func (e Entry) Pkey() int {
	if !e.Present() {
		return 0
	}
	return int(e & pkeyMask >> pkeyShift)
}

// WithPkey returns the entry with that protection key in the place of its own.
func (e Entry) WithPkey(key int) Entry { return e&^pkeyMask | Entry(key)<<pkeyShift }

// VMAPkey returns the protection key in the flags of a VMA.
func VMAPkey(flags uint64) int { return int(flags & VMPkey >> vmPkeyShift) }

// WithVMAPkey returns VMA flags with that protection key in the place of their own.
func WithVMAPkey(flags uint64, key int) uint64 { return flags&^VMPkey | uint64(key)<<vmPkeyShift }

// PkeyMap is which protection keys an mm has given out, a bit a key (mm->context.pkey_allocation_map).
func (m *Machine) PkeyMap(mm int) Word { return m.at(m.pkeyMap, mm) }

// PKRU is a thread's register: what it may do through each key.
func (m *Machine) PKRU(task int) Word { return m.at(m.pkru, task) }

// PKRUAllows reports whether PKRU allows an access by a key.
// compare arch/x86/include/asm/pkru.h:__pkru_allows_read, __pkru_allows_write
func PKRUAllows(pkru uint64, key int, write bool) bool {
	bits := pkru >> (2 * key)
	return bits&PkeyDisableAccess == 0 && (!write || bits&PkeyDisableWrite == 0)
}

// WithRights returns PKRU with other rights for a key.
func WithRights(pkru uint64, key int, rights uint64) uint64 {
	return pkru&^(3<<(2*key)) | rights<<(2*key)
}

func (m *Machine) layoutPkeys(l *cell.Layout) {
	if !m.Pkeys {
		return
	}
	m.pkeyMap = l.Add(len(m.MMs), cell.Region{Class: MMs, Owner: "mm", Of: m.OfMM, Name: func(i int) string { return m.MMs[i].Name + " pkey_allocation_map" },
		Decode: func(_ int, v uint64) string {
			var keys []string
			for k := range PkeyCount {
				if v>>k&1 != 0 {
					keys = append(keys, fmt.Sprint(k))
				}
			}
			return "keys " + strings.Join(keys, ", ")
		}})
	m.pkru = l.Add(len(m.Config.Tasks), cell.Region{Class: Stacks, Owner: "task", Of: m.OfTask, Name: func(i int) string { return m.Config.Tasks[i].Name + " PKRU" }, Decode: pkruText})
}

// pkruText says through which keys a thread may read, or read and write.
func pkruText(_ int, v uint64) string {
	var keys []string
	for k := range PkeyCount {
		switch {
		case PKRUAllows(v, k, true):
			keys = append(keys, fmt.Sprint(k))
		case PKRUAllows(v, k, false):
			keys = append(keys, fmt.Sprintf("%d read-only", k))
		}
	}
	return "keys " + strings.Join(keys, ", ")
}
