package trace_test

import (
	"slices"
	"testing"

	"gupscope/core/kernel"
	"gupscope/core/trace"
	"gupscope/scenarios"
)

// TestThroughHasWhatIsEntered: the functions that a statement may come to are told before the run begins. Those that a run by chance enters are among them; and none
// is named that is for huge pages, where the scenario has none.
func TestThroughHasWhatIsEntered(t *testing.T) {
	entered := 0
	for _, s := range scenarios.List() {
		r := chanced(t, s.Name, 3, 120)
		for _, st := range r.Steps() {
			a := r.Model.Actors()[st.Actor]
			if a.Kind != kernel.TaskActor || st.Stmt < 0 || st.Func == "context_switch" { // to which no statement leads
				continue
			}
			entered++
			if through := r.Model.Through(a.Task, st.Stmt); !slices.ContainsFunc(through, func(f *kernel.Bound) bool { return f.Title == st.Func }) {
				t.Errorf("%s: step %d of %s is in %s, which its statement is not told to come to", s.Name, st.N, a.Name, st.Func)
			}
		}
	}
	if entered < 5000 {
		t.Errorf("%d steps", entered)
	}
	small := trace.New(model(t, "gup-fast-vs-munmap"))
	for _, a := range small.Lanes() {
		for i := range small.Model.Setup.Tasks[a.Task].Body {
			for _, f := range small.Model.Through(a.Task, i) {
				if f.Large || f.Hugetlb || f.Migrating {
					t.Errorf("%s is told to come to %s", small.Model.StmtText(a.Task, i), f.Title)
				}
			}
		}
	}
}
