package kernel

// A FuncID names a step table. The order is part of the hash of a state and of
// the check characters of a link: new ones go at the end.
type FuncID uint16

const (
	fnNone FuncID = iota
	fnStore
	fnLoad
	fnGetUserPagesFast
	fnPinUserPagesFast
	fnGetUserPages
	fnPinUserPages
	fnDeviceWrite
	fnDeviceRead
	fnSetPageDirtyLock
	fnPutPage
	fnUnpinUserPage
	fnUnpinUserPagesDirtyLock
	fnMunmap
	fnMadvise
	fnShrinkFolioList
	fnLRUAddDrain

	fnDoUserAddrFault
	fnHandleMMFault
	fnDoAnonymousPage
	fnDoSwapPage
	fnDoWPPage
	fnWPPageCopy
	fnFlushTLBMMRange
	fnFlushTLBMulti
	fnTryToUnmapFlush
	fnGUPFastFallback
	fnGUPFast
	fnGUPFastPMDRange
	fnGUPFastPTERange
	fnTryGrabFolioFast
	fnGetUserPagesLocked
	fnFollowPagePTE
	fnTryToUnmapOne
	fnPageout
	fnRemoveMapping
	fnZapPTERange
	fnFreeSwapAndCache
	fnTLBFinishMMU
	fnFreeUnrefFolio
	fnPTEAlloc
	fnFork
	fnCopyPageRange
	fnExit
	fnMMPut
	fnMprotect
	fnChangePTERange
	fnGetUserPagesFastOnly
	fnProcessVMReadv
	fnProcessVMWritev
	fnMemRead
	fnMemWrite
	fnMadviseFree
	fnMadvisePageout
	fnMadvisePopulate
	fnPwrite
	fnPread
	fnFsync
	fnFtruncate
	fnFallocate
	fnFadvise
	fnFilemapCreateFolio
	fnFilemapGetFolio
	fnFilemapFault
	fnShmemGetFolio
	fnShmemSwapinFolio
	fnShmemWritepage
	fnZeroTail
	fnWritepages
	fnPageMkcleanOne
	fnSyncFileRange
	fnTruncateInodePages
	fnUnmapMappingRange
	fnDoReadFault
	fnDoCowFault
	fnDoSharedFault
	fnPageMkwrite
	fnWPPageShared
	fnGUPFastFolioAllowed
	fnIput
	fnMsync
	funcCount
)
