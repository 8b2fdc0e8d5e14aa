package kernel_test

import (
	"fmt"
	"strings"
	"testing"

	"gupscope/core/kernel"
	"gupscope/core/machine"
	"gupscope/core/scenario"
)

// alone runs the tasks of a scenario one after the other, and the devices whenever no
// task can move.
func alone(t *testing.T, on, text string) *kernel.Sim {
	t.Helper()
	return aloneWriting(t, on, text, false)
}

// aloneWriting is alone, and kswapd writes dirty pages of files wherever it may.
func aloneWriting(t *testing.T, on, text string, many bool) *kernel.Sim {
	t.Helper()
	k, ds := scenario.ParseKernel(on)
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	f, ds := scenario.Parse("test", []byte("GUP test\nkernel "+on+"\nframes 4\n"+text+"\n"))
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	setup, ds := f.ForKernel(k)
	if scenario.Failed(ds) {
		t.Fatal(ds)
	}
	s := kernel.New(setup, k, machine.Track{})
	for range 10_000 {
		cs := s.Choices(nil)
		if len(cs) == 0 {
			break
		}
		if l := s.Look(int(cs[0].Actor)); many && len(l.Keys) > 1 && l.Func.Steps[l.Step].Label == "many_dirty" {
			cs[0].Key = uint16(l.Keys[1])
		}
		s.Do(cs[0])
	}
	if !s.Done() {
		t.Fatalf("%s on %s: stuck", text, on)
	}
	for cs := s.Choices(nil); len(cs) > 0; cs = s.Choices(nil) {
		s.Do(cs[0])
	}
	return s
}

// state is a page of a mapping and the page of the file behind it, as the tables of the
// facts write them: the bits of the PTE, what kind of page it maps; what the page cache has, the block.
func state(s *kernel.Sim, p machine.PageID) string {
	m := s.M
	pte := "none"
	if e := m.Mapped(p); e.Present() {
		pte = strings.ReplaceAll(strings.TrimSuffix(e.Bits(), "A"), " ", "")
		if pte == "" {
			pte = "-"
		}
		if machine.IsAnon(m.Peek(m.Mapping(e.Frame()))) {
			pte += " copy"
		}
	}
	o, ok := m.Backing(p)
	if !ok {
		return pte
	}
	cache, at := "none", m.Peek(m.CacheSlot(o))
	if f, ok := machine.Cached(at); ok {
		cache = "clean"
		if m.Peek(m.Flags(f))&machine.PGDirty != 0 {
			cache = "dirty"
		}
		if m.KindOf(o).OnDisk() && m.Peek(m.Buffers(f)) == 0 {
			cache += " nobuffers"
		}
		cache += fmt.Sprintf(" %d", m.Peek(m.Ref(f)))
	} else if at != 0 {
		cache = "swapped"
	}
	block := ""
	if m.KindOf(o).OnDisk() {
		block = ", " + [...]string{"hole", "delalloc", "unwritten", "written"}[machine.BlockState(m.Peek(m.Block(o)))]
	}
	return pte + "; " + cache + block
}

