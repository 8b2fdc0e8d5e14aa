package web

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// rowsAtFirst is how many rows the table has that README.md's numbers are of.
const rowsAtFirst = 99

// Every yes of README.md names tests, and the tests are there; every no says why, and names none. Each number of the first table stands at one row.
func TestReadmeNamesTests(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+)\\.((?:Test|Benchmark)\\w+)`")
	rows, numbered := 0, map[int]int{}
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || strings.HasPrefix(line, "|---") || strings.TrimSpace(cells[3]) == "so" {
			continue
		}
		rows++
		for _, n := range strings.FieldsFunc(cells[1], func(r rune) bool { return r == ',' || r == ' ' }) {
			number, err := strconv.Atoi(n)
			if err != nil || number < 1 || number > rowsAtFirst {
				t.Errorf("%q is no number of a row: %s", n, line)
			}
			numbered[number]++
		}
		tests := named.FindAllStringSubmatch(cells[4], -1)
		switch so := strings.TrimSpace(cells[3]); {
		case so != "yes" && so != "no":
			t.Errorf("neither yes nor no: %s", line)
		case so == "yes" && len(tests) == 0:
			t.Errorf("nothing shows that a reader can%s", cells[2])
		case so == "no" && len(tests) > 0:
			t.Errorf("a test shows what a reader cannot: %s", line)
		case so == "no" && len(strings.Fields(cells[4])) < 5:
			t.Errorf("it is not said why not: %s", line)
		}
		for _, m := range tests {
			if !isThere(t, filepath.Join("..", m[1]), m[2]) {
				t.Errorf("there is no test %s in %s", m[2], m[1])
			}
		}
	}
	for n := 1; n <= rowsAtFirst; n++ {
		if numbered[n] != 1 {
			t.Errorf("%d stands at %d rows", n, numbered[n])
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
