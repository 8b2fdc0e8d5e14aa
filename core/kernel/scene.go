package kernel

import (
	"cmp"
	"slices"

	"gupscope/core/check"
	"gupscope/core/machine"
)

// New sets a scenario up on a kernel: the machine as it is at the start, the
// kernel's tables, every task before its first shared step. track says which
// ghosts the claims that are judged need.
func New(setup Setup, k Kernel, track machine.Track) *Sim {
	setup = closeFiles(expand(setup, &k))
	k.has = setup.has()
	if v := k.Value(RemoverWait); (v == RemoverWaitRCU || v == RemoverWaitRCUEarly) && setup.merges() {
		k.has |= hasMoves // faults wait at a marker: see write_protect_page
	}
	if k.On(NUMABalancing) {
		k.has |= hasNUMA
	}
	s := &Sim{Kernel: k, Setup: setup, funcs: Bind(&k), actors: makeActors(&setup)}
	s.offer = func(key int) {
		s.choices = append(s.choices, check.Choice{Actor: s.offering, Key: uint16(key)})
	}
	s.statementsAhead()
	if k.On(AnonExclusive) {
		s.exclusive = machine.PGAnonExclusive
	}
	s.sharePinTest = k.On(SharePinTest)
	s.swapRmapFirst = k.On(SwapinRmapFirst)
	s.readSwapinWritable, s.swapStable = k.On(SwapinReadWritable), setup.SwapStable && k.On(SwapinStableWrites)
	s.unshareNonAnon, s.forkClearsSwp = k.On(GUPUnshareNonAnon), k.On(ForkClearsSwpExclusive)
	s.mprotectUnaccounts, s.migrateKeepsWrite = k.On(MprotectUnaccounts), k.On(MigrateKeepsWrite)
	s.vmaLockAny = k.Value(VMALockFaults) == VMALockAny
	s.anonTrylock, s.forkBatches = k.On(AnonVMATrylock), batchesForks(&k)
	s.notifiesUnderPTL = k.Value(SecondaryTLBs) == SecondaryTLBsNotifier
	if k.On(UprobeSplitsPMD) {
		s.uprobeSplits = FollSplitPMD
	}
	s.secretmemRefused, s.longtermFileRefused = k.On(GUPSecretmemCheck), k.On(GUPSlowFileCheck)
	s.unshareKeepsRO, s.forkCopiesAnon = k.On(UnshareKeepsRO), !k.On(ForkPinTest) || k.On(ForkPinTestAnonOnly)
	s.stacks, s.remoteExpands = setup.stacks(), setup.stacks() && k.On(ExpandStackLocked)
	s.daxRefused, s.daxPutBack = k.Value(GUPLongtermDAX) == LongtermDAXOfVMA, setup.onDAX() && k.Value(GUPLongtermDAX) == LongtermDAXHeld
	s.refusesOverflow = k.On(GUPRefusesOverflow) && setup.manyRefs()
	s.gupFastAsksPkey, s.gupAsksPkey = k.On(GUPFastPkeyCheck), k.On(GUPSlowPkeyCheck)
	s.countsPins, s.exactPincount = k.On(FOLLPinCounting), k.On(PincountExactLarge)
	s.pinsAtOnce = s.countsPins && !k.On(GUPPinInTwo)
	s.allowRetry, s.mlocks = setup.retries(), setup.mlocks()
	s.sparesMlocked = s.mlocks && k.On(UnmapSparesMlocked)
	if k.On(GUPRetryKillable) && setup.signals() {
		s.faultKillable = faultKillable
	}
	s.longtermUnlocks, s.unpinChecks = k.On(GUPValidArgs), k.On(UnpinSanityCheck)
	s.rangeTellsTables = k.On(FlushRangeTellsTables)
	s.clearsAtomically, s.clearsPMDAtomically = k.On(PAEClearAtomic), k.On(PAEPMDClearAtomic)
	s.lruBatch = [...]uint64{LRUBatch15: 15, LRUBatch31: 31}[k.Value(LRUBatchSize)]
	s.collapsesShared, s.collapsesCompound, s.collapsesSwapped = k.On(KhpSharedOK), k.On(KhpCompoundOK), k.On(KhpSwapin)
	s.migratesYoungDirty, s.khugepagedTestsExit = k.On(MigrateYoungDirty), k.On(KhugepagedExit)
	s.collapseLocks, s.collapseCountAgain = k.On(KhpPageLock), k.On(CollapseCountAgain)
	s.tracksDirty = k.On(DirtyTracking)
	s.softDirty = k.has&hasSoftDirty != 0
	s.mprotectSoftDirty, s.forceSoftDirty, s.swpSoftDirty = k.On(MprotectAsksSoftDirty), k.On(ForceAsksSoftDirty), k.On(SwpSoftDirty)
	s.deferredPartial, s.fileTHP, s.stopsTruncated = k.On(DeferredSplitPartial), setup.FileTHP(), k.On(KhpFileTruncated)
	s.sharedByCounts, s.copiesLarge = k.On(MadvisePTEBatch), k.On(WPCopiesLarge)
	s.lazyfreeList, s.lruKeepsFlag = k.On(LazyfreeList), k.On(LRUKeepsFlag)
	s.notesMetDirty = k.On(ReclaimMayWritepage) && k.On(ReclaimSeenTwice)
	s.activeAnon = k.Value(LRUDeactivate) == LRUDeactivateAnon
	s.populateInGUP, s.pageoutLeavesYoung, s.pageoutCopies = k.On(PopulateInGUP), k.On(PageoutLeavesYoung), k.On(PageoutPrivateCopies)
	s.hugeWPLocks = k.Value(HugeWP) == HugeWPLocked
	s.forceFollCOW = k.Value(ForceWrite) == ForceFollCOW
	s.hugetlbLoop = k.Value(GUPHugetlbCommonWalk) == HugetlbOwnLoop
	s.hugetlbCommonWalk, s.forceHugetlbRefused, s.dontneedHugetlb = k.Value(GUPHugetlbCommonWalk) == HugetlbCommonWalk, k.On(GUPForceHugetlbRefused), k.On(MadviseDontneedHugetlb)
	s.splitCarriesDirty = k.On(PMDSplitCarriesDirty)
	s.longtermLeavesMovable = k.Value(GUPLongtermZone) == LongtermZoneMovable
	s.guests, s.bound = setup.guestMMs(), setup.boundMMs()
	s.odp, s.odpWritten = setup.odpMMs()
	s.M = machine.New(s.config(track))
	s.ctx = make([]Ctx, len(setup.Tasks))
	for i, t := range setup.Tasks {
		s.ctx[i] = Ctx{M: s.M, CPU: t.CPU, Task: i, MM: t.MM, sim: s}
	}
	s.findDevices()
	s.turns()
	s.scene()
	began := Notes{Mute: true}
	s.Listen(&began)
	for t := range setup.Tasks {
		s.settle(t)
	}
	s.Listen(nil)
	s.Began = began.Went
	s.M.Mem.Forget()
	return s
}

