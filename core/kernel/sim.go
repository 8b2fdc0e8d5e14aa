package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/machine"
)

// A Sim is a scenario on a kernel: the machine, the bound tables and the
// actors. With the claims that package claim adds it is a check.Model.
type Sim struct {
	M      *machine.Machine
	Kernel Kernel
	Setup  Setup
	Began  []Hop // local steps that the tasks have made before anything happens

	funcs   []Bound
	ctx     []Ctx     // per task
	actors  []Actor   // the tasks first
	devices []int     // of the others, those that can ever move
	after   [][]Ahead // by task and statement; see statementsAhead

	// What Choices is about; kept here because a function made for every call would be garbage.
	choices  []check.Choice
	offering uint16
	offer    func(key int)

	elsewhere map[machine.Frame]int // see Elsewhere

	half     halfWritten // what the step under way has stored half of
	wentBack bool        // see WentBack

	exclusive         uint64 // PG_anon_exclusive, in kernels that have it
	sharePinTest      bool   // see the rule share_pin_test
	splitCarriesDirty bool   // see the rule pmd_split_carries_dirty
	lruBatch          uint64 // see the rule lru_batch_size
	// See the rules khp_shared_ok and khp_compound_ok.
	collapsesShared, collapsesCompound, collapsesSwapped bool
	khugepagedTestsExit                                  bool // see the rule khugepaged_exit
	migratesYoungDirty                                   bool // see the rule migrate_young_dirty
	tracksDirty                                          bool // who stores to a shared page of a file asks its file system before
	stopsTruncated                                       bool // khugepaged leaves a range of a file that has no page any more
	fileTHP                                              bool // pages of files may be collapsed into huge ones
	deferredPartial                                      bool // see the rule deferred_split_partial
	sharedByCounts                                       bool // see the rule madvise_pte_batch
	copiesLarge                                          bool // see the rule wp_copies_large
	populateInGUP                                        bool // see the rule populate_in_gup
	pageoutCopies                                        bool // see the rule pageout_private_copies
	pageoutLeavesYoung                                   bool // see the rule pageout_leaves_young
	mlocks                                               bool // see Setup.mlocks
	sparesMlocked                                        bool // mlocks, and see the rule unmap_spares_mlocked
	lazyfreeList                                         bool // see the rule lazyfree_list
	notesMetDirty                                        bool // reclaim notes that it has met a page of a file dirty: see the rule reclaim_seen_twice
	lruKeepsFlag                                         bool // see the rule lru_batch_keeps_flag
	activeAnon                                           bool // see the rule lru_deactivate
	hugeWPLocks                                          bool // see the rule huge_wp_rule
	forceFollCOW                                         bool // see the rule force_write_rule
	readSwapinWritable                                   bool // see the rule swapin_read_maps_writable
	notifiesUnderPTL                                     bool // a copy in a page's place is told to secondary TLBs under the page-table lock: see the rule secondary_tlbs
	forkBatches                                          bool // see the rule fork_pte_batch
	vmaLockAny                                           bool // see the rule vma_lock_faults: any fault may be made under the VMA's own lock
	anonTrylock                                          bool // see the rule anon_vma_trylock
	mprotectUnaccounts                                   bool // see the rule mprotect_unaccounts
	migrateKeepsWrite                                    bool // see the rule migrate_keeps_write
	softDirty                                            bool // somebody watches what is written to: entries have the bit
	// See the rules mprotect_asks_soft_dirty, force_asks_soft_dirty and swp_soft_dirty.
	mprotectSoftDirty, forceSoftDirty, swpSoftDirty bool
	swapRmapFirst                                   bool // see the rule swapin_rmap_first
	blocks                                          int  // how many the disk has that the files may use
	swapStable                                      bool // see the rule swapin_stable_writes; and the swap device is such
	collapseLocks                                   bool // see the rule khp_page_lock
	collapseCountAgain                              bool // see the rule collapse_count_again
	// See the rule gup_longterm_zone.
	longtermLeavesMovable bool
	// See the rules gup_secretmem_check, gup_slow_file_check and unshare_non_anon.
	secretmemRefused, longtermFileRefused, unshareNonAnon, forkClearsSwp bool
	rangeTellsTables                                                     bool   // see the rule flush_range_tells_tables
	clearsAtomically, clearsPMDAtomically                                bool   // see the rules pae_clear_atomic and pae_pmd_clear_atomic
	pinsAtOnce                                                           bool   // GUP-fast takes a pin's references with one addition: see the rule gup_pin_in_two
	countsPins, exactPincount                                            bool   // see the rules foll_pin_counting and pincount_exact_large
	longtermUnlocks                                                      bool   // see the rule gup_valid_args
	unpinChecks                                                          bool   // see the rule unpin_sanity_check
	uprobeSplits                                                         uint64 // FollSplitPMD, see the rule uprobe_splits_pmd
	allowRetry                                                           uint64 // see Setup.retries
	stacks, remoteExpands                                                bool   // a mapping grows down; and access_remote_vm has it do so, not GUP: see the rule expand_stack_locked
	daxRefused, daxPutBack                                               bool   // see the rule gup_longterm_dax
	refusesOverflow                                                      bool   // see the rule gup_refuses_overflow; and a count may overflow
	gupFastAsksPkey, gupAsksPkey                                         bool   // see the rules gup_fast_pkey_check and gup_slow_pkey_check
	faultKillable                                                        uint64 // faultKillable, see the rule gup_retry_killable
	// See the rules unshare_keeps_ro, fork_pin_test_anon_only.
	unshareKeepsRO, forkCopiesAnon bool
	guests, bound                  uint64 // the mms that are guests' memory, and that devices are bound to, as bits
	odp, odpWritten                uint64 // the mms whose memory a device pages on demand, and may write to
	// See the rules gup_hugetlb_walk, gup_force_hugetlb_refused and madvise_dontneed_hugetlb.
	hugetlbCommonWalk, hugetlbLoop, forceHugetlbRefused, dontneedHugetlb bool
}

