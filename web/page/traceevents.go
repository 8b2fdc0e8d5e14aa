package page

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"gupscope/web/view"
)

// TraceEvents writes the whole run in Chrome's trace event format, as
// ui.perfetto.dev and chrome://tracing open it. A step takes a millisecond, because the model
// knows no time, only order. Of every lane there are these threads:
//
//	P0 in A (cpu0)              the calls and in them the steps of a task
//	cpu0: hypervisor            who else steps on its CPU
//	cpu0: held, off, waiting    spans: interrupts off, locks, RCU, preempted, waiting; those that overlap in threads of their own
//	cpu0: race window           what its CPU still goes by
//
// Flow arrows are IPIs, hand-overs and racing accesses. A claim that breaks is an instant in the step that breaks it, on its thread: at the end of
// the step it would be at the end of the trace, where viewers cut it in half; and behind its middle, where flows end.
// Counters are the folios' refcounts and pincounts, each from the middle of the step that changes it.
func TraceEvents(w io.Writer, p *view.Page, counts []view.Count) error {
	t := traceEvents{race: &p.Race, threads: map[string]int{}}
	t.add(event{Name: "process_name", Ph: "M", TID: 1, Args: map[string]any{"name": "gupscope: " + p.Header.Title + " on " + p.Header.Kernel.Text}})
	for i := range p.Race.Lanes {
		t.lane(i)
	}
	for i := range p.Race.Edges {
		t.flow(&p.Race.Edges[i])
	}
	for i := range counts {
		t.count(&counts[i])
	}
	// Names come first; of what begins together, what lasts longer: a slice belongs into the one that was there before it.
	meta := func(e event) int { return strings.Index("M", e.Ph) } // 0, or -1
	slices.SortStableFunc(t.events, func(a, b event) int {
		return cmp.Or(cmp.Compare(meta(b), meta(a)), cmp.Compare(a.TS, b.TS), cmp.Compare(b.Dur, a.Dur))
	})
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // older readers of the format know no \u in strings
	return e.Encode(map[string]any{
		"traceEvents": t.events, // no displayTimeUnit: some trace processors of Perfetto take it for the unit of ts
		"otherData":   map[string]string{"scenario": p.Header.Title, "kernel": p.Header.Kernel.Text, "run": p.Link.Run},
	})
}

// An event is one of the format's. Times are in microseconds.
type event struct {
	Name string         `json:"name,omitempty"`
	Cat  string         `json:"cat,omitempty"`
	Ph   string         `json:"ph"` // X: a slice; s, f: a flow begins, ends; i: an instant; C: a counter; M: metadata
	TS   float64        `json:"ts"`
	Dur  float64        `json:"dur,omitempty"`
	PID  int            `json:"pid"`
	TID  int            `json:"tid"`
	ID   int            `json:"id,omitempty"`
	BP   string         `json:"bp,omitempty"` // e: the flow ends in the slice around it
	S    string         `json:"s,omitempty"`  // t: the instant is its thread's
	Args map[string]any `json:"args,omitempty"`
}

type traceEvents struct {
	race    *view.Race
	events  []event
	threads map[string]int // by name
	flows   int
}

const millisecond = 1000.0

func starts(step int) float64 { return float64(step-1) * millisecond }

func (t *traceEvents) add(e event) {
	e.PID = 1
	t.events = append(t.events, e)
}

// thread is the number of a thread; threads stand in the order in which they are asked for first.
func (t *traceEvents) thread(name string) int {
	n, ok := t.threads[name]
	if !ok {
		n = len(t.threads) + 1
		t.threads[name] = n
		t.add(event{Name: "thread_name", Ph: "M", TID: n, Args: map[string]any{"name": name}})
		t.add(event{Name: "thread_sort_index", Ph: "M", TID: n, Args: map[string]any{"sort_index": n}})
	}
	return n
}

// of is the thread that a step is made in.
func (t *traceEvents) of(x *view.Row) int {
	l := &t.race.Lanes[x.Lane]
	if x.By != "" {
		return t.thread(l.Name + ": " + x.By)
	}
	return t.thread(l.What + " (" + l.Name + ")")
}

