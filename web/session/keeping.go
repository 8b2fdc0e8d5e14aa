package session

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gupscope/core/cell"
	"gupscope/core/trace"
	"gupscope/web/link"
	"gupscope/web/view"
)

// What is kept beside the run: branches, notes and what is watched. All of it is
// in links and in the snapshots of rooms.

// A branch is a run that was left behind, or kept on purpose.
type branch struct {
	run  string
	name string // as the reader called it; "": it is called by what it does
	view view.Branch
}

// A note is a sentence that the reader put at a step. It belongs to the steps up to
// there: a run that came there another way does not show it.
type note struct {
	at   int
	hash uint64 // of the state after the step
	text string
}

const (
	maxKept    = 8 // branches
	maxNotes   = 60
	maxWatched = 40
	maxWords   = 300 // bytes of a note or a name
)

// keep keeps the present run as a branch that leaves after step at.
func (s *Session) keep(at int) {
	run := s.run.String()
	for _, b := range s.kept {
		if b.run == run {
			return
		}
	}
	s.prepend(s.branchOf(s.run, run, "", at))
}

// prepend puts a branch before the others. The oldest that nobody has named makes room for it; if all have names, the oldest
// of all, and that is said.
func (s *Session) prepend(b branch) {
	s.kept = append([]branch{b}, s.kept...)
	if len(s.kept) <= maxKept {
		return
	}
	for i := len(s.kept) - 1; i > 0; i-- {
		if s.kept[i].name == "" {
			s.kept = append(s.kept[:i:i], s.kept[i+1:]...)
			return
		}
	}
	last := s.kept[maxKept]
	s.kept = s.kept[:maxKept]
	s.notice("note", "%d branches are kept, and all have names: %q makes room for the new one.", maxKept, last.name)
}

func (s *Session) branchOf(r *trace.Run, run, name string, at int) branch {
	steps := r.Steps()
	if at >= len(steps) {
		at = 0
	}
	b := branch{run: run, name: name, view: view.Branch{At: at, Steps: len(steps) - at, Bad: r.FirstViolation() > 0, Run: run, Text: name}}
	if name == "" && len(steps) > 0 {
		b.view.Text = fmt.Sprintf("%d steps, %s first", b.view.Steps, r.Model.Actors()[steps[at].Actor].Name)
		if b.view.Steps == 1 {
			b.view.Text = "1 step of " + r.Model.Actors()[steps[at].Actor].Name
		}
	}
	b.view.Named = name != ""
	return b
}

// keepHere keeps the present run under a name, or names a branch.
func (s *Session) keepHere(e Event) {
	if s.run == nil {
		return
	}
	name := s.cut("name", e.Text)
	for i := range s.kept {
		if s.kept[i].run == e.Run {
			s.kept[i].name, s.kept[i].view.Text, s.kept[i].view.Named = name, name, true
			return
		}
	}
	if s.run.Len() == 0 {
		s.notice("note", "There is nothing to keep yet: the run has no steps.")
		return
	}
	run := s.run.String()
	for i := range s.kept {
		if s.kept[i].run == run {
			s.notice("note", "This run is kept already.")
			return
		}
	}
	s.prepend(s.branchOf(s.run, run, name, s.run.Cursor()))
}

// forget drops a branch.
func (s *Session) forget(run string) {
	for i := range s.kept {
		if s.kept[i].run == run {
			s.kept = append(s.kept[:i:i], s.kept[i+1:]...)
			return
		}
	}
}

// putNote writes a note at a step; an empty one takes it away.
func (s *Session) putNote(at int, text string) {
	if s.run == nil || at < 1 || at > s.run.Len() {
		return
	}
	hash := s.run.Steps()[at-1].Hash
	for i := range s.notes {
		if s.notes[i].at == at && s.notes[i].hash == hash {
			s.notes = append(s.notes[:i:i], s.notes[i+1:]...)
			break
		}
	}
	if text = s.cut("note", text); text == "" {
		return
	}
	if len(s.notes) >= maxNotes {
		s.notice("note", "A run has at most %d notes.", maxNotes)
		return
	}
	s.notes = append(s.notes[:len(s.notes):len(s.notes)], note{at, hash, text})
}

// cut makes a text of the reader fit for a link; what has no room there is left out, and that is said.
func (s *Session) cut(what, text string) string {
	whole := strings.Join(strings.Fields(text), " ")
	short := clean(text)
	if len(short) < len(whole) {
		s.notice("note", "A %s has room for %d bytes: it ends with %q.", what, maxWords, short[max(0, strings.LastIndexByte(short[:max(0, len(short)-1)], ' ')+1):])
	}
	return short
}

// clean makes a text fit for a link: one line, and none of the marks that separate there.
func clean(text string) string {
	text = strings.Join(strings.Fields(strings.ReplaceAll(text, "~", "-")), " ")
	for len(text) > maxWords {
		text = text[:strings.LastIndexByte(text[:maxWords], ' ')+1]
		if text == "" {
			break
		}
	}
	return strings.TrimSpace(text)
}

