package scenario

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gupscope/core/kernel"
)

var rewrite = flag.Bool("rewrite", false, "write what the transcripts say now; only commit the changes if you understand what caused them")

// TestTranscripts runs testdata/*.txt. A case is
//
//	# what it is about
//	COMMAND
//	input
//	----
//	output
//	====
//
// and COMMAND is one of
//
//	parse         diagnostics with their fixes; then the canonical text, if it is another one
//	line          the same, the input standing in a scenario that is right otherwise
//	task          the same, the input standing in the task P0 in mm A
//	fix           the text after every fix was made
//	for KERNEL    what keeps the scenario from running on that kernel
//	kernel        the input as a kernel
//	setup         what the machine is told
//	tokens        the words with their kinds
//	complete      what may be written at the ‸
//	hover         what is known of the word behind the ‸
func TestTranscripts(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no transcripts")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { transcript(t, file) })
	}
}

func transcript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for c := range strings.SplitSeq(strings.TrimSuffix(string(text), "====\n"), "====\n") {
		given, want, ok := strings.Cut(c, "----\n")
		if !ok {
			t.Fatalf("a case without ----:\n%s", c)
		}
		body := given
		for strings.HasPrefix(body, "#") || strings.HasPrefix(body, "\n") {
			_, body, _ = strings.Cut(body, "\n")
		}
		command, input, _ := strings.Cut(body, "\n")
		got := answer(command, input)
		if got != want && !*rewrite {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", given, got, want)
		}
		fmt.Fprintf(&out, "%s----\n%s====\n", given, got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const lineFrame = `GUP frame
kernel v6.12
mm A { buf = anon 2 rw "a" }
P0 on cpu0 in A {
    p = get_user_pages_fast(buf)
    put_page(p)
    v = load(buf)
}
`

const taskFrame = `GUP frame
kernel v6.12
mm A { buf = anon 2 rw "a"; more = anon 1 ro }
mm B { other = anon 1 rw }
P0 on cpu0 in A {
`

func answer(command, input string) string {
	command, arg, _ := strings.Cut(command, " ")
	switch command {
	case "parse":
		return parsed(input, 0)
	case "line":
		return parsed(lineFrame+input, strings.Count(lineFrame, "\n"))
	case "task":
		return parsed(taskFrame+input+"}\n", strings.Count(taskFrame, "\n"))
	case "fix":
		return fixed(input)
	case "for":
		k, _ := ParseKernel(arg)
		f, _ := Parse("", []byte(input))
		_, ds := f.ForKernel(k)
		return listing(ds, 0)
	case "kernel":
		k, ds := ParseKernel(strings.TrimSuffix(input, "\n"))
		return listing(ds, 0) + k.String() + "\n"
	case "setup":
		f, ds := Parse("", []byte(input))
		return listing(ds, 0) + told(f)
	case "tokens":
		var b strings.Builder
		for _, t := range Tokens(input) {
			fmt.Fprintf(&b, "%s %s\n", t.Kind, input[t.Start:t.End])
		}
		return b.String()
	case "complete":
		at := strings.Index(input, "‸")
		return completed(Complete(strings.Replace(input, "‸", "", 1), at))
	case "hover":
		at := strings.Index(input, "‸")
		h, ok := HoverAt(strings.Replace(input, "‸", "", 1), at)
		if !ok {
			return "nothing\n"
		}
		return h.Title + "\n" + h.Text + "\n"
	}
	return "unknown command " + command + "\n"
}

func parsed(text string, frame int) string {
	f, ds := Parse("", []byte(text))
	out := listing(ds, frame)
	if p := f.Print(); p == text {
		out += "(canonical)\n"
	} else if frame == 0 {
		out += p
	}
	return out
}

func listing(ds []Diagnostic, frame int) string {
	var b strings.Builder
	for _, d := range ds {
		fmt.Fprintf(&b, "%d:%d-%d:%d %s: %s\n", d.Line-frame, d.Col, d.EndLine-frame, d.EndCol, d.Severity, d.Message)
		if d.Fix != nil {
			fmt.Fprintf(&b, "    fix: %s\n", d.Fix.Title)
		}
	}
	return b.String()
}

func fixed(text string) string {
	for range 20 {
		_, ds := Parse("", []byte(text))
		i := slices.IndexFunc(ds, func(d Diagnostic) bool { return d.Fix != nil })
		if i < 0 {
			return listing(ds, 0) + text
		}
		text = ds[i].Fix.Apply(text)
	}
	return "the fixes do not come to an end\n" + text
}

func told(f *File) string {
	var b strings.Builder
	s := f.Setup()
	fmt.Fprintf(&b, "%d CPUs, %d free frames", s.CPUs, s.Frames)
	if s.TablesFromFrames {
		b.WriteString(", tables from frames")
	}
	if s.SwapAsync {
		b.WriteString(", swap async")
	}
	if s.SwapStable {
		b.WriteString(", swap stable_writes")
	}
	if s.Throttled {
		b.WriteString(", writers throttled")
	}
	if s.GatherPages > 0 {
		fmt.Fprintf(&b, ", mmu_gather %d", s.GatherPages)
	}
	if s.FreesUpper {
		b.WriteString(", upper tables freed")
	}
	if s.Turns {
		b.WriteString(", tasks take turns")
	}
	if s.TSO {
		b.WriteString(", store buffers")
	}
	fmt.Fprintf(&b, "\npreempts %v, speculate %v, judge %q\n", s.Preempts, s.Speculate, s.Judge)
	for i, m := range s.MMs {
		for j, v := range m.Regions {
			fmt.Fprintf(&b, "mm %d %s, VMA %d %+v\n", i, m.Name, j, v)
		}
	}
	for _, t := range s.Tasks {
		fmt.Fprintf(&b, "%s on cpu%d in mm %d, variables %q\n", t.Name, t.CPU, t.MM, t.Vars)
		for _, st := range t.Body {
			fmt.Fprintf(&b, "    line %d: %d = %s %+v\n", st.Line, st.Var, st.Call.Name, st.Args)
		}
	}
	for _, e := range s.Ends {
		fmt.Fprintf(&b, "%d %s: %s\n", e.When, e.Text, tree(&e.Cond))
	}
	for _, e := range f.Expects {
		fmt.Fprintf(&b, "line %d: %s\n", e.Line, e)
	}
	return b.String()
}

func tree(e *kernel.Expr) string {
	switch e.Op {
	case "not":
		return "(not " + tree(e.Left) + ")"
	case "and", "or":
		return "(" + tree(e.Left) + " " + e.Op + " " + tree(e.Right) + ")"
	}
	return fmt.Sprintf("%d.%d %s %q %d", e.Task, e.Var, e.Op, e.Value, e.Errno)
}

func completed(c Completions) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d bytes are replaced\n", c.End-c.Start)
	for _, x := range c.Items {
		fmt.Fprintf(&b, "%s %s", x.Kind, x.Label)
		if x.Insert != "" {
			fmt.Fprintf(&b, " → %q", x.Insert)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
