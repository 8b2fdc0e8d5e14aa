package kernel

import (
	"math/bits"
	"slices"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/machine"
)

// A reach is what an actor may still do, and to what.
type reach struct {
	Ahead
	over   bool     // its program is
	busy   bool     // it has something to do, without a program
	setOff cell.Set // classes through which tasks give it something to do
	roots  set      // what it has for good
	names  set      // the instances that it can come by without anybody else,
	at     uint64   // when the links had this hash
	takes  set      // what it may take that is free
}

// roots notes what every actor has for good.
func (o *Objects) roots() {
	m := o.s.M
	o.reach = make([]reach, len(o.s.actors))
	o.none = o.links.set()
	o.judged, o.answers = o.links.set(), make([]answer, answersKept)
	for range o.reach {
		o.stand.has = append(o.stand.has, o.links.set())
	}
	for i := range o.reach {
		r, a := &o.reach[i], &o.s.actors[i]
		r.roots, r.names, r.takes = o.links.set(), o.links.set(), o.links.set()
		r.roots.add(int(cell.Whole))
		if a.CPU >= 0 {
			r.roots.add(int(m.OfCPU(a.CPU)))
		}
		switch a.Kind {
		case TaskActor:
			o.rootsOfTask(a.Task, r.roots)
		case WalkerActor:
			for t, task := range o.s.Setup.Tasks {
				if task.CPU == a.CPU {
					r.roots.add(int(m.OfTask(t)))
				}
			}
		case RCUActor:
			for i := range m.GoingTables() {
				r.roots.add(int(m.OfFrame(m.GoingTable(i))))
			}
		case DiskActor:
			for slot := range m.Slots {
				r.roots.add(int(m.OfSlot(slot)))
			}
		}
		if d, is := devices[a.Kind]; is && o.s.exists(a) {
			r.Ahead, r.setOff = d.Ahead, d.setOff
			if a.CPU >= 0 && m.ComesOrGoes(a.CPU) {
				r.Reads |= cell.Of(machine.MMs)
			}
			if m.LargeFolios {
				r.Reads |= cell.Of(machine.Compounds)
				if a.Kind == WalkerActor {
					r.Touches |= cell.Of(machine.PMDs)
				}
			}
		}
	}
}

// rootsOfTask adds a task, its mm and those that its arguments name.
func (o *Objects) rootsOfTask(t int, s set) {
	m, task := o.s.M, &o.s.Setup.Tasks[t]
	s.add(int(m.OfTask(t)))
	s.add(int(m.OfFrame(machine.ZeroPage))) // a fault may map it anywhere
	if m.LargeFolios {
		s.add(int(m.OfFrame(m.HugeZero())))
	}
	if task.MM >= 0 {
		s.add(int(m.OfMM(task.MM)))
	}
	if task.After > 0 {
		s.add(int(m.OfTask(task.After - 1)))
	}
	for _, st := range task.Body {
		for i, p := range st.Call.Params {
			if i < len(st.Args) && (p.NamesPages(st.Args[i]) || p.Kind == ProcessParam) {
				s.add(int(m.OfMM(st.Args[i].MM)))
			}
		}
	}
}

// Begin forgets what was kept up, and looks at the present state afresh. The answers of Against stay: who asks has a new number
// for an access that he has found out anew.
func (o *Objects) Begin() {
	o.links.begin()
	o.known, o.hash = 0, 0
	for i := range o.reach {
		r := &o.reach[i]
		r.at, r.over, r.busy = 0, false, false
		if i < len(o.s.Setup.Tasks) {
			r.Ahead = Ahead{}
		}
	}
}

// Changed notes that a cell has another value.
func (o *Objects) Changed(id cell.ID) {
	o.links.changed(id)
	switch t := o.decides[id]; {
	case t > 0:
		o.known &^= 1 << (t - 1)
	case t < 0:
		o.known &^= devicesKnown
	}
}

const devicesKnown = 1 << 63

