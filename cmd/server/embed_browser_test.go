package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gupscope/web/link"
	"gupscope/web/session"
)

// embedAddress is what the element's frame shows.
func embedAddress(p *tab) string {
	p.t.Helper()
	p.wait(`document.querySelector("gup-scope")?.shadowRoot?.querySelector("iframe")`)
	return eval[string](p, `document.querySelector("gup-scope").shadowRoot.querySelector("iframe").src`)
}

// mine is a scenario that stands in somebody else's page.
const mine = `
GUP mine
"A race of my own."

mm A { buf = anon 1 rw "a" }

P0 on cpu0 in A { store(buf, "b") }
`

// Somebody else's page has one script and one element.
func TestEmbedElsewhere(t *testing.T) {
	s := sharedServer(t)
	walked := session.New()
	walked.Restore(link.Link{Scenario: "gup-fast-vs-reclaim"})
	walked.Do(session.Event{Do: "run", To: "random", N: 1})
	run := walked.State()
	reached := make(chan bool, 1)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		script := fmt.Sprintf(`<script src="%sstatic/embed.js"`, s.url)
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/":
			fmt.Fprint(w, `<!DOCTYPE html><title>A blog</title>`, script, ` async></script><gup-scope scenario="gup-fast-vs-reclaim">the race, in words</gup-scope>`)
		case "/goto": // the page around it goes to a step, before its frame is there, and hears where it stands
			fmt.Fprint(w, `<!DOCTYPE html><title>A blog</title>`, script, `></script><body><gup-scope scenario="gup-fast-vs-reclaim" run="`, run.Run, `" at="`, run.At, `"></gup-scope><script>
				window.steps = [];
				addEventListener("step", (e) => steps.push(e.detail));
				document.querySelector("gup-scope").goto(1);
			</script>`)
		case "/text":
			fmt.Fprint(w, `<!DOCTYPE html><title>A blog</title>`, script, ` async></script><gup-scope><script type="text/plain">`, mine, `</script></gup-scope>`)
		case "/x": // as the playground copies a text of one's own
			fmt.Fprint(w, `<!DOCTYPE html><title>A blog</title>`, script, ` async></script><gup-scope x="`, r.URL.Query().Get("x"), `"></gup-scope>`)
		case "/none": // what cannot be shown is said in a frame as small as the sentence
			fmt.Fprint(w, `<!DOCTYPE html><title>A blog</title>`, script, ` async></script><div style="width:300px"><gup-scope scenario="nonsense"></gup-scope></div>`)
		case "/slow": // the element is there, with a part of its content, and the rest comes late
			half := len(mine) / 2
			fmt.Fprint(w, `<!DOCTYPE html><title>A blog</title>`, script, `></script><gup-scope><script>fetch("/reached")</script><script type="text/plain">`, mine[:half])
			w.(http.Flusher).Flush()
			<-reached
			fmt.Fprint(w, mine[half:], `</script></gup-scope>`)
		case "/reached":
			reached <- true
		case "/program": // a program makes the element, and fills it after that
			fmt.Fprint(w, `<!DOCTYPE html><title>A blog</title>`, script, `></script><body><script>
				const scope = document.body.appendChild(document.createElement("gup-scope"));
				setTimeout(() => { const text = document.createElement("script"); text.type = "text/plain"; text.textContent = `, quote(mine), `; scope.append(text); });
			</script>`)
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

	p.allow("status of 404")
	p.open(other.URL + "/none")
	embedAddress(p)
	p.wait(height + ` > 30 && ` + height + ` < 120`)

	first := ""
	for _, path := range []string{"/text", "/slow", "/program"} {
		p.open("about:blank")
		p.open(other.URL + path)
		src := embedAddress(p)
		if !strings.HasPrefix(src, s.url+"embed?x=1.") {
			t.Fatalf("%s: the frame shows %s", path, src)
		}
		if first == "" {
			first = src
		} else if src != first {
			t.Errorf("%s: the frame shows %s, and another page with the same text %s", path, src, first)
		}
	}
	p.open(other.URL + "/x?" + first[strings.Index(first, "?")+1:])
	if src := embedAddress(p); src != first {
		t.Errorf("with its text in an attribute, the frame shows %s, and should %s", src, first)
	}
	p.open(other.URL + "/goto")
	p.wait(`window.steps?.at(-1)?.at === 1 && steps[0].sentence.length > 20 && [steps[0].at, steps[0].of, steps.at(-1).of].every((n) => n === ` + itoa(run.At) + `)`)
	eval[bool](p, `(document.querySelector("gup-scope").goto(9999), true)`)
	p.wait(`steps.at(-1).at === ` + itoa(run.At))

	q := newTab(t, s.url, 800, 900)
	q.open(first)
	if got := q.text("body"); !strings.Contains(got, "A race of my own") {
		t.Errorf("%s shows %q", first, got)
	}
}

// An embed shows its first frame without the simulator, fetches it when it is touched, leaves its own address alone, and
// "open full" leads to where the reader is.
func TestEmbed(t *testing.T) {
	s := sharedServer(t)
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
	s := sharedServer(t)
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
