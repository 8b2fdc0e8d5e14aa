package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// One line finds commands, scenarios, kernels, rules and claims, by keys alone.
func TestPalette(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	paletteDoes(t, p)
	// What only a page of one's own can do: another scenario.
	paletteFor(p, "forstatlb", "scenario")
}

func TestPaletteInRoom(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + raced)
	makeRoom(p)
	p.wait(`document.querySelector("#editor[data-mounted]") && document.documentElement.dataset.pen === "mine"`)
	p.key("\x1b")
	paletteDoes(t, p)
}

// paletteFor opens the palette, types, and waits for something of that kind to be chosen.
func paletteFor(p *tab, text, kind string) {
	p.t.Helper()
	p.key(":")
	p.wait(`document.querySelector("#palette:popover-open") && document.activeElement.id === "palette-text"`)
	p.wait(`document.querySelectorAll("#palette-list [role=option]").length > 20`)
	eval[bool](p, `(() => { const l = document.querySelector("#palette-text"); l.value = ""; return true; })()`)
	p.do(chromedp.SendKeys(chromedp.CSS("#palette-text"), text))
	p.wait(`document.querySelector("#palette-list").dataset.of === ` + quote(text))
	p.wait(`document.querySelector("#palette-list [aria-selected=true] em")?.textContent === ` + quote(kind))
	p.wait(`document.querySelector("#palette-text").getAttribute("aria-activedescendant") === document.querySelector("#palette-list [aria-selected=true]").id`)
}

func paletteDoes(t *testing.T, p *tab) {
	t.Helper()
	paletteFor(p, "first viol", "command")
	p.shot("palette")
	p.key("\r")
	p.wait(`document.querySelector(".row.bad[aria-current=step]") && !document.querySelector("#palette:popover-open")`)

	// A step is made by its name: what has no key is reached, too.
	p.key("\u0306") // Home
	p.wait(at(0))
	paletteFor(p, "cpu0: host", "step")
	p.key("\r")
	p.wait(at(1))

	paletteFor(p, "pte_rech", "rule")
	p.key("\r")
	p.wait(`!document.querySelector("#pick-kernel").textContent.includes("recheck")`)

	paletteFor(p, "v5.8", "kernel")
	p.key("\r")
	p.wait(`document.querySelector("#pick-kernel b").textContent === "v5.8"`)

	paletteFor(p, "pinned never freed", "claim")
	p.key("\r")
	p.wait(`document.activeElement.id.startsWith("claim-")`)

	// A claim that is not judged is written into the text, and judged from then on.
	paletteFor(p, "asked-before-stores", "claim")
	p.key("\r")
	p.wait(editorView + `.state.doc.toString().includes("claim file-system-asked-before-stores on")`)
	p.wait(`document.querySelector("#claim-file-system-asked-before-stores")`)

	// Arrows move the choice; Escape leaves without doing anything.
	paletteFor(p, "scenario", "command")
	first := p.text("#palette-list [aria-selected=true]")
	p.key("\u0301") // ArrowDown
	p.wait(`document.querySelector("#palette-list [aria-selected=true]").textContent.replace(/\s+/g, " ").trim() !== ` + quote(first))
	p.key("\x1b")
	p.wait(`!document.querySelector("#palette:popover-open")`)

	// Ctrl+K opens it as well; the sheet of keys lists every key that the page hears.
	p.do(chromedp.KeyEvent("k", chromedp.KeyModifiers(2)))
	p.wait(`document.querySelector("#palette:popover-open")`)
	p.key("\x1b")
	p.key("?")
	p.wait(`document.querySelector("#keys-panel:popover-open")`)
	p.shot("keys")
	missing := eval[[]string](p, `(() => {
		const names = {ArrowLeft: "←", ArrowRight: "→", Escape: "Esc"};
		const told = new Set([...document.querySelectorAll("#keys-panel kbd")].map(k => k.textContent));
		return [...document.querySelectorAll("[data-key]")].flatMap(e => e.dataset.key.split(" ")).filter(k => k && !/[2-8]/.test(k) && !told.has(names[k] ?? k.replace("Ctrl+k", "Ctrl+K")));
	})()`)
	if len(missing) > 0 {
		t.Errorf("the sheet does not tell of %q", missing)
	}
	p.key("\x1b")

	// No key is stolen from an input.
	p.key("/")
	p.wait(`document.querySelector("#find-panel:popover-open") && document.activeElement.matches("#find-panel input")`)
	at := p.cursor()
	eval[bool](p, `(document.activeElement.value = "", true)`)
	for _, k := range []string{"c", "o", "1", "n", "?", ":", "\u0302"} {
		p.key(k)
	}
	p.do(chromedp.KeyEvent("k", chromedp.KeyModifiers(2)))
	if got := eval[string](p, `document.querySelector("#find-panel input").value`); got != "co1n?:" {
		t.Errorf("typed into an input arrives %q", got)
	}
	if p.cursor() != at || eval[bool](p, `document.querySelector("#palette:popover-open, #keys-panel:popover-open") !== null`) {
		t.Error("a key typed into an input did something else")
	}
	p.key("\x1b")
}

