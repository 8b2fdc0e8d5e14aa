package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// at is an expression that is true when the page stands at the step.
func at(step int) string {
	return fmt.Sprintf(`document.querySelector("#scrub input")?.value == %d`, step)
}

// makeRoom shares the present run of a page, and returns the addresses for drivers and viewers.
func makeRoom(p *tab) (driver, viewer string) {
	p.t.Helper()
	p.click("[popovertarget=share-panel]")
	p.click("[data-act=live]")
	p.wait(`document.documentElement.dataset.role === "driver"`)
	p.wait(`document.querySelector("#link-viewer a")`)
	return eval[string](p, `document.querySelector("#link-driver a").href`), eval[string](p, `document.querySelector("#link-viewer a").href`)
}

func enterRoom(t *testing.T, s *process, address string) *tab {
	t.Helper()
	p := newTab(t, s.url, 1440, 900)
	p.open(address)
	p.wait(`document.documentElement.dataset.connected !== undefined && document.querySelector("#scrub input")`)
	return p
}

// Two people in two browsers look at one run; one drives, hands the pen over, and
// loses neither run nor pen when the server is killed.
func TestRoom(t *testing.T) {
	s := serveBinary(t)
	a := newTab(t, s.url, 1440, 900)
	a.ready(s.url + raced)
	start := a.cursor()
	driver, viewer := makeRoom(a)
	if !strings.Contains(driver, "/room/") || !strings.Contains(driver, "#d.") || !strings.Contains(viewer, "#v.") {
		t.Fatalf("the room's addresses are %s and %s", driver, viewer)
	}
	a.wait(at(start))
	v := enterRoom(t, s, viewer)
	v.wait(at(start))
	v.wait(`(() => { const row = document.querySelector(".row[aria-current=step]").getBoundingClientRect(), frame = document.getElementById("frame").getBoundingClientRect();
		return row.top >= frame.top && row.bottom <= frame.bottom; })()`) // who comes sees where the others are

	a.click(".move.follows")
	a.wait(at(start + 1))
	v.wait(at(start + 1))
	same := func() {
		t.Helper()
		for _, id := range []string{"race", "now", "claims"} {
			if one, other := a.text("#"+id), v.text("#"+id); one != other {
				t.Errorf("#%s differs:\n%s\n%s", id, one, other)
			}
		}
	}
	same()

	// A viewer's click changes nothing, and says why.
	v.click(".move.ready")
	v.wait(`document.getElementById("notice").textContent.includes("look on")`)
	if got := a.cursor(); got != start+1 {
		t.Errorf("a viewer moved the run to %d", got)
	}

	// But a viewer may go on alone from there: nobody else sees it, whatever the room does meanwhile; and come back to where the room is then.
	v.click("#notice [data-act=what-if]")
	v.wait(at(start + 2))
	a.click("#scrub [data-key=ArrowLeft]")
	v.wait(`document.getElementById("people").textContent.includes("The room has moved on")`)
	v.shot("what-if")
	v.click("#scrub [data-key=ArrowLeft]")
	v.wait(at(start + 1))
	if got := a.cursor(); got != start {
		t.Errorf("a viewer's what-if moved the run to %d", got)
	}
	v.key("z")
	v.wait(at(start))
	same()
	a.click(".move.follows")
	a.wait(at(start + 1))
	v.wait(at(start + 1))
	same()

	// A second driver asks for the pen and gets it.
	b := enterRoom(t, s, driver)
	b.wait(`document.documentElement.dataset.pen === "other"`)
	// Before that, what is refused can be done alone by the key of what-ifs, however long that is thought over while the other goes on.
	b.key("1")
	b.wait(`document.querySelector("#notice [data-act=what-if]")`)
	a.click("#scrub [data-key=ArrowLeft]")
	b.wait(at(start))
	b.key("z")
	b.wait(at(start + 2))
	b.wait(`document.getElementById("people").textContent.includes("Your own what-if") && document.getElementById("people").textContent.includes("moved on")`)
	b.key("z")
	b.wait(at(start))
	a.click(".move.follows")
	b.wait(at(start + 1))
	b.click("[data-act=pen]")
	a.wait(`document.documentElement.dataset.asked !== undefined`)
	a.shot("asked")
	a.click("[data-act=pen]")
	b.wait(`document.documentElement.dataset.pen === "mine"`)
	b.click("#scrub [data-key=ArrowLeft]")
	for _, p := range []*tab{a, b, v} {
		p.wait(at(start))
	}
	b.shot("driver")
	v.shot("viewer")

	// The server dies and comes back: everybody is where they were, and so is the pen.
	for _, p := range []*tab{a, b, v} {
		p.allow("WebSocket connection to")
		p.allow("ERR_CONNECTION_REFUSED")
	}
	s.kill()
	for _, p := range []*tab{a, b, v} {
		p.wait(`document.documentElement.dataset.connected === undefined`)
	}
	v.shot("lost")
	s.restart()
	for _, p := range []*tab{a, b, v} {
		p.wait(`document.documentElement.dataset.connected !== undefined`)
		p.wait(at(start))
	}
	b.wait(`document.documentElement.dataset.pen === "mine"`)
	b.click(".move.follows")
	for _, p := range []*tab{a, b, v} {
		p.wait(at(start + 1))
	}
	same()

	// A reload is a reconnect.
	b.open("about:blank")
	b.open(driver)
	b.wait(`document.documentElement.dataset.pen === "mine"`)
	b.wait(at(start + 1))
}

