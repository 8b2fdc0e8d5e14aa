package kernel

// Direct I/O: a disk reads into, or writes from, a process's memory. In straight line:
//
//	bio_iov_iter_get_pages():  pin_user_pages_fast(); until 6.4 get_user_pages_fast()
//	bio_set_pages_dirty():     a disk read: set_page_dirty_lock(), before the disk writes to it
//	the disk's DMA
//	bio_check_pages_dirty():   clean again meanwhile, as writeback was at it: mark it dirty once more
//	bio_release_pages():       unpin_user_folio(); until 6.4 put_page()
//
// A reference does not tell fork that a device writes to the page; a pin does.
//
// compare block/bio.c:bio_iov_iter_get_pages, __bio_release_pages
var (
	_ = register(fnBioGetPages, &Func{
		Name: "bio_iov_iter_get_pages", File: "block/bio.c", Params: []int{0, 1}, Locals: []Local{{"addr", PageLocal}, {"gup_flags", FlagsLocal}}, Steps: []Step{
			{Label: "pin", Says: "pin the page", Ref: "iov_iter_extract_pages", When: With(DIOUsesPin), Local: true, Calls: []FuncID{fnGUPFastFallback}, Do: func(c *Ctx) Next {
				return c.Call(fnGUPFastFallback, 2, c.L(0), 1, c.L(1)|FollPin)
			}},
			{Label: "get", Says: "take a reference on the page", Ref: "iov_iter_get_pages", When: Without(DIOUsesPin), Local: true, Calls: []FuncID{fnGUPFastFallback}, Do: func(c *Ctx) Next {
				return c.Call(fnGUPFastFallback, 2, c.L(0), 1, c.L(1)|FollGet)
			}},
			{Label: "return", Says: "return what was got", Local: true, Do: func(c *Ctx) Next { return c.Return(c.Ret()) }},
		}})
	_ = register(fnBioReleasePages, &Func{
		Name: "bio_release_pages", File: "block/bio.c", Params: []int{0}, Locals: pagesLocals, Steps: []Step{
			noPage,
			when(With(DIOUnpinCheck), checkPinned),
			when(With(DIOUsesPin), putPin),
			when(Without(DIOUsesPin), putVar("put_page")),
		}})
)

// Between bio_set_pages_dirty() and the disk's DMA writeback may write the old content, and clean the page:
//
//	CPU0 (read(2), O_DIRECT)      CPU1 (writeback)          disk
//	mark the page dirty
//	                              clear dirty, write "a"
//	                                                        writes "d" to the page
//	is it clean? Mark it dirty again
//
// compare block/bio.c:bio_check_pages_dirty, bio_dirty_fn
var _ = register(fnBioCheckPagesDirty, &Func{Name: "bio_check_pages_dirty", File: "block/bio.c", Params: []int{0}, Locals: pagesLocals,
	Steps: []Step{noPage, when(With(DIORedirty), dirtyAlready(end)), when(With(DIORedirty), dirtySteps[0]), when(With(DIORedirty), dirtySteps[1])}})

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
	case fnIOUringRegister:
		return s.Kernel.On(FOLLPinCounting)
	case fnBioGetPages:
		return s.Kernel.On(DIOUsesPin)
	}
	return false
}
