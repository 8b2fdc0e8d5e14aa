package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// axe-core finds nothing serious on any page, light or dark, wide or on a phone, whatever is open.
func TestAxe(t *testing.T) {
	axe, err := os.ReadFile("../../static/vendor/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	s := serveBinary(t)
	driver := newTab(t, s.url, 1440, 900)
	driver.ready(s.url)
	_, room := makeRoom(driver)
	open := func(selector string) string { return `document.querySelector(` + quote(selector) + `).click()` }
	until := func(selector string) string {
		return `new Promise(r => { const look = () => document.querySelector(` + quote(selector) + `) ? r() : setTimeout(look, 50); look(); })`
	}
	const soon = `new Promise(r => setTimeout(r, 900))`
	pages := []struct {
		name, path string
		do         []string // what is opened there
		tab        string   // the part of the page that it is in, on a phone
	}{
		{"start", "s/dontneed-vs-writeback", nil, ""},
		{"gallery", "gallery", nil, ""},
		{"matrix", "matrix?kernel=v6.12", nil, ""},
		{"offline", "offline", nil, ""},
		{"help", "docs", nil, ""},
		{"language", "docs/scenarios", nil, ""},
		{"embed", "embed/gup-fast-vs-reclaim", nil, ""},
		{"room", strings.TrimPrefix(room, s.url), nil, ""},
		{"changes", "s/gup-fast-vs-reclaim", []string{`document.getElementById("draft").hidden = false`, editorView + `.dispatch({changes: {from: 0, insert: "# x\n"}})`, until("[data-do=changes]"),
			open("[data-do=changes]"), soon}, "source"},
		{"home", "", nil, ""},
		{"palette", "", []string{open("[data-command=palette]"), soon}, "more"},
		{"keys", "", []string{open("[data-command=keys]")}, "more"},
		{"guard", "", []string{`document.getElementById("guard").showModal()`}, ""},
		{"run menu", "", []string{open("[popovertarget=run-menu]")}, ""},
		{"cell", "", []string{open(".pte .cell")}, "memory"},
		{"compare", "", []string{open("[popovertarget=compare-panel]"), `new Promise(r => setTimeout(r, 500)).then(() => {
			const s = document.querySelector("#compare select"); s.value = s.options[1].value; s.dispatchEvent(new Event("change", {bubbles: true})); })`}, ""},
		{"find", "", []string{open("[popovertarget=find-panel]")}, ""},
		{"kernels", "", []string{open("#pick-kernel")}, ""},
		{"how", "", []string{open("[popovertarget=how-panel]")}, ""},
		{"verdict", "", []string{open("#verdict .result")}, ""},
		{"share", "", []string{open("[popovertarget=share-panel]")}, "more"},
		{"story", "", []string{open(".story .why")}, ""},
		{"dense", "", []string{open("[data-toggle=dense]"), open(".lane.l1 .hide"), open(".lane.l0 .follow"), open(".news summary"), open(".claims summary")}, ""},
	}
	for _, size := range [][2]int64{{1440, 900}, {390, 844}} {
		var p *tab
		shown := "-"
		for _, c := range pages {
			if c.do != nil && c.path == shown { // on the page that is there, what else was open closed
				eval[bool](p, `(document.querySelectorAll(":popover-open").forEach(e => e.hidePopover()), document.querySelectorAll("dialog[open]").forEach(e => e.close()), true)`)
			} else {
				if c.name == "matrix" {
					s.computes(2) // so that there are verdicts in it
				}
				p = newTab(t, s.url, size[0], size[1])
				p.allow("Applying inline style") // axe's own
				p.open(s.url + c.path)
				if c.path == "" || strings.HasPrefix(c.path, "s/") || c.name == "room" {
					p.wait(`document.querySelector("#editor[data-mounted]")`)
				}
				eval[bool](p, `(() => {`+string(axe)+`; return true})()`)
			}
			shown = c.path
			if size[0] < 500 && c.do != nil {
				eval[bool](p, `(document.documentElement.dataset.tab = `+quote(c.tab)+` || "race", true)`)
			}
			for _, js := range c.do {
				eval[bool](p, `Promise.resolve(`+js+`).then(() => true)`)
			}
			if panel := `document.querySelector(":popover-open, dialog[open]")`; c.do != nil && c.name != "dense" && !eval[bool](p, `!!`+panel+`?.checkVisibility()`) {
				t.Errorf("%s, %d px: the panel is not to be seen", c.name, size[0])
			}
			themes := []string{"light", "dark"}
			if size[0] < 500 && c.do != nil {
				themes = themes[:1] // the colours of panels have been looked at
			}
			for _, theme := range themes {
				eval[bool](p, `new Promise(r => { document.documentElement.dataset.theme = `+quote(theme)+`; setTimeout(() => r(true), 400); })`)
				// Of a panel that is open, the panel: the page behind it has been looked at.
				found := eval[[]string](p, `axe.run(document.querySelector(":popover-open, dialog[open]") ?? document, {resultTypes: ["violations"]}).then(r => r.violations.filter(v => v.impact === "serious" || v.impact === "critical")
					.flatMap(v => v.nodes.slice(0, 4).map(n => v.id + ": " + n.target.join(" ") + " — " + n.any.concat(n.all, n.none).map(x => x.message).join("; "))))`)
				for _, f := range found {
					t.Errorf("%s, %s, %d px: %s", c.name, theme, size[0], f)
				}
				p.shot(fmt.Sprint(c.name, "-", theme, "-", size[0]))
			}
		}
	}
}
