// Package record is for tests that hold what they see against a transcript on record.
package record

import (
	"os"
	"path/filepath"
	"testing"
)

// Hold fails the test if got is not what stands in the file; with rewrite it writes it there first.
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
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
