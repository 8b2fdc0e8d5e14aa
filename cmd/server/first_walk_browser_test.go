package main

import (
	"regexp"
	"testing"
)

// The first walk that the help tells of leads where it says. The kernel and the rule are those that stand there.
func TestFirstWalk(t *testing.T) {
	p := newTab(t, sharedServer(t).url, 1440, 900)
	p.open(sharedServer(t).url + "docs")
	said := regexp.MustCompile(`panel \((\S+) in the head\), switch (\S+) on`).FindStringSubmatch(p.text("main"))
	if said == nil {
		t.Fatal("the help's first walk does not say which kernel stands in the head, and which rule to switch on")
	}
	kernel, rule := said[1], said[2]

	p.click("main ol a[href='/']")
	p.wait(`document.querySelector("#editor[data-mounted]")`)
	p.wait(`document.querySelector("#scrub input").max - document.querySelector("#scrub input").value == 3`)
	if s := p.text("#sentence"); s == "" {
		t.Error("no sentence says what the last step means")
	}
	for range 3 {
		if p.text(".row.bad[aria-current=step]") != "" {
			t.Error("a claim is false before the third press")
		}
		n := p.cursor()
		p.click(".move.follows")
		p.wait(at(n + 1))
	}
	p.wait(`document.querySelector(".row.bad[aria-current=step]")`)
	p.click("#story .why")
	p.wait(`document.querySelector("#story-panel:popover-open pre")?.textContent.includes("CPU1")`)
	p.key("\x1b")
	n := p.cursor()
	p.key("\u0302")
	p.wait(at(n - 1))

	if head := p.text("#pick-kernel"); !regexp.MustCompile(regexp.QuoteMeta(kernel) + `\b`).MatchString(head) {
		t.Errorf("the help says that %s stands in the head, where %q stands", kernel, head)
	}
	p.click("#pick-kernel")
	p.click("#rule-" + rule + " [data-do=kernel]")
	p.wait(`document.querySelector("#pick-kernel").textContent.includes("` + rule + `")`)
	p.key("\x1b")
	p.click("button.check")
	p.wait(`/Never/.test(document.querySelector("#verdict .word")?.textContent)`)
}