// TestFilePages holds what one operation leaves behind: PTE; page cache with its
// references, block. The page mapped is the first of two; it holds "a".
func TestFilePages(t *testing.T) {
	for _, tt := range []struct{ file, mapping, does, want string }{
		// A fault: who maps what, and who is asked first.
		{`ext4 2 "a"`, "shared rw", "load(buf)", "-; clean 3, written"},
		{`ext4 2 "a"`, "shared rw", `store(buf, "b")`, "WD; dirty 3, written"},
		{`ext4 2 "a"`, "shared rw", "load(buf)\nstore(buf, \"b\")", "WD; dirty 3, written"},
		{`ext4 2 "a" nobuffers`, "shared rw", "load(buf)", "-; clean nobuffers 2, written"},
		{`ext4 2 "a" nobuffers`, "shared rw", `store(buf, "b")`, "WD; dirty 3, written"},
		{`ext4 2 "a" dropped`, "shared rw", "load(buf)", "-; clean nobuffers 2, written"},
		{`ext4 2`, "shared rw", "load(buf)", "-; clean nobuffers 2, hole"},
		{`ext4 2`, "shared rw", `store(buf, "b")`, "WD; dirty 3, delalloc"},
		{`ext4 2 "a"`, "shared ro", `store(buf, "b")`, "none; clean 2, written"},
		{`ext4 2 "a"`, "private rw", "load(buf)", "-; clean 3, written"},
		{`ext4 2 "a"`, "private rw", `store(buf, "b")`, "WD copy; clean 2, written"},
		{`ext4 2 "a"`, "private rw", "load(buf)\nstore(buf, \"b\")", "WD copy; clean 2, written"},
		{`shmem 2 "a"`, "shared rw", "load(buf)", "W; dirty 2"},
		{`shmem 2 "a"`, "shared rw", `store(buf, "b")`, "WD; dirty 2"},
		{`shmem 2`, "shared rw", "load(buf)", "W; clean 2"},
		{`shmem 2`, "shared rw", `store(buf, "b")`, "WD; dirty 2"},
		{`shmem 2`, "shared rw", "load(buf)\nstore(buf, \"b\")", "WD; clean 2"},
		{`shmem 2 "a" dropped`, "shared rw", "load(buf)", "W; dirty 2"},
		{`shmem 2 "a"`, "private rw", `store(buf, "b")`, "WD copy; dirty 1"},
		{`ramfs 2 "a"`, "shared rw", "load(buf)", "-; dirty 2"},

		// Without a mapping.
		{`ext4 2 "a"`, "shared rw", `pwrite(f, "b")`, "none; dirty 2, written"},
		{`ext4 2 "a" dropped`, "shared rw", "v = pread(f)", "none; clean nobuffers 1, written"},
		{`ext4 2`, "shared rw", `pwrite(f, "b")`, "none; dirty 2, delalloc"},
		{`ext4 2`, "shared rw", "v = pread(f)", "none; clean nobuffers 1, hole"},
		{`shmem 2`, "shared rw", "v = pread(f)", "none; none"},

		// The disk is full: what has a block may be written. A buffer that is mapped to nothing is not written back.
		{"ext4 2 \"a\"\nblocks 0", "shared rw", `store(buf, "b")`, "WD; dirty 3, written"},
		{"ext4 2\nblocks 0", "shared rw", `store(buf, "b")`, "none; clean 2, hole"},
		{"ext4 2\nblocks 0", "shared rw", "load(buf)\nstore(buf, \"b\")", "-; clean 3, hole"},
		{"ext4 2\nblocks 0", "shared rw", `pwrite(f, "b")`, "none; clean 2, hole"},
		{"ext4 2\nblocks 0", "shared rw", "ftruncate(f, 0)\npwrite(f, \"b\")", "none; none, hole"},
		{"ext4 2\nblocks 1", "shared rw", "pwrite(f[1], \"c\")\nfallocate(f[1], FALLOC_FL_PUNCH_HOLE)\nstore(buf, \"b\")", "WD; dirty 3, delalloc"},
		{"ext4 2\nblocks 0", "shared rw", "load(buf)\nstore(buf, \"b\")\np = get_user_pages(buf)\ndevice_write(p, \"d\")\nset_page_dirty_lock(p)\nput_page(p)\nfsync(f)", "-; clean 3, hole"},

		// Writeback takes W and D away, and nothing else.
		{`ext4 2 "a"`, "shared rw", "store(buf, \"b\")\nfsync(f)", "-; clean 3, written"},
		{`ext4 2`, "shared rw", "store(buf, \"b\")\nmsync(buf)", "-; clean 3, written"},
		{`ext4 2 "a"`, "private rw", "store(buf, \"b\")\nfsync(f)", "WD copy; clean 2, written"},
		{`ext4 2 "a"`, "shared rw", "fsync(f)\nposix_fadvise(f, POSIX_FADV_DONTNEED)", "none; none, written"},
		{`ext4 2 "a"`, "shared rw", "load(buf)\nposix_fadvise(f, POSIX_FADV_DONTNEED)", "-; clean 3, written"},

		// Protection: a dirty PTE of a shared mapping is writable again.
		{`ext4 2 "a"`, "shared rw", "store(buf, \"b\")\nmprotect(buf, PROT_READ)", "D; dirty 3, written"},
		{`ext4 2 "a"`, "shared rw", "store(buf, \"b\")\nmprotect(buf, PROT_READ)\nmprotect(buf, PROT_READ_WRITE)", "WD; dirty 3, written"},
		{`ext4 2 "a"`, "shared rw", "load(buf)\nmprotect(buf, PROT_READ)\nmprotect(buf, PROT_READ_WRITE)", "-; clean 3, written"},
		{`shmem 2 "a"`, "shared rw", "load(buf)\nmprotect(buf, PROT_READ)\nmprotect(buf, PROT_READ_WRITE)", "W; dirty 2"},

		// Taking pages away.
		{`ext4 2 "a"`, "shared rw", "store(buf, \"b\")\nmadvise(buf, MADV_DONTNEED)", "none; dirty 2, written"},
		{`shmem 2`, "shared rw", "load(buf)\nstore(buf, \"b\")\nmadvise(buf, MADV_DONTNEED)", "none; dirty 1"},
		{`ext4 2 "a"`, "shared rw", "store(buf, \"b\")\nftruncate(f, 0)", "none; none, hole"},
		{`ext4 2 "a"`, "private rw", "store(buf, \"b\")\nftruncate(f, 0)", "none; none, hole"},
		{`ext4 2 "a"`, "shared rw", "store(buf, \"b\")\nfallocate(f, FALLOC_FL_PUNCH_HOLE)", "none; none, hole"},
		{`ext4 2 "a"`, "private rw", "store(buf, \"b\")\nfallocate(f, FALLOC_FL_PUNCH_HOLE)", "WD copy; none, hole"},
		{`shmem 2 "a" dropped`, "shared rw", "fallocate(f, FALLOC_FL_PUNCH_HOLE)", "none; none"},
	} {
		for _, on := range []string{"v4.6", "v6.1", "v6.12"} {
			s := alone(t, on, fmt.Sprintf("file f = %s\nmm A { buf = f %s }\nP0 on cpu0 in A {\n%s\nlru_add_drain()\n}", tt.file, tt.mapping, tt.does))
			if got := state(s, 0); got != tt.want {
				t.Errorf("%s on %s, %s, %s: got %s, want %s", tt.does, tt.file, tt.mapping, on, got, tt.want)
			}
		}
	}
}

