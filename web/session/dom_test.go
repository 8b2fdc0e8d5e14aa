package session

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	dombase "golang.org/x/net/html"
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

// text is an element in canonical form: attributes in order, blanks in classes
// and text folded.
func (d *dom) text(id string) string {
	n := d.find(id)
	if n == nil {
		return "no element #" + id
	}
	var walk func(*dombase.Node)
	walk = func(n *dombase.Node) {
		slices.SortFunc(n.Attr, func(a, b dombase.Attribute) int { return strings.Compare(a.Key, b.Key) })
		for i, a := range n.Attr {
			n.Attr[i].Val = strings.Join(strings.Fields(a.Val), " ")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	var b bytes.Buffer
	dombase.Render(&b, n)
	return tight(b.Bytes())
}

// tight drops the blanks on both sides of every tag. A rendered text and a rendered
// attribute have no bare angle bracket, so each one here is a tag's. (As a regular
// expression this was most of the time of the tests.)
func tight(s []byte) string {
	out := make([]byte, 0, len(s))
	for len(s) > 0 {
		open := bytes.IndexByte(s, '<')
		if open < 0 {
			return string(append(out, s...))
		}
		end := bytes.IndexByte(s, '>')
		out = append(out, bytes.TrimRight(s[:open], blanks)...)
		out = append(out, s[open:end+1]...)
		s = bytes.TrimLeft(s[end+1:], blanks)
	}
	return string(out)
}

const blanks = " \t\n\f\r"

// same reports the first of the elements that differ, and where.
func same(got, want *dom, ids ...string) error {
	for _, id := range ids {
		a, b := got.text(id), want.text(id)
		if a == b {
			continue
		}
		i := 0
		for i < len(a) && i < len(b) && a[i] == b[i] {
			i++
		}
		return fmt.Errorf("#%s differs:\n got  …%s\n want …%s", id, around(a, i), around(b, i))
	}
	return nil
}

func around(s string, i int) string { return s[max(0, i-80):min(len(s), i+120)] }