// The list of scenarios is in groups, and a line of words leaves of it what has them all; so does the gallery's.
func TestFilter(t *testing.T) {
	s := sharedServer(t)
	p := newTab(t, s.url, 1440, 900)
	p.ready(s.url + "s/litmus-sb")
	p.click("#pick-scenario")
	p.wait(`document.activeElement.matches("#scenarios [data-filter]")`)
	if got := eval[int](p, `document.querySelectorAll("#scenario-list section > h3").length`); got < 5 {
		t.Errorf("the list has %d groups", got)
	}
	if !within(p, `#scenarios [aria-current="true"]`, "#scenarios") {
		t.Error("the scenario that is open is out of sight")
	}
	p.key("RECLAIM  gup-fast")
	left := `[...document.querySelectorAll("#scenario-list li, #entries li")].filter((li) => li.checkVisibility())`
	p.wait(left + `.length < 30 && ` + left + `.length > 1`)
	if !eval[bool](p, left+`.every((li) => /gup-fast/i.test(li.textContent) && /reclaim/i.test(li.closest("section").textContent))`) {
		t.Errorf("left are %s", eval[string](p, left+`.map((li) => li.textContent).join("\n")`))
	}
	p.shot("scenarios")
	first := eval[string](p, left+`[0].querySelector("b").textContent`)
	// Not by the driver's key: that would send its letter after the key, to what has the focus by then.
	eval[bool](p, `document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true}))`)
	p.wait(`document.title.startsWith(` + quote(first) + `) && !document.querySelector("#scenarios:popover-open")`)

	// The kernel's rules are filtered as well, and stay so when one is switched. What the scenario asks comes first.
	p.click("#pick-kernel")
	p.wait(`document.activeElement.matches("#kernels [data-filter]")`)
	first = eval[string](p, `document.querySelector("#rules h3").textContent`)
	p.key("pte recheck")
	rules := `[...document.querySelectorAll("#rules li")].filter((li) => li.checkVisibility())`
	p.wait(rules + `.length > 1 && ` + rules + `.length < 30`)
	kernel := p.text("#pick-kernel")
	p.click("#rule-gup_pte_recheck [data-do=kernel]")
	p.wait(`document.querySelector("#pick-kernel").textContent.replace(/\s+/g, " ").trim() !== ` + quote(kernel))
	if !strings.Contains(first, "scenario") || eval[string](p, `document.querySelector("#kernels [data-filter]").value`) != "pte recheck" || eval[int](p, rules+`.length`) > 30 {
		t.Errorf("%q comes first; when a rule was switched, %d are left of the filter", first, eval[int](p, rules+`.length`))
	}
	p.shot("kernels")
	p.key("\x1b")

	p.open(s.url + "gallery?by=kernel")
	p.wait(`document.documentElement.dataset.script !== undefined`)
	p.click("[data-filter]")
	p.key("hugetlb cow")
	p.wait(left + `.length < 30 && ` + left + `.length > 1`)
	if got := p.text(".filter output"); !strings.Contains(got, " of ") {
		t.Errorf("beside the line stands %q", got)
	}
	p.shot("gallery")
}
