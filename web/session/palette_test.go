package session

import (
	"slices"
	"testing"

	"gupscope/core/scenario"
	"gupscope/web/view"
)

// What the page can do is found by a few letters; without letters, what one is likely to want comes first, with its key.
func TestPaletteFinds(t *testing.T) {
	s := New()
	s.Do(Event{Do: "open", Scenario: "gup-fast-vs-munmap"})
	for text, kind := range map[string]string{
		"verdicts of all": "command", "gallery": "command", "copy an embed": "command", "short link": "command", "share live": "command", "the pen": "command",
		"outcomes": "command", "counterexample": "command", "stop the check": "command", "why": "command", "follow cpu1": "command", "fold cpu0": "command", "watch pte": "cell",
	} {
		if found := view.Fuzzy(s.items(), text, mostItems); len(found) == 0 || found[0].Kind != kind || len(found[0].Do) == 0 {
			t.Errorf("%q finds %+v", text, found[:min(len(found), 1)])
		}
	}
	items := s.items()
	s.fitting(items)
	if items[0].Do["text"] != "check" || items[0].Key != "c" {
		t.Errorf("before the first step the palette begins with %+v", items[0])
	}
	if found := view.Fuzzy(items, "qqzzqq", mostItems); found == nil || len(found) > 0 {
		t.Errorf("what nothing is called finds %+v", found)
	}
}

// Every step that can be made is in the palette, by the name of its column and what it does; those that no key makes are in sight without a letter typed.
func TestPaletteHasEveryStep(t *testing.T) {
	s := New()
	s.Do(Event{Do: "open", Scenario: "lazy-tlb-vs-khugepaged"}) // four things can happen on cpu0 first
	first := s.items()
	s.fitting(first)
	ready, keyless := 0, 0
	for i, n := range s.page.Race.Next {
		for _, m := range n.Moves {
			if !m.Ready {
				continue
			}
			ready++
			name := s.page.Race.Lanes[i].Name + ": " + m.Says
			is := func(x view.Item) bool { return x.Kind == "step" && x.Do["choice"] == m.Choice && x.Do["do"] == "step" }
			if found := view.Fuzzy(s.items(), name, mostItems); !slices.ContainsFunc(found[:min(len(found), 2)], is) {
				t.Errorf("%q is not found", name)
			}
			at := slices.IndexFunc(first, is)
			if at >= 0 && first[at].Key == "" {
				keyless++
				if at > 12 {
					t.Errorf("%q, which has no key, is number %d of the list", name, at)
				}
			}
		}
	}
	if ready < 5 || keyless == 0 {
		t.Errorf("%d steps can be made, %d have no key: the test tests nothing", ready, keyless)
	}
}

// What a new scenario begins with has no mistake, is formatted, and can be checked: nothing goes wrong in it.
func TestBlank(t *testing.T) {
	s := New()
	s.Do(Event{Do: "open", Text: view.Blank})
	if s.run == nil || len(s.diagnostics) > 0 {
		t.Fatalf("%+v", s.diagnostics)
	}
	if formatted := scenario.Format(view.Blank); formatted != view.Blank {
		t.Errorf("formatted it is\n%s", formatted)
	}
	for more := true; more; {
		s.Do(Event{Do: "check"})
		more = s.verdict.State == view.Running
	}
	if s.verdict.State != view.Held {
		t.Errorf("the check says %+v", s.verdict)
	}
}
