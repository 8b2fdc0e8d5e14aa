package kernel

import (
	"math/bits"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/machine"
)

// A reach is what an actor may still do, and to what.
type reach struct {
	Ahead
	idle  bool     // it does nothing more, or nothing until another sets it off
	sets  cell.Set // classes by which others set it off
	roots set      // what it has for good
	pools cell.Set // what it takes and gives back
	names set      // the instances that it can come by without anybody else
	gives bool     // it may hand instances on
}

// Actors without a program may do at any time what is said here.
var devices = map[ActorKind]struct {
	Ahead
	setOff cell.Set // classes through which somebody else gives it something to do
}{
	InterruptActor:  {Ahead{Touches: cell.Of(machine.IPIs, machine.TLBs, machine.MMs), Reads: cell.Of(machine.IRQs, machine.Steal)}, cell.Of(machine.IPIs)},
	WalkerActor:     {Ahead{Touches: cell.Of(machine.TLBs, machine.PTEs), Reads: cell.Of(machine.PMDs, machine.Steal, machine.Stacks, machine.MMs)}, 0},
	HypervisorActor: {Ahead{Touches: cell.Of(machine.Steal, machine.TLBs), Reads: cell.Of(machine.MMs)}, 0},
	RCUActor:        {Ahead{Touches: tableFreeTouches | cell.Of(machine.RCU)}, cell.Of(machine.RCU)},
	DiskActor:       {Ahead{Touches: cell.Of(machine.Disk, machine.Flags), Reads: cell.Of(machine.SwapCache, machine.Contents)}, cell.Of(machine.Disk)},
}

// ownClasses are those of which a task may touch its own cells at any time,
// everyone those of which whoever does anything may touch what it can name.
var (
	ownClasses = cell.Of(machine.Stacks, machine.Vars, machine.Batches)
	everyone   = cell.Of(machine.Ghosts, machine.Ledgers)
)

// roots notes what every actor has for good.
func (o *Objects) roots() {
	m := o.s.M
	o.reach = make([]reach, len(o.s.actors))
	for i := range o.reach {
		r, a := &o.reach[i], &o.s.actors[i]
		r.roots, r.names = o.links.set(), o.links.set()
		r.roots.add(int(cell.Whole))
		if a.CPU >= 0 {
			r.roots.add(int(m.OfCPU(a.CPU)))
		}
		d := devices[a.Kind]
		r.sets = d.setOff
		switch a.Kind {
		case TaskActor:
			o.rootsOfTask(a.Task, r.roots)
		case WalkerActor:
			for t, task := range o.s.Setup.Tasks {
				if task.CPU == a.CPU {
					r.roots.add(int(m.OfTask(t)))
				}
			}
		case RCUActor, DiskActor:
			for i := range m.Instances() {
				r.roots.add(i)
			}
		}
		if a.Kind != TaskActor {
			o.ahead[i] = d.Ahead
		}
	}
}

// rootsOfTask adds a task, its mm and those that its arguments name.
func (o *Objects) rootsOfTask(t int, s set) {
	m, task := o.s.M, &o.s.Setup.Tasks[t]
	s.add(int(m.OfTask(t)))
	if task.MM >= 0 {
		s.add(int(m.OfMM(task.MM)))
	}
	for _, st := range task.Body {
		for i, p := range st.Call.Params {
			if i < len(st.Args) && (p.Kind == PageParam || p.Kind == VMAParam) {
				s.add(int(m.OfMM(st.Args[i].MM)))
			}
		}
	}
}

// Changed notes that a cell has another value.
func (o *Objects) Changed(id cell.ID) {
	o.links.changed(id)
	if t := o.stack[id]; t > 0 {
		o.aheads &^= 1 << (t - 1)
	}
}