// What the driver types comes to the viewer, who cannot type; and the driver's checks run in the driver's own browser.
func TestRoomText(t *testing.T) {
	s := sharedServer(t)
	a := newTab(t, s.url, 1440, 900)
	a.ready(s.url + "s/gup-fast-vs-reclaim")
	_, viewer := makeRoom(a)
	a.wait(`document.querySelector("#editor[data-mounted]")`)
	v := enterRoom(t, s, viewer)
	v.wait(`document.querySelector("#editor[data-mounted]")`)
	a.wait(`document.documentElement.dataset.pen === "mine"`)
	edit(a, "mm A {", "// ours\nmm A {")
	v.wait(editorView + `.state.doc.toString().includes("// ours")`)
	if !eval[bool](v, editorView+`.state.readOnly`) {
		t.Error("a viewer can type")
	}
	edit(a, "FOLL_WRITE", "FOLL_WRIET")
	v.wait(`document.querySelector("#diagnostics").textContent.includes("FOLL_WRITE")`)
	edit(a, "FOLL_WRIET", "FOLL_WRITE")
	v.wait(`!document.querySelector("#diagnostics").textContent.includes("FOLL_WRIET")`)

	v.click("button.check")
	v.wait(`/Sometimes/.test(document.querySelector("#verdict .word")?.textContent)`)
	time.Sleep(300 * time.Millisecond)
	if got := a.text("#verdict .word"); got != "" {
		t.Errorf("the viewer's check shows %q at the driver", got)
	}

	// Alone, the viewer may write, and choose a kernel: told to nobody, and on the way back kept as a draft.
	v.click("#people [data-act=what-if]")
	v.wait(`document.documentElement.dataset.apart !== undefined && !` + editorView + `.state.readOnly`)
	edit(v, "// ours", "// mine alone")
	v.wait(`document.querySelector("#pick-scenario").textContent.includes("edited")`)
	v.click("#pick-kernel")
	v.click("#rule-gup_pte_recheck [data-do=kernel]")
	v.wait(`!document.querySelector("#pick-kernel").textContent.includes("recheck")`)
	v.key("\x1b")
	v.click("#people [data-act=what-if]")
	v.wait(`document.querySelector("#draft:not([hidden])") && ` + editorView + `.state.doc.toString().includes("// ours") && ` + editorView + `.state.readOnly`)
	v.wait(`document.querySelector("#pick-kernel").textContent.includes("rule")`)
	if strings.Contains(typed(a), "mine alone") {
		t.Error("the driver sees what the viewer wrote alone")
	}

	// What the driver typed just before the page went is offered again.
	eval[bool](a, `(() => { const v = `+editorView+`, at = v.state.doc.toString().indexOf("// ours"); v.dispatch({changes: {from: at, to: at + 7, insert: "// late"}}); setTimeout(() => location.reload()); return true; })()`)
	a.wait(`document.querySelector("#draft:not([hidden])") && document.querySelector("#editor[data-mounted]") && document.documentElement.dataset.pen === "mine"`)
	a.click("#draft [data-act=recover]")
	v.wait(editorView + `.state.doc.toString().includes("// late")`)
	a.wait(`document.querySelector("#draft[hidden]")`)

	// The driver chooses another kernel: that is what the viewer checks.
	a.click("#pick-kernel")
	a.click("#rule-gup_pte_recheck [data-do=kernel]")
	v.wait(`!document.querySelector("#pick-kernel").textContent.includes("recheck")`)
	v.click("button.check")
	v.wait(`/Never/.test(document.querySelector("#verdict .word")?.textContent)`)
}