// config is the machine that the setup needs.
func (s *Sim) config(track machine.Track) machine.Config {
	c := machine.Config{
		CPUs: s.Setup.CPUs, Shared: s.Setup.TablesFromFrames, Speculate: s.Setup.Speculate, Turns: s.Setup.Turns, TSO: s.Setup.TSO, Waits: s.Kernel.On(RemoverWait), Generations: s.Kernel.On(TLBGenerations), Track: track,
		Captures: func(fn uint16) int { return s.funcs[fn].captures },
		Locals:   func(fn uint16) int { return len(s.funcs[fn].Locals) },
		StackText: func(v uint64) string {
			if fn := v >> 32; v != 0 {
				return s.funcs[fn].Title
			}
			return "none"
		},
		LocalText: func(task, pc int, fn uint16, i int) string {
			return s.funcs[fn].Title + " " + s.funcs[fn].Locals[i].Name + s.calledAgain(task, pc)
		},
	}
	c.Zones, c.CPUNodes = s.Setup.zones(), s.Setup.CPUNodes
	c.Halves, c.Gigantic = s.Setup.PAE, s.Setup.Gigantic
	c.HugePages, c.LargeFolios, c.Hugetlb, c.KSM = max(s.Setup.HugePages, 2), s.Setup.largeFolios(), s.Setup.hugetlbPages(), s.Setup.merges()
	c.FiveLevels, c.StableSwap, c.Throttled, c.Opens, c.AsyncDIO, c.SoftDirty, c.ShmemPunch = s.Setup.FiveLevels, s.Setup.SwapStable, s.Setup.Throttled, s.Setup.opens(), s.Setup.asyncDIO(), s.softDirty, s.Setup.shmemPunch()
	c.Secondary, c.Intervals = s.guests|s.bound|s.odp != 0, s.odp != 0
	c.Rooms, c.RmapLocks, c.FileTHP = s.Setup.rooms(), s.Setup.rmapLocks(), s.Setup.FileTHP()
	c.KhpPasses = s.Setup.khpPasses()
	c.GUPPages, c.Signals, c.Poison, c.LRUOff, c.Pkeys = s.Setup.gupPages(), s.Setup.signals(), s.Setup.poisons(), s.Setup.MovesPages(), s.Setup.pkeys()
	c.Lazyfree = s.Setup.lazyfrees() && s.lazyfreeList
	c.Deactivate = s.Setup.Advises("MADV_COLD") && s.Kernel.On(LRUDeactivate)
	small, blocks := s.Setup.smallAtStart(), 0
	tables, slots := 0, 0
	for i, mm := range s.Setup.MMs {
		mc := machine.MMConfig{Name: mm.Name, Parent: s.Setup.parent(i), Exits: s.Setup.exits(i)}
		for _, v := range mm.Regions {
			mc.Regions = append(mc.Regions, machine.RegionConfig{Name: v.Name, Kind: v.Kind, Pages: v.Pages, Flags: s.vmFlags(&v), File: v.File, First: v.First, Room: v.Room, Home: v.Home, Gigabyte: v.Gigabyte})
			if v.Gigabyte {
				c.PMDTables++
			}
			if s.Setup.hugetlb(&v) {
				continue
			}
			tables += (v.Pages + c.HugePages - 1) / c.HugePages
			if v.Room {
				continue // its pages are those of its home
			}
			if v.Kind == machine.RegionPFN {
				if mm.Parent == "" {
					c.PFNs += v.Pages
				}
				continue
			}
			slots += v.Pages
			blocks += v.LargeAtStart(c.HugePages) / c.HugePages
		}
		c.MMs = append(c.MMs, mc)
	}
	for n, f := range s.Setup.Files {
		c.Files = append(c.Files, machine.FileConfig{Name: f.Name, Kind: f.Kind, Pages: s.Setup.room(n)})
		switch f.Kind {
		case machine.Shmem:
			slots += s.Setup.room(n)
		case machine.DAX:
			c.DAXPages += len(f.Fill)
		}
	}
	c.Frames = small + s.Setup.Frames
	if c.LargeFolios {
		// The small folios first, then the large ones, then what is free: see holes. Who
		// installs a huge page has a table to deposit before it knows whether it will.
		c.Frames = firstBlock(small, c.HugePages) + blocks*c.HugePages + s.Setup.hugeAtStart() + s.Setup.Frames - 1
		tables += len(s.Setup.Tasks)
	}
	c.FrameZones = s.Setup.frameZones(c.Frames, c.HugePages, c.LargeFolios)
	c.Tables, c.Slots = tables, cmp.Or(s.Setup.Slots, slots)
	if c.Shared {
		c.Frames, c.Tables = c.Frames+tables, 0
	}
	for _, t := range s.Setup.Tasks {
		c.Tasks = append(c.Tasks, machine.TaskConfig{Name: t.Name, CPU: t.CPU, MM: t.MM, Vars: t.Vars, Remote: t.remote()})
	}
	c.Values = s.values()
	return c
}