// noted are the notes of the present run, by step.
func (s *Session) noted() map[int]string {
	var out map[int]string
	for _, n := range s.notes {
		if n.at <= s.run.Len() && s.run.Steps()[n.at-1].Hash == n.hash {
			if out == nil {
				out = map[int]string{}
			}
			out[n.at] = n.text
		}
	}
	return out
}

// saved writes what is kept into a link.
func (s *Session) saved(l *link.Link) {
	var parts []string
	for _, b := range s.kept {
		parts = append(parts, b.run, b.name, strconv.Itoa(b.view.At))
	}
	l.Kept = strings.Join(parts, "~")
	parts = nil
	for _, n := range s.notes {
		parts = append(parts, strconv.Itoa(n.at), strconv.FormatUint(n.hash, 36), n.text)
	}
	l.Notes = strings.Join(parts, "~")
	l.Watched = ""
	if names := s.looked(); len(names) > 1 {
		l.Watched = strings.Join(names[:len(names)-1], "~")
	}
}

// load reads what a link keeps. What it cannot read it leaves out: the run is there all the same.
func (s *Session) load(l link.Link) {
	if s.run == nil {
		return
	}
	parts := strings.Split(l.Kept, "~")
	for i := 0; i+2 < len(parts) && len(s.kept) < maxKept; i += 3 {
		at, err := strconv.Atoi(parts[i+2])
		b := s.replayed(parts[i])
		if err != nil || b == nil || b.Len() == 0 || at < 0 {
			continue
		}
		s.kept = append(s.kept, s.branchOf(b, parts[i], clean(parts[i+1]), at))
	}
	parts = strings.Split(l.Notes, "~")
	for i := 0; i+2 < len(parts) && len(s.notes) < maxNotes; i += 3 {
		at, err := strconv.Atoi(parts[i])
		hash, err2 := strconv.ParseUint(parts[i+1], 36, 64)
		if text := clean(parts[i+2]); err == nil && err2 == nil && at > 0 && text != "" {
			s.notes = append(s.notes, note{at, hash, text})
		}
	}
	s.watchNamed(strings.Split(l.Watched, "~"))
}

// watchNamed watches the cells of these names, as far as there are such here. Links of earlier versions have numbers, and nothing in them says
// of which version: a number may be another cell's now, so the reader is told what it is taken for.
func (s *Session) watchNamed(names []string) {
	layout := s.run.Model.Memory().Layout()
	for _, name := range names {
		if id, err := strconv.Atoi(name); err == nil && id >= 0 && id < layout.Len() && len(s.watched) < maxWatched {
			s.watch(cell.ID(id))
			s.notice("note", "The link watches a cell by its number, as older versions wrote it: here that is %s.", layout.Name(cell.ID(id)))
			continue
		}
		id, there := named(layout, name)
		switch {
		case name == "":
		case !there:
			s.notice("note", "There is no %.80s here: it is not watched.", name)
		case !slices.Contains(s.watched, id):
			s.watch(id)
		}
	}
}

// named is the cell of that name.
func named(layout *cell.Layout, name string) (cell.ID, bool) {
	for id := range cell.ID(layout.Len()) {
		if layout.Name(id) == name {
			return id, true
		}
	}
	return 0, false
}

// looked are the names of the cells that are watched, and of the one that is open, the last. A cell's number is another one in another text.
func (s *Session) looked() (names []string) {
	if s.run == nil {
		return []string{""}
	}
	layout := s.run.Model.Memory().Layout()
	for _, id := range s.watched {
		names = append(names, layout.Name(id))
	}
	if s.cell < 0 || s.cell >= layout.Len() {
		return append(names, "")
	}
	return append(names, layout.Name(cell.ID(s.cell)))
}

// lookAgain finds the cells of these names in what is shown now. What there is no more is watched no more, and that is said.
func (s *Session) lookAgain(names []string) {
	layout, at := s.run.Model.Memory().Layout(), map[string]int{}
	for _, name := range names {
		at[name] = -1
	}
	for id := range cell.ID(layout.Len()) {
		if _, wanted := at[layout.Name(id)]; wanted {
			at[layout.Name(id)] = int(id)
		}
	}
	s.watched, s.cell = nil, -1
	for i, name := range names {
		switch id := at[name]; {
		case i == len(names)-1 && id >= 0:
			s.cell = id
		case i == len(names)-1:
		case id >= 0:
			s.watched = append(s.watched, cell.ID(id))
		default:
			s.notice("note", "There is no %s any more: it is not watched.", name)
		}
	}
}

// replayed is a run in a model of its own, as far as it goes.
func (s *Session) replayed(run string) *trace.Run {
	m := s.modelOn(s.kernel)
	if m == nil {
		return nil
	}
	r, _ := trace.Replay(m, run)
	return r
}
