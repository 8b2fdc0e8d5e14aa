package session

import (
	"slices"
	"strings"
	"testing"

	"gupscope/core/kernel"
	"gupscope/core/scenario"
	"gupscope/core/verdict/counterexamples"
	"gupscope/scenarios"
)

// TestGalleryAgrees: of a release that a scenario's expect lines name, its card in the gallery says that it goes wrong there exactly if a check of the
// scenario as it is opened, which is what Check and the matrix run, has found that it does; and the line of the release without claims of its own says the same.
func TestGalleryAgrees(t *testing.T) {
	compared := 0
	for _, g := range scenarios.List() {
		f, _ := scenario.Parse(g.File(), []byte(g.Text))
		card := entryOf(g)
		finds := map[string][]string{} // what breaks, by release
		for i := range f.Expects {
			e := &f.Expects[i]
			for _, k := range e.Kernels {
				found, there := counterexamples.Of(g.Name, k.String(), nil)
				if !asReleased(k) || !there {
					continue
				}
				claims := finds[k.Version.Name]
				for _, c := range found {
					if !c.Seen {
						claims = append(claims, c.Claim)
					}
				}
				finds[k.Version.Name] = claims
				breaks := slices.ContainsFunc(found, func(c counterexamples.Counterexample) bool { return !c.Seen })
				if e.Judge == nil && (e.Verdict == kernel.Sometimes) != breaks {
					t.Errorf("%s: line %d expects something else of %v than a check has found", g.Name, e.Line, k)
				}
			}
		}
		for release, claims := range finds {
			compared++
			if wrong := slices.Contains(card.Releases, release); wrong != (claims != nil) {
				t.Errorf("%s: the card goes wrong on %v; a check of %s finds %q", g.Name, card.Releases, release, strings.Join(claims, ", "))
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d verdicts compared", compared)
	}
}

// asReleased: no rule is changed but how TLBs are flushed, which is the machine's and stands beside each release in the matrix.
func asReleased(k kernel.Kernel) bool {
	return !slices.ContainsFunc(k.Changes(), func(c kernel.Setting) bool { return c.Rule != kernel.Rules[kernel.TLBFlush].Name })
}

// A scenario switches a claim on if a line of its judges it, and on a release that line expects Sometimes of what no check of the whole judges. Not so
// where the claim is no more than a probe, and nothing goes wrong by it: these are told.
func TestWhatScenariosAreAboutIsJudged(t *testing.T) {
	probes := map[string]string{
		"dio-redirty":                  "stable-under-writeback",          // switched off: it is about who is dirty at the end
		"write-fault-rescues":          "clean-page-is-on-disk",           // switched off, as no-lost-device-write is: it is about what rescues
		"guest-vs-migrate":             "secondary-follows-page-table",    // nothing comes of it
		"guest-vs-reclaim":             "secondary-follows-page-table",    // nothing comes of it
		"khugepaged-counts-first":      "moved-page-misses-no-store",      // v4.6-generic loses the device's write, which is judged
		"pae-pmd-tearing":              "gup-reads-stored-entries",        // torn reads; about what GUP returns
		"pae-pmd-tearing-huge":         "gup-reads-stored-entries",        //
		"pae-tearing-vs-cow":           "gup-reads-stored-entries",        //
		"pae-tearing-vs-dontneed":      "gup-reads-stored-entries",        //
		"pae-tearing-vs-reclaim":       "gup-reads-stored-entries",        //
		"rdma-read-only":               "longterm-pin-matches-page-table", // until v6.1 as for writing: what is wrong then was not done
		"selftest-cow-vmsplice-child":  "cow-keeps-secrets",               // the test's own verdict is a condition, which needs runs that end
		"selftest-cow-vmsplice-parent": "cow-keeps-secrets",               //
	}
	for _, g := range scenarios.List() {
		f, _ := scenario.Parse(g.File(), []byte(g.Text))
		off := false
		for i := range f.Expects {
			e := &f.Expects[i]
			for _, k := range e.Kernels {
				for _, c := range e.Claims {
					if !asReleased(k) || f.Judges(c, k) {
						continue
					}
					off = true
					if probes[g.Name] == "" {
						t.Errorf("%s: line %d says that %s can be false on %v, and who opens the scenario there is not told: write claim %s on", g.Name, e.Line, c, k, c)
					}
				}
			}
		}
		if probes[g.Name] != "" && !off {
			t.Errorf("%s is no exception", g.Name)
		}
	}
}
