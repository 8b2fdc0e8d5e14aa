package kernel

import (
	"slices"

	"gupscope/core/machine"
)

// Who uses GUP, and how. A scenario writes direct_read(buf, "d"); what runs are the kernel's own functions, as this
// release calls them:
//
//	direct_read(buf, v)     bio_iov_iter_get_pages(buf, FOLL_WRITE); mark it dirty; the disk writes v; bio_check_pages_dirty: mark it dirty if it
//	                        was cleaned meanwhile; bio_release_pages
//	direct_write(buf)       bio_iov_iter_get_pages(buf); the disk reads; bio_release_pages
//	vmsplice(buf)           get_user_pages_fast(buf): the reference stays in the pipe
//	pipe_read(p)            what the pipe's page holds by now; put_page
//	io_uring_register(buf)  see iouring.go
//	io_uring_unregister(b)  unpin_user_page: nothing is marked dirty
//	vfio_dma_map(buf)       pin_user_pages_remote(FOLL_WRITE | FOLL_LONGTERM); v4.6: get_user_pages_fast(FOLL_WRITE); IOMMU_READ: without FOLL_WRITE;
//	                        memory without struct pages: see vfio.go
//	vfio_dma_unmap(b)       see vfio.go; what was mapped with IOMMU_READ is not marked dirty: unpin_user_page
//	iommufd_ioas_map(buf)   pin_user_pages_fast(FOLL_WRITE | FOLL_LONGTERM); IOMMU_READ: without FOLL_WRITE (of its own mm; of another's, which is not played,
//	                        pin_user_pages_remote)
//	iommufd_ioas_unmap(b)   unpin_user_page_range_dirty_lock; what was mapped with IOMMU_READ: unpin_user_page
//	get_dump_page(buf)      see dump.go
//	get_futex_key(buf)      see futex.go
//	ib_umem_get(buf)        pin_user_pages_fast(FOLL_WRITE | FOLL_LONGTERM); IB_ACCESS_REMOTE_READ: since v6.2 without FOLL_WRITE, before with FOLL_FORCE, too
//	ib_umem_release(b)      unpin_user_pages_dirty_lock; what the card only reads is not marked dirty: unpin_user_page
//	ptrace_peek(B.buf), ptrace_poke(B.buf, v)
//	                        access_remote_vm with FOLL_FORCE, as /proc/PID/mem
//
// Before pins (v5.6) they take references, and dirty and put the page themselves. The disk, the network card and the IOMMU
// go by the page: no page table, no TLB, no dirty bit.
//
// compare block/bio.c, lib/iov_iter.c:iov_iter_extract_pages, fs/splice.c:iter_to_pipe, io_uring/rsrc.c, drivers/vfio/vfio_iommu_type1.c,
// drivers/infiniband/core/umem.c, kernel/ptrace.c

// An expansion is a statement while it becomes those that run.
type expansion struct {
	v    *Version
	in   *Setup
	st   Stmt
	was  []Stmt // the task's statements before it
	pins bool   // the release has pins
	own  int    // a variable of the task that no statement names
	out  []Stmt
}

// is adds a statement: into = name(args).
func (e *expansion) is(into int, name string, args ...Arg) {
	call := CallByName(name)
	if call == nil {
		panic("kernel: a user of GUP is expanded to a call that is not in the vocabulary: " + name)
	}
	args = append(args, make([]Arg, len(call.Params)-len(args))...) // what is optional
	e.out = append(e.out, Stmt{Var: into, Call: call, Args: args, Line: e.st.Line})
}

// oneOf is the call with pins, or before there were any the one without.
func (e *expansion) oneOf(with, without string) string {
	if e.pins {
		return with
	}
	return without
}

// lasting is what a device holds for long.
var lasting = Arg{Flags: FollWrite | FollLongterm}

func directRead(e *expansion) {
	page := Arg{Var: e.own}
	e.is(e.own, "bio_iov_iter_get_pages", e.st.Args[0], Arg{Flags: FollWrite})
	e.is(-1, "set_page_dirty_lock", page)
	e.is(-1, "device_write", page, e.st.Args[1])
	e.is(-1, "bio_check_pages_dirty", page)
	e.is(-1, "bio_release_pages", page)
}

func directWrite(e *expansion) {
	page := Arg{Var: e.own}
	e.is(e.own, "bio_iov_iter_get_pages", e.st.Args[0], Arg{})
	e.is(e.st.Var, "device_read", page)
	e.is(-1, "bio_release_pages", page)
}

func vmsplice(e *expansion) { e.is(e.st.Var, "get_user_pages_fast", e.st.Args[0], Arg{}) }

func pipeRead(e *expansion) {
	e.is(e.st.Var, "device_read", e.st.Args[0])
	e.is(-1, "put_page", e.st.Args[0])
}

func ioUringUnregister(e *expansion) {
	e.is(-1, e.oneOf("unpin_user_page", "put_page"), e.st.Args[0])
}

// iommuWords say what a device may do with memory that is mapped for it.
var iommuWords = []string{"IOMMU_WRITE", "IOMMU_READ"}

