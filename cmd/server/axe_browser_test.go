package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// ofColours are the rules of axe-core that a theme can break: the others look at what is the same in light and dark.
const ofColours = `["color-contrast", "link-in-text-block"]`

// ofLayout are those that the width can break: what is opened on a page has the same elements on a phone.
const ofLayout = `["color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable", "aria-hidden-focus"]`

// sheets are of what is opened on the first page what is looked at on a phone: one of each form.
var sheets = []string{"changes", "palette", "cell", "compared", "kernels", "share", "dense"}

// An audit is what axe-core is to look at: a page, or something that is opened on it.
type audit struct {
	name, path string
	do         []string // opens it
	until      string   // then this is there
	part       string   // of the page that it is in, on a phone
}

// panel is an audit of something that a press on the first page opens.
func panel(name, pressed, until, part string) audit {
	return audit{name, "", []string{press(pressed)}, until, part}
}

// there is a promise that waits for it.
func there(selector string) string {
	return `new Promise(r => { const look = () => document.querySelector(` + quote(selector) + `) ? r() : setTimeout(look, 50); look(); })`
}

func press(selector string) string { return `document.querySelector(` + quote(selector) + `).click()` }

// axe-core finds nothing serious on any page, light or dark, wide or on a phone, whatever is open.
func TestAxe(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	driver := newTab(t, s.url, 1440, 900)
	driver.ready(s.url)
	_, room := makeRoom(driver)
	audits := []audit{
		{name: "gallery", path: "gallery", until: "main"},
		{name: "offline", path: "offline", until: "main"},
		{name: "help", path: "docs", until: "main"},
		{name: "language", path: "docs/scenarios", until: "main"},
		{name: "embed", path: "embed/gup-fast-vs-reclaim", until: "#race"},
		{name: "room", path: strings.TrimPrefix(room, s.url), until: "#race"},
		{name: "files", path: "s/dontneed-vs-writeback", until: "#race"},
		{name: "changes", path: "s/gup-fast-vs-reclaim", do: []string{`document.getElementById("draft").hidden = false`, editorView + `.dispatch({changes: {from: 0, insert: "# x\n"}})`,
			there("[data-do=changes]"), press("[data-do=changes]")}, until: "#changes-panel:popover-open .hunk", part: "source"},
		{name: "home", until: "#race"},
		panel("palette", "[data-command=palette]", "#palette:popover-open li:nth-child(20)", "more"),
		panel("keys", "[data-command=keys]", "#keys-panel:popover-open", "more"),
		{name: "guard", do: []string{`document.getElementById("guard").showModal()`}, until: "#guard[open]"},
		panel("run menu", "[popovertarget=run-menu]", "#run-menu:popover-open", ""),
		panel("cell", ".pte .cell", "#cell-panel:popover-open .hits li", "memory"),
		panel("compare", "[popovertarget=compare-panel]", "#compare-panel:popover-open select", ""),
		{name: "compared", do: []string{press("[popovertarget=compare-panel]"), there("#compare select"), `(s => { s.value = s.options[1].value; s.dispatchEvent(new Event("change", {bubbles: true})); })(document.querySelector("#compare select"))`},
			until: "#compare-panel:popover-open .sides"},
		panel("find", "[popovertarget=find-panel]", "#find-panel:popover-open", ""),
		panel("kernels", "#pick-kernel", "#kernels:popover-open", ""),
		panel("how", "[popovertarget=how-panel]", "#how-panel:popover-open", ""),
		panel("verdict", "#verdict .result", "#counters:popover-open", ""),
		panel("share", "[popovertarget=share-panel]", "#share-panel:popover-open", "more"),
		panel("story", ".story .why", "#story-panel:popover-open", ""),
		{name: "dense", do: []string{press("[data-toggle=dense]"), press(".lane.l1 .hide"), press(".lane.l0 .follow"), press("[form=at].go"), there(".news summary"), press(".news summary"), press(".claims summary")}, until: "html[data-dense] #race"},
	}
	for _, size := range [][2]int64{{1440, 900}, {390, 844}} {
		var p *tab
		for _, c := range audits {
			if size[0] < 500 && c.do != nil && !slices.Contains(sheets, c.name) {
				continue
			}
			if c.do != nil && c.path == "" { // on the first page, which is there, what else was open closed
				eval[bool](p, `(document.querySelectorAll(":popover-open").forEach(e => e.hidePopover()), document.querySelectorAll("dialog[open]").forEach(e => e.close()), true)`)
			} else {
				p = audited(t, s, c, size)
			}
			p.audit(c, size[0])
		}
	}
}

// The same of the matrix, on a server of its own, for that goes on computing.
func TestAxeMatrix(t *testing.T) {
	t.Parallel()
	s := serveBinary(t)
	s.computes(1)
	for _, size := range [][2]int64{{1440, 900}, {390, 844}} {
		c := audit{name: "matrix", path: "matrix?mechanism=files+and+writeback", until: ".matrix td a"} // the first row's
		if size[0] < 500 {
			c.path += "&kernel=v6.12"
		}
		audited(t, s, c, size).audit(c, size[0])
	}
}

// audited opens the page of an audit, with axe-core in it.
func audited(t *testing.T, s *process, c audit, size [2]int64) *tab {
	t.Helper()
	axe, err := os.ReadFile("../../static/vendor/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	p := newTab(t, s.url, size[0], size[1])
	p.allow("Applying inline style") // axe's own
	p.open(s.url + c.path)
	if c.path == "" || strings.HasPrefix(c.path, "s/") || c.name == "room" {
		p.wait(`document.querySelector("#editor[data-mounted]")`)
	}
	eval[bool](p, `(() => {`+string(axe)+`; return true})()`)
	return p
}

// audit opens what is to be looked at, and lets axe-core look: in light at everything, in dark at the colours.
func (p *tab) audit(c audit, width int64) {
	p.t.Helper()
	if width < 500 && c.do != nil {
		eval[bool](p, `(document.documentElement.dataset.tab = `+quote(c.part)+` || "race", true)`)
	}
	for _, js := range c.do {
		eval[bool](p, `Promise.resolve(`+js+`).then(() => true)`)
	}
	p.wait(`document.querySelector(` + quote(c.until) + `)?.checkVisibility()`)
	for _, theme := range []string{"light", "dark"} {
		if theme == "dark" && width < 500 && c.do != nil {
			continue // the colours of panels have been looked at
		}
		rules := ""
		switch {
		case theme == "dark", width < 500 && c.name == "dense": // rows are as low as they are there; the slider goes to each of them
			rules = `, runOnly: ` + ofColours
		case width < 500 && c.do != nil:
			rules = `, runOnly: ` + ofLayout
		}
		eval[bool](p, `(document.documentElement.dataset.theme = `+quote(theme)+`, true)`)
		// Of a panel that is open, the panel: the page behind it has been looked at.
		found := eval[[]string](p, `axe.run(document.querySelector(":popover-open, dialog[open]") ?? document, {resultTypes: ["violations"], preload: false`+rules+`}).then(r => r.violations.filter(v => v.impact === "serious" || v.impact === "critical")
			.flatMap(v => v.nodes.slice(0, 4).map(n => v.id + ": " + n.target.join(" ") + " — " + n.any.concat(n.all, n.none).map(x => x.message).join("; "))))`)
		for _, f := range found {
			p.t.Errorf("%s, %s, %d px: %s", c.name, theme, width, f)
		}
		p.shot(fmt.Sprint(c.name, "-", theme, "-", width))
	}
}
