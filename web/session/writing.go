package session

import (
	"gupscope/web/page"
	"gupscope/web/view"

	"gupscope/scenarios"
)

// origin is the text that the present one began as, and what it is called: the scenario of the
// gallery of that name, else the text as it was opened.
func (s *Session) origin() (name, text string) {
	for _, name := range []string{s.scenario, s.file.Name} {
		if g, ok := scenarios.ByName(name); ok {
			return name, g.Text
		}
	}
	return s.file.Name, s.opened
}

// edited says whether the text is still the original, for the browser that keeps drafts.
func (s *Session) edited() Fragment {
	name, text := s.origin()
	return answer("edited", map[string]any{"name": name, "edited": text != s.text})
}

// format is the text in canonical form. The editor takes it over, if it still shows the text that it was made of.
func (s *Session) format() []Fragment {
	text := s.file.Print()
	if text == s.text {
		s.notice("note", "Formatted already.")
		return nil
	}
	return []Fragment{answer("write", map[string]string{"of": s.text, "text": text})}
}

// judge writes into the text that the claim is judged.
func (s *Session) judge(name string) []Fragment {
	fix := s.file.Judging(name)
	if fix == nil {
		s.notice("note", "The text has %s judged already.", name)
		return nil
	}
	return []Fragment{answer("write", map[string]string{"of": s.text, "text": fix.Apply(s.text)})}
}

// changes sets the text beside the one that it began as.
func (s *Session) changes() []Fragment {
	name, text := s.origin()
	c := view.OfChanges(name, text, s.text)
	return []Fragment{morph("changes", page.Changes(&c))}
}
