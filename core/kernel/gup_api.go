package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// The entries of GUP. They differ in what they take, in whether they begin without locks, and in whether mmap_lock may be
// dropped on the way:
//
//	get_user_pages_fast(), pin_user_pages_fast()             gup_fast_fallback(): without locks, then under mmap_lock
//	get_user_pages_fast_only(), pin_user_pages_fast_only()   gup_fast(): without locks, or not at all
//	get_user_pages(), pin_user_pages()                       under mmap_lock, which stays held
//	…_remote()                                               the same, of another mm, which is kept meanwhile
//	…_unlocked(), …_locked()                                 mmap_lock is dropped while a fault waits
//
// Each gets one page or several, side by side; who gets some and not all returns how many (gup_pages.go).
// Each refuses flags that do not go together (gup_flags.go). Those with locks mark what they get as accessed and, for a
// write, dirty (FOLL_TOUCH), but for pin_user_pages().
//
// compare mm/gup.c:get_user_pages, pin_user_pages and their like
var (
	_ = register(fnGetUserPagesFast, gupEntry("get_user_pages_fast", fnGUPFastFallback, FollGet, getAPI|fastAPI))
	_ = register(fnPinUserPagesFast, gupEntry("pin_user_pages_fast", fnGUPFastFallback, FollPin, pinAPI|fastAPI))
	_ = register(fnGetUserPagesFastOnly, gupEntry("get_user_pages_fast_only", fnGUPFast, FollGet, fastOnlyAPI|getFastOnlyAPI))
	_ = register(fnPinUserPagesFastOnly, gupEntry("pin_user_pages_fast_only", fnGUPFast, FollPin, fastOnlyAPI))
	_ = register(fnGetUserPages, gupEntry("get_user_pages", fnGetUserPagesLocked, FollGet|FollTouch, getAPI))
	_ = register(fnPinUserPages, gupEntry("pin_user_pages", fnGetUserPagesLocked, FollPin, pinAPI))
	_ = register(fnGetUserPagesUnlocked, gupEntry("get_user_pages_unlocked", fnGetUserPagesLocked, FollGet|FollTouch|FollUnlockable, getAPI|unlockedAPI))
	_ = register(fnPinUserPagesUnlocked, gupEntry("pin_user_pages_unlocked", fnGetUserPagesLocked, FollPin|FollTouch|FollUnlockable, pinAPI|unlockedAPI))
	_ = register(fnGetUserPagesLockedAPI, gupEntry("get_user_pages_locked", fnGetUserPagesLocked, FollGet|FollTouch|FollUnlockable, getAPI|unlockedAPI))
	_ = register(fnPinUserPagesLocked, gupEntry("pin_user_pages_locked", fnGetUserPagesLocked, FollPin|FollTouch|FollUnlockable, pinAPI|unlockedAPI))
	_ = register(fnGetUserPagesRemote, gupRemote("get_user_pages_remote", FollGet, getAPI|remoteAPI))
	_ = register(fnPinUserPagesRemote, gupRemote("pin_user_pages_remote", FollPin, pinAPI|remoteAPI))
)

// Locals of the entries: the first page asked for, the FOLL_ flags, and how many pages.
var gupLocals = []Local{{"start", PageLocal}, {"gup_flags", FlagsLocal}, {"nr_pages", IntLocal}}

func gupEntry(name string, fn FuncID, flags uint64, api gupAPI) *Func {
	steps := rejecting(api)
	back := len(steps) + 1
	calls, callee := []FuncID{fn}, func(*Ctx) FuncID { return fn }
	if fn == fnGetUserPagesLocked {
		back++
		steps = append(steps, gupLongterm(0, 2, 1, flags, FollUnlockable, back))
		calls, callee = append(calls, fnCheckDAXVMAs), func(c *Ctx) FuncID { return c.lockedGUP(c.L(1)) }
	}
	steps = append(steps,
		Step{Label: "call", Says: "get the page", Local: true, Calls: calls, Do: func(c *Ctx) Next {
			return c.Call(callee(c), back, c.L(0), c.L(2), c.L(1)|uint64(flags))
		}},
		Step{Label: "return", Says: "return what was got", Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }},
	)
	return &Func{Name: name, File: "mm/gup.c", Params: []int{0, 2, 1}, Locals: gupLocals, Steps: steps}
}

// gupRemote is an entry for the memory of another mm, in straight line:
//
//	mm = get_task_mm(); it is gone: -ESRCH     // the callers do that
//	__gup_longterm_locked(mm, flags | FOLL_TOUCH | FOLL_REMOTE)
//	mmput(mm)
//
// The page stays held when the mm is gone.
func gupRemote(name string, flag uint64, api gupAPI) *Func {
	flags := flag | FollTouch | FollRemote
	steps := rejecting(api)
	at := len(steps)
	got, done := at+3, at+5
	steps = append(steps,
		Step{Label: "mm", Says: "take a reference on the mm", Ref: "get_task_mm", Touches: cell.Of(machine.MMs), Do: func(c *Ctx) Next { return c.keepMM(c.mmOf(0)) }},
		gupLongterm(0, 2, 1, flags, FollUnlockable, got),
		Step{Label: "call", Says: "get the page", Local: true, Calls: []FuncID{fnGetUserPagesLocked, fnCheckDAXVMAs}, Do: func(c *Ctx) Next {
			return c.Call(c.lockedGUP(c.L(1)), got, c.L(0), c.L(2), c.L(1)|uint64(flags))
		}},
		Step{Label: "got", Says: "remember what was got", Local: true, Do: func(c *Ctx) Next {
			c.Set(3, c.Ret())
			return Then
		}},
		Step{Label: "mmput", Says: "drop the reference on the mm", Ref: "mmput", Local: true, Calls: []FuncID{fnMMPut}, Do: func(c *Ctx) Next {
			return c.Call(fnMMPut, done, uint64(c.mmOf(0)))
		}},
		Step{Label: "return", Says: "return what was got", Local: true, Do: func(c *Ctx) Next { return c.Return(c.L(3)) }},
	)
	return &Func{Name: name, File: "mm/gup.c", Params: []int{0, 2, 1}, Locals: append(gupLocals[:3:3], Local{"ret", IntLocal}), Steps: steps}
}

// keepMM takes a reference on an mm, or fails as it is gone.
func (c *Ctx) keepMM(mm int) Next {
	if c.Load(c.M.MMState(mm)) != machine.MMAlive || c.Load(c.M.MMUsers(mm)) == 0 {
		c.Say("the process is gone")
		return c.Fail(ESRCH)
	}
	c.Add(c.M.MMUsers(mm), 1)
	return Then
}

// remote are the mms, beside its own, of which the task gets pages, as bits.
func (t *TaskSetup) remote() (mms uint64) {
	for _, st := range t.Body {
		if st.Call.Result == PageResult && st.Args[0].MM != t.MM {
			mms |= 1 << st.Args[0].MM
		}
	}
	return mms
}