// Funcs returns the tables as this kernel has them, by FuncID; unused numbers
// have no Func.
func (s *Sim) Funcs() []Bound { return s.funcs }

// Elsewhere is how many references on a frame's folio somebody has of whom nothing else is known, and keeps.
func (s *Sim) Elsewhere(f machine.Frame) int { return s.elsewhere[f] }

// Memory is the state of the machine.
func (s *Sim) Memory() *cell.Memory { return s.M.Mem }

// Choices appends all that can happen now: every actor that is ready, with
// every value its step can be made with.
func (s *Sim) Choices(dst []check.Choice) []check.Choice {
	s.choices = dst
	for t := range s.ctx {
		s.offering = uint16(t)
		s.offers(t, s.offer)
	}
	interrupts := s.M.Interrupts()
	for _, i := range s.devices {
		if interrupts || s.actors[i].Kind != InterruptActor {
			s.offering = uint16(i)
			s.offers(i, s.offer)
		}
	}
	dst, s.choices = s.choices, nil
	return dst
}

// Do makes the choice happen.
func (s *Sim) Do(c check.Choice) {
	a := &s.actors[c.Actor]
	switch a.Kind {
	case TaskActor:
		s.doTask(a.Task, int(c.Key))
	case InterruptActor:
		s.doInterrupt(a.CPU, int(c.Key))
	case WalkerActor:
		s.doSpeculate(a.CPU, machine.PageID(c.Key))
	case StoreBufferActor:
		s.M.Drain(a.CPU)
	case HypervisorActor:
		s.doHypervisor(a.CPU)
	case RCUActor:
		s.doRCU(machine.Frame(c.Key))
	case DiskActor:
		s.doDisk(int(c.Key))
	case FileDiskActor:
		s.doFileDisk(machine.Pgoff(c.Key))
	}
}

// Done reports whether every task has finished.
func (s *Sim) Done() bool {
	for t := range s.Setup.Tasks {
		if s.M.Load(s.M.Done(t)) == 0 {
			return false
		}
	}
	return s.M.AllDrained()
}

// offers calls f with every key the actor can move with now; not at all if it
// cannot move.
func (s *Sim) offers(actor int, f func(key int)) {
	a := &s.actors[actor]
	if a.Kind != TaskActor {
		s.deviceOffers(a, f)
		return
	}
	s.M.As(a.CPU, false)
	s.taskOffers(a, f)
	s.M.As(-1, false)
}

// taskOffers is offers for a task.
func (s *Sim) taskOffers(a *Actor, f func(key int)) {
	st, c := s.coming(a.Task)
	if st == nil || !s.running(a.CPU) || !s.born(a.Task) || s.Setup.TSO && !s.ordered(a.CPU, st).Ready() {
		return
	}
	if st.Wait != nil && !st.Wait(c).Ready() || s.out(a.Task) && !s.mayTake(a.Task) {
		return
	}
	if st.Choose == nil {
		f(0)
		return
	}
	st.Choose(c, f)
}

// born reports whether a task may begin: the mm that it runs in is there already, and the task that it comes after has ended.
func (s *Sim) born(task int) bool {
	t := &s.Setup.Tasks[task]
	if t.After > 0 && s.M.Load(s.M.Done(t.After-1)) == 0 {
		return false
	}
	mm := t.MM
	return mm < 0 || s.M.MMs[mm].Parent < 0 || s.M.Load(s.M.MMState(mm)) != machine.MMNone
}