// look brings up to date what is ahead of every actor and what it can name, and
// returns the hash of all that.
func (o *Objects) look() uint64 {
	links := o.links.update()
	if o.known == ^uint64(0) {
		return o.hash ^ links
	}
	for t := range o.s.Setup.Tasks {
		if o.known>>t&1 == 0 {
			o.lookAtTask(t)
		}
	}
	if o.known&devicesKnown == 0 {
		for i := len(o.s.Setup.Tasks); i < len(o.reach); i++ {
			if r, busy := &o.reach[i], o.busy(&o.s.actors[i]); r.busy != busy {
				r.busy = busy
				o.hash ^= cell.Mix(cell.ID(busyHash+i), 1)
			}
		}
	}
	o.known = ^uint64(0)
	return o.hash ^ links
}

// Numbers in hashes, apart from those of instances.
const (
	aheadHash = 1 << 20
	busyHash  = 1 << 28
)

// lookAtTask looks where in its program a task is.
func (o *Objects) lookAtTask(t int) {
	r := &o.reach[t]
	ahead := Ahead{}
	r.over = o.s.M.Peek(o.s.M.Done(t)) != 0
	if !r.over {
		ahead = o.s.Ahead(t)
		ahead.Touches |= taskClasses
	}
	if ahead != r.Ahead {
		o.hash ^= hashOf(aheadHash+t, r.Ahead.words()) ^ hashOf(aheadHash+t, ahead.words())
		r.Ahead = ahead
	}
}

func (a *Ahead) words() set {
	return set{uint64(a.Touches), uint64(a.Reads), uint64(a.Anywhere), uint64(a.Anyreads)}
}

// namesOf returns what an actor can come by without anybody else.
func (o *Objects) namesOf(b int) set {
	r := &o.reach[b]
	if r.at != o.links.hash {
		r.at = o.links.hash
		copy(r.names, r.roots)
		o.links.close(r.names)
	}
	return r.names
}

// A stand is what others can come by while one actor stands still, as far as it was asked.
type stand struct {
	still  int
	moving []int  // the actors that may do something
	asked  uint64 // actors of which it is known what they can come by
	judged uint64 // claims of which it is known what they may come to read
	has    []set  // by actor: what it can come by
	reads  []set  // by claim
}

// while begins to tell what others can come by while an actor stands still. What
// was begun before is void.
func (o *Objects) while(still int) *stand {
	o.look()
	s := &o.stand
	s.still, s.moving, s.asked, s.judged = still, s.moving[:0], 0, 0
	tasks, touches := len(o.s.Setup.Tasks), cell.Set(0)
	for b := range o.reach {
		if r := &o.reach[b]; b != still && (b < tasks && !r.over || r.busy || r.setOff&touches != 0 || o.coarse && b >= tasks) {
			s.moving = append(s.moving, b)
			if b < tasks {
				touches |= r.Touches
			}
		}
	}
	s.moving = slices.DeleteFunc(s.moving, func(b int) bool { return b >= tasks && !o.reach[b].busy && !o.setOff(b, s) })
	return s
}

// hasOf returns what an actor that may do something can come by.
func (o *Objects) hasOf(b int, s *stand) set {
	if s.asked>>b&1 == 0 {
		s.asked |= 1 << b
		r := &o.reach[b]
		copy(s.has[b], o.namesOf(b))
		o.takesOf(r)
		o.handOn(s, s.has[b], r.takes, r.Touches)
		s.has[b].and(r.takes)
	}
	return s.has[b]
}

// readsOf returns what a claim may come to read.
func (o *Objects) readsOf(k int, s *stand) set {
	if s.judged>>k&1 == 0 {
		s.judged |= 1 << k
		copy(s.reads[k], o.claims[k].roots)
		o.links.close(s.reads[k])
		o.handOn(s, s.reads[k], o.none, 0)
	}
	return s.reads[k]
}

// takesOf brings up to date what an actor may take.
func (o *Objects) takesOf(r *reach) {
	clear(r.takes)
	for k, p := range o.links.pools {
		if r.Touches.Has(p.take) {
			r.takes.and(o.links.free[k])
		}
	}
}

// setOff reports whether a task that may move can give an actor something to do: it
// touches the class, and can name the actor's CPU, or touches it anywhere.
func (o *Objects) setOff(b int, s *stand) bool {
	cpu := o.s.actors[b].CPU
	if o.coarse {
		return o.s.exists(&o.s.actors[b])
	}
	return slices.ContainsFunc(s.moving, func(t int) bool {
		return t < len(o.s.Setup.Tasks) && o.reach[t].Touches&o.reach[b].setOff != 0 &&
			(cpu < 0 || o.reach[t].Anywhere&o.reach[b].setOff != 0 || o.hasOf(t, s).has(int(o.s.M.OfCPU(cpu))))
	})
}

