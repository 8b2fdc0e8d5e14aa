package session

import (
	"fmt"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/scenario"
	"gupscope/core/trace"
	"gupscope/web/link"
	"gupscope/web/page"
	"gupscope/web/view"
)

// Do makes an event happen and returns what changes on the page. It never
// panics: what goes wrong is a sentence for the reader, and the session stays usable.
func (s *Session) Do(e Event) (out []Fragment) {
	before := s.at
	defer func() {
		if p := recover(); p != nil {
			*s = *New()
			s.Restore(before)
			out = append(s.everything(), answer("notice", map[string]string{"kind": "error",
				"text": fmt.Sprintf("This went wrong inside, and was taken back: %v. Please report it with the address of this page.", p)}))
		}
	}()
	out = s.do(e)
	switch e.Do {
	case "hover", "complete", "address":
		return out
	case "text", "kernel", "step", "goto", "show", "run", "keep", "forget", "note", "watch":
		if s.notices == nil && s.noticed {
			out = append(out, answer("notice", map[string]string{"text": ""}))
			s.noticed = false
		}
	}
	out = append(out, s.notices...)
	s.noticed = s.noticed || s.notices != nil
	s.notices = nil
	return out
}

func (s *Session) do(e Event) []Fragment {
	switch e.Do {
	case "open", "text", "kernel", "step", "goto", "show", "run":
		s.around = -1
	}
	switch e.Do {
	case "open":
		return s.doOpen(e)
	case "text":
		s.setText(e.Text)
		return append(s.update(), s.textAnswers()...)
	case "kernel":
		s.setKernel(e.Kernel)
		return s.update()
	case "step":
		s.step(e)
		return s.update()
	case "goto":
		if s.run != nil {
			s.run.Goto(e.At)
			if e.N == 1 {
				s.tell()
				s.fold = s.story
			}
		}
		return s.update()
	case "show":
		s.show(e)
		return s.update()
	case "run":
		s.goOn(e)
		return s.update()
	case "keep":
		s.keepHere(e)
		return s.update()
	case "forget":
		s.forget(e.Run)
		return s.update()
	case "note":
		s.putNote(e.At, e.Text)
		return s.update()
	case "compare":
		return s.compare(e.Kernel, e.Run)
	case "cell":
		s.cell = e.N
		return s.update()
	case "words":
		return s.words()
	case "find":
		return s.find(e.Text, max(mostHits, min(e.N, 1<<20)))
	case "watch":
		s.watch(cell.ID(max(e.N, 0)))
		return s.update()
	case "rows":
		if s.run != nil {
			s.around = max(0, min(e.At, s.run.Len()))
		}
		return s.update()
	case "check":
		return s.startCheck(e.N, e.To)
	case "explain":
		return s.startRests()
	case "more":
		if s.resting != nil {
			return s.moreRests(e.N)
		}
		return s.moreCheck(e.N)
	case "stop":
		if s.resting != nil {
			return s.pauseRests()
		}
		return s.pauseCheck(e.N)
	case "complete":
		return s.complete(e.N)
	case "hover":
		return s.hover(e.N)
	case "export":
		return s.take(e)
	case "import":
		return s.read(e.Text)
	case "address":
		s.unread = false
		return []Fragment{{Op: "address", Value: s.Address()}}
	case "palette":
		return s.palette(e.Text)
	case "format":
		return s.format()
	case "claim":
		return s.judge(e.Text)
	case "changes":
		return s.changes()
	}
	s.notice("error", "There is no event %q.", e.Do)
	return nil
}

// doOpen shows something else, or everything once more.
func (s *Session) doOpen(e Event) []Fragment {
	switch {
	case e.Link != "":
		l, err := link.Parse(e.Link)
		if err != nil {
			s.notice("error", "%s", err) // a sentence
			s.unread = true
			return s.everything()
		}
		s.Restore(l)
	case e.Scenario != "" || e.Text != "":
		s.Restore(link.Link{Scenario: e.Scenario, Text: e.Text, Kernel: e.Kernel, Run: e.Run, At: e.At})
	default:
		return s.everything()
	}
	return append(s.everything(), morph("verdict", page.Verdict(&s.verdict)))
}

// setText takes a new text over. The run goes on in it as far as it can.
func (s *Session) setText(text string) {
	if text == s.text {
		return
	}
	s.text = text
	s.parse()
	s.again()
}

// setKernel runs the scenario on another kernel; "" is the text's own. The run
// goes on there as far as it can.
func (s *Session) setKernel(spec string) {
	s.override = spec
	if k, ds := scenario.ParseKernel(spec); spec != "" && !scenario.Failed(ds) && k.String() == s.file.Kernel.String() {
		s.override = ""
	}
	s.again()
}

