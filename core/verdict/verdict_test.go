package verdict

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"gupscope/core/check"
	"gupscope/core/kernel"
	"gupscope/core/scenario"
)

var rewrite = flag.Bool("rewrite", false, "write what was found into the expect lines; only commit the change if you understand what caused it")

// scenarioFiles are the scenarios of the gallery, as files, so that -rewrite reaches them.
func scenarioFiles(t *testing.T) []string {
	files, err := filepath.Glob("../../scenarios/*.gup")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios:", err)
	}
	return files
}

func parse(t *testing.T, path string) *scenario.File {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, ds := scenario.Parse(filepath.Base(path), text)
	for _, d := range ds {
		t.Errorf("%v", d)
	}
	return f
}

func run(t *testing.T, f *scenario.File, e *scenario.Expect, k kernel.Kernel) Outcome {
	return finish(t, k)(New(f, k, e.Judge, Limits(e)))
}

// finish returns what runs a check of a scenario on a kernel to its end.
func finish(t *testing.T, k kernel.Kernel) func(*Check, []scenario.Diagnostic) Outcome {
	return func(c *Check, ds []scenario.Diagnostic) Outcome {
		t.Helper()
		if c == nil {
			t.Fatalf("%v: %v", k, ds)
		}
		for c.Run(1<<20).Phase < check.Stopped {
		}
		return c.Outcome()
	}
}

// asides checks what conditions say of kernels that no expect line judges whole.
func asides(t *testing.T, f *scenario.File) {
	for _, e := range f.Asides() {
		o := run(t, f, &e, e.Kernels[0])
		if ok, why := o.Met(&e, 0); !ok {
			t.Errorf("line %d: on %v expected %v, but %s", e.Line, e.Kernels[0], e.Ends, why)
		}
	}
}

// TestAsides: a condition that is false on a kernel is found, whichever expect lines there are.
func TestAsides(t *testing.T) {
	const head = "GUP test\n\"A test.\"\n\nkernel v6.12\nmm A { buf = anon 1 rw \"a\" }\n\nP0 on cpu0 in A {\n    store(buf, \"x\")\n    v = load(buf)\n}\n\n"
	for _, c := range []struct{ lines, why string }{
		{"always P0.v == \"x\" on v5.15", ""},
		{"always P0.v == \"a\" on v5.15", "a run ends with not P0.v == \"a\""},
		{"never P0.v == \"x\" on v5.15", "a run ends with P0.v == \"x\""},
		{"sometimes P0.v == \"a\" on v5.15", "no run ends with P0.v == \"a\""},
		{"always P0.v == \"a\" on v5.15\nexpect v5.15 judging no-lost-store: Never", "a run ends with not P0.v == \"a\""},
		{"always P0.v == \"a\"\nexpect v5.15 judging no-lost-store: Never", "a run ends with not P0.v == \"a\""},
		{"always P0.v == \"a\"", "a run ends with not P0.v == \"a\""},
	} {
		f, ds := scenario.Parse("test", []byte(head+c.lines+"\n"))
		if len(ds) > 0 {
			t.Fatal(ds)
		}
		asides := f.Asides()
		if len(asides) != 1 {
			t.Errorf("%s: %d asides", c.lines, len(asides))
			continue
		}
		o := run(t, f, &asides[0], asides[0].Kernels[0])
		if ok, why := o.Met(&asides[0], 0); why != c.why || ok != (why == "") {
			t.Errorf("%s: %v, %q", c.lines, ok, why)
		}
	}
	f, _ := scenario.Parse("test", []byte(head+"always P0.v == \"a\" on v5.15\nalways P0.v == \"a\"\nexpect v5.15, v6.12: Never\n"))
	if a := f.Asides(); len(a) > 0 {
		t.Errorf("%v: the expect lines judge these kernels whole", a)
	}
}
