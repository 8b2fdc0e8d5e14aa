package kernel

// Append gives a task one more statement behind those that it has, and begins it
// if the task has finished them. Contents that are new to the machine become known to it. It is for
// whoever plays a program that he does not know to its end beforehand; models have theirs from the start.
// What users of GUP do becomes what their release of the kernel calls for it; direct_read and direct_write need a
// variable of their own, which only a task has whose body names them.
func (s *Sim) Append(task int, st Stmt) {
	if users[st.Call.Name] != nil {
		for _, st := range s.expandOne(st) {
			s.enqueue(task, st)
		}
		return
	}
	s.enqueue(task, st)
}

// expandOne is a statement of a user of GUP as those that run.
func (s *Sim) expandOne(st Stmt) []Stmt {
	e := expansion{v: s.Kernel.Version, in: &s.Setup, st: st, pins: CallByName("pin_user_pages").In(s.Kernel.Version), own: -1}
	users[st.Call.Name](&e)
	return e.out
}

func (s *Sim) enqueue(task int, st Stmt) {
	for i, p := range st.Call.Params {
		if p.Stores(st.Args[i]) {
			s.intern(st.Args[i].Value)
		}
	}
	t := &s.Setup.Tasks[task]
	t.Body = append(t.Body, st)
	s.M.Config.Tasks[task].Remote = t.remote()
	s.statementsAhead()
	if s.M.Load(s.M.Done(task)) != 0 {
		s.M.Store(s.M.Done(task), 0)
		s.begin(task, len(t.Body)-1)
		s.settle(task)
	}
}

// Finished reports whether a task has made all of its statements.
func (s *Sim) Finished(task int) bool { return s.M.Peek(s.M.Done(task)) != 0 }

func (s *Sim) intern(value string) {
	for _, v := range s.M.Values {
		if v == value {
			return
		}
	}
	s.M.Values = append(s.M.Values, value)
}
