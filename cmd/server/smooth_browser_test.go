package main

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"

	"gupscope/web/link"
)

// A task is one turn of a thread's event loop, as Chromium's trace has it.
type task struct {
	Name string
	Ph   string
	PID  int
	TID  int
	Dur  float64 // microseconds
	TDur float64 // of them on a CPU
	Args struct{ Name string }
}

// traced collects Chromium's trace while f runs.
func traced(p *tab, f func()) []task {
	p.t.Helper()
	var mu sync.Mutex
	var all []task
	done := make(chan struct{})
	listening, stop := context.WithCancel(p.ctx)
	defer stop()
	if err := chromedp.ListenBrowser(listening, func(event any) {
		switch e := event.(type) {
		case *tracing.EventDataCollected:
			mu.Lock()
			defer mu.Unlock()
			for _, v := range e.Value {
				var x task
				if json.Unmarshal(v, &x) == nil {
					all = append(all, x)
				}
			}
		case *tracing.EventTracingComplete:
			close(done)
		}
	}); err != nil {
		p.t.Fatal(err)
	}
	if _, err := chromedp.CallBrowser(p.ctx, tracing.Start, tracing.StartParams{TraceConfig: &tracing.TraceConfig{IncludedCategories: []string{"toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"}}}); err != nil {
		p.t.Fatal(err)
	}
	f()
	if _, err := chromedp.CallBrowser(p.ctx, tracing.End, cdp.Empty{}); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(patience):
		p.t.Fatal("the trace does not come")
	}
	mu.Lock()
	defer mu.Unlock()
	return all
}

// mainTasks are the tasks of the page's main thread.
func mainTasks(all []task) (out []task) {
	type thread struct{ pid, tid int }
	main := map[thread]bool{}
	for _, x := range all {
		if x.Ph == "M" && x.Args.Name == "CrRendererMain" {
			main[thread{x.PID, x.TID}] = true
		}
	}
	for _, x := range all {
		if x.Ph == "X" && main[thread{x.PID, x.TID}] && strings.HasSuffix(x.Name, "RunTask") {
			out = append(out, x)
		}
	}
	return out
}

// longTask is the bound of a task on the main thread, in microseconds: what is longer, people feel.
const longTask = 50_000

// While a check runs that takes far longer, and the reader steps to and fro for four seconds and then presses Stop, no task on the main thread is longer than 50 ms,
// a step is there at once, and Stop is obeyed within 100 ms. A longer task fails the benchmark.
// ms/longest is the longest task, over-50ms how many are longer; cpu-ms/longest is what the longest took of a CPU, which a machine that does other things
// besides does not change much. ms/step is the longest time from a press to the step drawn, ms/stop that from Stop to the verdict so far.
//
// A reader looks at a page before checking. Who presses Check AtOnce, in a browser that has never seen the WASM, has the browser compile it meanwhile, on every core;
// that is measured too, and on two cores may come to a few milliseconds more, which no check could give back.
func BenchmarkMainThreadDuringCheck(b *testing.B) {
	b.Run("Read", func(b *testing.B) {
		s := serveBinary(b)
		p := newTab(b, s.url, 1440, 900)
		p.moving()
		var t mainThread
		for b.Loop() {
			p.open("about:blank")
			p.ready(s.url + link.Link{Text: big}.Address()[1:])
			time.Sleep(2 * time.Second) // reads
			if t.check(b, p); t.over > 0 {
				b.Errorf("while a check ran, %d tasks held the page's main thread for more than %d ms, the longest for %.0f; on a CPU the longest was for %.0f. "+
					"If that is less, the machine did other things: measure again when it does nothing else.", t.over, longTask/1000, t.longest, t.cpu)
			}
		}
	})
	b.Run("AtOnce", func(b *testing.B) {
		var t mainThread
		for b.Loop() {
			s := serveBinary(b)
			p := newTab(b, s.url, 1440, 900)
			p.moving()
			p.ready(s.url + link.Link{Text: big}.Address()[1:])
			t.check(b, p)
		}
	})
}

// mainThread says how long tasks held the main thread while checks ran, and the reader waited, in the worst of all passes.
type mainThread struct {
	longest, cpu float64 // ms: the longest task, by the clock and on a CPU
	over         int     // tasks that were longer than they may be
	step, stop   float64 // ms: until a step was drawn, and Stop obeyed
}

// check has the page check, steps and stops, and reports what that did to the main thread.
func (t *mainThread) check(b *testing.B, p *tab) {
	tasks := mainTasks(traced(p, func() {
		p.click("button.check")
		p.wait(checking)
		for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			t.step = max(t.step, p.step())
			p.key("\u0302")
			p.wait(`document.querySelector("#scrub input").value == 0`)
		}
		if !eval[bool](p, checking) {
			b.Fatal("the check is over before the reader is")
		}
		t.stop = max(t.stop, p.stops("#verdict .stop"))
	}))
	if len(tasks) == 0 {
		b.Fatal("Chromium's trace has no task of the page's main thread: nothing was measured")
	}
	for _, x := range tasks {
		t.longest, t.cpu = max(t.longest, x.Dur/1000), max(t.cpu, x.TDur/1000)
		if x.Dur > longTask {
			t.over++
		}
	}
	b.ReportMetric(float64(len(tasks)), "tasks")
	b.ReportMetric(t.longest, "ms/longest")
	b.ReportMetric(t.cpu, "cpu-ms/longest")
	b.ReportMetric(float64(t.over), "over-50ms")
	b.ReportMetric(t.step, "ms/step")
	b.ReportMetric(t.stop, "ms/stop")
	b.ReportMetric(0, "ns/op")
}
