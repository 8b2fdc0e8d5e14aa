package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// LastPkey is the greatest protection key that there is.
const LastPkey = machine.PkeyCount - 1

// Memory protection keys of x86-64. pkey_alloc and pkey_free, in straight line:
//
//	mmap_write_lock()
//	alloc: the lowest key that is free, or -ENOSPC; the caller's PKRU gets the rights that he wants (no other thread's does)
//	free: not given out: -EINVAL; it is free. Memory that has it keeps it
//	mmap_write_unlock()
//
// A key is put on memory by pkey_mprotect (mprotect.go), in the VMA's flags and in the entries, and asked:
//
//	a thread's load or store       by the CPU: the key of the entry, or of what the TLB has of it (access.go)
//	the page fault behind it       the VMA's; where the CPU said that it was the key, it is SIGSEGV in any case (fault.go)
//	GUP-fast                       the entry's, before the reference (pte_access_permitted)
//	slow GUP                       the VMA's, last of all (check_vma_flags); and each fault that it makes asks again
//
// Always of what the thread that runs may do now; writing PKRU needs no system call, no lock and no flush. Whoever has the page already, by a pin or
// a reference, is asked nothing. Nor is who looks at another mm than his own, or says FOLL_REMOTE even of his own: ptrace, process_vm_readv, vfio. Devices'
// page tables have the entries' rights, and no PKRU.
//
// That a fault is one because of the key is what the CPU has seen, and what the kernel goes by (X86_PF_PK), whatever the VMA is by then:
//
//	CPU0 (pkey_mprotect)                          CPU1 (load)
//	                                              the entry has key 1: not allowed; page fault
//	VMA and entries get key 0
//	                                              mmap_read_lock(); SIGSEGV, for a key that is not there any more
//
// Left out: keys that are for execution alone (mprotect(PROT_EXEC)). What asks, whom, and whom not, is read in source (4.6, 6.12); from memory: the rest that the fact sheets do not say of keys.
//
// compare mm/mprotect.c:pkey_alloc, pkey_free; arch/x86/include/asm/pkeys.h
var (
	_ = register(fnPkeyAlloc, &Func{
		Name: "pkey_alloc", File: "mm/mprotect.c", Params: []int{paRights},
		Locals: []Local{{"init_val", IntLocal}, {"pkey", IntLocal}},
		Steps: []Step{
			mmapWriteLockStep(),
			{Label: "alloc", Says: "take the lowest free key, and set the thread's own rights", Ref: "mm_pkey_alloc", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
				w := c.M.PkeyMap(c.MM)
				key := 0
				for key < machine.PkeyCount && c.Load(w)>>key&1 != 0 {
					key++
				}
				if key == machine.PkeyCount || c.sim.Setup.PAE { // keys are in the upper half of entries: x86-32 has none
					c.Say("no key is free: -ENOSPC")
					c.Set(paKey, failed|ENOSPC)
					return Then
				}
				c.Sayf("take key %d; the rights for it are the thread's own", key)
				c.Or(w, 1<<key)
				c.setRights(key, c.L(paRights))
				c.Set(paKey, uint64(key))
				return Then
			}},
			pkeyUnlock,
			{Label: "return", Says: "return the key", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(paKey)) }},
		},
	})
	_ = register(fnPkeyFree, &Func{
		Name: "pkey_free", File: "mm/mprotect.c", Params: []int{paRights},
		Locals: []Local{{"pkey", IntLocal}, {"ret", IntLocal}},
		Steps: []Step{
			mmapWriteLockStep(),
			{Label: "free", Says: "the key is free; nobody looks whether memory has it", Ref: "mm_pkey_free", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
				w, key := c.M.PkeyMap(c.MM), c.L(paRights)-1
				if c.Load(w)>>key&1 == 0 {
					c.Say("the key is not given out: -EINVAL")
					c.Set(paKey, failed|EINVAL)
					return Then
				}
				c.AndNot(w, 1<<key)
				return Then
			}},
			pkeyUnlock,
			{Label: "return", Says: "done", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(paKey)) }},
		},
	})
	_ = register(fnPkeySet, &Func{
		Name: "pkey_set", File: "user space", Params: []int{0, 1},
		Locals: []Local{{"pkey", IntLocal}, {"rights", IntLocal}},
		Steps: []Step{
			{Label: "wrpkru", Says: "write PKRU", Ref: "WRPKRU", Do: func(c *Ctx) Next {
				key := int(c.L(0)) - 1
				c.Sayf("write PKRU: key %d, %s", key, pkeyRights[c.L(1)])
				c.setRights(key, c.L(1))
				return Return
			}},
		},
	})
)

