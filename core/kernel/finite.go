package kernel

// Tasks returns the actors that have a program, as bits by their numbers; every
// program ends. See check.Finite.
func (s *Sim) Tasks() (actors uint64) {
	for _, a := range s.actors {
		if a.Kind == TaskActor {
			actors |= 1 << a.ID
		}
	}
	return actors
}

// Spontaneous returns the actors who need not do now what they can do: a walker
// that speculates, and the host of a CPU that runs, which may preempt it.
// The host of a CPU that does not run lets it run again some time.
func (s *Sim) Spontaneous() (actors uint64) {
	for _, id := range s.devices {
		if a := &s.actors[id]; a.Kind == WalkerActor || a.Kind == HypervisorActor && s.running(a.CPU) {
			actors |= 1 << id
		}
	}
	return actors
}

// Queued returns the tasks that wait for a lock, and the interrupts that wait for
// their CPU to enable them. Spinlocks are handed over in order; mmap_lock and the lock of a folio,
// too, once somebody has waited for long; an interrupt that is pending is taken as soon
// as it can be.
// compare kernel/locking/qspinlock.c, rwsem.c:RWSEM_FLAG_HANDOFF, mm/filemap.c:folio_wait_bit_common
func (s *Sim) Queued() (actors uint64) {
	for i := range s.actors {
		switch a := &s.actors[i]; {
		case a.CPU < 0 || !s.running(a.CPU):
		case a.Kind == TaskActor:
			if st, c := s.inner(a.Task); st != nil && st.Wait != nil {
				if b := st.Wait(c); b.On == OnLock || b.On == OnReaders {
					actors |= 1 << i
				}
			}
		case a.Kind == InterruptActor:
			if s.M.Load(s.M.IPI(a.CPU)) != 0 && s.M.Load(s.M.IRQOff(a.CPU)) != 0 {
				actors |= 1 << i
			}
		}
	}
	return actors
}

// WentBack reports whether a task was ever taken back in a function that it is
// in. A task that never is gets further with every step: in its program, or in the
// outermost call in which something changes, or into a call of that one.
func (s *Sim) WentBack() bool { return s.wentBack }

// jump takes a task to a step of the innermost function that it is in.
func (s *Sim) jump(task int, to uint16) {
	d := int(s.M.Load(s.M.Depth(task))) - 1
	if to <= s.M.Activation(task, d).Step {
		s.wentBack = true
	}
	s.M.Goto(task, to)
}
