package page

import (
	"bytes"
	"context"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"gupscope/web/view"
)

// go test ./web/page -pages DIR writes the sample's pages to DIR, to be looked at in a browser.
var pages = flag.String("pages", "", "write the sample's pages into this directory")

func TestPages(t *testing.T) {
	for name, c := range samples() {
		t.Run(name, func(t *testing.T) {
			html := render(t, c)
			if *pages != "" {
				write(t, name+".html", html)
			}
			check(t, html)
		})
	}
	if *pages != "" {
		write(t, "all.css", sheet(t))
	}
}

func samples() map[string]templ.Component {
	assets := view.Assets{CSS: "all.css"}
	with := func(at int) *view.Page {
		p := sample(at)
		p.Assets = assets
		return p
	}
	wrong := with(15)
	wrong.Source.Kept = "of the last text without mistakes"
	wrong.Source.Diagnostics = []view.Diagnostic{{Line: 12, Col: 34, EndLine: 12, EndCol: 44, Severity: "error",
		Text: "unknown flag FOLL_WRIET", FixText: "did you mean FOLL_WRITE?"}}
	wrong.Source.Lines[11].Tokens[8].Wrong = "error"
	wrong.Verdict = view.Verdict{State: view.Running, States: "1,204,311", Rate: "1.6 M/s", Depth: 61}
	return map[string]templ.Component{
		"violation": Page(with(15), nil),
		"before":    Page(with(12), nil),
		"start":     Page(with(0), nil),
		"wrong":     Page(wrong, nil),
		"embed":     Embed(with(12), nil),
		"gallery":   Doc(&view.Doc{Title: "Gallery", Assets: assets, Pages: []view.PageLink{{Title: "Gallery", Href: "/gallery", On: true}}}, Gallery("mechanism", []view.Group{{Name: "GUP-fast", Note: "two of them", Entries: entries()}})),
		"matrix":    Doc(&view.Doc{Title: "Verdicts", Wide: true, Assets: assets}, Matrix(verdicts())),
	}
}

// entries are the sample's scenarios.
func entries() (out []view.Entry) {
	for _, s := range sample(0).Header.Scenarios {
		out = append(out, view.Entry{Scenario: s, Releases: []string{"v4.6", "v5.4"}, Picture: "/gallery/" + s.Name + ".svg"})
	}
	return out
}

// verdicts are two rows of a matrix, one not computed yet.
func verdicts() *view.Matrix {
	m := &view.Matrix{Columns: []view.Column{{Version: "v4.6", Flush: "ipi", Kernel: "v4.6", First: true}, {Version: "v6.12", Flush: "pv", Kernel: "v6.12 with tlb_flush=pv", First: true}}, Done: 1, All: 2}
	for i, e := range entries() {
		m.Rows = append(m.Rows, view.MatrixRow{Entry: e})
		if i == 0 {
			m.Rows[0].Cells = []view.Verdicted{{Kernel: "v4.6", State: view.Broken, Word: "Sometimes refcount-discipline", Steps: 15, Run: "0x3.1x5", At: 12}, {Kernel: "v6.12 with tlb_flush=pv", State: view.Held, Word: "Never", Wrong: true}}
		}
	}
	return m
}

