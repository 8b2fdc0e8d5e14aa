package session

import (
	_ "embed"
	"strings"
	"sync"

	"gupscope/core/scenario"
	"gupscope/scenarios"
	"gupscope/web/link"
	"gupscope/web/view"
)

// Gallery lists the scenarios, with what each can be found by. All of them are parsed for it: that is for servers.
var Gallery = sync.OnceValue(func() []view.Entry {
	var out []view.Entry
	for _, g := range scenarios.List() {
		out = append(out, entryOf(g))
	}
	return out
})

func entryOf(g scenarios.Scenario) view.Entry {
	f, _ := scenario.Parse(g.File(), []byte(g.Text))
	return view.OfEntry(inGallery(g.Name, f.Title), f)
}

func inGallery(name, about string) view.Scenario {
	return view.Scenario{Name: name, Title: name, About: about, Href: link.Link{Scenario: name}.Address()}
}

// A page's list of scenarios says of each in which group it is, and its sentence. To parse all texts for that took a browser more than a second
// before it showed anything, in every worker. So it is written down, a line for a scenario: name, group, sentence. TestListed makes the file, and
// holds it against the gallery; a scenario that is not in it yet is parsed.
//
//go:embed gallery.txt
var galleryText string

// listed are the scenarios of the gallery by name, each with its group as its one mechanism.
var listed = sync.OnceValue(func() []view.Entry {
	known := map[string][2]string{}
	for line := range strings.Lines(galleryText) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		group, about, _ := strings.Cut(rest, "\t")
		known[name] = [2]string{group, about}
	}
	var all []view.Entry
	for _, g := range scenarios.List() {
		if k, there := known[g.Name]; there {
			e := view.Entry{Scenario: inGallery(g.Name, k[1])}
			if k[0] != "" {
				e.Mechanisms = []string{k[0]}
			}
			all = append(all, e)
		} else {
			all = append(all, entryOf(g))
		}
	}
	return all
})

// grouped are the same in their groups.
var grouped = sync.OnceValue(func() []view.Scenario { return view.InGroups(listed()) })
