package kernel

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// eachTable calls f with every table of every function.
func eachTable(f func(fn *Func, steps []Step)) {
	for _, fn := range funcs {
		if fn != nil {
			f(fn, fn.Steps)
			for _, v := range fn.Instead {
				f(fn, v.Steps)
			}
		}
	}
}

func TestTablesNameWhatThereIs(t *testing.T) {
	eachTable(func(fn *Func, steps []Step) {
		for i, s := range steps {
			for _, b := range s.Back {
				if b < 0 || b > i {
					t.Errorf("%s, %q says that it goes back to step %d: it is step %d", fn.Name, s.Label, b, i)
				}
			}
			for _, c := range s.Calls {
				if funcs[c] == nil {
					t.Errorf("%s, %q says that it calls function %d, which is none", fn.Name, s.Label, c)
				}
			}
			if s.Local && (s.Touches != 0 || s.Reads != 0) {
				t.Errorf("%s, %q is local and touches shared cells", fn.Name, s.Label)
			}
			if s.Touches&s.Reads != 0 && fn.File != "user space" {
				t.Errorf("%s, %q says of a class that it is touched and only read", fn.Name, s.Label)
			}
		}
	})
}

// TestStepsCallWhatTheySay reads the source, which has also the branches that
// no run takes: the functions that a step's action names, itself or through
// methods of Ctx, are the step's Calls.
func TestStepsCallWhatTheySay(t *testing.T) {
	pkgs, err := parser.ParseDir(token.NewFileSet(), ".", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]*ast.FuncDecl{}
	for _, f := range pkgs["kernel"].Files {
		for _, d := range f.Decls {
			if fd, ok := d.(*ast.FuncDecl); ok && fd.Recv != nil && ofCtxOrSim(fd) {
				methods[fd.Name.Name] = fd
			}
		}
	}
	steps := 0
	for _, f := range pkgs["kernel"].Files {
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			label, says, does := "", map[string]bool{}, map[string]bool{}
			for _, e := range lit.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					return true
				}
				switch key, _ := kv.Key.(*ast.Ident); {
				case key == nil:
				case key.Name == "Label":
					if b, ok := kv.Value.(*ast.BasicLit); ok {
						label = b.Value
					}
				case key.Name == "Calls":
					named(kv.Value, nil, says)
				case key.Name == "Do":
					named(kv.Value, methods, does)
				}
			}
			if label == "" {
				return true
			}
			steps++
			for fn := range does {
				if !says[fn] {
					t.Errorf("step %s calls %s, which it does not say", label, fn)
				}
			}
			return true
		})
	}
	if steps < 100 {
		t.Errorf("found only %d steps in the source", steps)
	}
}

// named collects the FuncIDs that stand in the source of an expression, and in
// that of the methods that it names.
func named(n ast.Node, methods map[string]*ast.FuncDecl, into map[string]bool) {
	var visited []string
	var visit func(n ast.Node)
	visit = func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			if strings.HasPrefix(id.Name, "fn") && id.Name != "fn" && id.Name != "fnNone" {
				into[id.Name] = true
			}
			if m := methods[id.Name]; m != nil && !slices.Contains(visited, id.Name) && m.Name.Name != "Call" {
				visited = append(visited, id.Name)
				visit(m.Body)
			}
			return true
		})
	}
	visit(n)
}

// ofCtxOrSim reports whether a method is one that a step's action may call.
func ofCtxOrSim(fd *ast.FuncDecl) bool {
	star, ok := fd.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	id, ok := star.X.(*ast.Ident)
	return ok && (id.Name == "Ctx" || id.Name == "Sim")
}
