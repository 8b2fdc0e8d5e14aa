package main

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// Who gives a name is known by it to everybody in the room, also after a reload; who gives none is counted.
func TestRoomNames(t *testing.T) {
	s := sharedServer(t)
	a := newTab(t, s.url, 1440, 900)
	a.ready(s.url)
	if eval[bool](a, `document.querySelector("#room-name").checkVisibility({checkVisibilityCSS: true}) || getComputedStyle(document.querySelector(".of-room")).display !== "none"`) {
		t.Error("a name is asked for where there is no room")
	}
	driver, viewer := makeRoom(a)
	v := enterRoom(t, s, viewer)
	people := func(p *tab, says string) {
		t.Helper()
		p.wait(`document.querySelector("#people").textContent.includes(` + quote(says) + `)`)
	}
	people(v, "2 people are here. Somebody else holds the pen.")

	// By keys: x opens the panel, Enter gives the name.
	a.wait(`document.documentElement.dataset.pen === "mine"`)
	a.key("\x1b")
	a.key("x")
	a.wait(`document.querySelector("#share-panel:popover-open #room-name")`)
	a.do(chromedp.SendKeys(chromedp.CSS("#room-name"), "Anna\r"))
	people(v, "2 people are here: you and Anna. Anna holds the pen.")
	a.shot("panel")

	// By mouse: pressed elsewhere, the name is given.
	v.click("[popovertarget=share-panel]")
	v.click("#room-name")
	v.do(chromedp.SendKeys(chromedp.CSS("#room-name"), "<b>Ben</b>"))
	v.click("#share-panel h2")
	people(a, "2 people are here: you and <b>Ben</b>.")

	b := enterRoom(t, s, driver)
	b.wait(`document.documentElement.dataset.pen === "other"`)
	b.click("[data-act=pen]")
	people(b, "3 people are here: you, <b>Ben</b> and Anna")
	people(a, "3 people are here: you, <b>Ben</b> and somebody else. Somebody asks for the pen.")
	v.shot("names")
	if h := eval[int](v, `document.querySelector("#head").offsetHeight`); h > 70 {
		t.Errorf("with many names the header is %d px high", h)
	}

	// On a phone, too, who is here and the button of the pen are in sight.
	a.key("\x1b")
	a.do(chromedp.EmulateViewport(390, 844))
	a.wait(`document.documentElement.clientWidth === 390`)
	if !eval[bool](a, `(() => { const e = document.querySelector("#people button").getBoundingClientRect(); return document.querySelector("#people").checkVisibility() && e.height > 20 && e.left >= 0 && e.right <= innerWidth && e.bottom < 200; })()`) {
		t.Error("on a phone the pen is out of sight")
	}
	a.shot("phone")
	a.do(chromedp.EmulateViewport(1440, 900))

	v.open("about:blank")
	people(a, "2 people are here. Somebody asks")
	eval[bool](v, `(setTimeout(() => history.back()), true)`)
	people(a, "you, <b>Ben</b> and somebody else")
	people(v, "3 people are here: you,")
}
