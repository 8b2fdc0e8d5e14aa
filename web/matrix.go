package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/verdict"
	"gupscope/scenarios"
	"gupscope/web/computed"
	"gupscope/web/link"
	"gupscope/web/page"
	"gupscope/web/session"
	"gupscope/web/view"
)

// The matrix is computed by the server, row by row, from when somebody asks for it first: it takes minutes
// of a core, which nobody should pay for who does not look. One worker computes it, behind everything else that the
// machine has to do (idle_linux.go). What is computed is kept under the hash of what it follows from, where a server
// that starts again finds it.

// A matrix is what is known of it so far.
type matrix struct {
	begin sync.Once
	mu    sync.Mutex
	rows  []view.MatrixRow // of the whole gallery; Cells are set once
	order []int            // the rows that are computed, in that order
	now   string           // the scenario that is being computed
	wrong error
}

// entries are the scenarios of the gallery with what they can be found by.
var entries = sync.OnceValue(func() []view.Entry {
	var out []view.Entry
	for _, e := range session.Gallery() {
		g, _ := scenarios.ByName(e.Name)
		e.Picture = "/gallery/" + e.Name + ".svg?v=" + pictureKey(g)[len("picture."):][:12]
		out = append(out, e)
	}
	return out
})

// known returns the rows as far as they are computed, and goes on computing.
func (s *Site) known() *matrix {
	m := &s.matrix
	m.begin.Do(func() {
		for _, e := range entries() {
			m.rows = append(m.rows, view.MatrixRow{Entry: e})
		}
		go m.compute(s.ctx, s.Computed)
	})
	return m
}

// compute computes row after row: first what others have computed already, then the rest.
func (m *matrix) compute(ctx context.Context, store *computed.Store) {
	behindOthers()
	defer m.at("")
	for _, fresh := range []bool{false, true} {
		for i := range m.rows {
			if ctx.Err() != nil {
				return
			}
			if m.rows[i].Cells != nil {
				continue
			}
			if fresh {
				m.at(m.rows[i].Name)
			}
			cells, err := row(ctx, store, m.rows[i].Name, fresh)
			m.mu.Lock()
			if err != nil && ctx.Err() == nil {
				slog.Error("a row of the matrix", "scenario", m.rows[i].Name, "err", err)
				m.wrong = err
			}
			if cells != nil {
				m.rows[i].Cells = cells
				m.order = append(m.order, i)
			}
			m.mu.Unlock()
		}
	}
}

// at says what is being computed.
func (m *matrix) at(scenario string) {
	m.mu.Lock()
	m.now = scenario
	m.mu.Unlock()
}

// row returns a scenario on every kernel: what is kept of it, or if need be what the check finds.
func row(ctx context.Context, store *computed.Store, name string, fresh bool) ([]view.Verdicted, error) {
	g, _ := scenarios.ByName(name)
	key := computed.Key("cells", kernel.Identity(), g.Text, fmt.Sprint(verdict.CellLimits), fmt.Sprint(view.Columns()))
	kept, err := store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	var cells []view.Verdicted
	if kept != nil && json.Unmarshal(kept, &cells) == nil && len(cells) == len(view.Columns()) {
		return cells, nil
	}
	if !fresh {
		return nil, nil
	}
	f, _ := scenario.Parse(g.File(), []byte(g.Text))
	cells = nil
	for _, k := range kernel.EveryFlush() {
		t := verdict.Trial{Kernel: k}
		for t.Begin(f, nil, verdict.CellLimits); t.Go(1 << 16); {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
		cells = append(cells, view.OfTrial(f, &t))
	}
	value, err := json.Marshal(cells)
	if err != nil {
		panic("web: verdicts are plain data: " + err.Error())
	}
	return cells, store.Put(ctx, key, value)
}

// found is what the matrix knows of a link, in words; "" if it does not know it.
func (s *Site) found(l link.Link, k string) string {
	m := &s.matrix
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.rows {
		if m.rows[i].Name != l.Scenario {
			continue
		}
		for _, c := range m.rows[i].Cells {
			if c.Kernel == k {
				return "found by this server: " + c.Says()
			}
		}
	}
	return ""
}

// shownMatrix is the matrix as a query narrows it.
func (s *Site) shownMatrix(r *http.Request) *view.Matrix {
	m := s.known()
	q := r.URL.Query()
	v := &view.Matrix{Mail: q.Get("mail"), Mechanism: q.Get("mechanism"), Kernel: q.Get("kernel"), Mails: view.Mails(entries()), MechanismNames: view.Mechanisms(entries())}
	for _, k := range kernel.Versions {
		v.KernelNames = append(v.KernelNames, k.Name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v.Narrow(m.rows)
	v.Done, v.All, v.Now = len(m.order), len(m.rows), m.now
	if m.wrong != nil {
		v.Failed = "Some rows could not be computed; the server's log says why."
	}
	return v
}

// matrixPage is every scenario on every kernel.
func (s *Site) matrixPage(w http.ResponseWriter, r *http.Request) {
	d := &view.Doc{Title: "Verdicts", About: "Every scenario on every kernel: can a claim break?", Wide: true, Assets: assets(), Pages: docPages("/matrix")}
	s.html(w, r, http.StatusOK, page.Doc(d, page.Matrix(s.shownMatrix(r))))
}

// matrixNews is what has been computed since the page asked last: its rows, as fragments.
func (s *Site) matrixNews(w http.ResponseWriter, r *http.Request) {
	v := s.shownMatrix(r)
	since, _ := strconv.Atoi(r.URL.Query().Get("since"))
	m := &s.matrix
	m.mu.Lock()
	newer := map[string]bool{}
	for _, i := range m.order[min(max(since, 0), v.Done):v.Done] {
		newer[m.rows[i].Name] = true
	}
	m.mu.Unlock()
	out := []session.Fragment{session.Morph("matrix-progress", page.MatrixProgress(v))}
	for i := range v.Rows {
		if newer[v.Rows[i].Name] {
			out = append(out, session.Morph("verdicts-"+v.Rows[i].Name, page.MatrixRow(v, &v.Rows[i])))
		}
	}
	answer(w, http.StatusOK, map[string]any{"done": v.Done, "all": v.All, "fragments": out})
}

// matrixJSON is the matrix for programs.
func (s *Site) matrixJSON(w http.ResponseWriter, r *http.Request) {
	v := s.shownMatrix(r)
	out := map[string][]view.Verdicted{}
	for i := range v.Rows {
		out[v.Rows[i].Name] = v.Rows[i].Cells
	}
	answer(w, http.StatusOK, map[string]any{"model": kernel.Identity(), "done": v.Done, "all": v.All, "scenarios": out})
}
