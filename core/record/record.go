// Package record is for tests that hold what they see against a transcript on record.
package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Hold fails the test at the first line where got is not what stands in the file; with rewrite it writes it there first.
func Hold(t testing.TB, rewrite bool, path, got string) {
	t.Helper()
	if rewrite {
		os.MkdirAll(filepath.Dir(path), 0o777)
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if g, w := lineAt(gotLines, i), lineAt(wantLines, i); g != w {
			t.Errorf("%s:%d\n got  %s\n want %s\n(%d lines for %d; with -rewrite, see git diff)", path, i+1, g, w, len(gotLines)-1, len(wantLines)-1)
			return
		}
	}
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(the end)"
}
