package session

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	dombase "golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"gupscope/web/link"
	"gupscope/web/page"
)

// A dom is a page as a browser has it: fragments are applied to it as the
// script does.
type dom struct{ root *dombase.Node }

func parse(t *testing.T, page string) *dom {
	n, err := dombase.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return &dom{n}
}

func (d *dom) find(id string) *dombase.Node {
	var at *dombase.Node
	var walk func(*dombase.Node)
	walk = func(n *dombase.Node) {
		for _, a := range n.Attr {
			if a.Key == "id" && a.Val == id && at == nil {
				at = n
			}
		}
		for c := n.FirstChild; c != nil && at == nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(d.root)
	return at
}

// apply makes one change. It is as strict as it can be: the element must be there.
func (d *dom) apply(t *testing.T, f Fragment) {
	switch f.Op {
	case "say", "answer", "address":
		return
	}
	n := d.find(f.ID)
	if n == nil {
		t.Fatalf("fragment %s for #%s: no such element", f.Op, f.ID)
	}
	switch f.Op {
	case "morph":
		for _, c := range nodes(t, f.HTML, n.Parent) {
			n.Parent.InsertBefore(c, n)
		}
		n.Parent.RemoveChild(n)
	case "append":
		for _, c := range nodes(t, f.HTML, n) {
			n.AppendChild(c)
		}
	case "prepend":
		first := n.FirstChild
		for _, c := range nodes(t, f.HTML, n) {
			n.InsertBefore(c, first)
		}
	case "remove":
		n.Parent.RemoveChild(n)
	case "drop":
		for k := f.N; k > 0; k-- {
			for n.FirstChild.Type != dombase.ElementNode {
				n.RemoveChild(n.FirstChild)
			}
			n.RemoveChild(n.FirstChild)
		}
	case "truncate":
		kept := 0
		for c := n.FirstChild; c != nil; {
			next := c.NextSibling
			if c.Type == dombase.ElementNode {
				if kept++; kept > f.N {
					n.RemoveChild(c)
				}
			}
			c = next
		}
	case "attr":
		n.Attr = slices.DeleteFunc(n.Attr, func(a dombase.Attribute) bool { return a.Key == f.Name })
		if f.Value != "" {
			n.Attr = append(n.Attr, dombase.Attribute{Key: f.Name, Val: f.Value})
		}
	default:
		t.Fatalf("there is no op %q", f.Op)
	}
}

func nodes(t *testing.T, text string, in *dombase.Node) []*dombase.Node {
	ns, err := dombase.ParseFragment(strings.NewReader(text), in)
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// elements are those of the page that have an ID.
func (d *dom) elements() map[string]*dombase.Node {
	all := map[string]*dombase.Node{}
	var walk func(*dombase.Node)
	walk = func(n *dombase.Node) {
		for _, a := range n.Attr {
			if a.Key == "id" && all[a.Val] == nil {
				all[a.Val] = n
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(d.root)
	return all
}

// canonical appends an element in canonical form: attributes in order, blanks in attributes folded, and none on both sides
// of every tag.
func canonical(out []byte, n *dombase.Node) []byte {
	switch n.Type {
	case dombase.TextNode:
		text := n.Data
		if n.PrevSibling == nil || n.PrevSibling.Type != dombase.TextNode {
			text = strings.TrimLeft(text, blanks)
		}
		if n.NextSibling == nil || n.NextSibling.Type != dombase.TextNode {
			text = strings.TrimRight(text, blanks)
		}
		return append(out, dombase.EscapeString(text)...)
	case dombase.CommentNode:
		return append(append(append(out, "<!--"...), n.Data...), "-->"...)
	case dombase.ElementNode:
		out = append(append(out, '<'), n.Data...)
		slices.SortFunc(n.Attr, func(a, b dombase.Attribute) int { return strings.Compare(a.Key, b.Key) })
		for _, a := range n.Attr {
			out = append(append(append(out, ' '), a.Key...), `="`...)
			first := true
			for word := range strings.FieldsSeq(a.Val) {
				if !first {
					out = append(out, ' ')
				}
				out, first = append(out, dombase.EscapeString(word)...), false
			}
			out = append(out, '"')
		}
		out = append(out, '>')
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		out = canonical(out, c)
	}
	if n.Type == dombase.ElementNode {
		out = append(append(append(out, "</"...), n.Data...), '>')
	}
	return out
}

const blanks = " \t\n\f\r"

// A painting is a page as it would be painted anew. Of one to the next most elements stay as they are, so their canonical
// forms are kept by their HTML.
type painting struct{ of map[string]painted }

type painted struct{ html, canonical string }

// as compares elements of a page that fragments have made with how they would be painted, and reports the first that differs, and where.
func (w *painting) as(t *testing.T, d *dom, page string, ids ...string) error {
	if w.of == nil {
		w.of = map[string]painted{}
	}
	have, begins := d.elements(), begins(page, ids)
	for _, id := range ids {
		from, ok := begins[id]
		if !ok {
			return fmt.Errorf("the page has no #%s", id)
		}
		if was, ok := w.of[id]; !ok || !strings.HasPrefix(page[from:], was.html) {
			html := page[from:end(page, from)]
			var form []byte
			for _, n := range nodes(t, html, &dombase.Node{Type: dombase.ElementNode, Data: "body", DataAtom: atom.Body}) {
				form = canonical(form, n)
			}
			w.of[id] = painted{html, string(form)}
		}
		var got string
		if n := have[id]; n != nil {
			got = string(canonical(nil, n))
		}
		want := w.of[id].canonical
		if got == want {
			continue
		}
		i := 0
		for i < len(got) && i < len(want) && got[i] == want[i] {
			i++
		}
		return fmt.Errorf("#%s differs:\n got  …%s\n want …%s", id, around(got, i), around(want, i))
	}
	return nil
}

// begins is where the elements with those IDs begin in a page, and end where one that begins there ends. templ writes no bare
// angle bracket into text or attributes, and closes what it opens.
func begins(page string, ids []string) map[string]int {
	out := map[string]int{}
	const mark = ` id="`
	for at := 0; ; {
		next := strings.Index(page[at:], mark)
		if next < 0 {
			return out
		}
		at += next + len(mark)
		id := page[at : at+strings.IndexByte(page[at:], '"')]
		if _, ok := out[id]; !ok && slices.Contains(ids, id) {
			out[id] = strings.LastIndexByte(page[:at], '<')
		}
	}
}

func end(page string, from int) int {
	name := page[from+1 : from+strings.IndexAny(page[from:], " >")]
	for at, depth := from, 0; ; {
		next := strings.IndexByte(page[at:], '<')
		if next < 0 {
			return len(page)
		}
		at += next + 1
		closes := page[at] == '/'
		if closes {
			at++
		}
		if after := page[min(at+len(name), len(page)-1)]; !strings.HasPrefix(page[at:], name) || after != ' ' && after != '>' {
			continue
		}
		if !closes {
			depth++
		} else if depth--; depth == 0 {
			return at + len(name) + 1
		}
	}
}

func around(s string, i int) string { return s[max(0, i-80):min(len(s), i+120)] }

// No two elements have the same id, where two tasks share a CPU, too: a morph would lose what the reader did there.
func TestIDsAreUnique(t *testing.T) {
	s := New()
	s.Restore(link.Link{Scenario: "lazy-tlb-fence"})
	shared := false
	s.Do(Event{Do: "run", To: "random", N: 1})
	for at := range s.run.Len() {
		s.Do(Event{Do: "goto", At: at})
		lanes := map[string]bool{}
		for _, l := range s.page.Listing {
			shared = shared || lanes[l.Lane]
			lanes[l.Lane] = true
		}
		seen := map[string]bool{}
		var walk func(*dombase.Node)
		walk = func(n *dombase.Node) {
			for _, a := range n.Attr {
				if a.Key == "id" && seen[a.Val] {
					t.Errorf("step %d: two elements are called %s", at, a.Val)
				}
				if a.Key == "id" {
					seen[a.Val] = true
				}
			}
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				walk(c)
			}
		}
		walk(parse(t, html(page.Page(s.Page(), nil))).root)
	}
	if !shared {
		t.Error("no CPU has two tasks")
	}
}
