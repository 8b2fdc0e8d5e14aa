package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"gupscope/core/kernel"
)

// A Program is one small program with what a real kernel did.
type Program struct {
	ID     string
	Family string
	Kernel string // the branch it ran on: "6.12"
	Steps  []Step
}

// A Step is one operation and the observation after it.
type Step struct {
	Op    Op
	After Observation
}

// RanOn reports whether the program ran on a kernel of that version's branch: one of 6.12 on
// v6.12 and its stable releases.
func (p *Program) RanOn(v *kernel.Version) bool {
	return v.Name == "v"+p.Kernel || strings.HasPrefix(v.Name, "v"+p.Kernel+".")
}

// Regions are the names of the program's regions, in the order of their declaration.
func (p *Program) Regions() []string {
	var names []string
	for i := range p.Steps {
		if o := &p.Steps[i].Op; o.Verb == Mem {
			names = append(names, o.Region)
		}
	}
	return names
}

// Programs reads a file of the corpus: one JSON object per line, plain or
// compressed with gzip. It stops at the first error, which names the line.
func Programs(r io.Reader) iter.Seq2[*Program, error] {
	return func(yield func(*Program, error) bool) {
		lines, err := plain(r)
		for n := 1; err == nil; n++ {
			var text []byte
			text, err = lines.ReadBytes('\n')
			if len(bytes.TrimSpace(text)) == 0 || err != nil && !errors.Is(err, io.EOF) {
				continue
			}
			p, bad := parseProgram(text)
			if bad != nil {
				err = fmt.Errorf("line %d: %w", n, bad)
			} else if !yield(p, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(nil, err)
		}
	}
}

// plain looks through a compression, which it knows by its first two bytes.
func plain(r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := b.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	return bufio.NewReaderSize(z, 1<<16), err
}

// The JSON of a program. What is not here (nz, nzs, rounds, scans, kmsg) is not
// compared; in the records below, an unknown field is an error.
type programJSON struct {
	ID     string     `json:"id"`
	Family string     `json:"fam"`
	Kernel string     `json:"kernel"`
	Ops    []stepJSON `json:"ops"`
}

type stepJSON struct {
	Op     string                        `json:"op"`
	Result *strict[resultJSON]           `json:"r"`
	Tables map[string]map[string][]Entry `json:"pt"`
	Frames map[Label]strict[frameJSON]   `json:"fr"`
	Swap   map[Label]strict[slotJSON]    `json:"sw"`
	Cache  map[string][]Label            `json:"pc"`
	Disk   map[string][]Block            `json:"disk"`
	Size   map[string]int                `json:"size"`
	Pins   map[string]strict[pinJSON]    `json:"pins"`
}

type resultJSON struct {
	Ret    int     `json:"ret"`
	Err    string  `json:"err"`
	Val    *uint32 `json:"val"`
	Status string  `json:"status"`
	Signal string  `json:"sig"`
	Skip   string  `json:"skip"`
}

type frameJSON struct {
	Ref     int        `json:"ref"`
	Map     int        `json:"map"`
	Pin     int        `json:"pin"`
	Flags   FrameFlags `json:"fl"`
	Val     uint32     `json:"val"`
	Order   int        `json:"ord"`
	Index   int        `json:"hd"`
	Entire  int        `json:"ent"`
	PageMap *int       `json:"pmap"`
	Swap    Label      `json:"sw"`
}

type slotJSON struct {
	Count int     `json:"cnt"`
	Cache Label   `json:"cache"`
	Disk  *uint32 `json:"disk"`
	Zero  int     `json:"zero"`
}

type pinJSON struct {
	Frame Label  `json:"f"`
	Val   uint32 `json:"val"`
}

// strict is a record in which a field that nobody knows is an error: it would
// be an observation that is not compared.
type strict[T any] struct{ T T }

func (s *strict[T]) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(&s.T)
}

func parseProgram(text []byte) (*Program, error) {
	var j programJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, err
	}
	if j.ID == "" || len(j.Ops) == 0 {
		return nil, errors.New("this is no program: it has no id, or no ops")
	}
	p := &Program{ID: j.ID, Family: j.Family, Kernel: j.Kernel, Steps: make([]Step, len(j.Ops))}
	for i := range j.Ops {
		after, err := j.Ops[i].observation()
		if err != nil {
			return nil, fmt.Errorf("%s, op %d: %w", j.ID, i, err)
		}
		p.Steps[i] = Step{ParseOp(j.Ops[i].Op), after}
	}
	return p, nil
}

func (j *stepJSON) observation() (Observation, error) {
	o := Observation{Tables: j.Tables, Cache: j.Cache, Disk: j.Disk, Size: j.Size,
		Frames: map[Label]Frame{}, Swap: map[Label]Slot{}, Pins: map[string]Pin{}}
	if j.Result == nil {
		return o, errors.New("it has no result (r)")
	}
	r := j.Result.T
	o.Result = Result{Ret: r.Ret, Err: r.Err, Status: r.Status, Signal: r.Signal, Skip: r.Skip}
	if r.Val != nil {
		o.Result.Val, o.Result.HasVal = *r.Val, true
	}
	for l, s := range j.Frames {
		f := s.T
		if large := f.Order > 0 && f.Flags&FlagHugetlb == 0; large != (f.PageMap != nil) {
			return o, fmt.Errorf("frame %s: pmap is recorded of the pages of a THP, and of no other", l)
		}
		record := Frame{f.Ref, f.Map, f.Pin, f.Flags, f.Val, f.Order, f.Index, f.Entire, 0, f.Swap}
		if f.PageMap != nil {
			record.PageMap = *f.PageMap
		}
		o.Frames[l] = record
	}
	for l, s := range j.Swap {
		e := Slot{Count: s.T.Count, Cache: s.T.Cache, Zero: s.T.Zero != 0}
		if s.T.Disk != nil {
			e.Disk, e.HasDisk = *s.T.Disk, true
		}
		o.Swap[l] = e
	}
	for name, s := range j.Pins {
		o.Pins[name] = Pin{s.T.Frame, s.T.Val}
	}
	return o, nil
}