const paRights, paKey = 0, 1

var pkeyUnlock = Step{Label: "unlock", Says: "drop mmap_lock", Ref: "mmap_write_unlock", Touches: cell.Of(machine.MMLocks), Do: func(c *Ctx) Next {
	c.WriteUnlock(c.M.MmapLock(c.MM))
	return Then
}}

// pkeyRights are the rights for a key, in the order of their numbers in the tables; pkruBits what PKRU has for them.
var (
	pkeyRights = []string{"PKEY_UNRESTRICTED", "PKEY_DISABLE_ACCESS", "PKEY_DISABLE_WRITE"}
	pkruBits   = []uint64{0, machine.PkeyDisableAccess, machine.PkeyDisableWrite}
)

// setRights writes the task's PKRU.
func (c *Ctx) setRights(key int, rights uint64) {
	w := c.M.PKRU(c.Task)
	c.Store(w, machine.WithRights(c.Load(w), key, pkruBits[rights]))
}

// pkeyForbids reports whether the thread's PKRU forbids it what it wants to do with its own memory by an entry.
func (c *Ctx) pkeyForbids(e machine.Entry, write bool) bool {
	return c.M.Pkeys && !machine.PKRUAllows(c.Load(c.M.PKRU(c.Task)), e.Pkey(), write)
}

// pkeyForbidsVMA reports whether the thread's PKRU forbids it what it wants to do with a page, by the key of the VMA. Another mm's memory has no keys for it, nor
// has what it comes to from afar.
// compare arch/x86/include/asm/mmu_context.h:arch_vma_access_permitted
func (c *Ctx) pkeyForbidsVMA(p machine.PageID, write, remote bool) bool {
	if !c.M.Pkeys || remote || c.M.Pages()[p].MM != c.MM {
		return false
	}
	return !machine.PKRUAllows(c.Load(c.M.PKRU(c.Task)), machine.VMAPkey(c.Load(c.M.VMA(p))), write)
}

// fromAfar is the flag of a fault that protection keys do not concern; it is said where there are any.
func (c *Ctx) fromAfar() uint64 {
	if !c.M.Pkeys {
		return 0
	}
	return faultRemote
}

// gupFastForbidden reports whether GUP-fast may not go by an entry because of its protection key, and says so.
// compare arch/x86/include/asm/pgtable.h:__pte_access_permitted
func (c *Ctx) gupFastForbidden(e machine.Entry, flags uint64) bool {
	if !c.sim.gupFastAsksPkey || !c.pkeyForbids(e, flags&FollWrite != 0) {
		return false
	}
	c.Say("its protection key forbids it: give up")
	return true
}

// pkeyFault is the page fault of an access that the key of the entry forbids.
func (c *Ctx) pkeyFault(e machine.Entry, write bool) Next {
	c.Sayf("the entry is %v, and PKRU forbids it: page fault", e.Fresh())
	return c.Call(fnDoUserAddrFault, accRetry, c.L(accPage), faultFlags(write)|faultPkey)
}

// forkPkeys gives the child the keys of the parent, and its first threads the rights of the thread that forks.
// compare arch/x86/include/asm/mmu_context.h:arch_dup_pkeys (since 5.0), arch/x86/kernel/fpu/core.c:fpu_clone
func (c *Ctx) forkPkeys(child int) {
	c.Store(c.M.PkeyMap(child), c.Load(c.M.PkeyMap(c.MM)))
	for i, t := range c.sim.Setup.Tasks {
		if t.MM == child {
			c.M.Store(c.M.PKRU(i), c.Load(c.M.PKRU(c.Task)))
		}
	}
}

// pkeys reports whether somebody uses protection keys.
func (s *Setup) pkeys() bool {
	return slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool {
			return slices.ContainsFunc(st.Call.Params, func(p Param) bool { return p.Kind == PkeyParam }) || st.Call.entry == fnPkeyAlloc
		})
	})
}