// again sets up text and kernel anew and plays the present run in them.
func (s *Session) again() {
	run, at := "", 0
	if s.run != nil {
		run, at = s.run.String(), s.run.Cursor()
	}
	for i := range s.kept {
		s.kept[i].view.Bad = false // on this kernel, in this text, nobody knows yet
	}
	s.bind(run, at)
}

// step makes a choice at the cursor at which the reader saw it.
func (s *Session) step(e Event) {
	if s.run == nil {
		return
	}
	if e.At != s.run.Cursor() {
		s.notice("note", "The run has moved on to step %d meanwhile; that step was chosen at %d.", s.run.Cursor(), e.At)
		return
	}
	c, err := trace.ParseChoice(e.Choice)
	if err != nil {
		s.notice("error", "%s.", upper(err.Error()))
		return
	}
	if at := s.run.Cursor(); at < s.run.Len() && s.run.Steps()[at].Choice != c && s.run.Allowed(c) {
		s.keep(at)
	}
	if _, err := s.run.Do(c); err != nil {
		s.notice("note", "%s.", upper(err.Error()))
	}
	s.tell()
}

// tell finds out why the run goes wrong, if it does and that is not known yet. What goes wrong at its end was found when it came to be the end.
func (s *Session) tell() {
	end := s.ending()
	if end == s.told || s.story.Of(s.run) {
		return
	}
	s.told, s.story = end, view.OfStory(s.run)
	if s.story == nil { // then nothing is aside either
		s.fold = nil
	}
}

// ending is the identity of the run's last step; 0: it has none.
func (s *Session) ending() int {
	if n := s.run.Len(); n > 0 {
		return s.run.Steps()[n-1].Made
	}
	return 0
}

// show puts a run in the place of the present one, which is kept.
func (s *Session) show(e Event) {
	if s.run == nil {
		return
	}
	if e.Kernel != "" && e.Kernel != s.kernel.String() {
		said := s.notices
		s.setKernel(e.Kernel)
		if s.na == "" && s.run != nil {
			s.notices = said // what becomes of the run before does not matter
			s.replay(e.Run, e.At)
		}
		return
	}
	old := s.run.String()
	if s.run.Len() > 0 && !strings.HasPrefix(e.Run, old) {
		s.keep(s.run.Cursor())
	}
	s.replay(e.Run, e.At)
}

// words tells how the run came to where it stands. A page has it when it is asked for: it costs the more the longer the run is.
func (s *Session) words() []Fragment {
	if s.run == nil || s.page.Race.Story != nil || s.run.Cursor() == 0 {
		return nil
	}
	return []Fragment{morph("account", page.Account(view.OfAccount(s.run)))}
}

// mostHits is how many steps, and how many cells, are listed before more of them are asked for.
const mostHits, mostCells = 50, 12

// find lists the steps, and the cells, that have the words: of the steps at most so many.
func (s *Session) find(text string, most int) []Fragment {
	if s.run == nil {
		return nil
	}
	hits, more := s.sketch.Find(text, s.noted(), most)
	cells := view.FindCells(s.run, text, mostCells*(most/mostHits)+1)
	moreCells := len(cells) > mostCells*(most/mostHits)
	if moreCells {
		cells = cells[:len(cells)-1]
	}
	next := 0
	if more > 0 || moreCells {
		next = most + mostHits
	}
	says := fmt.Sprintf("%d steps.", len(hits)+more)
	switch {
	case strings.TrimSpace(text) == "":
		says = ""
	case len(hits) == 0:
		says = "No step has that."
	case more > 0:
		says += fmt.Sprintf(" The first %d:", len(hits))
	case len(hits) == 1:
		says = "1 step."
	}
	return []Fragment{morph("found", page.Found(hits, cells, says, text, next))}
}

// A Frame is an event that the reader may make next, with what it changes.
type Frame struct {
	Event     Event      `json:"event"`
	Fragments []Fragment `json:"fragments"`
}

// Ahead returns the next n steps of the run that stands there, rendered before
// they are asked for. The session stays where it is.
func (s *Session) Ahead(n int) []Frame {
	t := &Session{}
	t.Restore(s.State())
	t.verdict = s.verdict
	t.page = t.make()
	var out []Frame
	for range n {
		if t.run == nil || t.run.Cursor() >= t.run.Len() {
			break
		}
		e := Event{Do: "step", Choice: trace.FormatChoice(t.run.Steps()[t.run.Cursor()].Choice), At: t.run.Cursor()}
		out = append(out, Frame{e, t.Do(e)})
	}
	return out
}
