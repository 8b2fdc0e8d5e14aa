package main

import (
	"strings"
	"testing"
)

// Nothing moves while the page comes to life: the editor's lines stand where those of the painted text stood, with their numbers,
// and the browser tells of no layout shift once it has read the page. (Of one that is slow to come it may draw the half.)
func TestNothingMoves(t *testing.T) {
	s := sharedServer(t)
	for _, size := range [][2]int64{{1440, 900}, {390, 844}} {
		p := newTab(t, s.url, size[0], size[1])
		p.moving()
		p.script(false) // which leaves the text as it is painted
		p.open(s.url)
		painted := lines(p, `document`, ".editor .line")
		p.script(true)
		p.ready(s.url)
		if size[0] < 500 {
			p.click(".tabs [data-set='tab=source']")
		}
		// A frame later all is drawn.
		moved := eval[[]string](p, `new Promise((done) => setTimeout(() => {
			const seen = [], read = performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd;
			new PerformanceObserver((list) => {
				for (const e of list.getEntries()) if (!e.hadRecentInput && e.startTime > read) for (const x of e.sources)
					seen.push([e.value.toFixed(4), x.node?.id || x.node?.className || x.node?.nodeName, JSON.stringify(x.previousRect), JSON.stringify(x.currentRect)].join(" "));
			}).observe({type: "layout-shift", buffered: true});
			setTimeout(() => done(seen), 300);
		}, 1000))`)
		for _, m := range moved {
			t.Errorf("%d px: this moved: %s", size[0], m)
		}
		// The editor draws what is in sight, and somewhat more: without the kernel's functions below it, that is enough lines to compare.
		p.click("#listing [data-toggle=unlisted]")
		p.wait(inEditor(".cm-content") + `.querySelectorAll(".cm-line").length >= 30`)
		mounted := lines(p, inEditor(".cm-content")+".getRootNode()", ".cm-line")
		// The editor does not draw what is far away. Behind the last newline is nothing that could be measured.
		if n := min(len(painted)-1, len(mounted)); n < 30 {
			t.Errorf("%d px: of %d painted lines %d are mounted", size[0], len(painted), len(mounted))
		} else if a, b := strings.Join(painted[:n], "\n"), strings.Join(mounted[:n], "\n"); a != b {
			t.Errorf("%d px: lines are painted at\n%s\nand mounted at\n%s", size[0], a, b)
		}
		p.shot("mounted")
	}
}

// lines says where lines of the scenario stand: how far below the first, how high, how far in they are broken, and how they begin.
func lines(p *tab, root, selector string) []string {
	p.t.Helper()
	return eval[[]string](p, `[...`+root+`.querySelectorAll("`+selector+`")].map((l, i, all) => {
		const b = l.getBoundingClientRect(), first = all[0].getBoundingClientRect(), text = document.createRange();
		text.selectNodeContents(l);
		return (b.top - first.top).toFixed(1) + " " + b.height.toFixed(1) + " " + Math.max(...[...text.getClientRects()].map((r) => r.right - first.right)).toFixed(0) + " " + l.textContent.trim().slice(0, 20);
	})`)
}