// values returns every content of the scenario, the empty one first, in the
// order of the file.
func (s *Sim) values() []string {
	out := []string{""}
	add := func(v string) {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	for _, mm := range s.Setup.MMs {
		for _, v := range mm.Regions {
			for _, f := range v.Fill {
				add(f)
			}
		}
	}
	for _, file := range s.Setup.Files {
		for _, f := range file.Fill {
			add(f)
		}
	}
	for _, t := range s.Setup.Tasks {
		for _, st := range t.Body {
			for i, p := range st.Call.Params {
				if p.Stores(st.Args[i]) {
					add(st.Args[i].Value)
				}
			}
		}
	}
	return out
}

// scene builds what there is at the start.
func (s *Sim) scene() {
	m := s.M
	m.Store(m.State(machine.ZeroPage), machine.FrameData)
	m.Store(m.Ref(machine.ZeroPage), 1)
	for cpu, n := range s.Setup.Preempts {
		m.Store(m.Preempts(cpu), uint64(n))
	}
	frame, slot := machine.Frame(1+m.DAXPages), 0
	block, pool, pfn := s.holes(), m.HugetlbFrame(0), m.PFN(0)
	table := m.TableFrame(0)
	if m.Shared {
		table = m.TableFrame(m.PTETableCount() - 1) // from the other end, so that data keeps its frame numbers
	}
	for mm, ms := range s.Setup.MMs {
		s.upperTables(mm)
		if ms.Parent != "" {
			continue // what a child has, fork makes
		}
		m.Store(m.MMState(mm), machine.MMAlive)
		if m.Pkeys {
			m.Store(m.PkeyMap(mm), 1)
		}
		for r, vs := range ms.Regions {
			switch {
			case s.Setup.hugetlb(&vs):
				s.hugetlbRegion(mm, r, &vs, &pool)
				continue
			case vs.Room:
				continue
			}
			for i := range vs.Pages {
				p := m.PageAt(mm, r, i)
				if i >= vs.below() {
					m.Store(m.VMA(p), s.vmFlags(&vs))
				}
				m.Link(p, true)
				if vs.Mergeable {
					s.scanned(p, i, &vs)
				}
				if !s.hugePage(p, i, &vs, table, &block) {
					if i%m.HugePages == 0 && !s.Setup.mapsByPMD(&vs) {
						s.pteTable(p, table)
					}
					if vs.Kind == machine.RegionPFN {
						s.pfnPage(p, i, &vs, table, &pfn)
					} else {
						s.page(p, i, &vs, table, &frame, &slot)
					}
				}
				if p+1 != m.HugeEnd(p) {
					continue
				}
				if m.Shared {
					table--
				} else {
					table++
				}
			}
		}
	}
	s.files(&frame, &slot, &pool, &block)
	s.gigabytes()
	for i, t := range s.Setup.Tasks {
		if m.Pkeys {
			m.Store(m.PKRU(i), machine.InitPKRU)
		}
		if t.MM >= 0 {
			m.Store(m.MMUsers(t.MM), m.Peek(m.MMUsers(t.MM))+1)
			if m.Peek(m.MMState(t.MM)) == machine.MMAlive && s.loads(i) {
				m.SetLoaded(t.CPU, t.MM, true)
			}
		}
	}
}

// upperTables links an mm's tables down to the PMD.
func (s *Sim) upperTables(mm int) {
	m := s.M
	levels := m.UpperLevels()
	for i, level := range levels {
		f := m.Upper(mm, level)
		m.Store(m.State(f), machine.FrameTable)
		m.Store(m.Ref(f), 1)
		if i+1 < len(levels) {
			m.SetEntry(f, 0, machine.MakeTable(m.Upper(mm, levels[i+1])))
		}
	}
	m.Account(m.Root(mm), 1) // by the mm
}

// pteTable hangs a PTE table under an mm's PMD table.
func (s *Sim) pteTable(p machine.PageID, table machine.Frame) {
	m := s.M
	m.Allocate(table, machine.FrameTable)
	m.SetTable(table, p)
	m.SetEntry(m.Upper(m.Pages()[p].MM, machine.LevelPMD), m.Slot(p, machine.LevelPMD), machine.MakeTable(table))
}

// page sets page i of a region up as its state says.
func (s *Sim) page(p machine.PageID, i int, vs *RegionSetup, table machine.Frame, frame *machine.Frame, slot *int) {
	m := s.M
	at, entry := m.Pages()[p], m.Slot(p, machine.LevelPTE)
	if k := i - vs.below(); k < 0 || k >= len(vs.Fill) {
		if vs.Kind == machine.RegionAnon {
			m.Wrote(p, 0)
		}
		return
	}
	content := m.Value(vs.Fill[i-vs.below()])
	s.attachAnon(p)
	m.Wrote(p, content)
	exclusive := s.Kernel.On(SwpExclusive)
	if vs.State == Swapped {
		m.SetEntry(table, entry, machine.MakeSwap(*slot, exclusive))
		m.SetSwapMap(*slot, 1)
		m.Store(m.Disk(*slot), content)
		*slot++
		return
	}
	if vs.State == Merged {
		m.SetEntry(table, entry, machine.MakePTE(s.merged(p, content, frame), 0))
		return
	}
	f := *frame
	*frame++
	m.Allocate(f, machine.FrameData)
	m.Store(m.Contents(f), content)
	m.Store(m.Mapcount(f), 1)
	m.Store(m.Mapping(f), machine.AnonMapping(at.MM, at.Region))
	m.Store(m.Index(f), uint64(i))
	flags := machine.PGUptodate | machine.PGSwapBacked | machine.PGLRU | s.exclusive | s.beginsActive()
	bits := s.mkdirty(0)
	if vs.Writable {
		bits |= machine.RW
	}
	if vs.State == Clean {
		flags |= machine.PGSwapCache
		bits = 0
		if !exclusive {
			flags &^= machine.PGAnonExclusive
		}
		if vs.Writable && s.readSwapinWritable && exclusive {
			bits = machine.RW
		}
		m.Store(m.Ref(f), 2)
		m.Store(m.FolioSwap(f), uint64(*slot)+1)
		m.SetSwapMap(*slot, machine.SwapHasCache)
		m.Store(m.Disk(*slot), content)
		m.SetSwapCache(*slot, machine.MakeHold(f, 1))
		*slot++
	}
	if vs.Held > 0 {
		m.Store(m.Ref(f), m.Load(m.Ref(f))+uint64(vs.Held))
		m.Account(f, vs.Held)
		if s.elsewhere == nil {
			s.elsewhere = map[machine.Frame]int{}
		}
		s.elsewhere[f] = vs.Held
	}
	m.Store(m.Flags(f), flags)
	m.SetEntry(table, entry, machine.MakePTE(f, bits))
}

// parent returns the index of the mm that an mm will be forked from, or -1.
func (s *Setup) parent(mm int) int {
	if s.MMs[mm].Parent == "" {
		return -1
	}
	return slices.IndexFunc(s.MMs, func(m MMSetup) bool { return m.Name == s.MMs[mm].Parent })
}

// vmFlags returns the flags of the VMA that covers a region at the start.
func (s *Sim) vmFlags(v *RegionSetup) uint64 {
	f := machine.VMRead | machine.VMMayRead | machine.VMMayWrite | machine.VMMayExec
	if v.Writable {
		f |= machine.VMWrite
	}
	if v.Kind == machine.RegionFileShared || v.Kind == machine.RegionPFN {
		f |= machine.VMShared | machine.VMMayShare
	}
	if v.Huge {
		f |= machine.VMHugepage
	}
	if v.Stack {
		f |= machine.VMGrowsDown
	}
	if v.Mergeable {
		f |= machine.VMMergeable
	}
	switch {
	case v.Kind == machine.RegionPFN && v.Mixed:
		f |= machine.VMMixedMap
	case v.Kind == machine.RegionPFN:
		f |= machine.VMPFNMap
	}
	if s.Setup.hugetlb(v) {
		f |= machine.VMHugetlb
	}
	return f
}
