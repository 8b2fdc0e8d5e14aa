package session

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"gupscope/core/trace"
	"gupscope/scenarios"
	"gupscope/web/link"
)

// taken is what the answer export holds.
func taken(t *testing.T, s *Session, e Event) Taken {
	t.Helper()
	e.Do = "export"
	for _, f := range s.Do(e) {
		var out Taken
		if f.Op == "answer" && f.ID == "export" && json.Unmarshal([]byte(f.Value), &out) == nil && out.To == e.To {
			return out
		}
	}
	t.Fatalf("no answer to %+v", e)
	return Taken{}
}

// everyRun calls f with every scenario standing at the end of a run through it.
func everyRun(t *testing.T, f func(t *testing.T, s *Session)) {
	for i, g := range scenarios.List() {
		if testing.Short() && i%9 > 0 {
			continue
		}
		t.Run(g.Name, func(t *testing.T) {
			t.Parallel()
			s := New()
			s.Restore(link.Link{Scenario: g.Name})
			s.Do(Event{Do: "run", To: "random", N: 3})
			f(t, s)
		})
	}
}

var mermaidLine = regexp.MustCompile(`^    (participant L\d+ as [^;#]*|L\d+(->>|-->>|-x|-\))L\d+: .+|Note over L\d+(,L\d+)?: .+)$`)

// The sequence diagram has a note for every step, and nothing in its texts that means something to Mermaid.
func TestMermaid(t *testing.T) {
	entity := regexp.MustCompile(`#(35|59|lt|gt);|<br/>`)
	everyRun(t, func(t *testing.T, s *Session) {
		lines := strings.Split(strings.TrimSpace(taken(t, s, Event{To: "mermaid", N: 1}).Text), "\n")
		if lines[0] != "---" || lines[2] != "---" || lines[3] != "sequenceDiagram" {
			t.Fatalf("it begins with %q", lines[:4])
		}
		notes := 0
		for _, l := range lines[4:] {
			if !mermaidLine.MatchString(l) || strings.ContainsAny(entity.ReplaceAllString(l[4:], ""), "#;<") {
				t.Errorf("not Mermaid: %s", l)
			}
			if strings.Contains(l, "Note over") && !strings.Contains(l, "✗") {
				notes++
			}
		}
		if notes != s.run.Cursor() {
			t.Errorf("%d notes for %d steps", notes, s.run.Cursor())
		}
	})
}

// A traced is an event of Chrome's format, as it is read back.
type traced struct {
	Name, Cat, Ph, BP, S string
	TS, Dur              *float64
	PID, TID             *int
	ID                   int
	Args                 map[string]any
}

// The trace is as the trace event format wants it: every event has its place, slices of a thread lie
// in each other or apart, what is around comes first, and every flow begins and ends in a step. It is read as Perfetto's importer
// reads it (compare its src/trace_processor/importers/json and common/slice_tracker.cc, flow_tracker.cc), whose rules are stricter
// than the format's: a slice that lies across another is dropped, and a flow is bound to whatever slice of its thread came last.
func TestTraceEvents(t *testing.T) {
	everyRun(t, func(t *testing.T, s *Session) {
		var trace struct{ TraceEvents []traced }
		text := taken(t, s, Event{To: "trace"}).Text
		if err := json.Unmarshal([]byte(text), &trace); err != nil {
			t.Fatal(err)
		}
		// Trace processors of Perfetto before 2023 take it for the unit of all times: milliseconds would be seconds.
		if strings.Contains(text, "displayTimeUnit") {
			t.Error("the trace says in what unit it wants to be displayed")
		}
		// Readers that skip what they do not know, such as otherData, know no escapes but one letter; an argument without a value is none.
		if found := regexp.MustCompile(`\\u|[:,[]null`).FindString(text); found != "" {
			t.Errorf("%s is in the trace", found)
		}
		checkTrace(t, trace.TraceEvents, s.run.Len())
	})
}

