package kernel

import (
	"gupscope/core/cell"
	"gupscope/core/machine"
)

// context_switch to the task, in straight line:
//
//	__schedule(): interrupts off; the task that runs is switched away from
//	a kernel thread: enter_lazy_tlb(): borrow the mm that is loaded
//	the mm that is loaded: switch_mm(): it is borrowed no more
//	                       smp_mb(); flushes have passed us by: flush all of it
//	another: switch_mm(): out of the old mm's cpumask, into the new one's
//	                      flushes have passed us by: flush all of it; load CR3
//	interrupts on
//
// A CPU that only borrows an mm runs no thread that could use its translations, so that
// flushes pass it by. When a thread comes back, the generations tell it:
//
//	CPU0 (P0 comes back)           CPU1 (munmap)
//	is_lazy = 0
//	                               generation + 1
//	smp_mb()                       is CPU0 lazy? No: an IPI
//	read the generation
//
// one of them sees the other.
//
// A task is switched away from where it is in user mode, where it sleeps, or at its end, as
// without CONFIG_PREEMPTION: never while it spins or holds a spinlock. In user mode it is where a statement
// begins; who has got the CPU makes a step before it can lose it again.
//
// compare kernel/sched/core.c:context_switch, arch/x86/mm/tlb.c:switch_mm_irqs_off, enter_lazy_tlb
var _ = register(fnContextSwitch, &Func{
	Name: "context_switch", File: "kernel/sched/core.c",
	Locals: []Local{{"prev_mm", IntLocal}, {"up_to_date", IntLocal}},
	Steps: []Step{
		csTake: {Label: "schedule", Says: "take the CPU", Ref: "__schedule", Touches: cell.Of(machine.Runs, machine.IRQs, machine.TLBs), Do: (*Ctx).takeCPU},
		csBorrow: {Label: "lazy", Says: "borrow the mm that is loaded: this CPU is lazy", Ref: "enter_lazy_tlb", Order: Plain, Touches: cell.Of(machine.Runs), Do: func(c *Ctx) Next {
			if c.Load(c.M.LoadedMM(c.CPU)) != 0 {
				c.Store(c.M.Lazy(c.CPU), 1)
			} else {
				c.Say("no mm is loaded that could be borrowed")
			}
			return csEnd
		}},
		csSame: {Label: "not_lazy", Says: "the mm is still loaded: borrow it no more", Ref: "this_cpu_write(cpu_tlbstate.is_lazy, false)", Order: Plain, Touches: cell.Of(machine.Runs), Do: func(c *Ctx) Next {
			c.Store(c.M.Lazy(c.CPU), 0)
			return Then
		}},
		csFence: {Label: "fence", Says: "all that before is visible", Ref: "smp_mb", When: With(SwitchLazyFence).AndTSO(), Touches: cell.Of(machine.Runs), Do: func(c *Ctx) Next {
			return Then
		}},
		csSameGen: {Label: "generation", Says: "have flushes passed this CPU by?", Answer: "no", Ref: "next_tlb_gen == cpu_tlbstate.ctxs[].tlb_gen", Order: Beside, When: With(SwitchMMChecksGeneration), Touches: cell.Of(machine.MMs, machine.TLBs), Do: func(c *Ctx) Next {
			c.catchUp(c.MM)
			return csEnd
		}},
		csSameTaken: {Label: "taken", Says: "its translations are taken as they are", When: Without(SwitchMMChecksGeneration), Local: true, Do: func(c *Ctx) Next { return csEnd }},
		csClear: {Label: "leave", Says: "this CPU leaves the mask of the old mm", Ref: "cpumask_clear_cpu", Touches: cell.Of(machine.MMs, machine.Runs, machine.TLBs), Anywhere: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			old := int(c.Load(c.M.LoadedMM(c.CPU))) - 1
			c.Set(csOld, uint64(old+1))
			c.M.Leave(c.CPU)
			if old < 0 {
				c.Say("no mm is loaded")
			}
			return Then
		}},
		csForget: {Label: "untagged", Says: "translations have no tags: those of the old mm go", Ref: "write_cr3", When: Without(TLBPCID), Touches: cell.Of(machine.TLBs, machine.MMs), Anywhere: cell.Of(machine.MMs), Do: func(c *Ctx) Next {
			for _, mm := range c.M.MMsOn(c.CPU) {
				c.M.CatchUp(c.CPU, mm)
				c.M.InvalidateMM(c.CPU, mm)
			}
			return Then
		}},
		csEarly: {Label: "early_generation", Says: "look at the generation early?", Ref: "choose_new_asid", When: Without(FenceJoinBeforeGeneration), Reads: cell.Of(machine.MMs), Choose: chooseEarly, Keys: inOrderOrEarly, Do: func(c *Ctx) Next {
			if c.Key == 0 {
				c.Say("the generation is looked at in order")
				return Then
			}
			c.Say("the generation is looked at before this CPU joins the mask")
			if c.Load(c.M.Behind(c.CPU, c.MM)) == 0 {
				c.Set(csUpToDate, 1)
			}
			return Then
		}},
		csJoin: {Label: "join", Says: "this CPU joins the mask of the new mm", Ref: "cpumask_set_cpu", Touches: cell.Of(machine.MMs, machine.Runs), Do: func(c *Ctx) Next {
			c.M.SetLoaded(c.CPU, c.MM, true)
			return Then
		}},
		csGen: {Label: "new_generation", Says: "have flushes passed this CPU by?", Answer: "no", Ref: "choose_new_asid", Order: Beside, When: With(SwitchMMChecksGeneration), Touches: cell.Of(machine.MMs, machine.TLBs), Do: func(c *Ctx) Next {
			if c.L(csUpToDate) != 0 {
				c.Say("no flush had passed this CPU by when it looked")
				return Then
			}
			c.catchUp(c.MM)
			return Then
		}},
		csEnd: {Label: "switched", Says: "enable interrupts: the task runs", Ref: "finish_task_switch", Touches: cell.Of(machine.IRQs, machine.RCU, machine.Runs), Do: func(c *Ctx) Next {
			c.Store(c.M.IRQOff(c.CPU), 0)
			c.M.Quiescent(c.CPU)
			return Return
		}},
	},
})

