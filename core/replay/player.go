package replay

import (
	"fmt"
	"slices"

	"gupscope/core/cell"
	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// A Player is the model of a program: the same machine and the same step
// tables that scenarios run on, one operation at a time. Each operation is one or several
// statements of the scenarios' vocabulary. The task that makes a statement runs until it has finished;
// meanwhile the others stand still, and the devices (interrupts, disks, RCU) act only when it waits for
// them. Behind each operation everything that was put off is done.
//
// Of several choices the first is made: which frame or slot an allocation takes
// is the same but for names.
//
// Every process has a CPU to itself. The corpus' machine has one, but nothing that is observed
// depends on that: TLBs are not seen, one process runs at a time, and what is kept per CPU, the
// LRU batches, is emptied behind every operation.
type Player struct {
	sim     *kernel.Sim
	actors  []kernel.Actor
	program *Program
	regions []region
	process map[string]*process // living or dead, by its present name
	forks   []*process          // the processes in the order in which they are forked
	pins    map[string]*slot    // live slots
	mapped  int                 // how many regions the program has mapped so far
	frames  lives               // of frames
	swap    lives               // of swap slots
	changes []cell.Change       // of the last step
}

// A process is an mm and the task that runs in it.
type process struct {
	name     string
	mm, task int
	alive    bool
}

// A slot is where a page is held that a pin operation got.
type slot struct {
	task, variable int
	write, pin     bool
}

// Replaying returns how models of that kernel are made.
func Replaying(k kernel.Kernel) Start {
	return func(p *Program) (Model, error) { return newPlayer(p, k) }
}

// Do makes an operation and looks.
func (p *Player) Do(op Op) (Observation, error) {
	do, ok := operations[op.Verb]
	if !ok {
		return Observation{}, &NotModelled{string(op.Verb)}
	}
	return p.finish(do(p, &op))
}

// finish lets everything come to its end that an operation has begun, and looks.
func (p *Player) finish(r Result, err error) (Observation, error) {
	if err == nil {
		err = p.rest()
	}
	if err != nil {
		return Observation{}, err
	}
	o := p.observe()
	o.Result = r
	return o, nil
}

// call has a task make one statement, by its name in the vocabulary, and returns what it
// returned; NotModelled if there is no such statement.
func (p *Player) call(task int, name string, args ...kernel.Arg) (machine.Result, error) {
	return p.callInto(task, returned, name, args...)
}

// callInto keeps what the statement returns in a variable of the task.
func (p *Player) callInto(task, variable int, name string, args ...kernel.Arg) (machine.Result, error) {
	if err := p.begin(task, variable, name, args...); err != nil {
		return machine.Result{}, err
	}
	if err := p.run(task); err != nil {
		return machine.Result{}, err
	}
	return machine.DecodeResult(p.sim.M.Peek(p.sim.M.Var(task, variable))), nil
}

// begin gives a task a statement, and takes it to its first shared step.
func (p *Player) begin(task, variable int, name string, args ...kernel.Arg) error {
	c := kernel.CallByName(name)
	if c == nil || !c.In(p.sim.Kernel.Version) {
		return &NotModelled{name}
	}
	for len(args) < len(c.Params) {
		args = append(args, kernel.Arg{})
	}
	for i, param := range c.Params {
		if param.Kind == kernel.WordParam && !slices.Contains(param.Words, args[i].Word) {
			return &NotModelled{name + " " + args[i].Word}
		}
	}
	st := kernel.Stmt{Var: variable, Call: c, Args: args}
	if c.Result == kernel.NoResult {
		st.Var = -1
	}
	p.sim.M.SetVarErrno(task, variable, 0)
	p.sim.Append(task, st)
	return nil
}

// maxSteps is more than any statement takes: the longest go ten times through all pages of a huge page in
// several processes.
const maxSteps = 2_000_000

// run lets a task go on until it has finished, and the devices whenever it waits.
func (p *Player) run(task int) error {
	for n := 0; !p.sim.Finished(task); n++ {
		if n == maxSteps {
			return fmt.Errorf("the model does not come to an end: %s is in %s after %d steps", p.sim.Setup.Tasks[task].Name, p.sim.Look(task).Func.Title, n)
		}
		if !p.step(task) && !p.device() {
			return fmt.Errorf("the model is stuck: %s %s", p.sim.Setup.Tasks[task].Name, p.sim.Look(task).Why)
		}
	}
	return nil
}

// step makes an actor's next step, with its first choice; false if it cannot.
func (p *Player) step(actor int) bool {
	key, ok := 0, false
	p.sim.Offers(actor, func(k int) {
		if !ok {
			key, ok = k, true
		}
	})
	if ok {
		p.do(actor, key)
	}
	return ok
}

func (p *Player) do(actor, key int) {
	p.sim.Do(check.Choice{Actor: uint16(actor), Key: uint16(key)})
	p.changes = p.sim.M.Mem.AppendChanges(p.changes[:0], 0)
	p.sim.M.Mem.Forget()
	for _, c := range p.changes {
		p.frames.note(c)
		p.swap.note(c)
	}
}

// device makes a step of some device that has something to do.
func (p *Player) device() bool {
	for _, a := range p.actors {
		switch a.Kind {
		case kernel.TaskActor, kernel.WalkerActor, kernel.HypervisorActor: // tasks have their turn; the others need not act
		default:
			if p.step(a.ID) {
				return true
			}
		}
	}
	return false
}

// rest lets everything come to an end that goes on by itself, and drains the LRU
// batches of all CPUs, as the corpus' runner does before it looks.
func (p *Player) rest() error {
	for {
		for p.device() {
		}
		drained := false
		for cpu := range p.sim.M.CPUs {
			if !slices.ContainsFunc(p.sim.M.LRUKinds(), func(k machine.LRUKind) bool { return p.sim.M.Peek(p.sim.M.LRUCount(cpu, k)) != 0 }) {
				continue
			}
			if _, err := p.call(p.worker(cpu), "lru_add_drain"); err != nil {
				return err
			}
			drained = true
		}
		if !drained {
			return nil
		}
	}
}

// worker is the kernel thread of a CPU.
func (p *Player) worker(cpu int) int { return len(p.forks) + cpu }

// lives counts how often each thing of a kind has been given back: a thing's number
// and how many lives it has had are a name for this life.
type lives struct {
	first cell.ID // of the words, one for each thing, that are zero while it is free
	ended []int
}

// note is told what a word changed to.
func (l *lives) note(c cell.Change) {
	if c.New == 0 && c.Cell >= l.first && int(c.Cell-l.first) < len(l.ended) {
		l.ended[c.Cell-l.first]++
	}
}
