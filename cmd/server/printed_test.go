package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the commands in the documents print anew; only commit the change if you understand what caused it")

// TestPrinted runs the commands in the documents: what stands below each is what it prints.
func TestPrinted(t *testing.T) {
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{"../../README.md", "../../scenarios/README.md"} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		var now strings.Builder
		commands := 0
		rest := string(text)
		for {
			before, command, found := strings.Cut(rest, "\n    $ gupscope ")
			now.WriteString(before)
			if !found {
				break
			}
			command, rest, _ = strings.Cut(command, "\n")
			for strings.HasPrefix(rest, "    ") || strings.HasPrefix(rest, "\n    ") && !strings.HasPrefix(rest, "\n    $") {
				_, rest, _ = strings.Cut(rest, "\n")
			}
			now.WriteString("\n    $ gupscope " + command + "\n" + indented(t, name, command))
			commands++
		}
		switch {
		case commands == 0:
			t.Errorf("%s has no commands", doc)
		case *rewrite:
			if err := os.WriteFile(doc, []byte(now.String()), 0o666); err != nil {
				t.Fatal(err)
			}
		case now.String() != string(text):
			t.Errorf("%s shows what its commands do not print. Now:\n%s", doc, now.String())
		}
	}
}

// indented runs a command of a document by a shell's rules, and returns what it prints as a code block.
func indented(t *testing.T, name, command string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", `"$0" `+command, name)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == exitFailed) {
		t.Fatalf("gupscope %s: %v\n%s", command, err, out)
	}
	var b strings.Builder
	for line := range bytes.Lines(bytes.TrimSpace(out)) {
		line = bytes.TrimRight(line, "\n")
		if len(line) > 0 {
			b.WriteString("    ")
		}
		b.Write(line)
		b.WriteString("\n")
	}
	return b.String()
}
