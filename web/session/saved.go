package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"gupscope/core/kernel"
	"gupscope/scenarios"
	"gupscope/web/link"
)

// format is what a saved run says of itself. Later ones get later numbers, and all are read for ever.
const format = "gupscope run 1"

// A saved is a run as a file: everything that a link has, in words, and what its steps did for who
// reads it without us. On the way in, only the text or the scenario's name is needed.
type saved struct {
	Format   string        `json:"format"`
	Scenario string        `json:"scenario,omitempty"` // name in the gallery, if the text is that one's
	Text     string        `json:"text,omitempty"`
	Kernel   string        `json:"kernel,omitempty"` // with its settings; "": the text's own
	Model    string        `json:"model,omitempty"`  // the version of the model that made it
	Run      string        `json:"run,omitempty"`
	At       int           `json:"at"`
	Branches []savedBranch `json:"branches,omitempty"`
	Notes    []savedNote   `json:"notes,omitempty"`
	Watches  []string      `json:"watches,omitempty"` // names of cells
	Steps    []savedStep   `json:"steps,omitempty"`   // not read
}

type savedBranch struct {
	Run  string `json:"run"`
	Name string `json:"name,omitempty"`
	At   int    `json:"at"` // it leaves the run after this step
}

type savedNote struct {
	At    int    `json:"at"`
	Text  string `json:"text"`
	State string `json:"state,omitempty"` // hash of the state after the step; without it, the note is of the run above
}

type savedStep struct {
	N       int      `json:"step"`
	Actor   string   `json:"actor"`
	CPU     int      `json:"cpu"` // -1: RCU, a device
	Func    string   `json:"func"`
	Says    string   `json:"says"`
	Changes []string `json:"changes,omitempty"`
	Broken  []string `json:"broken,omitempty"`
}