// look brings up to date what is ahead of every actor and what it can name.
func (o *Objects) look() {
	m, l := o.s.M, &o.links
	for i := range o.reach {
		a := &o.s.actors[i]
		if a.Kind == TaskActor && o.aheads>>i&1 == 0 {
			o.aheads |= 1 << i
			o.seen = 0
			o.ahead[i] = Ahead{}
			if o.reach[i].idle = m.Peek(m.Done(a.Task)) != 0; !o.reach[i].idle {
				o.ahead[i] = o.s.Ahead(a.Task)
			}
		}
	}
	if l.update(); o.seen == l.version {
		return
	}
	o.seen = l.version
	for i := range o.reach {
		r := &o.reach[i]
		if r.Ahead = o.ahead[i]; r.idle {
			continue
		}
		copy(r.names, r.roots)
		for k, p := range l.pools {
			if r.Touches.Has(p.class) {
				r.names.add(m.Instances() + k)
				r.names.and(l.free[k])
			}
		}
		l.close(r.names, l.done)
		r.gives = r.Touches&l.naming != 0
	}
	for k := range o.claims {
		copy(o.claims[k].names, o.claims[k].roots)
		l.close(o.claims[k].names, l.done)
	}
}

// Against returns the actors that may do, while the given one stands still, what is in
// conflict with an access of it; see check.Reducible.
//
// What they may do are the classes ahead of them, of the instances that they can name. They
// hand instances on: who has one in common with another can come by all that the other can name, if
// that one writes names at all. But nobody comes by what the given actor alone has in its hands.
func (o *Objects) Against(actor int, a *check.Access) (set uint64) {
	o.look()
	for b := range o.reach {
		if b != actor && !o.rests(b, actor) && o.clash(b, actor, a) {
			set |= 1 << b
		}
	}
	return set
}

// rests reports whether an actor does nothing while another stands still.
func (o *Objects) rests(b, still int) bool {
	r := &o.reach[b]
	if o.s.actors[b].Kind == TaskActor {
		return r.idle
	}
	if o.busy(&o.s.actors[b]) {
		return false
	}
	for i := range o.reach {
		if i != still && o.reach[i].Touches&r.sets != 0 && o.s.actors[i].Kind == TaskActor {
			return false
		}
	}
	return true
}

// busy reports whether an actor without a program may do something by itself.
func (o *Objects) busy(a *Actor) bool {
	m := o.s.M
	switch a.Kind {
	case InterruptActor:
		return m.Peek(m.IPI(a.CPU)) != 0
	case WalkerActor:
		return a.CPU < len(o.s.Setup.Speculate) && o.s.Setup.Speculate[a.CPU] && m.Home(a.CPU) >= 0
	case HypervisorActor:
		return m.Peek(m.Preempts(a.CPU)) > 0 || m.Peek(m.Steal(a.CPU)) != 0
	case RCUActor:
		for i := range m.TableCount() {
			if m.Peek(m.RCU(m.TableFrame(i))) != 0 {
				return true
			}
		}
	case DiskActor:
		for s := range m.Slots {
			if m.Peek(m.IO(s)) != machine.IOIdle {
				return true
			}
		}
	}
	return false
}

// comeBy is what can be named from a set while an actor stands still, by
// what others hand on.
func (o *Objects) comeBy(from set, still int) set {
	s := o.scratch
	copy(s, from)
	for again := true; again; {
		again = false
		for g := range o.reach {
			r := &o.reach[g]
			if g == still || r.idle || !r.gives || r.names.within(s) || !s.meetsIn(r.names, o.links.pass) || o.rests(g, still) {
				continue
			}
			s.and(r.names)
			again = true
		}
	}
	return s
}

// clash reports whether an actor may do what is in conflict with an access of
// one that stands still.
func (o *Objects) clash(b, still int, a *check.Access) bool {
	has := o.comeBy(o.reach[b].names, still)
	for w := range a.Writes {
		for x := a.Writes[w]; x != 0; x &= x - 1 {
			n := w*64 + bits.TrailingZeros64(x)
			if o.mayWrite(b, n, has) || o.mayRead(b, n, has) {
				return true
			}
		}
		for x := a.Reads[w]; x != 0; x &= x - 1 {
			if o.mayWrite(b, w*64+bits.TrailingZeros64(x), has) {
				return true
			}
		}
	}
	return o.judges(b, still, has, a)
}

