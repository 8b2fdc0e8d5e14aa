package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every yes of README.md names tests, and the tests are there; every no names none.
func TestReadmeNamesTests(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+)\\.((?:Test|Benchmark)\\w+)`")
	rows := 0
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || strings.HasPrefix(line, "|---") || strings.TrimSpace(cells[2]) == "so" {
			continue
		}
		rows++
		tests := named.FindAllStringSubmatch(cells[3], -1)
		switch so := strings.TrimSpace(cells[2]); {
		case so != "yes" && so != "no":
			t.Errorf("neither yes nor no: %s", line)
		case so == "yes" && len(tests) == 0:
			t.Errorf("nothing shows that a reader can%s", cells[1])
		case so == "no" && len(tests) > 0:
			t.Errorf("a test shows what a reader cannot: %s", line)
		}
		for _, m := range tests {
			if !isThere(t, filepath.Join("..", m[1]), m[2]) {
				t.Errorf("there is no test %s in %s", m[2], m[1])
			}
		}
	}
	if rows < 50 {
		t.Errorf("%d rows", rows)
	}
}

func isThere(t *testing.T, dir, name string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