func render(t *testing.T, c templ.Component) string {
	var b bytes.Buffer
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func write(t *testing.T, name, text string) {
	if err := os.WriteFile(filepath.Join(*pages, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// check holds a page to the policy and to what makes it usable.
func check(t *testing.T, html string) {
	for _, re := range []string{` style="`, ` on[a-z]+="`, `<style`, `javascript:`} {
		if m := regexp.MustCompile(re).FindString(html); m != "" {
			t.Errorf("the page's policy forbids %q", m)
		}
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if seen[m[1]] {
			t.Errorf("two elements have the id %q", m[1])
		}
		seen[m[1]] = true
	}
	for _, m := range regexp.MustCompile(` (?:form|popovertarget|aria-labelledby|data-from)="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		if !seen[m[1]] {
			t.Errorf("no element has the id %q, which another one names", m[1])
		}
	}
}

// The picture is well-formed, and has every word of the race.
func TestSVG(t *testing.T) {
	for _, dark := range []bool{false, true} {
		p := sample(15)
		var b bytes.Buffer
		if err := SVG(&b, p, dark); err != nil {
			t.Fatal(err)
		}
		if *pages != "" {
			write(t, fmt.Sprintf("race-%v.svg", dark), b.String())
		}
		dec := xml.NewDecoder(bytes.NewReader(b.Bytes()))
		var words strings.Builder
		for {
			tok, err := dec.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if c, ok := tok.(xml.CharData); ok {
				words.Write(c)
				words.WriteByte(' ')
			}
		}
		drawn := b.String()
		edges := regexp.MustCompile(`<path d="[^"]*C[^"]*" fill="none"`).FindAllStringIndex(drawn, -1)
		if label := strings.Index(drawn, `<text class="span"`); label < 0 || len(edges) == 0 || label < edges[len(edges)-1][0] {
			t.Errorf("the first label of a span is at %d of the picture, below edges, of which there are %d", label, len(edges))
		}
		text := strings.Join(strings.Fields(words.String()), " ")
		for _, r := range p.Race.Rows {
			if !strings.Contains(text, r.Says) {
				t.Errorf("the picture does not say %q", r.Says)
			}
		}
	}
}

// The text of the editor is the scenario's, to the blank.
func TestText(t *testing.T) {
	s := source()
	html := render(t, text(&s))
	got := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(html, "")
	got = strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(got)
	if got != s.Text {
		t.Errorf("got %q\nwant %q", got, s.Text)
	}
}

// sheet is the style sheet as the build makes it, without the minifying.
func sheet(t *testing.T) string {
	dir := "../../static/css"
	main, err := os.ReadFile(filepath.Join(dir, "page.css"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, m := range regexp.MustCompile(`@import "([a-z]+\.css)";`).FindAllStringSubmatch(string(main), -1) {
		part, err := os.ReadFile(filepath.Join(dir, m[1]))
		if err != nil && m[1] != "grid.css" {
			t.Fatal(err)
		}
		b.Write(part)
	}
	for i := 1; i < 100; i++ {
		fmt.Fprintf(&b, ".r%d{grid-row-start:%d}.e%d{grid-row-end:%d}.c%d{grid-column-start:%d}.d%d{grid-column-end:%d}\n", i, i, i, i, i, i, i, i)
	}
	return b.String()
}

func TestWidths(t *testing.T) {
	if got, want := len(sansWidths), '~'-' '+1; got != int(want) {
		t.Errorf("sansWidths has %d characters, want %d", got, want)
	}
}

// What stands beside each other in a line is apart in the text, too: copied, or read aloud, a name does not run into a value.
func TestWordsAreApart(t *testing.T) {
	text := func(c templ.Component) string {
		return strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(render(t, c), "")), " ")
	}
	m := &view.Memory{At: 20, News: []view.ChangedCell{{Name: "PTE of A buf", Old: "none", New: "swap 0 exclusive"}}}
	if got, want := text(News(m)), "PTE of A buf none → swap 0 exclusive"; !strings.HasSuffix(got, want) {
		t.Errorf("what changed is %q, want …%q", got, want)
	}
	tlb := &view.TLB{Lane: "cpu0", Entries: []view.TLBEntry{{Text: "A buf → frame 1 W D A", Stale: true}}}
	if got, want := text(TLB(tlb)), "A buf → frame 1 W D A stale"; !strings.Contains(got, want) {
		t.Errorf("the TLB is %q, want …%q", got, want)
	}
}

// A function's name may end a line behind an underscore, and its comma never stands alone.
func TestNamesKeepTheirCommas(t *testing.T) {
	s := view.ComingStmt{Text: "madvise(buf)", File: "mm/madvise.c", Funcs: []string{"faultin_vma_page_range", "pmd_migration_entry_wait"}}
	html := render(t, coming(&view.Race{Lanes: make([]view.Lane, 1)}, &view.Coming{Stmts: []view.ComingStmt{s}}))
	if strings.Contains(html, "<wbr>,") || strings.Contains(html, "<wbr/>,") || !regexp.MustCompile(`faultin_<wbr/?>\s*vma_<wbr/?>\s*page_<wbr/?>\s*range,`).MatchString(html) {
		t.Errorf("the names are %s", html)
	}
}

// What has an arrow in it and errors are parts of their own, which a browser does not cut at a hyphen.
func TestArrows(t *testing.T) {
	for s, want := range map[string][]string{
		"take a reference":                    {"take a reference"},
		"lock file->i_mmap_rwsem for writing": {"lock ", "file->i_mmap_rwsem", " for writing"},
		"the VMA does not allow it: -EFAULT":  {"the VMA does not allow it: ", "-EFAULT", ""},
		"copy-on-EXEC":                        {"copy-on-EXEC"},
	} {
		if got := arrows(s); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