// running reports whether the host lets the CPU run.
func (s *Sim) running(cpu int) bool {
	return s.M.Load(s.M.Steal(cpu))&machine.StealPreempted == 0
}

// coming returns the shared step that a task makes next and the context to make
// it in; nil when it has finished. One that is not running takes the CPU next.
func (s *Sim) coming(task int) (*Step, *Ctx) {
	st, c := s.inner(task)
	if st != nil && s.out(task) {
		return &s.funcs[fnContextSwitch].Steps[0], c
	}
	return st, c
}

// inner is coming as if the task ran.
func (s *Sim) inner(task int) (*Step, *Ctx) {
	d := int(s.M.Load(s.M.Depth(task)))
	if d == 0 {
		return nil, nil
	}
	c := &s.ctx[task]
	c.level = d - 1
	a := s.M.Activation(task, c.level)
	return &s.funcs[a.Fn].Steps[a.Step], c
}

// doTask makes the task's next shared step and the local ones behind it.
func (s *Sim) doTask(task, key int) {
	if s.M.TakesTurns(s.Setup.Tasks[task].CPU) {
		s.turn(task)
	}
	st, c := s.coming(task)
	c.Key = key
	s.M.As(c.CPU, st.Order == Plain)
	if st.Order == Beside {
		s.M.As(-1, false)
	}
	s.act(task, st, c)
	c.tellHalf(st)
	s.otherHalf(task)
	s.M.As(c.CPU, false)
	s.settle(task)
	s.M.As(-1, false)
}

// act makes a step, and takes the task to where it said.
func (s *Sim) act(task int, st *Step, c *Ctx) {
	if c.notes == nil {
		s.proceed(task, st.Do(c))
		return
	}
	a := s.M.Activation(task, c.level)
	h := Hop{Fn: FuncID(a.Fn), From: int(a.Step)}
	before := c.notes.Said
	c.notes.Said, c.notes.form = "", ""
	n := st.Do(c)
	h.Form = c.notes.form
	c.notes.Told = append(c.notes.Told, c.notes.Said)
	if c.notes.Said == "" {
		c.notes.Said = before
	}
	switch n {
	case Then:
		h.To = h.From + 1
	case Return:
		h.To = end
	case called:
		h.To = int(s.M.Activation(task, c.level).Step)
		h.Called = FuncID(s.M.Activation(task, c.level+1).Fn)
	default:
		h.To = int(n)
	}
	c.notes.Went = append(c.notes.Went, h)
	s.proceed(task, n)
}

// settle runs a task's local steps until a shared one is next or the program ends.
func (s *Sim) settle(task int) {
	for {
		if s.M.Load(s.M.Depth(task)) == 0 {
			if !s.statement(task) {
				return
			}
			continue
		}
		c := &s.ctx[task]
		c.level = int(s.M.Load(s.M.Depth(task))) - 1
		a := s.M.Activation(task, c.level)
		fn := &s.funcs[a.Fn]
		switch {
		case int(a.Step) >= len(fn.Steps):
			s.proceed(task, c.Return(0))
		case fn.Off[a.Step]:
			s.M.Goto(task, a.Step+1)
		case fn.Steps[a.Step].Local:
			s.act(task, &fn.Steps[a.Step], c)
		default:
			return
		}
	}
}

// proceed takes a task to where its step said.
func (s *Sim) proceed(task int, n Next) {
	switch n {
	case Then:
		d := int(s.M.Load(s.M.Depth(task))) - 1
		s.M.Goto(task, s.M.Activation(task, d).Step+1)
	case Return:
		s.leave(task)
	case called:
	default:
		s.jump(task, uint16(n))
	}
}

// leave ends a call, or takes it to the steps that come behind its last.
func (s *Sim) leave(task int) {
	d := int(s.M.Load(s.M.Depth(task))) - 1
	a := s.M.Activation(task, d)
	if b := &s.funcs[a.Fn]; b.leaves > 0 && (int(a.Step) < b.leaves || int(a.Step) >= len(b.Steps)) {
		s.M.Goto(task, uint16(b.leaves))
		return
	}
	s.M.Pop(task)
}

// push starts a call with numbers as arguments.
func (s *Sim) push(task int, fn FuncID, args ...uint64) {
	s.M.Push(task, uint16(fn))
	if at := s.funcs[fn].enters; at > 0 {
		s.M.Goto(task, uint16(at))
	}
	s.M.Store(s.M.Ret(task), 0)
	d := int(s.M.Load(s.M.Depth(task))) - 1
	for i, v := range args {
		s.M.Store(s.M.Local(task, d, s.funcs[fn].Params[i]), v)
	}
}
