package kernel

import "testing"

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