// TestReclaimOfFiles holds what one pass of reclaim leaves of a page that somebody
// holds, or nobody, where the node has many dirty pages.
func TestReclaimOfFiles(t *testing.T) {
	for _, tt := range []struct{ on, file, does, want string }{
		{"v6.12", `ext4 1 "a"`, "load(buf)", "none; none, written"},
		{"v6.12", `ext4 1 "a"`, `store(buf, "b")`, "none; dirty 2, written"},
		{"v6.1", `ext4 1 "a"`, `store(buf, "b")`, "none; dirty 2, written"},
		{"v6.1 without reclaim_seen_twice", `ext4 1 "a"`, `store(buf, "b")`, "none; clean 2, written"},
		{"v4.6", `ext4 1 "a"`, `store(buf, "b")`, "none; clean 2, written"},
		{"v4.6", `ext4 1`, `store(buf, "b")`, "none; dirty 2, delalloc"},
		{"v6.12", `ext4 1 "a"`, "p = get_user_pages(buf)", "none; clean nobuffers 2, written"},
		{"v6.12", `ext4 1 "a"`, "p = pin_user_pages(buf)", "none; clean 1026, written"},
		{"v6.1", `ext4 1 "a"`, "p = pin_user_pages(buf)", "none; clean nobuffers 1025, written"},
		{"v6.12", `shmem 1 "a"`, "load(buf)", "none; swapped"},
		{"v6.12", `shmem 1 "a"`, "p = get_user_pages(buf)", "none; dirty 2"},
		{"v6.12", `shmem 1 "a"`, "p = pin_user_pages(buf)", "none; dirty 1025"},
		{"v6.12", `ramfs 1 "a"`, "load(buf)", "none; dirty 1"},
	} {
		s := aloneWriting(t, tt.on, fmt.Sprintf("file f = %s\nmm A { buf = f shared rw }\nP0 on cpu0 in A {\n%s\nlru_add_drain()\n}\nP1 on cpu1 kernel { shrink_folio_list(buf) }", tt.file, tt.does), true)
		if got := state(s, 0); got != tt.want {
			t.Errorf("%s on %s, %s: got %s, want %s", tt.does, tt.file, tt.on, got, tt.want)
		}
	}
}

