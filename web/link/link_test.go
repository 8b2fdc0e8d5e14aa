package link

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAddress(t *testing.T) {
	for _, c := range []struct {
		link Link
		want string
	}{
		{Link{Scenario: "gup-fast-vs-reclaim"}, "/s/gup-fast-vs-reclaim"},
		{Link{Scenario: "x", Kernel: "v6.12 without gup_pte_recheck with tlb_flush=pv", Run: "0x3.1x5:2", At: 4},
			"/s/x?k=v6.12+without+gup_pte_recheck+with+tlb_flush=pv&r=0x3.1x5:2&c=4"},
		{Link{Scenario: "x", Run: "0"}, "/s/x?r=0&c=0"},
		{old, "/#" + oldCode},
	} {
		got := c.link.Address()
		if got != c.want {
			t.Errorf("address of %+v: got %s, want %s", c.link, got, c.want)
		}
		back, err := Parse(got)
		if err != nil || back != c.link {
			t.Errorf("%s: got %+v, %v, want %+v", got, back, err, c.link)
		}
	}
}

// A link that somebody once sent is read for ever: lines are only ever added here.
func TestOldFormats(t *testing.T) {
	for code, want := range map[string]Link{
		oldCode: old,
	} {
		if got, err := Decode(code); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", code, got, err, want)
		}
	}
}

var old = Link{Text: "GUP x\n\"a race\"\n", Kernel: "v6.12", Run: "0x3.1", At: 2}

const oldCode = "1.29glq6pWKlGyUnIPDVCoiMmLUUpUKEpMTo1RislT0lHKVrJSKjPTMzRS0lEqUrJSMqgw1jNU0lFKVrIyqgUEAAD__we"

func TestEveryLinkComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Link{
			Text:   rapid.String().Draw(t, "text"),
			Kernel: rapid.String().Draw(t, "kernel"),
			Run:    rapid.StringMatching(`[0-9x.:]{0,60}`).Draw(t, "run"),
			At:     rapid.IntRange(0, 5000).Draw(t, "at"),
		}
		code := l.Code()
		if strings.Trim(code, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") != "" || strings.HasSuffix(code, "_") {
			t.Fatalf("%s would not survive a mail", code)
		}
		if back, err := Decode(code); err != nil || back != l {
			t.Fatalf("got %+v, %v, want %+v", back, err, l)
		}
		s := Link{Scenario: rapid.StringMatching(`[a-z0-9-]{1,30}`).Draw(t, "scenario"), Kernel: l.Kernel, Run: l.Run, At: l.At}
		if back, err := Parse(s.Address()); err != nil || back != s {
			t.Fatalf("%s: got %+v, %v, want %+v", s.Address(), back, err, s)
		}
		if back, err := Parse(s.Embed()); err != nil || back != s {
			t.Fatalf("%s: got %+v, %v, want %+v", s.Embed(), back, err, s)
		}
	})
}

// Whatever happens to a link on its way, it opens what was sent or says that it is damaged.
func TestDamage(t *testing.T) {
	l := Link{Text: "GUP x\n" + strings.Repeat("mm A { buf = anon 1 rw }\n", 20), Run: "0x3.1x5", At: 4}
	code := l.Code()
	for i := range code {
		if got, err := Decode(code[:i]); err == nil {
			t.Errorf("cut at %d: got %+v", i, got)
		}
		for _, by := range "eAz9-._ %" {
			damaged := code[:i] + string(by) + code[i+1:]
			if got, err := Decode(damaged); err == nil && got != l {
				t.Errorf("%c at %d: got %+v", by, i, got)
			} else if err != nil && !strings.HasSuffix(err.Error(), ".") {
				t.Errorf("not a sentence: %v", err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for address, want := range map[string]string{
		"/#1.abc":              "cut off",
		"/#1.!!!!e":            "damaged",
		"/#2.abce":             "format 2",
		"/#x":                  "",
		"/s/x?c=zwei":          "not a number",
		"/s/x?%zz":             "damaged",
		"/l/abc":               "does not hold a run",
		"/embed":               "damaged",
		"/embed/x/y":           "does not hold a run",
		"/#" + bomb().Code():   "65537 bytes long",
		"/#1." + longCode():    "KiB is the limit",
		"/s/x?r=" + longCode(): "run is",
	} {
		_, err := Parse(address)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want …%s…", address, err, want)
		}
	}
}

func bomb() Link       { return Link{Text: strings.Repeat("a", MaxText+1)} }
func longCode() string { return strings.Repeat("0", maxCode) }

func FuzzDecode(f *testing.F) {
	f.Add(Link{Text: "GUP x\n", Run: "0x3", At: 2}.Code())
	f.Fuzz(func(t *testing.T, code string) {
		l, err := Decode(code)
		if err == nil && l.within() != nil {
			t.Errorf("%q decodes to something too large", code)
		}
	})
}