// lane adds all that is in a lane.
func (t *traceEvents) lane(i int) {
	l := &t.race.Lanes[i]
	t.thread(l.What + " (" + l.Name + ")")
	t.calls(i)
	for j := range t.race.Rows {
		if x := &t.race.Rows[j]; x.Lane == i {
			t.step(x)
		}
	}
	for j := range t.race.Spans {
		s := &t.race.Spans[j]
		if s.Lane != i {
			continue
		}
		name := l.Name + ": held, off, waiting"
		if s.Track > 0 {
			name += fmt.Sprint(" ", s.Track+1)
		}
		t.add(event{Name: s.Text, Cat: s.Kind.String(), Ph: "X", TS: starts(s.From), Dur: starts(s.To+1) - starts(s.From), TID: t.thread(name), Args: open(s.Open)})
	}
	for j := range t.race.Windows {
		if w := &t.race.Windows[j]; w.Lane == i {
			t.add(event{Name: w.Head + ": " + strings.Join(w.Texts, ", "), Cat: "race window", Ph: "X", TS: starts(w.From), Dur: starts(w.To+1) - starts(w.From), TID: t.thread(l.Name + ": race window"),
				Args: map[string]any{"read": w.Read}})
		}
	}
}

func open(is bool) map[string]any {
	if !is {
		return nil
	}
	return map[string]any{"open": "it has not ended with the run"}
}

// step is a slice, and where a claim breaks an instant.
func (t *traceEvents) step(x *view.Row) {
	args := map[string]any{"step": x.N}
	if d := did(x); len(d) > 0 {
		args["did"] = d
	}
	for name, text := range map[string]string{"goes by": x.Note, "note": x.Remark, "violation": x.Bad} {
		if text != "" {
			args[name] = text
		}
	}
	t.add(event{Name: x.Says, Cat: "step", Ph: "X", TS: starts(x.N), Dur: millisecond, TID: t.of(x), Args: args})
	if x.Bad != "" {
		t.add(event{Name: x.Bad, Cat: "violation", Ph: "i", S: "t", TS: starts(x.N) + 3*millisecond/4, TID: t.of(x)})
	}
}

// calls are slices around the steps of a lane's own task: a call lasts from its first
// step to its last, those of what it calls included.
func (t *traceEvents) calls(lane int) {
	type call struct {
		name        string
		depth       int
		first, last int
	}
	var stack []call
	tid := 0
	leave := func(depth int) {
		for len(stack) > 0 && stack[len(stack)-1].depth >= depth {
			c := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if len(stack) > 0 {
				stack[len(stack)-1].last = c.last
			}
			t.add(event{Name: c.name, Cat: "call", Ph: "X", TS: starts(c.first), Dur: starts(c.last+1) - starts(c.first), TID: tid})
		}
	}
	for i := range t.race.Rows {
		x := &t.race.Rows[i]
		if x.Lane != lane || x.By != "" {
			continue
		}
		tid = t.of(x)
		leave(x.Depth + 1)
		if n := len(stack); n > 0 && stack[n-1].depth == x.Depth && stack[n-1].name != x.In {
			leave(x.Depth)
		}
		if n := len(stack); n == 0 || stack[n-1].depth < x.Depth {
			stack = append(stack, call{x.In, x.Depth, x.N, x.N})
		}
		stack[len(stack)-1].last = x.N
	}
	leave(0)
}

// flow is an arrow from the middle of a step to that of a later one.
func (t *traceEvents) flow(e *view.Edge) {
	if e.Kind == view.Conflict && !e.Race {
		return
	}
	from, to := t.race.Row(e.From), t.race.Row(e.To)
	cat := map[view.EdgeKind]string{view.IPI: "ipi", view.HandOver: "hand-over", view.Conflict: "race"}[e.Kind]
	if e.Race {
		cat = "race"
	}
	t.flows++
	t.add(event{Name: e.Text, Cat: cat, Ph: "s", ID: t.flows, TS: starts(e.From) + millisecond/2, TID: t.of(from)})
	t.add(event{Name: e.Text, Cat: cat, Ph: "f", BP: "e", ID: t.flows, TS: starts(e.To) + millisecond/2, TID: t.of(to)})
}

// count is a counter's value; it is the process's, whatever thread it names.
func (t *traceEvents) count(c *view.Count) {
	at := 0.0
	if c.Step > 0 {
		at = starts(c.Step) + millisecond/2
	}
	_, what, _ := strings.Cut(strings.TrimPrefix(c.Name, "folio "), " ")
	t.add(event{Name: c.Name, Cat: "count", Ph: "C", TS: at, TID: 1, Args: map[string]any{what: c.Value}})
}
