package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// embedAddress is what the element's frame shows.
func embedAddress(p *tab) string {
	p.t.Helper()
	p.wait(`document.querySelector("gup-scope")?.shadowRoot?.querySelector("iframe")`)
	return eval[string](p, `document.querySelector("gup-scope").shadowRoot.querySelector("iframe").src`)
}

// Somebody else's page has one script and one element.
func TestEmbedElsewhere(t *testing.T) {
	s := serveBinary(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!DOCTYPE html><title>A blog</title><script src="%sstatic/embed.js" async></script>`, s.url)
		switch r.URL.Path {
		case "/text":
			fmt.Fprint(w, `<gup-scope><script type="text/plain">
GUP mine
"A race of my own."

mm A { buf = anon 1 rw "a" }

P0 on cpu0 in A { store(buf, "b") }
</script></gup-scope>`)
		default:
			fmt.Fprint(w, `<gup-scope scenario="gup-fast-vs-reclaim">the race, in words</gup-scope>`)
		}
	}))
	defer other.Close()

	p := newTab(t, "http://127.0.0.1:", 800, 900)
	p.open(other.URL)
	if src := embedAddress(p); src != s.url+"embed/gup-fast-vs-reclaim" {
		t.Errorf("the frame shows %s", src)
	}
	height := `parseInt(document.querySelector("gup-scope").shadowRoot.querySelector("iframe").style.height)`
	p.wait(height + ` > 100 && ` + height + ` != 480`)
	p.shot("elsewhere")

	p.open(other.URL + "/text")
	src := embedAddress(p)
	if !strings.HasPrefix(src, s.url+"embed?x=1.") {
		t.Fatalf("the frame shows %s", src)
	}
	q := newTab(t, s.url, 800, 900)
	q.open(src)
	if got := q.text("body"); !strings.Contains(got, "mine") {
		t.Errorf("%s shows %q", src, got)
	}
}

// An embed shows its first frame without the simulator, fetches it when it is touched, leaves its own address alone, and
// "open full" leads to where the reader is.
func TestEmbed(t *testing.T) {
	s := serveBinary(t)
	p := newTab(t, s.url, 800, 900)
	p.open(s.url + "embed/gup-fast-vs-reclaim")
	p.wait(`document.documentElement.dataset.script !== undefined`)
	time.Sleep(500 * time.Millisecond)
	for _, r := range p.requests {
		if strings.Contains(r, ".wasm") || strings.Contains(r, "/core.") {
			t.Errorf("%s was fetched before anybody touched the embed", r)
		}
	}
	here := eval[string](p, `location.href`)
	p.click(".move.ready")
	p.wait(at(1))
	p.click(".move.ready")
	p.wait(at(2))
	if now := eval[string](p, `location.href`); now != here {
		t.Errorf("the embed's address went from %s to %s", here, now)
	}
	p.wait(`document.querySelector("a[data-full]").href.includes("c=2")`) // as soon as the reader pauses
	full := eval[string](p, `document.querySelector("a[data-full]").href`)
	q := newTab(t, s.url, 1440, 900)
	q.ready(full)
	if got := q.cursor(); got != 2 {
		t.Errorf("%s opens at step %d", full, got)
	}
}

// A page works without script: the first paint is whole, and its buttons are forms.
func TestWithoutScript(t *testing.T) {
	s := serveBinary(t)
	p := newTab(t, s.url, 1440, 900)
	p.script(false)
	p.open(s.url + "s/gup-fast-vs-reclaim")
	p.click(".move.ready")
	p.wait(`location.search.includes("do=")`)
	p.wait(at(1))
	p.click(".move.ready")
	p.wait(at(2))
	p.shot("stepped")
	p.click("button.check")
	p.wait(`/Sometimes/.test(document.querySelector("#verdict .word")?.textContent)`)
	p.shot("checked")
}
