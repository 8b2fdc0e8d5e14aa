package machine

import (
	"fmt"

	"gupscope/core/cell"
)

type cellID = cell.ID

func (m *Machine) at(first cell.ID, i int) Word { return Word{first + cell.ID(i)} }

// layout lays all cells out. The order is part of the hash of a state.
func (m *Machine) layout() *cell.Layout {
	l := &cell.Layout{}
	m.layoutFrames(l)
	m.layoutTables(l)
	m.layoutLarge(l)
	m.layoutHugetlb(l)
	m.layoutMMs(l)
	m.layoutCPUs(l)
	m.layoutTurns(l)
	m.layoutStoreBuffers(l)
	m.layoutSwap(l)
	m.layoutFiles(l)
	m.layoutTasks(l)
	m.layoutGhosts(l)
	m.layoutKSM(l)
	m.layoutSecondary(l)
	m.layoutRooms(l)
	m.layoutGigabytes(l)
	m.layoutSignals(l)
	m.layoutIntervals(l)
	m.layoutPoison(l)
	m.layoutPkeys(l)
	return l
}

func numbered(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

func words(names ...string) func(int, uint64) string {
	return func(_ int, v uint64) string {
		if v < uint64(len(names)) {
			return names[v]
		}
		return fmt.Sprint(v)
	}
}

func (m *Machine) layoutFrames(l *cell.Layout) {
	of := func(i int) cell.Instance { return m.OfFrame(Frame(i)) }
	name := func(field string) func(int) string {
		return func(i int) string {
			if m.IsPFN(Frame(i)) {
				return fmt.Sprintf("pfn %d: %s", i, field)
			}
			if !m.IsData(Frame(i)) {
				return fmt.Sprintf("%s: %s", m.TableName(Frame(i)), field)
			}
			return fmt.Sprintf("folio %d: %s", i, field)
		}
	}
	region := func(r cell.Region, field string) cell.ID {
		r.Owner, r.Name = "folio", name(field)
		return l.Add(m.nframe, r)
	}
	add := func(c cell.Class, field string, decode func(int, uint64) string) cell.ID {
		return region(cell.Region{Class: c, Of: of, Decode: decode}, field)
	}
	m.ref = add(Refs, "refcount", func(_ int, v uint64) string { return fmt.Sprint(int32(v)) })
	m.mapcount = add(Mapcounts, "mapcount", nil)
	m.flags = add(Flags, "flags", flagText)
	m.mapping = region(cell.Region{Class: Mappings, Of: of, Names: m.mappingNames, BothWays: true, Decode: func(_ int, v uint64) string {
		if mm := MappingMM(v); mm >= 0 {
			return "anon_vma of " + m.MMs[mm].Name + " " + m.MMs[mm].Regions[MappingRegion(v)].Name
		}
		if f := MappingFile(v); f >= 0 {
			return "file " + m.Files[f].Name
		}
		if n := MappingKSM(v); n >= 0 {
			return fmt.Sprintf("stable node %d", n)
		}
		if IsKSM(v) {
			return "KSM, no stable node"
		}
		return "NULL"
	}}, "mapping")
	m.index = add(Mappings, "index", func(_ int, v uint64) string { return fmt.Sprintf("%#x", v) })
	m.folioSwap = region(cell.Region{Class: Mappings, Of: of, Names: m.swapNames, Decode: func(_ int, v uint64) string {
		if v == 0 {
			return "none"
		}
		return fmt.Sprintf("slot %d", v-1)
	}}, "swap")
	m.content = add(Contents, "content", func(_ int, v uint64) string { return m.Content(v) })
	m.alloc = region(cell.Region{Class: Frames, Decode: words("free", "data", "table", "bad page", "hole", "poisoned", "device")}, "frame") // one object: the allocator goes through all
	m.lockedBy = m.addLocks(l, FolioLock, m.nframe, cell.Region{Class: FolioLocks, Owner: "folio", Of: of, Name: name("PG_locked")})
	m.ledger = region(cell.Region{Class: Ledgers, Of: of, Sum: true}, "references held")
	m.ptes = region(cell.Region{Class: Ledgers, Of: of, Sum: true}, "PTEs that map it")
}

func (m *Machine) layoutTables(l *cell.Layout) {
	n := m.TableCount()
	of := func(i int) cell.Instance { return m.OfFrame(m.TableFrame(i)) }
	ofMM := func(mm int) cell.Instance { return m.OfMM(mm) }
	table := func(format string) func(int) string {
		return func(i int) string { return fmt.Sprintf(format, m.TableName(m.TableFrame(i))) }
	}
	m.upper = l.Add(len(m.levels)*len(m.MMs)*m.upperWidth, cell.Region{Class: PMDs, Owner: "walk", Name: m.upperName, Decode: upperText, Names: m.entryNames, Of: func(i int) cell.Instance {
		return m.OfMM(i / m.upperWidth % len(m.MMs))
	}})
	ptes := m.PTETableCount()
	m.entry = l.Add(ptes*m.width, cell.Region{Class: PTEs, Owner: "walk", Name: m.entryName, Decode: entryText, Names: m.entryNames, Of: func(i int) cell.Instance { return of(i / m.width) }})
	l.Add((n-ptes)*m.width, cell.Region{Class: PMDs, Owner: "walk", Decode: upperText, Names: m.entryNames, // behind the others: see Entry
		Name: func(i int) string { return m.entryName(ptes*m.width + i) }, Of: func(i int) cell.Instance { return of(ptes + i/m.width) }})
	ptl := table("PTL of the %s")
	m.ptl = m.addLocks(l, PTLock, ptes, cell.Region{Class: PTLs, Of: of, Name: ptl})
	m.addLocks(l, PMDLock, n-ptes, cell.Region{Class: PTLs, Name: func(i int) string { return ptl(ptes + i) }, Of: func(i int) cell.Instance { return of(ptes + i) }}) // behind the others: see PTL
	m.pmdLock = m.addLocks(l, PMDLock, len(m.MMs), cell.Region{Class: PTLs, Of: ofMM, Name: func(i int) string { return m.pmdLockName() + " of " + m.MMs[i].Name }})
	m.tableOf = l.Add(n, cell.Region{Class: Frames, Owner: "walk", Name: func(i int) string {
		return fmt.Sprintf("table frame %d: owner", m.TableFrame(i))
	}, Decode: func(_ int, v uint64) string {
		if v > ownerFile {
			return m.filePages[v-ownerFile-1].Name
		}
		p, ok := decodeOwner(v)
		if !ok {
			return "nobody"
		}
		return m.tableText(p)
	}})
	m.rcu = l.Add(m.GoingTables(), cell.Region{Class: RCU, Owner: "rcu", Name: func(i int) string { return fmt.Sprintf("RCU callback of the %s", m.TableName(m.GoingTable(i))) }, Decode: rcuText})
}

// pmdLockName is what people call the lock of the entries that map huge pages. Compare include/linux/hugetlb.h:huge_pte_lockptr.
func (m *Machine) pmdLockName() string {
	if m.Gigantic {
		return "page_table_lock"
	}
	return "PMD lock"
}

func (m *Machine) upperName(i int) string {
	level := m.levels[i/(len(m.MMs)*m.upperWidth)]
	mm := i / m.upperWidth % len(m.MMs)
	if level == LevelPMD || m.Gigantic && level == LevelPUD {
		for r := len(m.pmds[mm]) - 1; r >= 0; r-- {
			if k := i%m.upperWidth - m.pmds[mm][r]; k >= 0 && k < m.regionPMDs(&m.MMs[mm].Regions[r]) {
				return LevelName(level) + " of " + m.tableText(m.PageAt(mm, r, k*m.pagesPerPMD(&m.MMs[mm].Regions[r])))
			}
		}
	}
	return fmt.Sprintf("%s[%d] of %s", LevelName(level), m.AddressBits(mmapBase, level)+i%m.upperWidth, m.MMs[mm].Name)
}

func (m *Machine) entryName(i int) string {
	t := m.TableFrame(i / m.width)
	if p, ok := m.Leaf(t, i%m.width); ok {
		return "PTE of " + m.pages[p].Name
	}
	if v := m.Peek(m.TableOf(t)); v > ownerFile && int(v-ownerFile-1)+i%m.width < len(m.filePages) {
		return "PMD of " + m.filePages[int(v-ownerFile-1)+i%m.width].Name
	}
	return fmt.Sprintf("%s[%d]", m.TableName(t), i%m.width)
}

func (m *Machine) layoutMMs(l *cell.Layout) {
	n := len(m.MMs)
	add := func(c cell.Class, owner, field string, decode func(int, uint64) string) cell.ID {
		return l.Add(n, cell.Region{Class: c, Owner: owner, Of: m.OfMM, Name: func(i int) string { return m.MMs[i].Name + " " + field }, Decode: decode})
	}
	m.mmapLock = m.addRWLocks(l, MmapLock, n, cell.Region{Class: MMLocks, Of: m.OfMM, Name: func(i int) string { return m.MMs[i].Name + " mmap_lock" }})
	m.writeProtectSeq = add(MMs, "mm", "write_protect_seq", nil)
	m.mmFlags = add(MMs, "mm", "flags", words("none", "MMF_HAS_PINNED", "MMF_VM_MERGE_ANY", "MMF_HAS_PINNED MMF_VM_MERGE_ANY"))
	m.flushPending = add(MMs, "mm", "tlb_flush_pending", nil)
	m.batched = add(MMs, "mm", "tlb_flush_batched", func(_ int, v uint64) string { return [...]string{"flushed", "pending"}[v&1] })
	if m.KhpPasses {
		m.pteMappedTHP = add(MMs, "mm", "huge pages of files that khugepaged has noted", func(i int, v uint64) string { return m.notedText(i, v) })
	}
	m.mmState = add(MMs, "mm", "state", words("not forked yet", "alive", "exited"))
	m.mmUsers = add(MMs, "mm", "mm_users", nil)
	m.cpumask = add(MMs, "mm", "cpumask", func(_ int, v uint64) string { return cpuSet(v) })
	region := func(what string) func(int) string {
		return func(i int) string {
			if mm := m.MMs[i/m.regions]; i%m.regions < len(mm.Regions) {
				return what + " of " + mm.Name + " " + mm.Regions[i%m.regions].Name
			}
			return "no region"
		}
	}
	of := func(i int) cell.Instance { return m.OfMM(i / m.regions) }
	m.vmaLock = m.addRWLocks(l, VMALock, n*m.regions, cell.Region{Class: MMLocks, Of: of, Name: region("VMA lock")})
	m.anonVMA = l.Add(n*m.regions*m.anonWords, cell.Region{Class: VMAs, Owner: "mm", Of: func(i int) cell.Instance { return of(i / m.anonWords) }, Name: func(i int) string { return region("anon_vma")(i / m.anonWords) }, Decode: m.anonText})
	if m.RmapLocks && len(m.Files) > 0 {
		m.linked = l.Add(n*m.regions, cell.Region{Class: VMAs, Owner: "mm", Of: of, Name: region("i_mmap"), Decode: linkedText})
	}
	m.vma = l.Add(len(m.pages), cell.Region{Class: VMAs, Owner: "mm", Of: func(i int) cell.Instance { return m.OfMM(m.pages[i].MM) }, Name: func(i int) string { return "VMA " + m.pages[i].Name }, Decode: vmaText})
}

func (m *Machine) layoutCPUs(l *cell.Layout) {
	region := func(r cell.Region, field string) cell.ID {
		r.Owner, r.Name = "cpu", func(i int) string { return fmt.Sprintf("cpu%d %s", i, field) }
		return l.Add(m.CPUs, r)
	}
	add := func(c cell.Class, field string, decode func(int, uint64) string) cell.ID {
		return region(cell.Region{Class: c, Of: m.OfCPU, Decode: decode}, field)
	}
	m.irqOff = add(IRQs, "irq", words("on", "off"))
	m.ipi = add(IPIs, "IPI from", func(_ int, v uint64) string { return cpuSet(v) })
	m.request = region(cell.Region{Class: IPIs, Decode: func(_ int, v uint64) string { // one object: who starts a generation goes through all
		if v == 0 {
			return "none"
		}
		f := decodeFlush(v)
		switch {
		case f.MM < 0:
			return "all that was unmapped"
		case f.First == f.Last:
			return m.pages[f.First].Name
		}
		return m.pages[f.First].Name + " to " + m.pages[f.Last].Name
	}}, "flush request")
	m.steal = add(Steal, "host", stealText)
	m.preempts = add(Steal, "preemptions left", nil)
	m.walker = region(cell.Region{Class: TLBs, Of: m.OfCPU, Names: m.walkerNames, Private: true, Decode: func(_ int, v uint64) string {
		if v == 0 {
			return "idle"
		}
		return "in table " + Entry(v).String()
	}}, "walker")
	m.tlb = l.Add(m.CPUs*len(m.pages), cell.Region{Class: TLBs, Owner: "tlb", Name: func(i int) string {
		return fmt.Sprintf("cpu%d TLB: %s", i/len(m.pages), m.pages[i%len(m.pages)].Name)
	}, Decode: entryText, Names: m.entryNames, Private: true, Of: func(i int) cell.Instance { return m.OfCPU(i / len(m.pages)) }})
	m.behind = l.Add(m.CPUs*len(m.MMs), cell.Region{Class: MMs, Owner: "cpu", Name: func(i int) string {
		return fmt.Sprintf("cpu%d TLB generations behind %s", i/len(m.MMs), m.MMs[i%len(m.MMs)].Name)
	}, Of: func(i int) cell.Instance { return m.OfMM(i % len(m.MMs)) }})
	m.layoutLRU(l)
}

func (m *Machine) layoutSwap(l *cell.Layout) {
	m.swapMap = l.Add(m.Slots, cell.Region{Class: Swap, Owner: "slot", Of: m.OfSlot, Name: numbered("swap slot %d: count"), Decode: swapMapText})
	m.swapCache = l.Add(m.Slots, cell.Region{Class: SwapCache, Owner: "slot", Of: m.OfSlot, Names: m.entryNames, Name: numbered("swap slot %d: in the swap cache"), Decode: holdText})
	m.disk = l.Add(m.Slots, cell.Region{Class: Disk, Owner: "slot", Of: m.OfSlot, Name: numbered("swap slot %d: on disk"), Decode: func(_ int, v uint64) string { return m.Content(v) }})
	m.zeromap = l.Add(m.Slots, cell.Region{Class: Disk, Owner: "slot", Of: m.OfSlot, Name: numbered("swap slot %d: zeromap"), Decode: words("clear", "set")})
	m.io = l.Add(m.Slots, cell.Region{Class: Disk, Owner: "slot", Of: m.OfSlot, Name: numbered("swap slot %d: write"), Decode: words("idle", "submitted", "written")})
}

func (m *Machine) layoutFiles(l *cell.Layout) {
	page := func(c cell.Class, field string, decode func(int, uint64) string) cell.ID {
		return l.Add(len(m.filePages), cell.Region{Class: c, Owner: "file", Name: func(i int) string { return m.filePages[i].Name + ": " + field }, Decode: decode})
	}
	m.cacheSlot = l.Add(len(m.filePages), cell.Region{Class: PageCache, Owner: "file", Names: m.entryNames, Name: func(i int) string {
		if m.Files[m.filePages[i].File].Kind == DAX {
			return m.filePages[i].Name + ": page of the device"
		}
		return m.filePages[i].Name + ": page cache"
	}, Decode: cacheSlotText})
	m.tags = page(PageCache, "tags", tagsText)
	if m.FileTHP {
		m.collapsing = l.Add(len(m.filePages), cell.Region{Class: PageCache, Owner: "file", Names: m.entryNames, Name: func(i int) string { return m.filePages[i].Name + ": old page, being collapsed" }, Decode: holdText})
	}
	m.block = page(Blocks, "on disk", m.blockText)
	m.blockIO = page(Blocks, "write", words("idle", "submitted", "written"))
	name := func(field string) func(int) string {
		return func(i int) string { return m.Files[i].Name + ": " + field }
	}
	file := func(c cell.Class, owner, field string, decode func(int, uint64) string) cell.ID {
		return l.Add(len(m.Files), cell.Region{Class: c, Owner: owner, Name: name(field), Decode: decode})
	}
	m.size = file(Inodes, "file", "i_size", sizeText)
	m.inodeLock = m.addRWLocks(l, InodeLock, len(m.Files), cell.Region{Class: InodeLocks, Name: name("i_rwsem")})
	m.invalidateLock = m.addRWLocks(l, InvalidateLock, len(m.Files), cell.Region{Class: InodeLocks, Name: name("invalidate_lock")})
	m.inode = file(Inodes, "file", "inode", words("alive", "evicted", "freed"))
	m.inodeRCU = file(RCU, "rcu", "RCU callback of the inode", rcuText)
	if m.Throttled || m.Opens {
		m.filePins = file(Inodes, "file", "references of faults, and of who has it open", nil)
	}
	if m.ShmemPunch {
		// Who faults waits for who punches, as for a lock of the page.
		m.falloc = m.addLocks(l, FallocWait, len(m.filePages), cell.Region{Class: Inodes, Name: func(i int) string { return m.filePages[i].Name + ": shmem_falloc" }})
	}
	if m.AsyncDIO {
		m.directIO = page(Inodes, "direct I/O in flight", directIOText)
	}
	if len(m.Files) > 0 {
		m.buffers = l.Add(m.nframe, cell.Region{Class: Buffers, Owner: "folio", Of: func(i int) cell.Instance { return m.OfFrame(Frame(i)) }, Name: numbered("folio %d: buffers"), Decode: buffersText})
	}
}

func (m *Machine) layoutTasks(l *cell.Layout) {
	n := len(m.Config.Tasks)
	name := func(i int) string { return m.Config.Tasks[i].Name }
	region := func(r cell.Region, field string) cell.ID {
		r.Owner, r.Of, r.Name = "task", m.OfTask, func(i int) string { return name(i) + " " + field }
		return l.Add(n, r)
	}
	add := func(c cell.Class, field string, decode func(int, uint64) string) cell.ID {
		return region(cell.Region{Class: c, Decode: decode}, field)
	}
	m.ubc = region(cell.Region{Class: Batches, Names: m.ubcNames, Private: true, Decode: func(_ int, v uint64) string {
		if v&UBCRequired == 0 {
			return "none"
		}
		return cpuSet(UBCMask(v))
	}}, "flush put off")
	m.gathers = add(Stacks, "mmu_gather: pages", nil)
	m.gather = l.Add(n*m.gatherMax, cell.Region{Class: Stacks, Owner: "task", Of: func(i int) cell.Instance { return m.OfTask(i / m.gatherMax) }, Names: m.entryNames, Private: true, Name: func(i int) string {
		return fmt.Sprintf("%s mmu_gather[%d]", name(i/m.gatherMax), i%m.gatherMax)
	}, Decode: holdText})
	if m.GatherFull {
		m.gatherStart = add(Stacks, "mmu_gather: start", nil)
	}
	m.gatherTables = add(Stacks, "mmu_gather: tables", nil)
	m.gatherTable = l.Add(n*m.tableMax, cell.Region{Class: Stacks, Owner: "task", Of: func(i int) cell.Instance { return m.OfTask(i / m.tableMax) }, Names: m.entryNames, Private: true, Name: func(i int) string {
		return fmt.Sprintf("%s mmu_gather table[%d]", name(i/m.tableMax), i%m.tableMax)
	}, Decode: holdText})
	if m.Waits {
		m.gracePeriod = l.Add(n, cell.Region{Class: RCU, Owner: "rcu", Name: func(i int) string { return name(i) + " grace period" }, Decode: rcuText})
	}
	m.done = add(Ends, "finished", words("no", "yes"))
	m.pc = add(Stacks, "statement", nil)
	m.depth = add(Stacks, "call depth", nil)
	m.ret = add(Stacks, "returned", nil)
	if m.GUPPages > 1 {
		m.gupGot = add(Stacks, "nr_pinned", nil)
	}
	m.gupPages = l.Add(n*m.GUPPages, cell.Region{Class: Stacks, Owner: "task", Of: func(i int) cell.Instance { return m.OfTask(i / m.GUPPages) }, Names: m.entryNames, Private: true, Name: func(i int) string {
		return fmt.Sprintf("%s pages[%d]", name(i/m.GUPPages), i%m.GUPPages)
	}, Decode: holdText})
	m.stack = l.Add(n*MaxDepth, cell.Region{Class: Stacks, Owner: "task", Of: func(i int) cell.Instance { return m.OfTask(i / MaxDepth) }, Name: func(i int) string {
		return fmt.Sprintf("%s stack[%d]", name(i/MaxDepth), i%MaxDepth)
	}, Decode: func(_ int, v uint64) string { return m.StackText(v) }})
	m.local = l.Add(n*MaxLocals, cell.Region{Class: Stacks, Owner: "task", Of: func(i int) cell.Instance { return m.OfTask(i / MaxLocals) }, Names: m.entryNames, Private: true, Name: func(i int) string {
		t := i / MaxLocals
		for d := int(m.Peek(m.Depth(t))) - 1; d >= 0; d-- {
			if a := decodeActivation(m.Peek(m.stackWord(t, d))); i%MaxLocals >= a.base {
				if k := i%MaxLocals - a.base; k < m.Config.Locals(a.Fn) {
					within := ""
					for e := range d { // a function that has come to itself
						if decodeActivation(m.Peek(m.stackWord(t, e))).Fn == a.Fn {
							within += ", inner"
						}
					}
					return name(t) + " " + m.LocalText(t, int(m.Peek(m.PC(t))), a.Fn, k) + within
				}
				break
			}
		}
		return fmt.Sprintf("%s local %d", name(t), i%MaxLocals)
	}, Decode: func(_ int, v uint64) string { return fmt.Sprintf("%#x", v) }})
	var vars []string
	var of []int
	for i, t := range m.Config.Tasks {
		for _, v := range t.Vars {
			vars, of = append(vars, t.Name+" "+v), append(of, i)
		}
	}
	m.vars = l.Add(m.nvar, cell.Region{Class: Vars, Owner: "task", Of: func(i int) cell.Instance { return m.OfTask(of[i]) }, Names: m.varNames, Private: true,
		Name: func(i int) string { return vars[i] }, Decode: func(_ int, v uint64) string { return m.ResultText(v) }})
	m.varAt = l.Add(m.nvar, cell.Region{Class: Ghosts, Owner: "ghost", Of: func(i int) cell.Instance { return m.ofMMOf(of[i]) },
		Name: func(i int) string { return vars[i] + ": where it was got" }})
}

// ResultText is a variable's value in words.
func (m *Machine) ResultText(v uint64) string {
	r := DecodeResult(v)
	switch r.Kind {
	case IsPage:
		return r.Page.String()
	case IsErrno:
		return ErrnoName(r.Errno)
	case IsSignal:
		return SignalName(r.Errno)
	case IsNumber:
		return fmt.Sprint(r.Errno)
	case IsContent:
		return m.Content(r.Content)
	}
	return "not set"
}

// SignalName is a signal as people write it: "SIGSEGV".
func SignalName(signal int) string {
	switch signal {
	case 7:
		return "SIGBUS"
	case 11:
		return "SIGSEGV"
	case 255:
		return "BUG"
	}
	return fmt.Sprintf("signal %d", signal)
}

// ErrnoName is an error as the kernel writes it: "-EFAULT".
func ErrnoName(errno int) string {
	switch errno {
	case 0:
		return "0"
	case 2:
		return "-ENOENT"
	case 3:
		return "-ESRCH"
	case 5:
		return "-EIO"
	case 11:
		return "-EAGAIN"
	case 12:
		return "-ENOMEM"
	case 13:
		return "-EACCES"
	case 14:
		return "-EFAULT"
	case 16:
		return "-EBUSY"
	case 17:
		return "-EEXIST"
	case 19:
		return "-ENODEV"
	case 22:
		return "-EINVAL"
	case 28:
		return "-ENOSPC"
	case 29:
		return "-ESPIPE"
	case 95:
		return "-EOPNOTSUPP"
	case 133:
		return "-EHWPOISON"
	}
	return fmt.Sprintf("-%d", errno)
}

func (m *Machine) layoutGhosts(l *cell.Layout) {
	n := len(m.Config.Tasks)
	of := func(room int) func(i int) cell.Instance {
		return func(i int) cell.Instance { return m.ofMMOf(i / room) }
	}
	m.gupAt = l.Add(n*m.GUPPages, cell.Region{Class: Ghosts, Owner: "ghost", Of: of(m.GUPPages), Name: func(i int) string {
		return fmt.Sprintf("%s GUP call: pages[%d] is for", m.Config.Tasks[i/m.GUPPages].Name, i%m.GUPPages)
	}})
	m.gupSeen = l.Add(n*m.GUPPages*seenRoom, cell.Region{Class: Ghosts, Owner: "ghost", Of: of(m.GUPPages * seenRoom), Names: m.entryNames, Private: true, Name: func(i int) string {
		return fmt.Sprintf("%s frames mapped during the call for pages[%d] [%d]", m.Config.Tasks[i/seenRoom/m.GUPPages].Name, i/seenRoom%m.GUPPages, i%seenRoom)
	}, Decode: holdText})
	m.gupAfter = l.Add(n*m.GUPPages, cell.Region{Class: Ghosts, Owner: "ghost", Of: of(m.GUPPages), Names: m.entryNames, Private: true, Name: func(i int) string {
		return fmt.Sprintf("%s GUP call: pages[%d] was given up, and is mapped again", m.Config.Tasks[i/m.GUPPages].Name, i%m.GUPPages)
	}, Decode: holdText})
	m.value = l.Add(len(m.pages), cell.Region{Class: Ghosts, Owner: "ghost", Of: func(i int) cell.Instance { return m.OfMM(m.pages[i].MM) }, Name: func(i int) string { return m.pages[i].Name + " should read" }, Decode: func(_ int, v uint64) string {
		if v == 0 || v == discarding {
			return "anything"
		}
		return m.Content(v&^byDevice - 1)
	}})
	m.forking = l.Add(len(m.MMs), cell.Region{Class: Ghosts, Owner: "ghost", Of: m.OfMM, Name: func(i int) string { return m.MMs[i].Name + " is being forked" }, Decode: func(_ int, v uint64) string {
		if v &= 1<<mmBits - 1; v == 0 {
			return "no"
		}
		return "to " + m.MMs[v-1].Name
	}})
	m.fileValue = l.Add(len(m.filePages), cell.Region{Class: Ghosts, Owner: "ghost", Name: func(i int) string { return m.filePages[i].Name + " should hold" }, Decode: m.fileShouldText})
	if len(m.Files) > 0 || m.StableSwap {
		m.notice = l.Add(m.nframe, cell.Region{Class: Ghosts, Owner: "ghost", Of: func(i int) cell.Instance { return m.OfFrame(Frame(i)) }, Name: numbered("folio %d: what its file system knows"), Decode: noticeText})
	}
	if m.Track.Stores {
		m.storer = l.Add(m.nframe, cell.Region{Class: Ghosts, Owner: "ghost", Of: func(i int) cell.Instance { return m.OfFrame(Frame(i)) }, Name: numbered("folio %d: who stored to it last"), Decode: func(_ int, v uint64) string {
			if v == 0 {
				return "nobody"
			}
			return fmt.Sprintf("%s, when it had been forked %d times", m.MMs[v&(1<<mmBits-1)-1].Name, v>>mmBits)
		}})
	}
	if m.SoftDirty {
		m.watched = l.Add(len(m.pages), cell.Region{Class: Ghosts, Owner: "ghost", Of: func(i int) cell.Instance { return m.OfMM(m.pages[i].MM) }, Name: func(i int) string { return m.pages[i].Name + " is watched" }, Decode: words("no", "yes")})
	}
	m.alarm = l.Add(int(Alarms), cell.Region{Class: Ghosts, Owner: "ghost", Name: numbered("alarm %d"), Decode: m.alarmText})
	m.layoutCopies(l)
	m.layoutSwapGhosts(l)
}