func vfioMap(e *expansion) {
	page, flags := e.st.Args[0], lasting.Flags
	if e.readOnly(&e.st) {
		flags &^= FollWrite
	}
	switch r := &e.in.MMs[page.MM].Regions[page.Region]; {
	case r.Kind == machine.RegionPFN && !r.Mixed:
		e.out = append(e.out, e.st)
	case e.v.Order < 502:
		e.is(e.st.Var, "get_user_pages_fast", page, Arg{Flags: flags &^ FollLongterm})
	default:
		e.is(e.st.Var, e.oneOf("pin_user_pages_remote", "get_user_pages"), page, Arg{Flags: flags})
	}
}

func vfioUnmap(e *expansion) {
	if !e.releasesRead() {
		e.out = append(e.out, e.st)
	}
}

// releasesRead gives back what the statement does, if the device could only read it, and reports whether it could: nothing is marked dirty.
func (e *expansion) releasesRead() bool {
	for _, st := range slices.Backward(e.was) {
		if st.Var != e.st.Args[0].Var {
			continue
		}
		if !e.readOnly(&st) || e.in.MMs[st.Args[0].MM].Regions[st.Args[0].Region].Kind == machine.RegionPFN {
			return false
		}
		e.is(-1, e.oneOf("unpin_user_page", "put_page"), e.st.Args[0])
		return true
	}
	return false
}

// readOnly reports whether a statement has memory mapped, or registered, that the device may only read.
func (e *expansion) readOnly(st *Stmt) bool {
	return len(st.Args) > 1 && (st.Args[1].Word == iommuWords[1] || st.Args[1].Word == rdmaWords[1])
}

// rdmaWords say what an RDMA card may do with memory that is registered.
var rdmaWords = []string{"IB_ACCESS_LOCAL_WRITE", "IB_ACCESS_REMOTE_READ"}

func ibUmemGet(e *expansion) {
	flags := lasting.Flags
	switch {
	case !e.readOnly(&e.st):
	case e.v.Order < 602: // a later write fault must not copy the page away: so it breaks COW first (until b40656aa7d55)
		flags |= FollForce
	default:
		flags &^= FollWrite
	}
	e.is(e.st.Var, e.oneOf("pin_user_pages_fast", "get_user_pages"), e.st.Args[0], Arg{Flags: flags})
}

func dirtyAndRelease(e *expansion) {
	if e.releasesRead() {
		return
	}
	if e.pins {
		e.is(-1, "unpin_user_pages_dirty_lock", e.st.Args[0])
		return
	}
	e.is(-1, "set_page_dirty_lock", e.st.Args[0])
	e.is(-1, "put_page", e.st.Args[0])
}

func iommufdMap(e *expansion) {
	flags := lasting.Flags
	if e.readOnly(&e.st) {
		flags &^= FollWrite
	}
	e.is(e.st.Var, "pin_user_pages_fast", e.st.Args[0], Arg{Flags: flags})
}

func iommufdUnmap(e *expansion) {
	if !e.releasesRead() {
		e.is(-1, "unpin_user_page_range_dirty_lock", e.st.Args[0])
	}
}

func ptracePeek(e *expansion) { e.is(e.st.Var, "mem_read", e.st.Args[0]) }
func ptracePoke(e *expansion) { e.is(e.st.Var, "mem_write", e.st.Args...) }

// users are the calls that are made of others, by name.
var users = map[string]func(*expansion){
	"direct_read": directRead, "direct_write": directWrite, "vmsplice": vmsplice, "pipe_read": pipeRead,
	"io_uring_unregister": ioUringUnregister, "vfio_dma_map": vfioMap, "vfio_dma_unmap": vfioUnmap,
	"iommufd_ioas_map": iommufdMap, "iommufd_ioas_unmap": iommufdUnmap,
	"ib_umem_get": ibUmemGet, "ib_umem_release": dirtyAndRelease, "ptrace_peek": ptracePeek, "ptrace_poke": ptracePoke,
}

// expand replaces what users of GUP do by what their release of the kernel calls for it.
func expand(setup Setup, k *Kernel) Setup {
	uses := func(st Stmt) bool { return users[st.Call.Name] != nil }
	if !slices.ContainsFunc(setup.Tasks, func(t TaskSetup) bool { return slices.ContainsFunc(t.Body, uses) }) {
		return setup
	}
	setup.Tasks = slices.Clone(setup.Tasks)
	for i := range setup.Tasks {
		t := &setup.Tasks[i]
		if !slices.ContainsFunc(t.Body, uses) {
			continue
		}
		t.Vars = append(slices.Clip(t.Vars), ownVar(t.Vars))
		var body []Stmt
		for i, st := range t.Body {
			if !uses(st) {
				body = append(body, st)
				continue
			}
			e := expansion{v: k.Version, in: &setup, st: st, was: t.Body[:i], pins: CallByName("pin_user_pages").In(k.Version), own: len(t.Vars) - 1}
			users[st.Call.Name](&e)
			body = append(body, e.out...)
		}
		t.Body = body
	}
	return setup
}

// ownVar is the name of a variable for a task, which has others already.
func ownVar(taken []string) string {
	name := "bio"
	for slices.Contains(taken, name) {
		name += "_"
	}
	return name
}
