package kernel

import (
	"slices"

	"gupscope/core/machine"
)

// Collapses reports whether a statement can be played, as far as it has pages collapsed: anonymous ones, and those of shmem; by MADV_COLLAPSE, which maps what it
// has made, where PMD entries map huge pages of the file. (Huge pages of files on a disk are not there.) What does nothing would prove nothing.
func (s *Setup) Collapses(st *Stmt) bool {
	if !s.collapsesFile(*st) {
		return true
	}
	f := &s.Files[s.MMs[st.Args[0].MM].Regions[st.Args[0].Region].File]
	return f.Kind == machine.Shmem && (st.Call.entry == fnKhugepaged || f.PMD)
}

// SinceFileTHP is the first release in which pages of files are collapsed, if a statement has that done; else 0.
func (s *Setup) SinceFileTHP(st *Stmt) int {
	if s.collapsesFile(*st) {
		return FileTHPSince
	}
	return 0
}

// FileTHPSince is the first release in which files have huge pages.
const FileTHPSince = 408

// BesideFileTHP reports whether a statement can be played where files may have huge pages: whether who knows large folios of files runs it.
func (s *Setup) BesideFileTHP(st *Stmt) bool {
	if !s.FileTHP() || st.Call.Result == PageResult {
		return true
	}
	switch fn := st.Call.table(st.Args); fn {
	case fnStore, fnLoad, fnGuestStore, fnGuestLoad, fnMunmap, fnKhugepaged, fnMadviseCollapse, fnDeviceWrite, fnDeviceRead, fnSetPageDirtyLock, fnPutPage, fnLRUAddDrain,
		fnUnpinUserPage, fnUnpinUserPages, fnUnpinUserPagesDirtyLock, fnUnpinUserPageRangeDirtyLock, fnUnpinFolio, fnUnpinFolios, fnUnpinUserFolio:
		return true
	case fnFork, fnExit, fnMprotect, fnPread, fnPwrite, fnIput, fnFtruncate, fnFallocate, fnFadvise, fnFsync, fnMsync:
		return true
	case fnProcessVMReadv, fnProcessVMWritev, fnMemRead, fnMemWrite, fnMlock, fnMunlock, fnMremap:
		return true
	case fnShrinkFolioList, fnMovePages, fnCompactZone, fnSplitHugePagesPid, fnMadviseInjectError, fnUprobeRegister, fnUprobeUnregister:
		return true
	case fnMadvise, fnMadviseVMABehavior:
		return slices.ContainsFunc(st.Args, func(a Arg) bool {
			return a.Word == "MADV_DONTNEED" || a.Word == "MADV_DONTNEED_LOCKED" || a.Word == "MADV_PAGEOUT" || a.Word == "MADV_COLD" || a.Word == "MADV_NOHUGEPAGE"
		})
	}
	return false
}

// HugeBesideFileTHP reports whether a region may not be there where pages of files are collapsed: other large folios are queued to be split, and nobody
// splits any there.
func (s *Setup) HugeBesideFileTHP(r *RegionSetup) bool {
	return s.FileTHP() && (r.Huge || s.hugetlb(r))
}

// FileTHP reports whether files may have huge pages: of their own, or because small ones are collapsed.
func (s *Setup) FileTHP() bool { return s.hugeFiles() || s.collapses() > 0 }

// hugeFiles reports whether a file has huge pages at the start.
func (s *Setup) hugeFiles() bool {
	return slices.ContainsFunc(s.Files, func(f FileSetup) bool { return f.State == FileHuge })
}

// filePMDs reports whether PMD entries may map huge pages of files.
func (s *Setup) filePMDs() bool {
	return s.FileTHP() && slices.ContainsFunc(s.Files, func(f FileSetup) bool { return f.PMD })
}

// mapsByPMD reports whether a region begins without page tables, as it maps a file whose huge pages faults map by PMD entries.
func (s *Setup) mapsByPMD(r *RegionSetup) bool {
	return r.Kind.OfFile() && s.Files[r.File].PMD && s.Files[r.File].State == FileHuge
}

// collapses is how often pages of files are to be collapsed.
func (s *Setup) collapses() (n int) {
	for _, t := range s.Tasks {
		for _, st := range t.Body {
			if s.collapsesFile(st) {
				n++
			}
		}
	}
	return n
}

// FileCollapsers are two tasks that may collapse pages of files at the same time; false if there are none. Each needs the list of pages that it replaces for itself.
func (s *Setup) FileCollapsers() (one, other int, ok bool) {
	for i := range s.Tasks {
		for j := range i {
			if slices.ContainsFunc(s.Tasks[i].Body, s.collapsesFile) && slices.ContainsFunc(s.Tasks[j].Body, s.collapsesFile) && !s.Follows(i, j) {
				return j, i, true
			}
		}
	}
	return 0, 0, false
}

// khpPasses reports whether who collapses pages of files may come to a huge page there: to one that was there, or in a second pass, or to map it, or when a
// breakpoint is taken out of one.
func (s *Setup) khpPasses() bool {
	return s.collapses() > 1 || s.hugeFiles() && s.collapses() > 0 || s.FileTHP() && s.calls(func(c *Call) bool { return c.entry == fnUprobeUnregister }) || slices.ContainsFunc(s.Tasks, func(t TaskSetup) bool {
		return slices.ContainsFunc(t.Body, func(st Stmt) bool { return st.Call.entry != fnKhugepaged && s.collapsesFile(st) })
	})
}

// collapsesFile reports whether a statement has pages of a file collapsed. The statement may be one that its writer has not finished.
func (s *Setup) collapsesFile(st Stmt) bool {
	if fn := st.Call.table(st.Args); fn != fnKhugepaged && fn != fnMadviseCollapse || len(st.Args) == 0 {
		return false
	}
	at := st.Args[0]
	return at.MM < len(s.MMs) && at.Region < len(s.MMs[at.MM].Regions) && s.MMs[at.MM].Regions[at.Region].Kind.OfFile()
}
