package kernel

// Direct I/O: a disk reads into, or writes from, a process's memory. In straight line:
//
//	bio_iov_iter_get_pages():  pin_user_pages_fast(); until 6.4 get_user_pages_fast()
//	bio_set_pages_dirty():     a disk read: set_page_dirty_lock(), before the disk writes to it
//	the disk's DMA
//	bio_check_pages_dirty():   clean again meanwhile: set_page_dirty_lock() once more
//	bio_release_pages():       unpin_user_folio(); until 6.4 put_page()
//
// A reference does not tell fork that a device writes to the page; a pin does.
//
// compare block/bio.c:bio_iov_iter_get_pages, __bio_release_pages
var (
	_ = register(fnBioGetPages, &Func{
		Name: "bio_iov_iter_get_pages", File: "block/bio.c", Params: []int{0, 1}, Locals: []Local{{"addr", PageLocal}, {"gup_flags", FlagsLocal}}, Steps: []Step{
			{Label: "pin", Says: "pin the page", Ref: "iov_iter_extract_pages", When: With(DIOUsesPin), Local: true, Calls: []FuncID{fnGUPFastFallback}, Do: func(c *Ctx) Next {
				return c.Call(fnGUPFastFallback, 2, c.L(0), c.L(1)|FollPin)
			}},
			{Label: "get", Says: "take a reference on the page", Ref: "iov_iter_get_pages", When: Without(DIOUsesPin), Local: true, Calls: []FuncID{fnGUPFastFallback}, Do: func(c *Ctx) Next {
				return c.Call(fnGUPFastFallback, 2, c.L(0), c.L(1)|FollGet)
			}},
			{Label: "return", Says: "return what was got", Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }},
		}})
	_ = register(fnBioReleasePages, &Func{
		Name: "bio_release_pages", File: "block/bio.c", Params: []int{0}, Locals: []Local{{"page", IntLocal}}, Steps: []Step{
			noPage,
			when(With(DIOUnpinCheck), checkPinned),
			when(With(DIOUsesPin), putPin),
			when(Without(DIOUsesPin), putVar("put_page")),
		}})
)

// when is a step under a condition.
func when(cond Cond, s Step) Step {
	s.When = cond
	return s
}

// pins reports whether a call that returns a page has pinned it.
func (s *Sim) pins(c *Call) bool {
	switch c.entry {
	case fnPinUserPages, fnPinUserPagesFast, fnPinUserPagesFastOnly, fnPinUserPagesRemote, fnPinUserPagesUnlocked, fnPinUserPagesLocked:
		return true
	case fnBioGetPages:
		return s.Kernel.On(DIOUsesPin)
	}
	return false
}