// schedule, called by a task that has nothing else to do: it had the CPU, and may lose it.
// compare kernel/sched/core.c:schedule
var _ = register(fnSchedule, &Func{
	Name: "schedule", File: "kernel/sched/core.c",
	Steps: []Step{
		{Label: "runs", Says: "run for a moment", Touches: cell.Of(machine.Runs), Do: func(c *Ctx) Next { return Return }},
	},
})

const csOld, csUpToDate = 0, 1

const (
	csTake = iota
	csBorrow
	csSame
	csFence
	csSameGen
	csSameTaken
	csClear
	csForget
	csEarly
	csJoin
	csGen
	csEnd
)

// takeCPU makes the task the one that runs. A walk in flight ends with the interrupt.
func (c *Ctx) takeCPU() Next {
	c.Store(c.M.IRQOff(c.CPU), 1)
	c.M.ClearWalker(c.CPU)
	loaded := int(c.Load(c.M.LoadedMM(c.CPU))) - 1
	switch {
	case c.MM < 0:
		return csBorrow
	case c.MM != loaded:
		return csClear
	case c.Load(c.M.Lazy(c.CPU)) != 0:
		return csSame
	}
	return csEnd
}

// catchUp flushes all of the mm here, if flushes have passed this CPU by.
func (c *Ctx) catchUp(mm int) {
	if c.M.CatchUp(c.CPU, mm) {
		c.Say("flushes have passed this CPU by: flush all of the mm")
	}
}

// turns sets up who runs first on the CPUs that tasks share: the first task of the file.
func (s *Sim) turns() {
	m := s.M
	for i := len(s.Setup.Tasks) - 1; i >= 0; i-- {
		if t := &s.Setup.Tasks[i]; m.TakesTurns(t.CPU) {
			m.Store(m.Current(t.CPU), uint64(i+1))
			m.Store(m.Mode(i), machine.UserMode)
		}
	}
}

// loads reports whether a task's mm is the one that its CPU has loaded at the start.
func (s *Sim) loads(task int) bool {
	cpu := s.Setup.Tasks[task].CPU
	return !s.M.TakesTurns(cpu) || s.M.Peek(s.M.Current(cpu)) == uint64(task+1)
}

// out reports whether another task runs on the task's CPU.
func (s *Sim) out(task int) bool {
	cpu := s.Setup.Tasks[task].CPU
	return s.M.TakesTurns(cpu) && s.M.Load(s.M.Current(cpu)) != uint64(task+1)
}

// runner is the task that runs on a CPU that tasks share.
func (s *Sim) runner(cpu int) int { return int(s.M.Load(s.M.Current(cpu))) - 1 }

// mayTake reports whether a task can take the CPU from the one that runs: it has something to do and need not wait
// for it, and the other gives way.
func (s *Sim) mayTake(task int) bool {
	if st, c := s.inner(task); st == nil || st.Wait != nil && !st.Wait(c).Ready() {
		return false
	}
	t := &s.Setup.Tasks[task]
	return s.M.Load(s.M.IRQOff(t.CPU)) == 0 && s.givesWay(s.runner(t.CPU))
}

// givesWay reports whether a task that runs can be switched away from.
func (s *Sim) givesWay(task int) bool {
	st, c := s.inner(task)
	switch {
	case st == nil || !s.born(task) || s.M.Load(s.M.Mode(task)) == machine.UserMode:
		return true
	case st.Wait == nil:
		return false
	}
	b := st.Wait(c)
	return b.On == OnReaders || b.On == OnMemory || b.On == OnWriteback || b.On == OnInvalidation || b.On == OnLock && !s.spins(b.At)
}

// spins reports whether a lock is one that is waited for with the CPU in hand.
func (s *Sim) spins(lock machine.Word) bool {
	return s.M.Mem.Layout().Class(lock.Cell()) == machine.PTLs
}

// turn has a task that another one keeps from its CPU take it.
func (s *Sim) turn(task int) {
	if s.out(task) {
		ret := s.M.Load(s.M.Ret(task))
		s.push(task, fnContextSwitch)
		s.M.Store(s.M.Ret(task), ret)
		s.M.Store(s.M.Current(s.Setup.Tasks[task].CPU), uint64(task+1))
	}
	s.M.Store(s.M.Mode(task), machine.KernelMode)
}
