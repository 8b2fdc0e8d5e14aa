package web

import (
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"testing"

	"gupscope/core/kernel"
	"gupscope/web/computed"
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
