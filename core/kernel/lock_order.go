package kernel

import (
	"slices"

	"gupscope/core/cell"
	"gupscope/core/machine"
)

// Awaited calls f with the locks that a task holds, and each that the step it comes to may have to wait for. What is only tried is none of these: nobody
// waits for it. Nor is a lock that the task holds already; nor, beside another of them, one of an mm's page tables or VMAs, while the task has mmap_lock
// for writing: nobody else takes two of them (move_page_tables, dup_mmap).
func (s *Sim) Awaited(task int, f func(held, wanted machine.Lock)) {
	st, c := s.coming(task)
	if st == nil || st.Wait == nil {
		return
	}
	var held []machine.Lock
	s.M.EachLock(func(k machine.Lock) {
		if has, _ := k.Held(s.M.Peek(k.Word), task); has {
			held = append(held, k)
		}
	})
	if held == nil {
		return
	}
	writes := slices.ContainsFunc(held, func(k machine.Lock) bool {
		_, alone := k.Held(s.M.Peek(k.Word), task)
		return k.Kind == machine.MmapLock && alone
	})
	var foot cell.Footprint
	was := s.Memory().Record(&foot)
	s.M.As(c.CPU, false)
	st.Wait(c)
	s.M.As(-1, false)
	s.Memory().Record(was)
	for _, id := range foot.Reads {
		wanted, ok := s.M.LockAt(id)
		if !ok {
			continue
		}
		if has, _ := wanted.Held(s.M.Peek(wanted.Word), task); has {
			continue
		}
		for _, h := range held {
			if writes && h.Kind == wanted.Kind && (h.Kind == machine.PTLock || h.Kind == machine.VMALock) {
				continue
			}
			f(h, wanted)
		}
	}
}