func checkTrace(t *testing.T, events []traced, steps int) {
	type slice struct {
		from, to float64
		cat      string
	}
	open := map[int][]slice{}
	named := map[int]bool{}
	flows := map[int]*traced{}
	last, made := -1.0, 0
	for i := range events {
		e := &events[i]
		if e.PID == nil || e.TID == nil || e.TS == nil || *e.TS < 0 {
			t.Fatalf("event %d has no place: %+v", i, e)
		}
		if *e.TS < last {
			t.Errorf("event %d comes too late", i)
		}
		last = *e.TS
		if *e.PID <= 0 || *e.TID <= 0 {
			t.Errorf("event %d is of the idle process or thread: %+v", i, e)
		}
		if e.Ph == "s" || e.Ph == "f" {
			around := open[*e.TID]
			if n := len(around); n == 0 || around[n-1].cat != "step" || *e.TS < around[n-1].from || around[n-1].to <= *e.TS {
				t.Errorf("flow %q is not in a step, but in %v", e.Name, around)
			}
		}
		if e.Ph != "M" && !named[*e.TID] {
			t.Errorf("thread %d has no name before its first event", *e.TID)
		}
		switch e.Ph {
		case "M":
			named[*e.TID] = named[*e.TID] || e.Name == "thread_name"
			// The names that the format knows, each with its argument.
			switch e.Name {
			case "process_name", "thread_name":
				if name, _ := e.Args["name"].(string); name == "" {
					t.Errorf("no name: %+v", e)
				}
			case "thread_sort_index":
				if _, ok := e.Args["sort_index"].(float64); !ok {
					t.Errorf("no index: %+v", e)
				}
			default:
				t.Errorf("nobody reads metadata of the name %q", e.Name)
			}
		case "X":
			if e.Dur == nil || *e.Dur <= 0 || e.Name == "" {
				t.Fatalf("a slice without name or length: %+v", e)
			}
			x := slice{*e.TS, *e.TS + *e.Dur, e.Cat}
			around := open[*e.TID]
			for len(around) > 0 && around[len(around)-1].to <= x.from {
				around = around[:len(around)-1]
			}
			if n := len(around); n > 0 && around[n-1].to < x.to {
				t.Errorf("%q on thread %d, %v, lies across %v", e.Name, *e.TID, x, around[n-1])
			}
			open[*e.TID] = append(around, x)
			if e.Cat == "step" {
				made++
			}
		case "s":
			if flows[e.ID] != nil || e.ID == 0 {
				t.Errorf("flow %d begins twice", e.ID)
			}
			flows[e.ID] = e
		case "f":
			b := flows[e.ID]
			if b == nil || b.Cat != e.Cat || b.Name != e.Name || *b.TS >= *e.TS || e.BP != "e" {
				t.Errorf("flow %d ends without a beginning of its own: %+v", e.ID, e)
			}
			delete(flows, e.ID)
		case "i":
			if e.S != "t" || e.Name == "" {
				t.Errorf("an instant that nobody sees: %+v", e)
			}
			around := open[*e.TID]
			if n := len(around); n == 0 || around[n-1].cat != "step" || *e.TS <= around[n-1].from || around[n-1].to <= *e.TS {
				t.Errorf("instant %q is not in a step, but in %v", e.Name, around)
			}
		case "C":
			_, what, _ := strings.Cut(strings.TrimPrefix(e.Name, "folio "), " ")
			if n, ok := e.Args[what].(float64); !ok || len(e.Args) != 1 || n != math.Trunc(n) {
				t.Errorf("a counter without its value: %+v", e)
			}
		default:
			t.Errorf("there is no phase %q", e.Ph)
		}
	}
	if len(flows) > 0 {
		t.Errorf("%d flows do not end", len(flows))
	}
	if made != steps {
		t.Errorf("%d steps of %d", made, steps)
	}
}

// The threads of the trace are the tasks; what lasts and what crosses is there.
func TestTraceOfARace(t *testing.T) {
	l, _ := Counterexample(link.Link{Scenario: "gup-fast-vs-reclaim"})
	s := New()
	s.Restore(l)
	text := taken(t, s, Event{To: "trace"}).Text
	for _, want := range []string{`"P0 in A (cpu0)"`, `"P1 kernel (cpu1)"`, `"interrupts off"`, `"preempted"`, `"race window"`, `"ph":"s"`, `"name":"PTE of A buf","cat":"race"`, `"cat":"violation"`, `"gup_fast_pte_range"`,
		`"name":"folio 1 refcount","cat":"count","ph":"C","ts":0,"pid":1,"tid":1,"args":{"refcount":1}`, `"args":{"refcount":0}`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in the trace", want)
		}
	}
}