// handOn adds to a set what those who may do something hand on to somebody who may take
// what is free, and has some classes ahead. They hand on by writing names into what they have in common
// with others: all that they can name. But nobody comes by what only the one that stands still has in
// its hands; and what two may take from a pool, not both will have. Who gives
// something back to a pool hands it on to who takes it from there.
func (o *Objects) handOn(s *stand, to, takes set, ahead cell.Set) {
	for again := true; again; {
		again = false
		for _, g := range s.moving {
			r := &o.reach[g]
			names := o.namesOf(g)
			if names.within(to) {
				continue
			}
			if g < len(o.s.Setup.Tasks) && r.Touches&o.links.naming != 0 {
				o.takesOf(r)
				if to.meetsIn(names, o.links.pass) || to.meetsIn(r.takes, o.links.pass) || takes.meetsIn(names, o.links.pass) {
					to.and(names)
					again = true
					continue
				}
			}
			for _, p := range o.links.pools {
				if ahead.Has(p.take) && r.Touches.Has(p.give) {
					again = to.andIn(names, p.all) || again
				}
			}
		}
	}
}

// Against returns the actors that may do, while the given one stands still, what is in
// conflict with an access of it; see check.Reducible. What they may do are the classes ahead of
// them, of the instances that they can come by. Equal accesses have equal numbers.
func (o *Objects) Against(actor int, a *check.Access, number uint32) (set uint64) {
	key := cell.Mix(cell.ID(number), o.key(actor))
	kept := &o.answers[key%uint64(len(o.answers))]
	if kept.key == key {
		return kept.set
	}
	s := o.while(actor)
	for _, b := range s.moving {
		if o.clash(b, s, a) {
			set |= 1 << b
		}
	}
	*kept = answer{key, set}
	return set
}

// An answer is one of Against, kept for when the same is asked again.
type answer struct{ key, set uint64 }

const answersKept = 1 << 14

// key is a hash of all that others may do while an actor stands still.
func (o *Objects) key(still int) uint64 {
	h := o.look()
	if still < len(o.s.Setup.Tasks) {
		h ^= hashOf(aheadHash+still, o.reach[still].words())
		if t := int(o.s.M.OfTask(still)); !o.judged.has(t) {
			h ^= o.links.parts[t]
		}
	}
	return cell.Mix(cell.ID(still), h)
}

// clash reports whether an actor may do what is in conflict with an access of
// one that stands still.
func (o *Objects) clash(b int, s *stand, a *check.Access) bool {
	for w := range a.Writes {
		for x := a.Writes[w]; x != 0; x &= x - 1 {
			n := w*64 + bits.TrailingZeros64(x)
			if o.mayWrite(b, n, s) || o.mayRead(b, n, s) || o.judges(b, n, s) {
				return true
			}
		}
		for x := a.Reads[w]; x != 0; x &= x - 1 {
			if o.mayWrite(b, w*64+bits.TrailingZeros64(x), s) {
				return true
			}
		}
	}
	return false
}

// mayWrite reports whether an actor may write an object.
func (o *Objects) mayWrite(b, object int, s *stand) bool {
	r, c, i := &o.reach[b], o.class[object], int(o.of[object])
	switch {
	case c == theEnd:
		return false
	case o.coarse:
		return true
	case c == names:
		return (r.Touches.Has(o.links.pool[i]) || o.holds(b, i)) && o.hasOf(b, s).has(i)
	case !r.Touches.Has(c):
		return false
	case r.Anywhere.Has(c):
		return true
	case ownClasses.Has(c):
		return o.own(b, i)
	}
	return o.hasOf(b, s).has(i)
}

