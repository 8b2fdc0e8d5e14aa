package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// iput of the last reference on an unlinked file's inode, in straight line:
//
//	a VMA still maps it, a fault has pinned it, or somebody has it open: it has a reference, too: nothing happens
//	evict(): truncate_inode_pages_range() of everything, its blocks are free; the inode is empty
//	call_rcu(): free the inode, the address_space in it
//
// compare fs/inode.c:iput_final, evict, destroy_inode
//
// A task has a file open, from the start, as long as its program goes on to read, write, truncate it or to have it written out: a struct file holds the inode.
// So nobody evicts a file that is being written to directly, however long the disk takes. The task closes it behind the last of these statements.
var _ = register(fnIput, &Func{
	Name: "iput", File: "fs/inode.c", Params: []int{0},
	Locals: []Local{{"file", IntLocal}},
	Steps: []Step{
		{Label: "last", Says: "is it the last reference?", Answer: "yes", Ref: "atomic_dec_and_lock", Reads: cell.Of(machine.VMAs, machine.Inodes), Calls: []FuncID{fnTruncateInodePages}, Do: func(c *Ctx) Next {
			file := int(c.L(0))
			first, _ := c.M.PgoffAt(file, 0)
			last := first + machine.Pgoff(c.M.Files[file].Pages) - 1
			if p, _, mapped := c.M.NextOfFile(first, last, machine.NoPage); mapped {
				c.Sayf("%s still maps it: -EBUSY", c.M.Pages()[p].Name)
				return c.Fail(EBUSY)
			}
			if (c.M.Throttled || c.M.Opens) && c.Load(c.M.FilePins(file)) != 0 {
				c.Say("somebody has it open, or a fault still has a reference: -EBUSY")
				return c.Fail(EBUSY)
			}
			c.Say("it is the last reference: evict it")
			return c.Call(fnTruncateInodePages, 1, uint64(first), uint64(last))
		}},
		{Label: "blocks", Says: "give its blocks back", Ref: "ext4_truncate", When: FewBlocks, Touches: cell.Of(machine.Blocks), Do: func(c *Ctx) Next {
			file := int(c.L(0))
			for i := range c.M.Files[file].Pages {
				o, _ := c.M.PgoffAt(file, i)
				c.Store(c.M.Block(o), machine.BlockHole)
			}
			return Then
		}},
		{Label: "evict", Says: "the inode is empty", Ref: "clear_inode", Touches: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			c.Store(c.M.Inode(int(c.L(0))), machine.InodeEvicted)
			return Then
		}},
		{Label: "call_rcu", Says: "have its memory freed after a grace period", Ref: "call_rcu", When: With(InodeRCU), Touches: cell.Of(machine.RCU), Reads: cell.Of(machine.IRQs), Anywhere: cell.Of(machine.IRQs), Do: func(c *Ctx) Next {
			c.M.CallInodeRCU(int(c.L(0)))
			return Return
		}},
		{Label: "free", Says: "free its memory", Ref: "destroy_inode", When: Without(InodeRCU), Touches: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			c.Store(c.M.Inode(int(c.L(0))), machine.InodeFreed)
			return Return
		}},
	},
})

// close of a file, behind the last statement of a task that uses it: its reference on the inode goes. It is there where somebody lets an inode go.
//
// compare fs/file_table.c:__fput
var _ = register(fnFput, &Func{
	Name: "fput", File: "fs/file_table.c", Params: []int{0},
	Locals: []Local{{"file", IntLocal}},
	Steps: []Step{
		{Label: "fput", Says: "close the file", Ref: "fput", Touches: cell.Of(machine.Inodes), Do: func(c *Ctx) Next {
			c.Add(c.M.FilePins(int(c.L(0))), -1)
			return Return
		}},
	},
})

// fput is what closes the files that a task has open. No scenario writes it.
var fput = &Call{Name: "close", Params: []Param{{Name: "file", Kind: FileParam}}, From: Anywhere, entry: fnFput}

// lets reports whether the statement drops the last reference on an inode.
func (st *Stmt) lets() bool { return st.Call.entry == fnIput }

// usesFile returns the file that a statement needs to have open.
func (st *Stmt) usesFile() (file int, ok bool) {
	for i, p := range st.Call.Params {
		if (p.Kind == FileParam || p.Kind == FilePageParam) && !st.lets() && st.Call != fput {
			return st.Args[i].File, true
		}
	}
	return 0, false
}

// opens reports whether somebody lets the inode of a file go that is used otherwise, too.
func (s *Setup) opens() bool {
	for f := range s.Files {
		if s.letsGo(f) && slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool { return t.lastUse(f) >= 0 }) {
			return true
		}
	}
	return false
}

// letsGo reports whether somebody drops the last reference on a file's inode.
func (s *Setup) letsGo(file int) bool {
	return slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool { return st.lets() && st.Args[0].File == file })
	})
}

// lastUse is the last statement of a task that needs a file to be open; -1: none does.
func (t *TaskSetup) lastUse(file int) int {
	for i, st := range slices.Backward(t.Body) {
		if f, ok := st.usesFile(); ok && f == file {
			return i
		}
	}
	return -1
}

// openedAtStart counts the tasks that have a file open.
func (s *Sim) openedAtStart(file int) {
	if !s.M.Opens || !s.Setup.letsGo(file) {
		return
	}
	for _, t := range s.Setup.Tasks {
		if t.lastUse(file) >= 0 {
			s.M.Store(s.M.FilePins(file), s.M.Peek(s.M.FilePins(file))+1)
		}
	}
}

// closeFiles has tasks close the files that they have open, behind the last statement that needs them, where somebody lets an inode go.
func closeFiles(setup Setup) Setup {
	if !setup.opens() {
		return setup
	}
	setup.Tasks = slices.Clone(setup.Tasks)
	for i := range setup.Tasks {
		t := &setup.Tasks[i]
		for f := range setup.Files {
			if last := t.lastUse(f); last >= 0 && setup.letsGo(f) {
				t.Body = slices.Insert(slices.Clone(t.Body), last+1, Stmt{Var: -1, Call: fput, Args: []Arg{{File: f}}, Line: t.Body[last].Line})
			}
		}
	}
	return setup
}
