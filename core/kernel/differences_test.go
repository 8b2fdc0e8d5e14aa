package kernel

import (
	"slices"
	"testing"
)

// TestVersionsAreTold holds that every version says what it is known for, and differs from the one that
// it is told against in a rule whose history knows of it.
func TestVersionsAreTold(t *testing.T) {
	for i, v := range Versions {
		if v.About == "" {
			t.Errorf("%s is known for nothing", v.Name)
		}
		was := v.Before()
		if (was == nil) != (i == 0) {
			t.Errorf("%s is told against %v", v.Name, was)
		}
		if i > 0 && len(v.Differences()) == 0 {
			t.Errorf("%s is no other than %s", v.Name, was.Name)
		}
	}
	for name, want := range map[string]string{"v5.4": "v4.6", "v4.6-generic": "v4.6", "v6.1.192": "v6.1", "v6.2": "v6.1", "v6.12.117": "v6.12"} {
		if was := ByName(name).Before(); was.Name != want {
			t.Errorf("%s is told against %s, not %s", name, was.Name, want)
		}
	}
}

// A commit stands at the value that it brought, not at the rule's others.
func TestCommitsOfValues(t *testing.T) {
	for _, x := range []struct{ version, rule, commit string }{
		{"v5.4", "force_write_rule", "19be0eaffa3a"}, {"v6.1", "force_write_rule", "5535be309971"},
		{"v5.9", "wp_reuse_rule", "09854ba94c6a"}, {"v5.19", "wp_reuse_rule", "6c287605fd56"},
		{"v5.8", "forced_cow", "17839856fd58"}, {"v5.9", "forced_cow", "a308c71bf1e6"},
		{"v5.4", "gup_longterm_zone", "9a4e9f3b2d73"}, {"v5.15", "gup_longterm_zone", "d1e153fea2a8"},
		{"v4.6-generic", "gup_pte_recheck", ""}, {"v5.4", "gup_pte_recheck", "e585513b76f7"},
	} {
		v := Versions[slices.IndexFunc(Versions, func(v *Version) bool { return v.Name == x.version })]
		i := slices.IndexFunc(v.Differences(), func(d Difference) bool { return d.Rule.Name == x.rule })
		if i < 0 {
			t.Errorf("%s is no other than the release before in %s", x.version, x.rule)
		} else if got := v.Differences()[i].Commit; got != x.commit {
			t.Errorf("%s: %s comes with commit %q, want %q", x.version, x.rule, got, x.commit)
		}
	}
}
