package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// computes waits until the matrix has so many rows. It is computed behind everything else, so that may take a while.
func (p *process) computes(rows int) {
	p.t.Helper()
	var is struct{ Done int }
	for end := time.Now().Add(patience); is.Done < rows; time.Sleep(2 * time.Second) {
		r, err := http.Get(p.url + "matrix.json")
		if err != nil {
			p.t.Fatal(err)
		}
		err = json.NewDecoder(r.Body).Decode(&is)
		r.Body.Close()
		if err != nil || time.Now().After(end) {
			p.t.Fatalf("the matrix has %d rows (%v)", is.Done, err)
		}
	}
}

// Every scenario on every kernel, filling while one looks on; a cell leads to the playground at its counterexample;
// it is narrowed by kernel; on a phone nothing scrolls sideways. The computed is there again after a restart.
func TestMatrix(t *testing.T) {
	t.Parallel()
	s := serveBinary(t)
	p := newTab(t, s.url, 1440, 900)
	p.open(s.url + "matrix")
	p.wait(`document.querySelectorAll(".matrix tbody tr").length > 100 && document.querySelectorAll(".matrix thead th").length === 46`)
	s.computes(2)
	p.wait(`document.querySelector("#verdicts-buffers-vs-pin td.sometimes")`) // told without a reload
	p.shot("filling")
	if got := eval[int](p, `document.querySelectorAll("#verdicts-buffers-vs-pin td.na").length`); got == 0 {
		t.Error("buffers-vs-pin is n/a on no kernel: older ones have no pins")
	}
	says := eval[string](p, `document.querySelector("#verdicts-buffers-vs-pin td.sometimes a").title`)
	p.click("#verdicts-buffers-vs-pin td.sometimes a")
	p.wait(`document.querySelector("#editor[data-mounted]")`)
	p.key("v")
	p.wait(`document.querySelector(".row.bad[aria-current=step]")`)
	if claim := strings.Fields(strings.TrimPrefix(says, "Sometimes "))[0]; !strings.Contains(p.text("#claims"), strings.TrimSuffix(claim, ",")) {
		t.Errorf("the cell says %q, the claims are %s", says, p.text("#claims"))
	}

	q := newTab(t, s.url, 390, 844)
	q.open(s.url + "matrix?mechanism=" + "devices+and+long+pins")
	rows := eval[int](q, `document.querySelectorAll(".matrix tbody tr").length`)
	if rows == 0 || rows > 100 {
		t.Errorf("%d scenarios of one mechanism", rows)
	}
	if wide := eval[int](q, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("a phone must scroll sideways: %d px", wide)
	}
	q.shot("phone")
	eval[bool](q, `(() => { const k = document.querySelector("select[name=kernel]"); k.value = "v6.12"; k.dispatchEvent(new Event("change", {bubbles: true})); return true; })()`)
	q.wait(`location.search.includes("kernel=v6.12") && document.querySelectorAll(".matrix thead th").length === 4`)
	q.shot("phone-kernel")

	for _, t := range []*tab{p, q} {
		t.allow("fetching the script") // a worker that looks for a newer one of itself, while there is no server
	}
	q.open("about:blank") // a matrix goes on asking for news
	s.stop()
	s.restart()
	p.open(s.url + "matrix")
	p.wait(`document.querySelector("#verdicts-buffers-vs-pin td.sometimes")`)
}

// The gallery by mechanism, by mail and by kernel, each scenario with a picture of its race, which is fetched when it comes near.
func TestGallery(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.open(s.url + "gallery")
	p.wait(`[...document.querySelectorAll(".gallery img")].some(i => i.complete && i.naturalWidth === 300)`)
	if all, asked := eval[int](p, `document.querySelectorAll(".gallery img").length`), strings.Count(strings.Join(p.requests, " "), ".svg?v="); asked == 0 || asked > all/2 {
		t.Errorf("%d of %d pictures are fetched at once", asked, all)
	}
	for _, by := range []string{"mail", "kernel", "mechanism"} {
		p.click(`.by a[href="/gallery?by=` + by + `"]`)
		p.wait(`document.querySelector(".by [aria-current=page]")?.textContent === "by ` + by + `"`)
		p.wait(`document.readyState !== "loading"`)
		if n := eval[int](p, `document.querySelectorAll("main section").length`); n < 5 {
			t.Errorf("by %s there are %d groups", by, n)
		}
		p.wait(`new Set([...document.querySelectorAll(".gallery h3")].map(h => h.textContent)).size > 140`) // all of them
	}
	p.click(`.gallery a[href="/s/gup-fast-vs-reclaim"]`)
	p.wait(`document.querySelector("#pick-scenario")?.textContent.includes("gup-fast-vs-reclaim")`)
}