// The picture is XML, and as wide as it says.
func TestSVGIsXML(t *testing.T) {
	everyRun(t, func(t *testing.T, s *Session) {
		for d := xml.NewDecoder(strings.NewReader(taken(t, s, Event{To: "svg"}).Text)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
}

// Diagrams are of the steps that matter, wherever the cursor is before what goes wrong; with N 1, of all up to the cursor.
func TestDiagramsOfWhatMatters(t *testing.T) {
	l, _ := Counterexample(link.Link{Scenario: "gup-fast-vs-reclaim"})
	s := New()
	s.Restore(l)
	few, all := taken(t, s, Event{To: "text"}).Text, taken(t, s, Event{To: "text", N: 1}).Text
	if few != s.story.Chart || !strings.Contains(few, "*** gup-returns-only-mapped-pages is false") || all != s.ASCII() || len(few) > len(all)/2 {
		t.Errorf("what matters is\n%s\nof\n%s", few, all)
	}
	notes := func(n int) int { return strings.Count(taken(t, s, Event{To: "mermaid", N: n}).Text, "Note over") }
	drawn := s.drawn(false).Race
	if got, want := notes(0), drawn.Few+1; !drawn.Folded || got != want { // and what is false
		t.Errorf("%d notes, want %d of %d steps", got, want, drawn.Len)
	}
	if got := notes(1); got != s.run.Cursor() {
		t.Errorf("%d notes of the %d steps so far", got, s.run.Cursor())
	}
	svg := taken(t, s, Event{To: "svg"}).Text
	if other := taken(t, s, Event{To: "svg", N: 1}).Text; len(other) < len(svg)*3/2 {
		t.Errorf("all steps are drawn in %d bytes, those that matter in %d", len(other), len(svg))
	}
	for _, want := range []string{"lock of folio 1<", "interrupts off<", "VMA lock of B other"} {
		if !strings.Contains(svg, want) {
			t.Errorf("nothing in the picture is called %q", want)
		}
	}
	if s.fold != nil && !s.page.Race.Folded {
		t.Error("the page has changed")
	}
}

// A saved run comes back: text, kernel, run, cursor, branches, notes and watches.
func TestSavedComesBack(t *testing.T) {
	for _, kind := range []string{"gallery", "own"} {
		s := New()
		s.Restore(link.Link{Scenario: "gup-fast-vs-reclaim"})
		if kind == "own" {
			s.Do(Event{Do: "text", Text: s.text + "// ours\n"})
		}
		s.Do(Event{Do: "kernel", Kernel: "v6.1 with tlb_flush=pv"})
		s.Do(Event{Do: "run", To: "random", N: 5})
		s.Do(Event{Do: "goto", At: 4})
		s.Do(Event{Do: "note", At: 3, Text: "look here"})
		s.Do(Event{Do: "watch", N: 7})
		s.Do(Event{Do: "keep", Text: "the way"})
		s.Do(Event{Do: "run", To: "random", N: 6, At: 4})
		want := s.State()
		l, err := Load(taken(t, s, Event{To: "json"}).Text)
		if err != nil || l != want {
			t.Errorf("%s: got %+v, %v,\nwant %+v", kind, l, err, want)
		}
		if len(s.kept) == 0 || want.Notes == "" || want.Watched == "" {
			t.Errorf("%s: there is nothing beside the run: %+v", kind, want)
		}
	}
}

// A file that cannot be read changes nothing, and the sentence says where it is wrong.
func TestLoadRefuses(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "gup-fast-vs-reclaim"})
	s.Do(Event{Do: "run", To: "random", N: 5})
	before := s.State()
	good := string(s.Saved())
	for file, want := range map[string]string{
		"":                             "cut off: it ends at line 1, column 1 ",
		good[:len(good)/2]:             "cut off",
		"{\n  \"format\": gup\n}":      "not JSON: invalid character 'g' looking for beginning of value at line 2, column 13.",
		good + "x":                     "goes on behind its JSON",
		`{"a": 1}`:                     `no saved run: those begin with "format"`,
		`{"format": "gupscope run 7"}`: "made by a newer gupscope",
		`{"format": "gupscope run 1"}`: "neither a text nor",
		"{\"format\": \"gupscope run 1\",\n \"text\": \"GUP x\", \"at\": \"four\"}":           `"at" is a string, and a number belongs there, at line 2,`,
		`{"format": "gupscope run 1", "scenario": "of another gallery"}`:                      "does not have",
		`{"format": "gupscope run 1", "text": "` + strings.Repeat("a", link.MaxText+1) + `"}`: "is the limit",
	} {
		out := s.Do(Event{Do: "import", Text: file})
		said := ""
		for _, f := range out {
			switch {
			case f.Op == "answer" && f.ID == "notice":
				said = f.Value
			case f.Op != "answer" || f.ID == "import" && f.Value != "null":
				t.Errorf("%.40q changes the page: %+v", file, f)
			}
		}
		var notice struct{ Text string }
		json.Unmarshal([]byte(said), &notice)
		if !strings.Contains(notice.Text, want) || !strings.HasSuffix(notice.Text, ".") || !strings.Contains(notice.Text+"Nothing was changed", "Nothing was changed") {
			t.Errorf("%.40q: got %q, want …%s…", file, notice.Text, want)
		}
		if s.State() != before {
			t.Errorf("%.40q changed the session", file)
		}
	}
}

// The frames of a file are those of the page: put together up to a step they are what is painted there.
func TestFramesAreThePage(t *testing.T) {
	l, _ := Counterexample(link.Link{Scenario: "gup-fast-vs-reclaim"})
	s := New()
	s.Restore(l)
	at := s.run.Cursor()
	here, frames := s.Frames()
	if here.Race.At != at {
		t.Errorf("the file is painted at %d, the reader stands at %d", here.Race.At, at)
	}
	if s.run.Cursor() != at || len(frames) != s.run.Len()+1 {
		t.Fatalf("%d frames of %d steps, the cursor at %d", len(frames), s.run.Len(), s.run.Cursor())
	}
	shown := map[string]string{}
	for n, f := range frames {
		for id, h := range f {
			shown[id] = h
		}
		p := New()
		l.At = n
		p.Restore(l)
		there := p.Whole().Recorded()
		for _, next := range there.Race.Next {
			for _, m := range next.Moves {
				if m.Ready != m.Follows {
					t.Errorf("step %d: %q can be pressed: %v; it is the run's own: %v", n, m.Says, m.Ready, m.Follows)
				}
			}
		}
		for _, part := range fileParts {
			if want := part.html(there); shown[part.id] != want {
				t.Fatalf("step %d: %s is\n%s\nwant\n%s", n, part.id, shown[part.id], want)
			}
		}
	}
}

// A run of two thousand steps makes a file of a few megabytes; of one step more than there are places for, the refusal says what holds it.
func TestFileOfALongRun(t *testing.T) {
	n := mostFrames
	if testing.Short() {
		n = 700
	}
	s := longRun(t, n)
	var made Taken
	took := func() (notice string) {
		made = Taken{}
		for _, f := range s.Do(Event{Do: "export", To: "html"}) {
			switch f.ID {
			case "export":
				json.Unmarshal([]byte(f.Value), &made)
			case "notice":
				notice += f.Value
			}
		}
		return notice
	}
	if says := took(); says != "" || strings.Count(made.Text, `id="row-`) != n+1 {
		t.Fatalf("%d rows; %s", strings.Count(made.Text, `id="row-`), says)
	}
	t.Logf("%d steps: %d bytes", n, len(made.Text))
	if len(made.Text) > 8<<20 {
		t.Errorf("a file of %d steps has %d bytes", n, len(made.Text))
	}
	if testing.Short() {
		return
	}
	s.Do(Event{Do: "step", Choice: trace.FormatChoice(pick(s.run.Model.Choices(nil), n)), At: n})
	if says := took(); made.Text != "" || !strings.Contains(says, "JSON, the trace and the pictures hold any") {
		t.Errorf("%d steps: %q", n+1, says)
	}
}

// The diagram for mails is 75 characters wide, and no name is cut in it, however many tasks there are.
func TestASCIIFitsAMail(t *testing.T) {
	everyRun(t, func(t *testing.T, s *Session) {
		text := s.ASCII()
		for _, l := range strings.Split(text, "\n") {
			if len([]rune(l)) > 75 {
				t.Errorf("%d wide: %s", len([]rune(l)), l)
			}
		}
		words := map[string]bool{}
		for _, w := range strings.Fields(text) {
			words[w] = true
		}
		for i := range s.run.Steps() {
			for _, w := range strings.Fields(s.run.Steps()[i].Says) {
				if !words[w] {
					t.Errorf("step %d: %q is cut", i+1, w)
				}
			}
		}
	})
}

// A step says that the address has changed, and not to what: that takes the longer the longer the run is.
func TestAddressIsAskedFor(t *testing.T) {
	s := longRun(t, 30)
	c := trace.FormatChoice(pick(s.run.Model.Choices(nil), 1))
	changed := false
	for _, f := range s.Do(Event{Do: "step", Choice: c, At: 30}) {
		if f.Op == "address" {
			changed = f.Value == ""
		}
	}
	if !changed {
		t.Error("the step does not say that the address has changed")
	}
	out := s.Do(Event{Do: "address"})
	if len(out) != 1 || out[0].Value != s.State().Address() {
		t.Errorf("the address is %+v, want %s", out, s.State().Address())
	}
}
