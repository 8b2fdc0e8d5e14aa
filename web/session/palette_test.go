package session

import (
	"testing"

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