// TestPinsOfFiles holds what GUP says to each kind of mapping.
func TestPinsOfFiles(t *testing.T) {
	const page, refused = true, false
	for _, tt := range []struct {
		file, mapping, flags string
		v61, v612            bool
	}{
		{"ext4", "shared rw", "0", page, page},
		{"ext4", "shared rw", "FOLL_LONGTERM", page, page},
		{"ext4", "shared rw", "FOLL_WRITE", page, page},
		{"ext4", "shared rw", "FOLL_WRITE | FOLL_LONGTERM", page, refused},
		{"ext4", "shared ro", "FOLL_WRITE", refused, refused},
		{"ext4", "private rw", "FOLL_WRITE | FOLL_LONGTERM", page, page},
		{"shmem", "shared rw", "FOLL_WRITE | FOLL_LONGTERM", page, page},
		{"ramfs", "shared rw", "FOLL_WRITE", page, page},
		{"ramfs", "shared rw", "FOLL_WRITE | FOLL_LONGTERM", page, refused}, // it has a page_mkwrite
		{"secretmem", "shared rw", "0", refused, refused},
	} {
		for on, want := range map[string]bool{"v6.1": tt.v61, "v6.12": tt.v612} {
			for _, call := range []string{"pin_user_pages", "pin_user_pages_fast"} {
				s := alone(t, on, fmt.Sprintf("file f = %s 1 \"a\"\nmm A { buf = f %s }\nP0 on cpu0 in A {\nv = load(buf)\np = %s(buf, %s)\n}", tt.file, tt.mapping, call, tt.flags))
				got := machine.DecodeResult(s.M.Peek(s.M.Var(0, 1)))
				if (got.Kind == machine.IsPage) != want || !want && got.Errno != kernel.EFAULT {
					t.Errorf("%s(%s) of %s %s on %s: got %+v", call, tt.flags, tt.file, tt.mapping, on, got)
				}
			}
		}
	}
}

// TestBeyondTheEnd holds who gets which answer behind a file's end.
func TestBeyondTheEnd(t *testing.T) {
	s := alone(t, "v6.12", "file f = ext4 1 \"a\"\nmm A { buf = f 2 shared rw }\nP0 on cpu0 in A {\nv = load(buf[1])\np = get_user_pages(buf[1])\nw = pread(f[1])\npwrite(f[1], \"b\")\nx = load(buf[1])\n}")
	for i, want := range []machine.Result{
		{Errno: kernel.SIGBUS, Kind: machine.IsSignal}, {Errno: kernel.EFAULT, Kind: machine.IsErrno}, {Kind: machine.IsContent}, {Content: s.M.Value("b"), Kind: machine.IsContent},
	} {
		if got := machine.DecodeResult(s.M.Peek(s.M.Var(0, i))); got != want {
			t.Errorf("variable %d: got %+v, want %+v", i, got, want)
		}
	}
	if size := s.M.Peek(s.M.Size(0)); size != machine.Bytes(1)+4 {
		t.Errorf("i_size is %d", size)
	}
}

// TestDecisionLists holds the two decision lists against what the file systems need.
func TestDecisionLists(t *testing.T) {
	shared := machine.VMRead | machine.VMWrite | machine.VMShared
	for _, tt := range []struct {
		kind  machine.FileKind
		flags uint64
		want  bool
	}{
		{machine.Ext4, shared, true},
		{machine.Ext4, shared &^ machine.VMWrite, false},
		{machine.Ext4, shared &^ machine.VMShared, false},
		{machine.Ramfs, shared, true},
		{machine.Shmem, shared, false},
		{machine.DAX, shared, true}, // it has both
		{machine.DAX, shared &^ machine.VMShared, false},
		{machine.Hugetlbfs, shared, false},
		{machine.CharDevice, shared | machine.VMPFNMap, false},
		{machine.Ext4, shared | machine.VMPFNMap, true}, // who has page_mkwrite is asked all the same
		{machine.CharDevice, shared | machine.VMMixedMap, false},
	} {
		for name, list := range map[string][]kernel.Decision{"wants_writenotify": kernel.WantsWritenotify, "needs_dirty_tracking": kernel.NeedsDirtyTracking} {
			if got := kernel.Decide(list, tt.flags, tt.kind); got != tt.want {
				t.Errorf("%s of %v with %#x: got %v", name, tt.kind, tt.flags, got)
			}
		}
	}
}
