package view

import "testing"

func TestFuzzy(t *testing.T) {
	var items []Item
	for _, n := range []string{"gup-fast-vs-reclaim", "gup_pte_recheck", "gup_pmd_recheck", "v6.12", "v6.1", "pinned-never-freed", "page-fault-vs-fork", "compare with another kernel"} {
		items = append(items, Item{Kind: "x", Name: n, About: "what " + n + " is about"})
	}
	items[0].About = "Reclaim takes the page."
	for text, first := range map[string]string{
		"gupsre":      "gup-fast-vs-reclaim",
		"gfvr":        "gup-fast-vs-reclaim",
		"pte rech":    "gup_pte_recheck",
		"gpmr":        "gup_pmd_recheck",
		"pmdre":       "gup_pmd_recheck",
		"6.12":        "v6.12",
		"pnf":         "pinned-never-freed",
		"fork":        "page-fault-vs-fork",
		"takes page":  "gup-fast-vs-reclaim",
		"COMPARE":     "compare with another kernel",
		"recl":        "gup-fast-vs-reclaim",
		"never-freed": "pinned-never-freed",
	} {
		found := Fuzzy(items, text, 5)
		if len(found) == 0 || found[0].Name != first {
			t.Errorf("%q finds %v, want %s first", text, found, first)
		}
	}
	for _, text := range []string{"zzz", "gup zzz", "q"} {
		if found := Fuzzy(items, text, 5); len(found) > 0 {
			t.Errorf("%q finds %v", text, found)
		}
	}
	if all := Fuzzy(items, " ", 100); len(all) != len(items) {
		t.Errorf("no letters find %d of %d", len(all), len(items))
	}
}

// Every key is one command's, wherever it is heard; what only the editor hears may be another's on the page.
func TestKeysAreOneCommands(t *testing.T) {
	of := map[string]string{}
	for _, c := range Commands {
		for _, k := range c.Keys {
			at := k
			if c.Where == InEditor {
				at = "editor " + k
			}
			if was := of[at]; was != "" {
				t.Errorf("%s is the key of %s and of %s", k, was, c.Name)
			}
			of[at] = c.Name
		}
	}
}
