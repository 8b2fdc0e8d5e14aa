package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Registering a fixed buffer of io_uring, in straight line:
//
//	pin_user_pages(FOLL_WRITE | FOLL_LONGTERM); failed: return that
//	until v6.4: the VMA is of a file, not of shmem (since v5.14) or hugetlb: unpin it, -EOPNOTSUPP
//
// Until v5.5 it is a reference. Older kernels look at the VMA when the page is pinned already: the fault has been taken, and
// the file system asked. Newer ones leave it to GUP, which refuses beforehand; and allows private mappings of files.
//
// compare io_uring/rsrc.c:io_sqe_buffer_register, io_pin_pages
var _ = register(fnIOUringRegister, &Func{
	Name: "io_sqe_buffer_register", File: "io_uring/rsrc.c", FileWas: []Name{{"fs/io_uring.c", 600}}, Params: []int{0}, Locals: []Local{{"ubuf", PageLocal}},
	Steps: []Step{
		irGet: {Label: "get", Says: "take a reference on the page, for long", Ref: "get_user_pages", When: Without(FOLLPinCounting), Local: true, Calls: []FuncID{fnGetUserPages}, Do: func(c *Ctx) Next {
			return c.Call(fnGetUserPages, irGot, c.L(0), 1, lasting.Flags)
		}},
		irFast: {Label: "pin_fast", Says: "pin the page, for long", Ref: "pin_user_pages_fast", When: If(IOUFileCheck, IOUFileGUP), Local: true, Calls: []FuncID{fnPinUserPagesFast}, Do: func(c *Ctx) Next {
			return c.Call(fnPinUserPagesFast, irGot, c.L(0), 1, lasting.Flags)
		}},
		irPin: {Label: "pin", Says: "pin the page, for long", Ref: "pin_user_pages", Local: true, Calls: []FuncID{fnPinUserPages}, Do: func(c *Ctx) Next {
			return c.Call(fnPinUserPages, irGot, c.L(0), 1, lasting.Flags)
		}},
		irGot: {Label: "got", Says: "got it?", Local: true, Do: func(c *Ctx) Next {
			if ret := c.Ret(); !machine.Hold(c.M.Load(c.M.Held(c.Task))).Some() {
				return c.Return(ret)
			}
			return Then
		}},
		irAnon: {Label: "anon_only", Says: "is it of a file?", Ref: "vma->vm_file", When: If(IOUFileCheck, IOUFileAnonOnly), Local: true, Do: func(c *Ctx) Next {
			if c.isFile(c.Page(0)) && c.M.Files[c.M.Region(c.Page(0)).File].Kind != machine.Hugetlbfs {
				return irRefuse
			}
			return Return
		}},
		irFile: {Label: "file", Says: "is it of a file, and not of shmem?", Ref: "vma_is_shmem", When: If(IOUFileCheck, IOUFileAfterPin), Local: true, Do: func(c *Ctx) Next {
			if c.isFile(c.Page(0)) {
				if k := c.M.Files[c.M.Region(c.Page(0)).File].Kind; k != machine.Hugetlbfs && k != machine.Shmem {
					return irRefuse
				}
			}
			return Return
		}},
		irDone: {Label: "done", Says: "registered", Local: true, Do: func(c *Ctx) Next { return Return }},
		irRefuse: {Label: "unpin", Says: "unpin it: -EOPNOTSUPP", Ref: "unpin_user_pages", Touches: cell.Of(machine.Refs), Calls: []FuncID{fnFreeUnrefFolio}, Do: func(c *Ctx) Next {
			return c.undoGrab(FollPin, irRefused)
		}},
		irRefused: {Label: "refused", Says: "-EOPNOTSUPP", Local: true, Do: func(c *Ctx) Next { return c.Fail(EOPNOTSUPP) }},
	},
})

const (
	irGet = iota
	irFast
	irPin
	irGot
	irAnon
	irFile
	irDone
	irRefuse
	irRefused
)