// mayRead is mayWrite for objects that are only read.
func (o *Objects) mayRead(b, object int, s *stand) bool {
	r, c, i := &o.reach[b], o.class[object], int(o.of[object])
	switch {
	case c == theEnd:
		return b < len(o.s.Setup.Tasks)
	case o.coarse:
		return true
	case c == names && o.links.isFree(i): // who takes it seeks it first
		return o.holds(b, i) || o.links.shared().has(i) && o.hasOf(b, s).has(i)
	case c == names:
		return o.hasOf(b, s).has(i)
	case r.Anyreads.Has(c), c == machine.Steal && o.own(b, i):
		return true
	case ownClasses.Has(c):
		return r.Reads.Has(c) && o.own(b, i)
	case r.Reads.Has(c) && o.hasOf(b, s).has(i):
		return true
	}
	for _, joint := range o.joint {
		if joint.Has(c) && r.Touches&joint != 0 && o.hasOf(b, s).has(i) {
			return true
		}
	}
	return false
}

// holds reports whether an instance is named in the private places of a task, or of its CPU.
func (o *Objects) holds(b, i int) bool {
	a, m := &o.s.actors[b], o.s.M
	return a.Task >= 0 && o.links.to[m.OfTask(a.Task)].has(i) || a.CPU >= 0 && o.links.to[m.OfCPU(a.CPU)].has(i)
}

// own reports whether an instance is an actor's own task or CPU.
func (o *Objects) own(b, i int) bool {
	a, m := &o.s.actors[b], o.s.M
	if i >= int(m.OfTask(0)) {
		t := i - int(m.OfTask(0))
		return t == a.Task || a.Task < 0 && a.CPU >= 0 && o.s.Setup.Tasks[t].CPU == a.CPU
	}
	return a.CPU >= 0 && i == int(m.OfCPU(a.CPU))
}

// readers are claims that read, when something that they read has changed, cells of some
// classes of what can be named from some instances.
type readers struct {
	classes cell.Set
	roots   set
}

// Claims adds claims that read cells. Frames and slots they read only if what is theirs
// for good leads there, or if they are about one instance; or, if they are judged in parts, if what
// was written leads there.
func (o *Objects) Claims(reads []machine.Word, parts bool) {
	m, layout := o.s.M, o.s.M.Mem.Layout()
	c := readers{roots: o.links.set()}
	one := true
	for _, w := range reads {
		c.classes |= cell.Of(layout.Class(w.Cell()))
		i := layout.Of(w.Cell())
		one = one && i == layout.Of(reads[0].Cell())
		if !m.Moves(i) {
			c.roots.add(int(i))
		}
	}
	if one || parts {
		if !slices.Contains(o.joint, c.classes) {
			o.joint = append(o.joint, c.classes)
		}
		return
	}
	if empty(c.roots) {
		for _, w := range reads {
			c.roots.add(int(layout.Of(w.Cell())))
		}
	}
	for _, have := range o.claims {
		if have.classes == c.classes && slices.Equal(have.roots, c.roots) {
			return
		}
	}
	o.claims = append(o.claims, c)
	o.stand.reads = append(o.stand.reads, o.links.set())
	o.judged.and(c.roots)
}

// marks are the classes that an actor may write: those ahead of it, and if it may give frames back, those of the caches in which they are
// marked stale then.
func (o *Objects) marks(b int) cell.Set {
	touches := o.reach[b].Touches
	for _, p := range o.links.pools {
		if touches.Has(p.give) {
			return touches | cell.Of(machine.TLBs, machine.Secondary)
		}
	}
	return touches
}

// judges reports whether what an actor may write has a claim read an object.
func (o *Objects) judges(b, object int, s *stand) bool {
	for k, c := range o.claims {
		if c.classes.Has(o.class[object]) && o.marks(b)&c.classes != 0 &&
			o.readsOf(k, s).has(int(o.of[object])) && o.readsOf(k, s).meets(o.hasOf(b, s)) {
			return true
		}
	}
	return false
}

// Rest adds all that an actor may do while another stands still: what Against
// goes by, written out.
func (o *Objects) Rest(actor, still int, a *check.Access) {
	s := o.while(still)
	if !slices.Contains(s.moving, actor) {
		return
	}
	for n := range o.of {
		if o.mayWrite(actor, n, s) {
			a.Writes.Add(n)
		}
		if o.mayRead(actor, n, s) || o.judges(actor, n, s) {
			a.Reads.Add(n)
		}
	}
}

// Offers calls f with every key an actor can move with now.
func (s *Sim) Offers(actor int, f func(key int)) { s.offers(actor, f) }
