package kernel

import "gupscope/core/machine"

// A core dump takes each page of a process that died, in straight line:
//
//	get_user_pages(FOLL_FORCE | FOLL_DUMP | FOLL_GET); none: NULL, and the dump has a hole there
//	write it out; put_page()
//
// FOLL_DUMP: what would be read as zeros is left out, rather than allocated to be written: anonymous memory that was never touched, and the zero
// page. FOLL_FORCE: memory that the process itself may not read is dumped, too. Files are faulted in, and marked as accessed by nobody (no FOLL_TOUCH).
//
// Left out: until v5.9 no lock is taken, as all other threads are dead (absent in 5.9, present in 5.10: read in source; 7f3bfab52cab).
//
// compare mm/gup.c:get_dump_page, fs/coredump.c:dump_user_range
var _ = register(fnGetDumpPage, &Func{
	Name: "get_dump_page", File: "mm/gup.c", Params: []int{0}, Locals: []Local{{"addr", PageLocal}},
	Steps: []Step{
		{Label: "get", Says: "get the page, unless it would be zeros", Ref: "__get_user_pages_locked", Local: true, Calls: []FuncID{fnGetUserPagesLocked}, Do: func(c *Ctx) Next {
			return c.Call(fnGetUserPagesLocked, 1, c.L(0), 1, dumpFlags|FollUnlockable)
		}},
		{Label: "return", Says: "return what was got", Local: true, Do: func(c *Ctx) Next {
			ret := c.Ret()
			if !machine.Hold(c.M.Load(c.M.Held(c.Task))).Some() {
				c.Say("no page: the dump has a hole there")
				return c.Fail(EFAULT)
			}
			return c.Return(ret)
		}},
	},
})

// dumpFlags are those with which a core dump gets its pages.
const dumpFlags = FollForce | FollDump | FollGet
