package web

import (
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
	"gupscope/scenarios"
	"gupscope/web/computed"
	"gupscope/web/link"
	"gupscope/web/stream"
	"gupscope/web/view"
)

// store is a bucket in a folder, as a server has it.
func store(t *testing.T, dir string) (*computed.Store, func()) {
	t.Helper()
	nc, stop, err := stream.Embed(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := computed.Open(t.Context(), nc, 1)
	if err != nil {
		t.Fatal(err)
	}
	return s, stop
}

// A row that was computed is there after a restart, and is not computed again.
func TestMatrixIsKept(t *testing.T) {
	const name = "guest-vs-writeback"
	dir := t.TempDir()
	s, stop := store(t, dir)
	if cells, err := row(t.Context(), s, name, false); cells != nil || err != nil {
		t.Fatalf("before anything is computed: %v, %v", cells, err)
	}
	was, err := row(t.Context(), s, name, true)
	if err != nil || len(was) != len(view.Columns()) {
		t.Fatalf("%d cells, %v", len(was), err)
	}
	stop()
	s, stop = store(t, dir)
	defer stop()
	if is, err := row(t.Context(), s, name, false); err != nil || !reflect.DeepEqual(was, is) {
		t.Errorf("after a restart there is %v, %v, and there was %v", is, err, was)
	}
}

// Programs get the matrix too: as far as it is computed, and how far that is.
func TestMatrixJSON(t *testing.T) {
	s, stop := store(t, t.TempDir())
	defer stop()
	site := &Site{Computed: s, ctx: t.Context()}
	w := httptest.NewRecorder()
	site.matrixJSON(w, httptest.NewRequest("GET", "/matrix.json", nil))
	var got struct {
		Model     string
		Done, All int
		Scenarios map[string][]view.Verdicted
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Model != kernel.Identity() || got.All < 100 || len(got.Scenarios) != got.All || got.Done > got.All {
		t.Errorf("model %s, %d of %d done, %d scenarios", got.Model, got.Done, got.All, len(got.Scenarios))
	}
	rows := 0
	for _, cells := range got.Scenarios {
		if len(cells) > 0 {
			rows++
		}
	}
	if rows != got.Done {
		t.Errorf("%d rows are told, and said to be done are %d", rows, got.Done)
	}
}

// Who comes from a cell of the matrix stands at a step that is not folded away, and above it stands what the cell says.
func TestFromTheMatrix(t *testing.T) {
	const name = "gup-fast-vs-reclaim"
	g, _ := scenarios.ByName(name)
	f, _ := scenario.Parse(g.File(), []byte(g.Text))
	k, _ := scenario.ParseKernel("v6.12 without gup_pte_recheck with tlb_flush=pv")
	trial := verdict.Trial{Kernel: k}
	for trial.Begin(f, nil, verdict.CellLimits); trial.Go(1 << 16); {
	}
	cell := view.OfTrial(f, &trial)
	site := &Site{ctx: t.Context()}
	site.matrix.rows = []view.MatrixRow{{Entry: view.Entry{Scenario: view.Scenario{Name: name}}, Cells: []view.Verdicted{cell}}}
	for kernel, want := range map[string]string{cell.Kernel: "found by this server: Sometimes", "v6.1": "expected: Never"} {
		w := httptest.NewRecorder()
		site.scenarioOf(w, httptest.NewRequest("GET", "/s/"+name, nil), link.Link{Scenario: name, Kernel: kernel, Run: cell.Run, At: cell.At})
		page := w.Body.String()
		if !strings.Contains(page, want) {
			t.Errorf("on %s the page does not say %q", kernel, want)
		}
		if here := regexp.MustCompile(`<li id="row-\d+" class="([^"]*)" aria-current="step"`).FindStringSubmatch(page); kernel == cell.Kernel && (here == nil || strings.Contains(here[1], "aside")) {
			t.Errorf("the present row is %q", here)
		}
	}
}