// mayWrite reports whether an actor that can come by some instances may write an object.
func (o *Objects) mayWrite(b, object int, has set) bool {
	r, c, i := &o.reach[b], o.class[object], int(o.of[object])
	switch {
	case c == theEnd:
		return false
	case ownClasses.Has(c):
		return o.own(b, i)
	case c == machine.LRU && o.own(b, i):
		return true
	case c == names:
		return has.has(i) && o.links.takes(r.Touches)
	}
	return (r.Touches | everyone).Has(c) && has.has(i)
}

// mayRead is mayWrite for objects that are only read.
func (o *Objects) mayRead(b, object int, has set) bool {
	r, c, i := &o.reach[b], o.class[object], int(o.of[object])
	switch {
	case c == theEnd:
		return o.s.actors[b].Kind == TaskActor
	case c == names:
		return has.has(i)
	case c == machine.Steal && o.own(b, i):
		return true
	}
	return r.Scans.Has(c) || r.Reads.Has(c) && has.has(i)
}

// own reports whether an instance is an actor's own task or CPU.
func (o *Objects) own(b, i int) bool {
	a, m := &o.s.actors[b], o.s.M
	return a.Task >= 0 && i == int(m.OfTask(a.Task)) || a.CPU >= 0 && i == int(m.OfCPU(a.CPU))
}

// readers are claims that read, when something that they read has changed, cells of some
// classes of what can be named from some instances.
type readers struct {
	classes      cell.Set
	roots, names set
}

// Claims adds claims that read cells. Frames and slots they read only if what is theirs
// for good leads there.
func (o *Objects) Claims(reads []machine.Word) {
	m, layout := o.s.M, o.s.M.Mem.Layout()
	c := readers{roots: o.links.set(), names: o.links.set()}
	moves := o.links.set()
	fixed := false
	c.roots.add(int(cell.Whole))
	for _, w := range reads {
		c.classes |= cell.Of(layout.Class(w.Cell()))
		i := int(layout.Of(w.Cell()))
		if m.Moves(cell.Instance(i)) {
			moves.add(i)
		} else {
			c.roots.add(i)
			fixed = fixed || i != int(cell.Whole)
		}
	}
	if !fixed {
		c.roots.and(moves)
	}
	o.claims = append(o.claims, c)
}

// judges reports whether what an actor may write has a claim read what one that
// stands still writes.
func (o *Objects) judges(b, still int, has set, a *check.Access) bool {
	for k := range o.claims {
		c := &o.claims[k]
		if (o.reach[b].Touches|everyone|ownClasses)&c.classes == 0 {
			continue
		}
		copy(o.has, has)
		reads := o.comeBy(c.names, still)
		if !reads.meets(o.has) {
			continue
		}
		for w := range a.Writes {
			for x := a.Writes[w]; x != 0; x &= x - 1 {
				n := w*64 + bits.TrailingZeros64(x)
				if c.classes.Has(o.class[n]) && reads.has(int(o.of[n])) {
					return true
				}
			}
		}
	}
	return false
}

// Rest adds all that an actor may do while another stands still: what Against
// goes by, written out.
func (o *Objects) Rest(actor, still int, a *check.Access) {
	o.look()
	if o.rests(actor, still) {
		return
	}
	has := append(set(nil), o.comeBy(o.reach[actor].names, still)...)
	var object check.Objects
	for n := range o.of {
		if o.mayWrite(actor, n, has) {
			a.Writes.Add(n)
		}
		object = check.MakeObjects(o.Len())
		object.Add(n)
		if o.mayRead(actor, n, has) || o.judges(actor, still, has, &check.Access{Reads: nil, Writes: object}) {
			a.Reads.Add(n)
		}
	}
}

// Offers calls f with every key an actor can move with now.
func (s *Sim) Offers(actor int, f func(key int)) { s.offers(actor, f) }
