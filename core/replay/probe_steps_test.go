package replay

import (
	"fmt"
	"regexp"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// What a probe does, step by step: operations as programs write them, and statements of the vocabulary, for which programs have no operation.

// A stagingStep is one operation of a staging.
type stagingStep struct {
	op   Op                            // as programs write it; else what the machine must be prepared for
	play func(*Player) (Result, error) // what is done instead of the operation; nil: the operation
}

func (s *staging) add(st stagingStep) int {
	s.steps = append(s.steps, st)
	return len(s.steps) - 1
}

// do adds an operation, as programs write it, and returns its index.
func (s *staging) do(format string, args ...any) int {
	op := ParseOp(fmt.Sprintf(format, args...))
	if op.Mistake != nil {
		panic(op.Mistake.Error())
	}
	return s.add(stagingStep{op: op})
}

// An argument of a statement, when the step is made.
type argOf func(*Player) kernel.Arg

// make adds a statement that a process makes, or a kernel thread if that is "".
func (s *staging) make(who, name string, args ...argOf) int {
	return s.add(stagingStep{op: Op{Text: name}, play: func(p *Player) (Result, error) {
		r, err := p.call(p.taskOf(who), name, given(p, args)...)
		return p.result(r), err
	}})
}

// take adds a statement that puts the page which it returns into a slot.
func (s *staging) take(who, slot, name string, args ...argOf) int {
	return s.add(stagingStep{op: Op{Text: name, Verb: PinPage, Slot: slot}, play: func(p *Player) (Result, error) {
		variable := p.variable(slot)
		r, err := p.callInto(p.taskOf(who), variable, name, given(p, args)...)
		if err == nil && r.Kind == machine.IsPage {
			p.hold(slot, p.taskOf(who), variable)
			return Result{Ret: 1}, nil
		}
		return p.result(r), err
	}})
}

// hold notes what a slot holds by now.
func (p *Player) hold(name string, task, variable int) {
	p.pins[name] = &slot{task, variable, true, true}
}

// give adds a statement by which the page in slot s0 is given back.
func (s *staging) give(name string) int {
	return s.add(stagingStep{op: Op{Text: name}, play: func(p *Player) (Result, error) {
		held := p.pins["s0"]
		r, err := p.call(held.task, name, kernel.Arg{Var: held.variable})
		delete(p.pins, "s0")
		return p.result(r), err
	}})
}

// kernelWrites has the kernel write to the page in the slot, which the probes do however it was taken.
func (s *staging) kernelWrites(v int) int {
	return s.add(stagingStep{op: Op{Text: "device_write"}, play: func(p *Player) (Result, error) {
		held := p.pins["s0"]
		_, err := p.call(held.task, "device_write", kernel.Arg{Var: held.variable}, kernel.Arg{Value: content(uint32(v))})
		return Result{}, err
	}})
}

// taskOf is the task of a process; of none a kernel thread.
func (p *Player) taskOf(who string) int {
	if who == "" {
		return p.worker(0)
	}
	return p.process[who].task
}

func given(p *Player, args []argOf) (out []kernel.Arg) {
	for _, a := range args {
		out = append(out, a(p))
	}
	return out
}

// pageOf is the first page of a process's region, or all of it: a statement's parameter says which counts.
func pageOf(who, region string) argOf {
	return func(p *Player) kernel.Arg {
		r := p.region(region)
		return kernel.Arg{MM: p.process[who].mm, Region: r, Last: p.sim.Setup.MMs[0].Regions[r].Pages - 1}
	}
}

func flags(f uint64) argOf { return func(*Player) kernel.Arg { return kernel.Arg{Flags: f} } }

func stored(v int) argOf {
	return func(*Player) kernel.Arg { return kernel.Arg{Value: content(uint32(v))} }
}

// probeKinds are the regions of the probes, as programs and the model name them.
var probeKinds = map[string]RegionKind{
	"anon": Anon, "thp": THP, "hugetlb": Hugetlb, "ext4_private": Ext4Private, "ext4_private_rofd": Ext4Private, "ext4_shared": Ext4Shared,
	"memfd_shared": ShmemShared, "memfd_private": ShmemPrivate, "tmpfs_shared": ShmemShared, "tmpfs_private": ShmemPrivate, "hugetlb_shared": HugetlbShared,
	"zero": Anon, "hugezero": THP, "anon_shared": AnonShared, "hugetlb_fprivate": HugetlbPrivate, "ext4_shared_hole": Ext4Hole, "ext4_shared_rofd": Ext4Shared,
	"secretmem": SecretMemory, "unmapped": Anon, "ksm": Anon,
}

// stage begins a probe: a region of that many pages, which process A maps.
func (p *probe) stage(kind, prot string, pages int) (*staging, string) {
	region, ok := probeKinds[kind]
	if !ok {
		return nil, "memory that the model has not: " + kind
	}
	s := &staging{saw: p.saw, region: "R"}
	s.add(stagingStep{op: Op{Text: "mem R " + kind, Verb: Mem, Region: "R", Kind: region, Prot: Prot(prot), Pages: pages}})
	return s, ""
}

var gupCall = regexp.MustCompile(`^(GET|PIN)(FO|F)?([rw])(L)?([FN])?$`)

// pin adds the pin that a probe writes as "PINFrL".
func (s *staging) pin(who, call string) (int, bool) { return s.pinInto("s0", who, 0, call) }

func (s *staging) pinInto(slot, who string, page int, call string) (int, bool) {
	m := gupCall.FindStringSubmatch(call)
	if m == nil {
		return 0, false
	}
	op := Op{Verb: PinPage, Process: who, Region: "R", Page: page, Slot: slot, Pin: PinCall{Get: m[1] == "GET", Write: m[3] == "w", Longterm: m[4] != "", Force: m[5] == "F", NoFault: m[5] == "N",
		How: map[string]How{"": Slow, "F": Fast, "FO": FastOnly}[m[2]]}}
	op.Text = "pin " + call
	return s.add(stagingStep{op: op}), true
}
