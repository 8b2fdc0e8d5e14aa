package page

import (
	"fmt"
	"io"
	"strings"

	"gupscope/web/view"
)

// Mermaid writes the race as a sequence diagram in Mermaid's language: a participant for every lane, a note for
// every step that matters for what goes wrong, or else for all up to the present one, an
// arrow for every pair of steps that could have come the other way round. It is what
// a forge shows of a ```mermaid block.
func Mermaid(w io.Writer, p *view.Page) error {
	m := mermaid{race: &p.Race}
	m.line("---")
	m.line("title: %s", strings.ReplaceAll(quoted(p.Header.Title+" on "+p.Header.Kernel.Text), "\n", " "))
	m.line("---")
	m.line("sequenceDiagram")
	for i, l := range p.Race.Lanes {
		m.line("    participant L%d as %s", i, mermaidText(l.Name+"\n"+l.What))
	}
	for i := range p.Race.Rows {
		if x := &p.Race.Rows[i]; p.Race.Folded && !x.Aside || !p.Race.Folded && x.N <= p.Race.At {
			m.step(x)
		}
	}
	_, err := io.WriteString(w, m.b.String())
	return err
}

type mermaid struct {
	race *view.Race
	b    strings.Builder
}

func (m *mermaid) line(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

// step writes the arrows that lead to a step, then the step.
func (m *mermaid) step(x *view.Row) {
	for i := range m.race.Edges {
		e := &m.race.Edges[i]
		if e.To != x.N || e.Aside {
			continue
		}
		arrow, what := "->>", e.Text
		switch {
		case e.Race:
			arrow, what = "-x", "racing: "+e.Text
		case e.Kind == view.IPI:
			arrow = "-)"
		case e.Kind == view.HandOver:
			arrow = "-->>"
		}
		m.line("    L%d%sL%d: %s", e.FromLane, arrow, e.ToLane, mermaidText(fmt.Sprintf("%s (since step %d)", what, e.From)))
	}
	says := fmt.Sprintf("%d  %s", x.N, x.Says)
	if x.Func != "" {
		says = x.Func + "\n" + says
	}
	for _, s := range did(x) {
		says += "\n" + s
	}
	if x.Remark != "" {
		says += "\n“" + x.Remark + "”"
	}
	m.line("    Note over L%d: %s", x.Lane, mermaidText(says))
	if x.Bad != "" {
		m.line("    Note over L0,L%d: %s", len(m.race.Lanes)-1, mermaidText("✗ "+x.Bad))
	}
}

// mermaidText is a text where Mermaid takes one up to the end of its line: a
// semicolon and a hash mean something there, and angle brackets are tags.
func mermaidText(s string) string {
	return strings.NewReplacer("#", "#35;", ";", "#59;", "<", "#lt;", ">", "#gt;", "\n", "<br/>").Replace(s)
}

// quoted is a text as YAML takes it whatever is in it.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