// Saved is the run, and what is kept beside it, as JSON.
func (s *Session) Saved() []byte {
	f := saved{Format: format, Text: s.text, Kernel: s.kernel.String(), Model: kernel.Identity(), Run: s.run.String(), At: s.run.Cursor()}
	if !s.own {
		f.Scenario = s.scenario
	}
	for _, b := range s.kept {
		f.Branches = append(f.Branches, savedBranch{b.run, b.name, b.view.At})
	}
	for _, n := range s.notes {
		f.Notes = append(f.Notes, savedNote{n.at, n.text, fmt.Sprintf("%016x", n.hash)})
	}
	layout := s.run.Model.Memory().Layout()
	for _, id := range s.watched {
		f.Watches = append(f.Watches, layout.Name(id))
	}
	for i := range s.run.Steps() {
		st := &s.run.Steps()[i]
		x := savedStep{N: st.N, Actor: s.run.Model.Actors()[st.Actor].Name, CPU: st.CPU, Func: st.Func, Says: st.Says, Broken: st.Broken}
		for _, c := range st.Changes {
			x.Changes = append(x.Changes, c.Name+": "+c.Old+" → "+c.New)
		}
		f.Steps = append(f.Steps, x)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(f); err != nil {
		panic("session: a saved run is plain data: " + err.Error())
	}
	return b.Bytes()
}

// read answers import: the address of the run in a file, which the reader's page then opens. With a
// file that cannot be read nothing changes but that a sentence says where it is wrong.
func (s *Session) read(file string) []Fragment {
	l, err := Load(file)
	if err != nil {
		s.notice("error", "%s", err)
		return []Fragment{answer("import", nil)}
	}
	return []Fragment{answer("import", l.Address())}
}

// Load reads what [Session.Saved] wrote. Errors are sentences for the reader, with the place in the file.
func Load(file string) (link.Link, error) {
	var f saved
	if err := decode(file, &f); err != nil {
		return link.Link{}, err
	}
	l := link.Link{Scenario: f.Scenario, Kernel: f.Kernel, Run: f.Run, At: f.At}
	g, there := scenarios.ByName(f.Scenario)
	switch {
	case f.Text != "" && (!there || g.Text != f.Text):
		l.Scenario, l.Text = "", f.Text
	case f.Text == "" && f.Scenario == "":
		return l, errors.New("The file has neither a text nor the name of a scenario: there is nothing to run. Nothing was changed.")
	case f.Text == "" && !there:
		return l, fmt.Errorf("The file is a run of the scenario %.60q, which this gallery does not have, and it holds no text. Nothing was changed.", f.Scenario)
	}
	t := &Session{}
	t.Restore(l)
	if t.file.Kernel.Version != nil && t.file.Kernel.String() == l.Kernel { // the text's own
		l.Kernel = ""
		t.Restore(l)
	}
	t.put(&f)
	l = t.State()
	if _, err := link.Parse(l.Address()); err != nil {
		return l, fmt.Errorf("The file holds more than a run can have. %v", err)
	}
	return l, nil
}

// put keeps beside the run what the file has.
func (s *Session) put(f *saved) {
	if s.run == nil {
		return
	}
	for _, b := range f.Branches {
		if r := s.replayed(b.Run); r != nil && r.Len() > 0 && len(s.kept) < maxKept {
			s.kept = append(s.kept, s.branchOf(r, b.Run, clean(b.Name), max(b.At, 0)))
		}
	}
	for _, n := range f.Notes {
		text := clean(n.Text)
		if text == "" || n.At < 1 || len(s.notes) >= maxNotes {
			continue
		}
		x := note{at: n.At, text: text}
		if _, err := fmt.Sscanf(n.State, "%x", &x.hash); err != nil {
			if n.At > s.run.Len() {
				continue
			}
			x.hash = s.run.Steps()[n.At-1].Hash
		}
		s.notes = append(s.notes, x)
	}
	s.watchNamed(f.Watches)
}

// decode reads the JSON, and says in words and with line and column what is wrong with it.
func decode(file string, into *saved) error {
	at := func(offset int64) string {
		before := file[:max(0, min(int(offset), len(file)))]
		line := strings.Count(before, "\n") + 1
		return fmt.Sprintf("line %d, column %d", line, len([]rune(before[strings.LastIndexByte(before, '\n')+1:]))+1)
	}
	d := json.NewDecoder(strings.NewReader(file))
	err := d.Decode(into)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("The file is not JSON: %s at %s. Nothing was changed.", syntax, at(syntax.Offset-1))
	case errors.As(err, &kind):
		return fmt.Errorf("The file is no saved run: %q is a %s, and a %s belongs there, at %s. Nothing was changed.", kind.Field, kind.Value, words(kind.Type.Kind().String()), at(kind.Offset-1))
	case err != nil: // it ends too soon
		return fmt.Errorf("The file is cut off: it ends at %s in the midst of its JSON. Nothing was changed.", at(int64(len(file))))
	}
	if rest := strings.TrimSpace(file[d.InputOffset():]); rest != "" {
		return fmt.Errorf("The file goes on behind its JSON, at %s. Nothing was changed.", at(int64(len(file)-len(strings.TrimLeft(file[d.InputOffset():], " \t\r\n")))))
	}
	if into.Format != format {
		if strings.HasPrefix(into.Format, "gupscope run ") {
			return fmt.Errorf("The file is %q, made by a newer gupscope; this one reads %q. Nothing was changed.", into.Format, format)
		}
		return fmt.Errorf("The file is JSON, but no saved run: those begin with \"format\": %q. Nothing was changed.", format)
	}
	if len(into.Text) > link.MaxText || len(into.Run) > link.MaxText {
		return fmt.Errorf("The file's text and run have %d and %d bytes; %d each is the limit. Nothing was changed.", len(into.Text), len(into.Run), link.MaxText)
	}
	return nil
}

// words are Go's kinds, for people.
func words(kind string) string {
	switch kind {
	case "slice":
		return "list"
	case "struct":
		return "object"
	case "int":
		return "number"
	}
	return kind
}
