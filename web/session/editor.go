package session

import (
	"encoding/json"
	htmltext "html"
	"strings"

	"gupscope/core/scenario"
	"gupscope/web/view"
)

// Answers for the editor. Offsets are bytes of the UTF-8 text.

func answer(id string, v any) Fragment {
	b, err := json.Marshal(v)
	if err != nil {
		panic("session: an answer has no JSON form: " + err.Error())
	}
	return Fragment{Op: "answer", ID: id, Value: string(b)}
}

type fix struct {
	Name   string `json:"name"`
	From   int    `json:"from"`
	To     int    `json:"to"`
	Insert string `json:"insert"`
}

type diagnostic struct {
	From     int    `json:"from"`
	To       int    `json:"to"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
	Fixes    []fix  `json:"fixes,omitempty"`
}

// textAnswers are the text, its tokens and its diagnostics.
func (s *Session) textAnswers() []Fragment {
	tokens := [][3]any{}
	for _, t := range s.file.Tokens() {
		tokens = append(tokens, [3]any{t.Start, t.End, t.Kind.String()})
	}
	ds := []diagnostic{}
	for _, d := range s.diagnostics {
		x := diagnostic{From: d.Start, To: d.End, Severity: d.Severity.String(), Message: d.Message}
		if d.Fix != nil && len(d.Fix.Edits) == 1 {
			e := d.Fix.Edits[0]
			x.Fixes = []fix{{d.Fix.Title, e.Start, e.End, e.Text}}
		} else if d.Fix != nil {
			x.Fixes = []fix{{d.Fix.Title, 0, len(s.text), d.Fix.Apply(s.text)}}
		}
		ds = append(ds, x)
	}
	return []Fragment{answer("text", s.text), answer("tokens", tokens), answer("diagnostics", ds), s.marks(), s.edited()}
}

// marks says who stands in which line: [line, "cpu0", colour].
func (s *Session) marks() Fragment { return marksOf(&s.page.Source) }

func marksOf(src *view.Source) Fragment {
	out := [][3]any{}
	for _, l := range src.Lines {
		for _, m := range l.Marks {
			out = append(out, [3]any{l.N, m.Lane, int(m.Who)})
		}
	}
	return answer("marks", out)
}

func (s *Session) complete(at int) []Fragment {
	type option struct {
		Label  string `json:"label"`
		Apply  string `json:"apply,omitempty"`
		Detail string `json:"detail,omitempty"`
		Info   string `json:"info,omitempty"`
	}
	c := scenario.Complete(s.text, at)
	out := []option{}
	for _, i := range c.Items {
		out = append(out, option{i.Label, i.Insert, i.Detail, i.Doc})
	}
	return []Fragment{answer("complete", map[string]any{"from": c.Start, "to": c.End, "options": out})}
}

func (s *Session) hover(at int) []Fragment {
	h, ok := scenario.HoverAt(s.text, at)
	if !ok {
		return []Fragment{answer("hover", nil)}
	}
	var b strings.Builder
	b.WriteString("<p><code>" + htmltext.EscapeString(h.Title) + "</code></p>")
	for _, p := range strings.Split(h.Text, "\n") {
		if p != "" {
			b.WriteString("<p>" + htmltext.EscapeString(p) + "</p>")
		}
	}
	return []Fragment{answer("hover", map[string]any{"from": h.Start, "to": h.End, "html": b.String()})}
}
