// Package scenarios holds the scenarios of the gallery: *.gup, embedded.
//
// Each file is at once an entry of the gallery, a test (its expect lines) and a
// piece of documentation (its comments). The language is that of
// gupscope/core/scenario; this package knows nothing of it.
package scenarios

import (
	"embed"
	"path"
	"strings"
)

//go:embed *.gup
var files embed.FS

// A Scenario is one file.
type Scenario struct {
	Name string // of the file, without .gup: what links and pages call it
	Text string
}

// File is the name of the scenario's file.
func (s Scenario) File() string { return s.Name + ".gup" }

// List returns all scenarios, by name.
func List() []Scenario {
	entries, _ := files.ReadDir(".")
	var all []Scenario
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		if err != nil {
			panic("scenarios: a file that is embedded cannot be read: " + err.Error())
		}
		all = append(all, Scenario{strings.TrimSuffix(e.Name(), path.Ext(e.Name())), string(text)})
	}
	return all
}

// ByName returns the scenario of that name, and whether there is one.
func ByName(name string) (Scenario, bool) {
	text, err := files.ReadFile(name + ".gup")
	if err != nil {
		return Scenario{}, false
	}
	return Scenario{name, string(text)}, true
}
