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

// brief leaves out what was said already: "that PTE", "frees it".
func (t *teller) brief(said []string) []string {
	var out []string
	frame, before := "", "" // the frame that was named last, and the clause before
	for _, s := range said {
		if s == before {
			continue
		}
		before = s
		if s == "" || s == "takes a reference on "+frame && len(out) > 0 && strings.HasPrefix(out[len(out)-1], "takes a reference on ") {
			continue
		}
		if slot, ok := strings.CutPrefix(s, "takes swap slot "); ok && strings.Contains(t.b.String()+strings.Join(out, " "), "gives swap slot "+slot+" back") {
			s += " again"
		}
		s = t.again(s)
		s = t.thatEntry(s)
		s = t.sameTable(s, out)
		if rest, ok := strings.CutPrefix(s, "returns "+frame+" "); ok && frame != "" {
			s = "returns it " + rest
		}
		if strings.HasPrefix(s, "returns the zero page ") && len(out) > 0 && strings.HasSuffix(out[len(out)-1], " on the zero page") {
			s = strings.Replace(s, "the zero page", "it", 1)
		}
		if frame != "" && strings.HasSuffix(s, " "+frame) && !strings.HasPrefix(s, "maps ") && !strings.HasPrefix(s, "frees ") && !strings.HasPrefix(s, "reads ") {
			s = strings.TrimSuffix(s, frame) + "it"
		}
		if frame != "" {
			s = strings.Replace(s, frame+"'s ", "its ", 1)
		}
		if at := strings.LastIndex(s, "frame "); at >= 0 {
			frame = s[at:]
			if end := strings.IndexAny(frame[6:], " ,:'"); end >= 0 {
				frame = frame[:6+end]
			}
		} else if strings.Contains(s, "cpu") || strings.HasPrefix(s, "clears ") || strings.HasPrefix(s, "write-protects ") || strings.HasPrefix(s, "sets ") {
			frame = "" // "it" would be the CPU, or the entry
		}
		if len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return halvesTogether(storesTogether(out))
}

// again speaks of a PMD that is read, and holds what it held when it was read before, as read again.
func (t *teller) again(s string) string {
	what, _, ok := strings.Cut(strings.TrimPrefix(s, "reads the "), ", which ")
	if !ok || !strings.HasPrefix(s, "reads the PMD of ") {
		return s
	}
	if t.read == s && t.entry == what {
		return "reads the " + what + " again"
	}
	t.read = s
	return s
}

// thatEntry speaks of the entry that was named last as "that PTE".
func (t *teller) thatEntry(s string) string {
	for _, what := range []string{"PTE", "PMD"} {
		head, page, ok := strings.Cut(s, "the "+what+" of ")
		if !ok {
			continue
		}
		rest := ""
		for _, end := range []string{" unchanged", ",", ":", " into ", " empty", " again", " writable", " inaccessible", " clean"} {
			if at := strings.Index(page, end); at >= 0 {
				page, rest = page[:at], page[at:]+rest
			}
		}
		name := what + " of " + page
		if t.entry == name && page != "" {
			if head == "clears " && strings.Contains(t.read, rest) { // what it maps was told
				rest = ""
			}
			s = head + "that " + what + rest
		}
		t.entry = name
	}
	return s
}

// sameTable speaks of a page table that was named before as "that page table".
func (t *teller) sameTable(s string, out []string) string {
	before := t.b.String() + strings.Join(out, " ")
	if strings.HasPrefix(s, "unhooks the page table of ") && strings.Contains(before, "leads to the page table in frame ") {
		return "unhooks that page table"
	}
	if table, ok := strings.CutPrefix(s, "frees the page table in "); ok && strings.Contains(before, "the page table in "+table) {
		if len(out) > 0 && strings.HasPrefix(out[len(out)-1], "unhooks ") {
			return "frees it"
		}
		return "frees that page table"
	}
	return s
}

// storesTogether makes one clause of two: stores "x" into it, stores "y" into it.
func storesTogether(said []string) []string {
	var out []string
	for _, s := range said {
		if n := len(out) - 1; n >= 0 && strings.HasPrefix(s, "stores ") && strings.HasPrefix(out[n], "stores ") {
			what, where, _ := strings.Cut(strings.TrimPrefix(s, "stores "), " into ")
			if first, whereFirst, ok := strings.Cut(out[n], " into "); ok && (where == whereFirst || where == "it") {
				out[n] = first + ", then " + what + ", into " + whereFirst
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// halvesTogether makes one clause of two: clears the low half of that PTE, clears the high half of that PTE.
func halvesTogether(said []string) []string {
	var out []string
	for _, s := range said {
		verb, rest, _ := strings.Cut(s, " the ")
		half, entry, ok := strings.Cut(rest, " half of ")
		if n := len(out) - 1; ok && n >= 0 && !strings.Contains(s, ":") && strings.HasPrefix(out[n], verb+" the ") && (strings.HasSuffix(out[n], " half of "+entry) || strings.HasPrefix(entry, "that ") && strings.Contains(out[n], " half of the "+entry[5:])) {
			out[n] += ", then the " + half + " half"
			continue
		}
		out = append(out, s)
	}
	return out
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

// listOf joins clauses: "a, b and c".
func listOf(said []string) string {
	if len(said) < 2 {
		return strings.Join(said, "")
	}
	and := " and "
	if strings.Contains(said[len(said)-2], ", which ") || strings.Contains(said[len(said)-2], "? ") {
		and = ", and "
	}
	return strings.Join(said[:len(said)-1], ", ") + and + said[len(said)-1]
}

// outcome is why the claim is false: what it says itself, or more exactly where
// the run tells more.
func (s *story) outcome(e *Explanation) string {
	if s.x.foreign(s) {
		f := s.got
		fate := "which never was mapped there during the call"
		for n := s.v; n > 0; n-- {
			for _, ev := range s.told[n] {
				if ev.frame != f {
					continue
				}
				switch ev.kind {
				case evTakes:
					_, whom, _ := strings.Cut(ev.says, " for ")
					for p := range s.pages {
						if s.page(p) == whom {
							return fmt.Sprintf("%s got frame %d as it was before; by now it is a new page of %s", s.m.Config.Tasks[s.actor].Name, f, whom)
						}
					}
					return fmt.Sprintf("%s got frame %d, which is %s by now", s.m.Config.Tasks[s.actor].Name, f, whom)
				case evFrees:
					return fmt.Sprintf("%s got frame %d, which was freed meanwhile", s.m.Config.Tasks[s.actor].Name, f)
				}
			}
		}
		return fmt.Sprintf("%s got %s, %s", s.m.Config.Tasks[s.actor].Name, s.m.FrameName(f), fate)
	}
	if s.only(s.v, evFromZero) || s.table {
		return "" // that is the outcome
	}
	why := strings.Join(e.Why, "; ")
	for i, p := range s.m.Pages() {
		why = strings.ReplaceAll(why, p.Name, s.page(machine.PageID(i)))
	}
	return why + s.neverExclusive()
}

// neverExclusive says of a page that is pinned and not exclusive that nobody took
// that away in the run: it was so at the start.
func (s *story) neverExclusive() string {
	if !s.private || !strings.Contains(s.claim, "pin") {
		return ""
	}
	for i := range s.r.steps[:s.v] {
		for _, c := range s.r.steps[i].Changes {
			if f, ok := s.x.flags[c.Cell]; ok && s.frames[f] && (c.OldV^c.NewV)&machine.PGAnonExclusive != 0 {
				return ""
			}
		}
	}
	return ", and was not from the start"
}

// foreign reports whether the violation is that GUP returned a page of somebody else.
func (x *index) foreign(s *story) bool {
	return s.actor >= 0 && s.named[s.m.Alarm(machine.AlarmForeignPage).Cell()]
}

func onlyFrame(fs map[machine.Frame]bool) machine.Frame {
	for f := range fs {
		return f
	}
	return 0
}

// thirdPerson turns a step's sentence, which begins with a verb, into what its
// actor does: "read the PTE" becomes "reads the PTE". A question is asked.
func thirdPerson(says string) string {
	if strings.Contains(says, "?") {
		return "asks: " + says
	}
	for _, who := range []string{"the guest ", "the device "} {
		if rest, ok := strings.CutPrefix(says, who); ok {
			return "has " + who + strings.Replace(rest, "s ", " ", 1)
		}
	}
	if strings.HasPrefix(says, "no ") {
		return "finds " + says
	}
	if strings.HasPrefix(says, "under ") {
		return "finds, " + says
	}
	if first, _, _ := strings.Cut(says, " "); first == "the" || first == "dst" || strings.Contains(first, "->") || first == "it" || strings.ContainsAny(first, "0123456789_") {
		return "finds that " + says
	}
	clauses := strings.Split(says, ", ")
	for i, c := range clauses {
		verb, rest, _ := strings.Cut(c, " ")
		verb = strings.TrimSuffix(verb, ":")
		if i == 0 || imperative[verb] {
			clauses[i] = strings.TrimSpace(conjugated(verb) + " " + rest)
		}
	}
	if len(clauses) == 2 && clauses[1] != strings.Split(says, ", ")[1] {
		return clauses[0] + " and " + clauses[1]
	}
	return strings.Join(clauses, ", ")
}

// imperative are the verbs with which a step's sentence may go on behind a comma.
var imperative = map[string]bool{
	"read": true, "lock": true, "unlock": true, "put": true, "drop": true, "give": true, "mark": true, "set": true, "leave": true,
	"free": true, "fill": true, "take": true, "restore": true, "flush": true, "send": true, "clear": true,
}

func conjugated(verb string) string {
	switch {
	case strings.HasSuffix(verb, "s") || strings.HasSuffix(verb, "sh") || strings.HasSuffix(verb, "ch"):
		return verb + "es"
	case strings.HasSuffix(verb, "y") && !strings.HasSuffix(verb, "ay"):
		return strings.TrimSuffix(verb, "y") + "ies"
	}
	return verb + "s"
}
