package kernel

// The catalogue. Names are the longer, telling ones of the two they had.
const (
	GUPIRQOff RuleID = iota
	GUPGetUnlessZero
	GUPPTERecheck
	GUPPMDRecheck
	GUPHasPinnedFirst
	GUPWriteProtectSeq
	GUPUnshare
	ShareFences
	FOLLPinCounting
	ZeroPageNotCounted
	AnonExclusive
	SwpExclusive
	WPReuse
	CowClearFlushFirst
	RmapDropAfterSet
	SwapinSwapFreeFirst
	SwapinWritable
	ReclaimBatch
	ReclaimFlushDirty
	ReclaimFlushFree
	ReclaimFreeze
	ReclaimSkipsPinned
	ReclaimKeepsPinned
	BatchedPending
	AddToSwapDirties
	SwapZeromap
	MunmapReadLock
	PerVMALock
	VMALockFaults
	AnonVMATrylock
	SwapinSkipsCache
	SwapinPolls
	SwapcachePrepare
	SwapinReadWritable
	SwapinStableWrites
	SwapinRmapFirst
	GatherFlushFirst
	TLBFlush
	PTFree
	ForkPinTest
	ForkFlushTLB
	ForkWrprotect
	MprotectUpgrade
	MprotectUnaccounts
	MprotectAsksSoftDirty
	ForceAsksSoftDirty
	SwpSoftDirty
	ForceWrite
	GUPLongtermRequiresPin
	GUPValidArgs
	PincountExactLarge
	ForkDupRmap
	LazyfreeList
	LazyfreeRefTest
	GUPFastFileCheck
	GUPSlowFileCheck
	GUPSecretmemCheck
	GUPUnshareNonAnon
	InodeRCU
	DirtyTracking
	ZapFlushBeforeUnlock
	DelayedRmap
	Ext4SkipNobuf
	PunchWritesFirst
	EOFTailZeroed
	DIOFallsBack
	DIOInvalidatesAgain
	InodeDIOWait
	ShmemFallocWaits
	LookupRechecks
	WriteFaultsIn
	WriteCopyNoFault
	ReclaimMayWritepage
	ReclaimSeenTwice
	StablePages
	FaultAround
	FaultAroundRecheck
	GUPPMDLeafRecheck
	GUPCompoundRecheck
	PMDSplitCarriesDirty
	DoubleMap
	KhpSyncOne
	KhpCheckBeforeClear
	LazyTLB
	TLBGenerations
	SwitchMMChecksGeneration
	SwitchLazyFence
	TLBPCID
	FlushRangeTellsTables
	FenceClearBeforeCount
	FenceGrabBeforeRecheck
	FenceJoinBeforeGeneration
	ForcedCOW
	UnpinSanityCheck
	UnshareKeepsRO
	ForkPinTestAnonOnly
	ForkClearsExclusive
	MadviseCold
	MadvisePopulate
	MadviseDontneedLocked
	PopulateInGUP
	PageoutLeavesYoung
	PageoutPrivateCopies
	MadviseWipeOnFork
	UnmapSparesMlocked
	LRUBatchSize
	LRUKeepsFlag
	KhpSharedOK
	KhpCompoundOK
	DeferredSplitPartial
	SplitMapsZeropage
	MadvisePTEBatch
	LazyfreeWholePMD
	MigrateBatchFlush
	MigrateFlush
	MigrationWaitRef
	MigrateBatch
	MigrateRefcheck
	MigrateCopyFirst
	FolioWalk
	HugetlbCacheCountsPages
	HugetlbForkPinTest
	HugetlbReuseByRefs
	HugetlbTruncateMutex
	GUPHugetlbCommonWalk
	GUPForceHugetlbRefused
	MadviseDontneedHugetlb
	SplitFreeze
	SplitRechecksFolio
	RmapWalkSync
	ForkDupRmapPMD
	RemoverWait
	GUPSeqcount
	UprobeInPlace
	DIOUsesPin
	DIOUnpinCheck
	DIORedirty
	IOUFileCheck
	IOMMUFlushBeforeUnpin
	GUPPTERead
	PAEClearAtomic
	GUPPMDRead
	PAEPMDClearAtomic
	GUPLongtermZone
	NUMABalancing
	GUPProtnone
	NUMASkipsShared
	NUMASkipsDirtyFile
	NUMASavedWrite
	NUMAHugePMD
	NUMAWaitReference
	MigrateSplitsNoMem
	MigrateSplitsPartial
	MigrateUndo
	KSMClearBeforeCheck
	KSMRefcountCheck
	KSMFlush
	KSMTLBPending
	KSMExclShare
	KSMPTERecheck
	KSMGetRecheck
	KSMReuse
	KSMBreakUnshare
	KSMChecksumFirst
	KSMUseZeroPages
	NotifierStart
	NotifierInRmap
	NotifierChangePTE
	KVInprogCheck
	KVSeqCheck
	EndBumpsSeq
	KVFlush
	KVMarksDirty
	MremapFlushLocked
	MremapRmapLocks
	MremapMovesTables
	MremapTableRmapLocks
	SharePinTest
	FenceShareBeforeRestore
	FenceRecheckBeforeExclusive
	SecondaryTLBs
	UprobeOriginal
	FaultPTERead
	UprobeSplitsPMD
	HugetlbUnshareSync
	HugetlbVMALock
	HugetlbUnshareFlush
	GatherNested
	ClearRefsWriteLock
	ClearRefsSkipsPinned
	GUPRetryKillable
	GUPLockKillable
	GUPSlowPMDRecheck
	GUPSlowTakesRest
	GUPRemoteLongterm
	GUPUnlockedLongterm
	GUPFastForce
	GUPPFNExists
	GUPPinInTwo
	GUPZoneTest
	ForkGetFirst
	ForkBatch
	HasPinnedMark
	KhpAnonVMALock
	MunmapRmapLocks
	InvalidateRangeOnlyEnd
	KSMFlushNotifies
	IntervalReadRetry
	IntervalBeginWaits
	IntervalEndEven
	ODPRangeFault
	GUPVMARecheck
	FaultThrottleUnlocks
	FaultPinsFile
	VMFaultCompleted
	KhugepagedExit
	WPCopiesLarge
	WPUnshareNonAnon
	HugeWP
	PoisonIfAsked
	MadviseFreePoison
	MemoryFailureAnonRefs
	MemoryFailureAgain
	MemoryFailureUnsplit
	MemoryFailureKSM
	GUPSecretmemTest
	GUPFastFolioAllowed
	LRUCacheDisable
	KhpDrainsAll
	CollapseCountAgain
	KhpFileCount
	PMDMapAsksVMA
	KhpFileUnmapBatch
	KhpFileFlush
	KhpRetractRCU
	KhpRetractAnonRecheck
	KhpRetractLocks
	KhpRetractNotifies
	KhpFilePTEMapped
	KhpFileTruncated
	KhpRetractExit
	PTEMapMayFail
	MovePagesWhole
	TruncateSplitsHuge
	KhpRestore
	KhpFileGiveUp
	MemoryFailureShmem
	LRUDeactivate
	MprotectGathers
	KhpSwapin
	MigrateYoungDirty
	MigrateKeepsWrite
	ForkClearsSwpExclusive
	KhpPageLock
	GUPFastPkeyCheck
	GUPSlowPkeyCheck
	GUPRefusesOverflow
	ExpandStackLocked
	GUPLongtermDAX
	FaultFlagsChecked
	ruleCount
)

