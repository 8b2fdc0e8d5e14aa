package kernel

import (
	"slices"

	"gupscope/core/machine"
)

// Collapses reports whether a statement can be played, as far as it has pages collapsed: anonymous ones, and by khugepaged those of shmem. (What
// madvise(MADV_COLLAPSE) does about a huge page of a file that PTEs map, collapse_pte_mapped_thp, is not there; nor are huge pages of files on a disk.) What does
// nothing would prove nothing.
func (s *Setup) Collapses(st *Stmt) bool {
	if fn := st.Call.table(st.Args); fn != fnKhugepaged && fn != fnMadviseCollapse || !s.MMs[st.Args[0].MM].Regions[st.Args[0].Region].Kind.OfFile() {
		return true
	}
	r := s.MMs[st.Args[0].MM].Regions[st.Args[0].Region]
	return st.Call.entry == fnKhugepaged && s.Files[r.File].Kind == machine.Shmem
}

// SinceFileTHP is the first release in which khugepaged collapses pages of files, if a statement has it do that; else 0.
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
	case fnStore, fnLoad, fnGuestStore, fnGuestLoad, fnMunmap, fnKhugepaged, fnDeviceWrite, fnDeviceRead, fnSetPageDirtyLock, fnPutPage, fnLRUAddDrain,
		fnUnpinUserPage, fnUnpinUserPages, fnUnpinUserPagesDirtyLock, fnUnpinUserPageRangeDirtyLock, fnUnpinFolio, fnUnpinFolios, fnUnpinUserFolio:
		return true
	case fnFork, fnExit, fnMprotect, fnPread, fnPwrite, fnIput, fnFtruncate, fnFallocate, fnFsync, fnMsync:
		return true
	case fnProcessVMReadv, fnProcessVMWritev, fnMemRead, fnMemWrite, fnMlock, fnMunlock:
		return true
	case fnShrinkFolioList, fnMovePages, fnCompactZone, fnSplitHugePagesPid, fnMadviseInjectError, fnUprobeRegister, fnUprobeUnregister:
		return true
	case fnMadvise:
		return slices.ContainsFunc(st.Args, func(a Arg) bool {
			return a.Word == "MADV_DONTNEED" || a.Word == "MADV_DONTNEED_LOCKED" || a.Word == "MADV_PAGEOUT" || a.Word == "MADV_COLD"
		})
	}
	return false
}

// HugeBesideFileTHP reports whether a region may not be there where pages of files are collapsed: other large folios are queued to be split, and nobody
// splits any there.
func (s *Setup) HugeBesideFileTHP(r *RegionSetup) bool {
	return s.FileTHP() && (r.Huge || s.hugetlb(r) || r.Room)
}

// FileTHP reports whether files may have huge pages: of their own, or because khugepaged collapses small ones.
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

// collapses is how often khugepaged is to collapse pages of files.
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

// FileCollapsers is how many tasks have khugepaged collapse pages of files.
func (s *Setup) FileCollapsers() (n int) {
	for _, t := range s.Tasks {
		if slices.ContainsFunc(t.Body, s.collapsesFile) {
			n++
		}
	}
	return n
}

// khpPasses reports whether khugepaged may come to a huge page of a file: to one that was there, or in a second pass.
func (s *Setup) khpPasses() bool {
	return s.collapses() > 1 || s.hugeFiles() && s.collapses() > 0
}

// collapsesFile reports whether a statement has khugepaged collapse pages of a file.
func (s *Setup) collapsesFile(st Stmt) bool {
	return st.Call.entry == fnKhugepaged && st.Args[0].MM < len(s.MMs) && st.Args[0].Region < len(s.MMs[st.Args[0].MM].Regions) && s.MMs[st.Args[0].MM].Regions[st.Args[0].Region].Kind.OfFile()
}
