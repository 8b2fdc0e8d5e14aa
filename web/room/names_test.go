package room

import (
	"strings"
	"testing"
)

// Everybody reads the name that somebody gives, on every server and who comes later too, until its reader has gone.
func TestNames(t *testing.T) {
	p := twoServers(t)
	a, v := p.d, p.v
	anna, ben := "  Anna\n\u202eB. ", "Ben"
	a.say(In{Name: &anna})
	v.say(In{Name: &ben})
	both := func(o Out) bool { return o.People != nil && len(o.People.Names) == 2 }
	for _, c := range []*client{a, v} {
		names := c.until(both).People.Names
		if names[a.welcome.You] != "Anna B." || names[v.welcome.You] != "Ben" {
			t.Errorf("they are called %q", names)
		}
	}
	late := enter(t, p.url1, p.id, p.viewer, key3)
	late.until(both)
	none := ""
	v.say(In{Name: &none})
	a.until(func(o Out) bool { return o.People != nil && len(o.People.Names) == 1 })
	a.c.CloseNow()
	late.until(func(o Out) bool { return o.People != nil && len(o.People.Names) == 0 && o.People.Here == 2 })
}

func TestName(t *testing.T) {
	for said, want := range map[string]string{"": "", " \t": "", "Ada  Lovelace": "Ada Lovelace", "a\x00b\u200b": "ab", strings.Repeat("ä", 40): strings.Repeat("ä", 30), "名前": "名前"} {
		if got := name(said); got != want {
			t.Errorf("%q is called %q, want %q", said, got, want)
		}
	}
}