// Values of the rules that have more than two.
const (
	WPReuseMapcount uint8 = iota
	WPReuseRefcount1
	WPReuseRefcount1SwapDrain
	WPReuseExclusive
)
const (
	DIOInvalidatesNever uint8 = iota
	DIOInvalidatesSubmitted
	DIOInvalidatesWritten
)
const (
	KhpFileCountNone uint8 = iota
	KhpFileCountBefore
	KhpFileCountFreeze
	KhpFileCountCheck
)
const (
	HugeWPMapcount uint8 = iota
	HugeWPLocked
	HugeWPSplit
	HugeWPRefs
)
const (
	SwapinReuseSwapPage uint8 = iota
	SwapinOnWrite
	SwapinIfExclusive
)
const (
	TLBFlushIPI uint8 = iota
	TLBFlushPV
	TLBFlushBroadcast
)
const (
	FileCheckNone uint8 = iota
	FileCheckV7
	FileCheckDoubleRead
	FileCheckFinal
	FileCheckV7Reload
)
const (
	FolioAllowedNone uint8 = iota
	FolioAllowedAfter
	FolioAllowedBefore
)
const (
	SecretmemCheckNone uint8 = iota
	SecretmemCheckBefore
	SecretmemCheckAfter
)
const (
	CompoundNone uint8 = iota
	CompoundRefuse
	CompoundRetry
)
const (
	HugetlbOwnLoop uint8 = iota
	HugetlbOwnWalk
	HugetlbCommonWalk
)
const (
	IOUFileAnonOnly uint8 = iota
	IOUFileAfterPin
	IOUFileGUP
)
const (
	ProtnoneFollow uint8 = iota
	ProtnoneUnlessForced
	ProtnoneIfAsked
)
const (
	LRUDeactivateNone uint8 = iota
	LRUDeactivateAnon
	LRUDeactivateAll
)
const (
	LRUBatch15 uint8 = iota
	LRUBatch31
)
const (
	PTFreeGather uint8 = iota
	PTFreeRCU
	PTFreeImmediate
	PTFreeSemiRCU
)
const (
	RemoverWaitNone uint8 = iota
	RemoverWaitIPI
	RemoverWaitRCU
	RemoverWaitRCUEarly
)
const (
	LazyTLBIPI uint8 = iota
	LazyTLBSkipsPages
	LazyTLBSkipsAll
)
const (
	VMALockNone uint8 = iota
	VMALockAnonymous
	VMALockAny
)
const (
	ForkWrprotectNever uint8 = iota
	ForkWrprotectFirst
	ForkWrprotectLast
)
const (
	LongtermZoneNone uint8 = iota
	LongtermZoneCMA
	LongtermZoneMovable
)
const (
	LongtermDAXNone uint8 = iota
	LongtermDAXHeld
	LongtermDAXOfVMA
)
const UnshareFail uint8 = 2 // of GUPUnshare: what should be unshared is refused

const (
	HasPinnedNone uint8 = iota
	HasPinnedStore
	HasPinnedBit
)
const (
	ZoneTestNone uint8 = iota
	ZoneTestFirst
	ZoneTestHeld
)
const (
	NUMASkipNone uint8 = iota
	NUMASkipPageCount
	NUMASkipPinned
	NUMASkipMapcount
)
const (
	RefcheckNone uint8 = iota
	RefcheckBefore
	RefcheckAfter
)
const (
	ForceDropWrite uint8 = iota
	ForceFollCOW
	ForceExclusive
)
const (
	MprotectNever uint8 = iota
	MprotectDirtyExclusive
	MprotectExclusive
)

const (
	SecondaryTLBsNever uint8 = iota
	SecondaryTLBsEnd
	SecondaryTLBsNotifier
	SecondaryTLBsFlush
)

const (
	NotifierNever uint8 = iota
	NotifierBefore
	NotifierAfter
)
const (
	NotifierPageAfterPTL uint8 = iota
	NotifierRange
)

const (
	PTEReadPlain uint8 = iota
	PTEReadLowHighLow
)
