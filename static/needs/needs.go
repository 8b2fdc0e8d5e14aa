// Package needs is for tests that need what a plain `go test` may find missing: the assets that make builds, a browser.
package needs

import (
	"os"
	"testing"

	"gupscope/static"
)

// Have skips a test that lacks something, unless GUPSCOPE_TEST_ALL is set, as make test does: then nothing may be missing, and it fails.
func Have(t testing.TB, ok bool, missing string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("GUPSCOPE_TEST_ALL") != "":
		t.Fatal(missing)
	default:
		t.Skip(missing)
	}
}

// Assets skips a test where the assets are not built.
func Assets(t testing.TB) {
	t.Helper()
	Have(t, !static.Missing(), "the assets have not been built: make assets")
}
