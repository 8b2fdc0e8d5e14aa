package core_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The packages from the bottom to the top. Imports point down only: everything
// that a package imports of ours stands above it in this list.
var order = []string{
	"core/record",
	"core/cell",
	"core/check",
	"core/machine",
	"core/kernel",
	"core/claim",
	"core/scenario",
	"core/trace",
	"core/verdict",
	"core/replay",
	"scenarios",
	"web/link",
	"web/view",
	"web/page",
	"web/session",
	"web/stream",
	"web/shortlink",
	"web/card",
	"web/computed",
	"web/room",
	"static",
	"static/needs",
	"web",
	"wasm",
	"cmd/server",
}

// What a package may not import, whatever the order, and why. A name that ends in "/" means all below it.
var laws = []struct {
	pkg    string
	forbid []string
	why    string
}{
	{"core/check", []string{"gupscope/core/machine", "gupscope/core/kernel", "gupscope/core/claim"}, "the explorer knows nothing of memory management"},
	{"core/record", []string{"gupscope/"}, "what tests hold against a record is text"},
	{"core/cell", []string{"gupscope/"}, "the memory knows nothing of what is in it"},
	{"core/scenario", []string{"gupscope/core/machine", "gupscope/core/trace", "gupscope/core/verdict"}, "a text is read without a machine"},
	{"web/link", []string{"gupscope/", "net/http"}, "links are pure; the WASM has them too"},
	{"web/view", []string{"net/http", "html/", "github.com/a-h/templ"}, "a view is plain structs: no HTML, no HTTP"},
	{"web/page", []string{"gupscope/core/", "gupscope/static"}, "a page draws a view; the WASM, which has the pages, must not have the assets, which have the WASM"},
	{"web/session", []string{"net/http", "nhooyr.io/", "github.com/nats-io/", "syscall/js"}, "a session knows no transport"},
	{"wasm", []string{"gupscope/static", "gupscope/web/room", "gupscope/web/stream", "gupscope/web/shortlink", "gupscope/web/computed"}, "the WASM is the session behind one function"},
}

// What may not be among all that the WASM is made of: it would be carried to every reader.
var notInWASM = []string{
	"github.com/nats-io/", "github.com/go-chi/", "nhooyr.io/", "github.com/alecthomas/kong", "github.com/prometheus/",
	"github.com/yuin/goldmark", "github.com/andybalholm/brotli", "gupscope/static", "gupscope/web/room", "database/sql",
}

// Some things are kept in one place.
var onlyIn = map[string][]string{
	"nhooyr.io/websocket":                 []string{"web/room"},
	"github.com/nats-io/nats-server/":     []string{"web/stream"},
	"github.com/go-chi/":                  []string{"web"},
	"github.com/alecthomas/kong":          []string{"cmd/server"},
	"github.com/prometheus/client_golang": []string{"web"},
	"github.com/yuin/goldmark":            []string{"web"},
	"syscall/js":                          []string{"wasm"},
	"github.com/andybalholm/brotli":       []string{"static/pack"},
}

func TestImportsPointDown(t *testing.T) {
	rank := map[string]int{}
	for i, p := range order {
		rank[p] = i
	}
	for _, p := range append(list(t, nil, "./..."), list(t, []string{"GOOS=js", "GOARCH=wasm"}, "./wasm/...")...) {
		name := strings.TrimPrefix(p.ImportPath, "gupscope/")
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", name)
		}
		r, ranked := rank[name]
		for _, i := range p.Imports {
			if below, ok := strings.CutPrefix(i, "gupscope/"); ok && ranked {
				if at, known := rank[below]; !known {
					t.Errorf("%s imports %s, which has no place in the order", name, below)
				} else if at >= r {
					t.Errorf("%s imports %s: imports point from the hosts down to core/cell", name, below)
				}
			}
			for what, where := range onlyIn {
				if within(i, what) && !slices.Contains(where, name) {
					t.Errorf("%s imports %s, which only %s may", name, i, strings.Join(where, ", "))
				}
			}
		}
		for _, law := range laws {
			for _, f := range law.forbid {
				if name == law.pkg && slices.ContainsFunc(p.Imports, func(i string) bool { return within(i, f) }) {
					t.Errorf("%s imports %s, but %s", name, f, law.why)
				}
			}
		}
		if !ranked && len(p.GoFiles) > 0 && strings.Count(name, "/") < 2 && name != "static/pack" && name != "wasm/chromium" {
			t.Errorf("%s has no place in the order of packages", name)
		}
	}
}

func TestWASMCarriesNoServer(t *testing.T) {
	for _, p := range list(t, []string{"GOOS=js", "GOARCH=wasm"}, "-deps", "./wasm") {
		for _, not := range notInWASM {
			if within(p.ImportPath, not) {
				t.Errorf("the WASM contains %s", p.ImportPath)
			}
		}
	}
}

func within(path, what string) bool {
	return path == strings.TrimSuffix(what, "/") || strings.HasPrefix(path, strings.TrimSuffix(what, "/")+"/")
}

type pkg struct {
	ImportPath, Doc string
	GoFiles         []string
	Imports         []string
}

func list(t *testing.T, env []string, args ...string) (all []pkg) {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here")
	}
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Doc,GoFiles,Imports"}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
