package trace

import (
	"fmt"
	"slices"
	"strings"

	"gupscope/core/kernel"
	"gupscope/core/machine"
)

// tell writes the story: a sentence for every stretch of one actor, and why the
// claim is false.
func (s *story) tell(e *Explanation) string {
	t := teller{s: s, met: map[int]bool{}, at: map[int]int{}, slow: map[int]bool{}}
	ns := s.numbers()
	for i := 0; i < len(ns); {
		j := i + 1
		for j < len(ns) && s.r.steps[ns[j]-1].Actor == s.r.steps[ns[i]-1].Actor && !s.other(ns[j-1], ns[j]) {
			j++
		}
		t.next = -1
		if j < len(ns) {
			t.next = s.r.steps[ns[j]-1].CPU
		}
		t.stretch(ns[i:j])
		i = j
	}
	t.end(s.outcome(e))
	return t.b.String()
}

// A teller is a paragraph under construction.
type teller struct {
	s    *story
	b    strings.Builder
	met  map[int]bool  // actors that were introduced
	at   map[int]int   // the first step of what was told of an actor last
	slow map[int]bool  // of which it was said that they left GUP-fast
	lead string        // what the next sentence begins with: "While the host has cpu0 preempted, "
	gone machine.Frame // what the last sentence ends with the freeing of
	next int           // the CPU of the next stretch

	entry string // the page-table entry that was named last: "PTE of A's buf"
	read  string // what was told last of a PMD that somebody has read
}

// stretch tells what one actor does in one go.
func (t *teller) stretch(ns []int) {
	s := t.s
	st := &s.r.steps[ns[0]-1]
	a := s.r.Model.Actors()[st.Actor]
	if a.Kind == kernel.HypervisorActor && len(ns) == 1 {
		t.host(s.told[ns[0]][0], a.CPU)
		return
	}
	var said []string
	irq, still := false, ""
	for _, n := range ns {
		for _, e := range s.told[n] {
			if e.kind == evIRQsOff {
				irq = true
				continue
			}
			said = append(said, e.says)
		}
		if r, ok := s.firstUse(n); ok && still == "" && r.Stale < ns[0] {
			still = t.goingBy(r)
		}
	}
	said = t.brief(said)
	subject := t.subject(a, st)
	if irq && len(said) > 0 {
		subject += ", with interrupts off,"
	} else if irq {
		said = []string{"disables interrupts"}
	}
	if s.only(ns[0], evAcknowledges) && len(ns) == 1 && strings.HasSuffix(t.b.String(), " the flush IPI.") {
		text := strings.TrimSuffix(t.b.String(), ".")
		t.b.Reset()
		t.b.WriteString(text + ", which it takes" + strings.TrimPrefix(s.told[ns[0]][0].says, "takes the flush IPI") + ".")
		return
	}
	if t.follows(ns[0], subject, said, still) {
		return
	}
	t.sentence(subject + still + " " + listOf(said))
	t.gone = s.lastFreed(ns)
}

// goingBy says by what somebody goes on who does not know better.
func (t *teller) goingBy(r *Race) string {
	if r.Check {
		return fmt.Sprintf(", which has counted %s,", r.Believed)
	}
	if r.Got != "" {
		return ", by " + r.Got + ","
	}
	entry, _, _ := strings.Cut(r.Name, " of ")
	entry = strings.TrimSpace(entry[strings.Index(entry, ":")+1:]) // of a folio: which word of it
	if !r.confirmed() && r.Use != 0 && t.s.valueAt(r.Use-1, r.Cell) == r.Believed {
		return ", to which the " + entry + " looks as it did when it was read,"
	}
	for _, b := range t.s.beliefs {
		if b.read != r.first || b.from != r.Cell {
			continue
		}
		switch t.s.m.Mem.Layout().Class(b.into) {
		case machine.Secondary:
			return ", still going by its IOTLB,"
		case machine.TLBs:
			if b.class == machine.PMDs {
				return ", still in that walk,"
			}
			return ", still going by its TLB,"
		}
	}
	return ", still going by the " + entry + " that it read,"
}

// firstUse returns the race whose untrue belief a step acts on first.
func (s *story) firstUse(n int) (*Race, bool) {
	for i := range s.races {
		if s.races[i].Use == n && s.races[i].Actor == s.r.steps[n-1].Actor {
			return &s.races[i], true
		}
	}
	return nil, false
}

// follows joins "…, frees frame 1" and "takes frame 1 for B's other" to one sentence.
func (t *teller) follows(n int, subject string, said []string, still string) bool {
	events := t.s.told[n]
	if t.gone == 0 || still != "" || len(events) == 0 || events[0].kind != evTakes || events[0].frame != t.gone {
		return false
	}
	first := strings.Replace(said[0], fmt.Sprintf("takes frame %d", t.gone), "then takes", 1)
	said = append([]string{first}, said[1:]...)
	text := strings.TrimSuffix(t.b.String(), ".")
	t.b.Reset()
	t.b.WriteString(text + ", which " + subject + " " + listOf(said) + ".")
	t.gone = 0
	return true
}

