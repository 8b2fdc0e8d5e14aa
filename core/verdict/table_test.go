package verdict_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gupscope/core/claim"
	"gupscope/core/kernel"
	"gupscope/scenarios"
)

// TestTableOfMechanisms holds the table in core/kernel/README.md against the house: whatever it names is there, and
// whatever has step tables, every rule, every scenario and every claim that rules can break stands in it.
func TestTableOfMechanisms(t *testing.T) {
	text, err := os.ReadFile("../kernel/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var files, rules, races, claims []string
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.Contains(cells[1], ".go") {
			continue
		}
		for i, into := range map[int]*[]string{1: &files, 3: &rules, 4: &races, 5: &claims} {
			*into = append(*into, named(cells[i])...)
		}
	}
	var tables []string
	all, err := filepath.Glob("../kernel/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		if code, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		} else if strings.Contains(string(code), "= register(fn") {
			tables = append(tables, filepath.Base(file))
		}
	}
	var ruleNames, raceNames []string
	for _, r := range kernel.Rules {
		ruleNames = append(ruleNames, r.Name)
	}
	for _, s := range scenarios.List() {
		if !strings.HasPrefix(s.Name, "selftest-") { // selftests_test.go has those
			raceNames = append(raceNames, s.Name)
		}
	}
	covers(t, "file", files, tables, func(name string) bool { _, err := os.Stat("../kernel/" + name); return err == nil })
	covers(t, "rule", rules, ruleNames, nil)
	covers(t, "scenario", races, raceNames, nil)
	covers(t, "claim", claims, claim.Names(), nil)
}

var aside = regexp.MustCompile(`\([^)]*\)`)

// named are the names in a cell of the table, without what stands in brackets.
func named(cell string) []string {
	var names []string
	for _, name := range strings.FieldsFunc(aside.ReplaceAllString(cell, ""), func(r rune) bool { return r == ',' || r == ';' }) {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// covers reports what the table names (a pattern, where it ends in a star) and is not there, and what is there and
// not named.
func covers(t *testing.T, kind string, patterns, there []string, exists func(string) bool) {
	t.Helper()
	covered := map[string]bool{}
	for _, p := range patterns {
		any := exists != nil && exists(p) || strings.HasPrefix(p, "selftest-")
		for _, name := range there {
			if ok, _ := path.Match(p, name); ok {
				covered[name], any = true, true
			}
		}
		if !any {
			t.Errorf("the table names %s %q, which there is not", kind, p)
		}
	}
	for _, name := range slices.Sorted(slices.Values(there)) {
		if !covered[name] {
			t.Errorf("%s %s is not in the table", kind, name)
		}
	}
}