// Who has no token, or the wrong one, is told so and not asked to wait.
func TestRoomClosed(t *testing.T) {
	s := sharedServer(t)
	a := newTab(t, s.url, 1440, 900)
	a.ready(s.url + raced)
	_, viewer := makeRoom(a)
	room, _, _ := strings.Cut(viewer, "#")
	for address, says := range map[string]string{
		room:                               "does not open the room",
		room + "#v.AAAAAAAAAAAAAAAAAAAAAA": "does not open the room",
		s.url + "room/AAAAAAAAAAAAAAAAAAAAAA#v.AAAAAAAAAAAAAAAAAAAAAA": "no such room",
	} {
		p := newTab(t, s.url, 1440, 900)
		p.open(address)
		p.wait(`document.getElementById("sentence").textContent.includes(` + quote(says) + `)`)
	}
}

// Who drives takes links back and ends the room; whoever is sent away is told why and can go on alone, and so is whoever comes later.
func TestRoomAccess(t *testing.T) {
	s := sharedServer(t)
	a := newTab(t, s.url, 1440, 900)
	a.ready(s.url + raced)
	driver, viewer := makeRoom(a)
	v := enterRoom(t, s, viewer)
	if v.click("[popovertarget=share-panel]"); eval[bool](v, `[...document.querySelectorAll(".of-driver")].some(e => e.checkVisibility())`) {
		t.Error("a viewer is offered what only a driver can do")
	}
	a.wait(`document.documentElement.dataset.pen === "mine"`)
	a.click("[popovertarget=share-panel]")
	a.wait(`document.querySelector("#share-panel:popover-open .of-driver")`)
	a.shot("share")
	says := func(p *tab, what string) {
		t.Helper()
		p.wait(`document.getElementById("notice").textContent.includes(` + quote(what) + `)`)
	}

	a.click("[data-text=viewers]")
	says(v, "was taken back")
	a.wait(`document.querySelector("#link-viewer a").href !== ` + quote(viewer))
	v.key("\x1b")
	v.click("#people a")
	v.wait(`location.pathname.startsWith("/s/") && document.querySelector("#editor[data-mounted]")`)
	v.wait(at(a.cursor()))
	v = enterRoom(t, s, eval[string](a, `document.querySelector("#link-viewer a").href`))

	a.click("[data-text=all]")
	says(v, "was taken back")
	a.wait(`location.href !== ` + quote(driver) + ` && document.querySelector("#link-driver a").href === location.href`)
	a.key("\x1b")
	n := a.cursor()
	a.click(".move.ready")
	a.wait(at(n + 1))
	fresh := eval[string](a, `location.href`)
	old := newTab(t, s.url, 1440, 900)
	old.open(driver)
	old.wait(`document.querySelector("#sentence a[href='/']") && document.getElementById("sentence").textContent.includes("does not open the room")`)
	a.open("about:blank")
	a.open(fresh)
	a.wait(`document.documentElement.dataset.pen === "mine"`)
	a.wait(at(n + 1))
	v = enterRoom(t, s, eval[string](a, `document.querySelector("#link-viewer a").href`))

	a.click("[popovertarget=share-panel]")
	a.click("#share .of-driver summary")
	a.click("[data-text=end]")
	for _, p := range []*tab{a, v} {
		says(p, "was ended by who drove it")
		p.wait(`document.querySelector("#people a")?.textContent === "Go on alone with this run"`)
	}
	v.shot("ended")
	late := newTab(t, s.url, 1440, 900)
	late.open(viewer)
	late.wait(`document.getElementById("sentence").textContent.includes("was ended by who drove it")`)
}