func (s *story) lastFreed(ns []int) machine.Frame {
	for _, e := range s.told[ns[len(ns)-1]] {
		if e.kind == evFrees {
			return e.frame
		}
	}
	return 0
}

// host tells what the host does by how the next sentence begins.
func (t *teller) host(e event, cpu int) {
	name := fmt.Sprintf("cpu%d", cpu)
	if e.kind == evPreempts {
		t.lead = "While the host has " + name + " preempted, "
		return
	}
	t.lead, t.gone = "", 0
	if t.next == cpu {
		t.lead = "When the host lets it run again, "
		return
	}
	t.sentence("the host lets " + name + " run again")
	t.lead = "Then "
}

// subject names an actor: at length when it is met.
func (t *teller) subject(a kernel.Actor, st *Step) string {
	name := a.Name
	switch a.Kind {
	case kernel.TaskActor:
		name = fmt.Sprintf("cpu%d", a.CPU)
		if st.origin == "context_switch" { // of whichever thread it is that comes
			return name
		}
		if !t.met[a.ID] {
			name += "'s " + t.s.doing(a)
		} else if t.at[a.ID] != 0 && t.s.other(t.at[a.ID], st.N) && !t.s.r.withPage(st) {
			name += "'s " + t.s.r.activity(st)
		}
		t.at[a.ID] = st.N
		if !t.slow[a.ID] && t.s.slowly(st) {
			t.slow[a.ID] = true
			name += ", which has fallen back to the slow path,"
		}
	case kernel.InterruptActor, kernel.WalkerActor:
		name = fmt.Sprintf("cpu%d", a.CPU)
	case kernel.DiskActor:
		name = "the swap device"
	case kernel.RCUActor:
		name = "RCU, the grace period being over,"
	}
	if name == "disk" {
		name = "the disk"
	}
	t.met[a.ID] = true
	return name
}

// slowly reports whether a GUP-fast call is in what it falls back to.
func (s *story) slowly(st *Step) bool {
	switch s.r.callOf(st) {
	case "get_user_pages_fast", "pin_user_pages_fast":
		return slices.Contains(st.Path, "__get_user_pages_locked")
	}
	return false
}

// other reports whether a task has come to another call, between two of its steps, one
// that is a story of its own: what is done with a page that GUP got goes on with that.
func (s *story) other(n, m int) bool {
	a, b := &s.r.steps[n-1], &s.r.steps[m-1]
	if a.Stmt == b.Stmt || s.r.Model.Actors()[b.Actor].Kind != kernel.TaskActor {
		return false
	}
	if s.r.withPage(b) && (s.r.withPage(a) || s.r.statement(a).Call.Result == kernel.PageResult) {
		return false
	}
	return s.r.activity(a) != s.r.activity(b)
}

func (r *Run) statement(st *Step) *kernel.Stmt {
	return &r.Model.Setup.Tasks[r.Model.Actors()[st.Actor].Task].Body[st.Stmt]
}

// withPage reports whether a step is of a call that does something with a page that GUP got.
func (r *Run) withPage(st *Step) bool {
	for _, p := range r.statement(st).Call.Params {
		if p.Kind == kernel.VarParam || p.Kind == kernel.VarsParam {
			return true
		}
	}
	return false
}

// doing is what a task does in the steps that are told, as people call it.
func (s *story) doing(a kernel.Actor) string {
	for _, n := range s.numbers() {
		if st := &s.r.steps[n-1]; st.Actor == a.ID {
			return s.r.activity(st)
		}
	}
	return a.Name
}

// activity is the statement of a step as people call it.
func (r *Run) activity(st *Step) string {
	call := r.callOf(st)
	stmt := &r.Model.Setup.Tasks[r.Model.Actors()[st.Actor].Task].Body[st.Stmt]
	switch call {
	case "get_user_pages_fast", "pin_user_pages_fast":
		return "GUP-fast"
	case "get_user_pages", "pin_user_pages":
		return "GUP"
	case "shrink_folio_list":
		return "reclaim"
	case "madvise":
		for _, arg := range stmt.Args {
			if arg.Word != "" {
				return arg.Word
			}
		}
	}
	return stmt.Call.NameIn(r.Model.Kernel.Version)
}

func (t *teller) sentence(text string) {
	if t.b.Len() > 0 {
		t.b.WriteString(" ")
	}
	text = t.lead + text
	t.lead = ""
	t.b.WriteString(capital(text) + ".")
}

// end joins the outcome to the last sentence.
func (t *teller) end(outcome string) {
	text := strings.TrimSuffix(t.b.String(), ".")
	t.b.Reset()
	t.b.WriteString(text)
	last := text[strings.LastIndex(text, ". ")+1:]
	switch {
	case outcome != "" && strings.Contains(last, ": "): // it has a colon already
		t.b.WriteString(". " + capital(outcome))
	case outcome != "":
		t.b.WriteString(": " + outcome)
	}
	t.b.WriteString(".")
}
