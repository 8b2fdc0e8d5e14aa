package page

import (
	"context"
	"html"
	"io"
	"strings"

	"github.com/a-h/templ"

	"gupscope/web/view"
)

// text is the scenario's text in its <pre>, highlighted. It is written by hand
// because every blank counts: the element's textContent is the text, exactly.
// A line is a block, with its end inside, in the box that the editor will give it; its number, and who stands there, are
// drawn by the style sheet and are not text.
func text(s *view.Source) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		var b strings.Builder
		b.WriteString(`<pre id="text" tabindex="0" role="region" aria-label="The scenario's text">`)
		if strings.HasPrefix(s.Text, "\n") {
			b.WriteByte('\n') // a parser drops the first one
		}
		for i, l := range s.Lines {
			b.WriteString(`<span class="line`)
			if len(l.Marks) > 0 {
				var lanes []string
				for _, m := range l.Marks {
					lanes = append(lanes, m.Lane)
				}
				b.WriteString(` ` + who(l.Marks[0].Who) + `" data-at="` + html.EscapeString(strings.Join(lanes, " ")))
			}
			b.WriteString(`">`)
			for _, t := range l.Tokens {
				class := ""
				if t.Kind != "" {
					class = "tok-" + t.Kind
				}
				if t.Wrong != "" {
					class = strings.TrimSpace(class + " wrong-" + t.Wrong)
				}
				if class == "" {
					b.WriteString(html.EscapeString(t.Text))
				} else {
					b.WriteString(`<span class="` + class + `">` + html.EscapeString(t.Text) + `</span>`)
				}
			}
			if i < len(s.Lines)-1 {
				b.WriteByte('\n')
			}
			b.WriteString(`</span>`)
		}
		b.WriteString("</pre>")
		_, err := io.WriteString(w, b.String())
		return err
	})
}
