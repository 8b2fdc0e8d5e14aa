package view

import (
	"strings"

	"gupscope/core/trace"
)

// A Coming is what a task is going to do: what the diagram shows in its column while nothing has happened yet.
type Coming struct {
	Lane  int
	Task  string
	Stmts []ComingStmt
}

// A ComingStmt is a statement of the scenario and the kernel's functions that it may lead through.
type ComingStmt struct {
	Text  string
	File  string   // of its own function, "mm/gup.c"
	Funcs []string // without that which it names itself
	More  int      // of them that have no room
}

// comingFuncs is how many functions are named for a statement: enough to know the way by.
const comingFuncs = 5

// coming are the tasks' statements, while the run has no step.
func (c *columns) coming(r *trace.Run) []Coming {
	if r.Len() > 0 {
		return nil
	}
	var out []Coming
	for _, a := range r.Lanes() {
		x := Coming{Lane: c.actor[a.ID], Task: a.Name}
		for i := range r.Model.Setup.Tasks[a.Task].Body {
			s := ComingStmt{Text: r.Model.StmtText(a.Task, i)}
			for n, f := range r.Model.Through(a.Task, i) {
				if n == 0 {
					s.File = f.Source
				}
				if strings.Contains(s.Text, f.Title+"(") { // it, and what goes by its name in a file of its own
					continue
				}
				if len(s.Funcs) < comingFuncs {
					s.Funcs = append(s.Funcs, f.Title)
				} else {
					s.More++
				}
			}
			x.Stmts = append(x.Stmts, s)
		}
		out = append(out, x)
	}
	return out
}
