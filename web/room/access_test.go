package room

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"gupscope/web/session"
)

// The holder of the pen takes links back: whoever came by them is sent away on every server, what they say meanwhile is not
// heard, and the new ones open the room, also after a restart.
func TestLinksAreTakenBack(t *testing.T) {
	p := twoServers(t)
	d, v, e := p.d, p.v, enter(t, p.url2, p.id, p.driver, key3)

	v.say(In{Access: &Access{What: "end"}})
	v.refused("You look on")
	e.say(In{Access: &Access{What: "viewers"}})
	e.refused("holds the pen")
	d.say(In{Access: &Access{What: "all", Token: "d.easy"}})
	d.refused("as the page makes them")
	d.say(In{Access: &Access{What: "burn"}})
	d.refused("can be taken back")

	welcomed := func(c *client) string {
		return c.until(func(o Out) bool { return o.Welcome != nil }).Welcome.Viewer
	}
	d.say(In{Access: &Access{What: "viewers"}})
	viewer2 := welcomed(d)
	if other := welcomed(e); viewer2 == p.viewer || other != viewer2 {
		t.Errorf("the viewers' link was %s, is %s for who took it back, and %s for another driver", p.viewer, viewer2, other)
	}
	if code, why := v.ended(); code != closeToken || !strings.Contains(why, "taken back") {
		t.Errorf("the viewer left with %d %q", code, why)
	}
	w := enter(t, p.url2, p.id, viewer2, key2)

	driver2 := driverPrefix + newSecret()
	d.say(In{Access: &Access{What: "all", Token: driver2}})
	viewer3 := welcomed(d)
	for _, c := range []*client{w, e} {
		if code, why := c.ended(); code != closeToken || !strings.Contains(why, "taken back") {
			t.Errorf("left with %d %q", code, why)
		}
	}
	d.do(step(0)) // it holds the pen as before
	d.event("step")

	p.rooms.Close()
	_, url := start(t, p.nc)
	for _, old := range []string{p.driver, p.viewer, viewer2} {
		c := dial(t, url)
		c.say(In{Hello: &Hello{p.id, old, key3}})
		if code, why := c.ended(); code != closeToken || !strings.Contains(why, "does not open the room") {
			t.Errorf("with an old link: closed with %d %q", code, why)
		}
	}
	enter(t, url, p.id, viewer3, key2)
	d = enter(t, url, p.id, driver2, key1)
	d.do(step(1))
	d.event("step")
}

// A room that was ended is over on every server, says so to whoever comes later, and nothing of what was in it is kept.
func TestEnded(t *testing.T) {
	p := twoServers(t)
	d, v := p.d, p.v
	d.do(session.Event{Do: "text", Text: "GUP secret\n"})
	v.event("text")
	d.say(In{Access: &Access{What: "end"}})
	for _, c := range []*client{d, v} {
		if code, why := c.ended(); code != closeEnded || !strings.Contains(why, "ended by who drove it") {
			t.Errorf("left with %d %q", code, why)
		}
	}
	for _, at := range []string{p.url1, p.url2} {
		for _, token := range []string{p.driver, p.viewer} {
			c := dial(t, at)
			c.say(In{Hello: &Hello{p.id, token, key3}})
			if code, why := c.ended(); code != closeEnded || !strings.Contains(why, "removed") {
				t.Errorf("later: closed with %d %q", code, why)
			}
		}
	}
	var kept []Record
	p.rooms.log.since(t.Context(), p.id, 0, func(_ uint64, _ time.Time, rec Record) error { kept = append(kept, rec); return nil })
	if b, _ := json.Marshal(kept); len(kept) != 1 || strings.Contains(string(b), "secret") || strings.Contains(string(b), start0.Scenario) {
		t.Errorf("kept is %s", b)
	}
	other, err := Open(t.Context(), p.nc, 1, "another model")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.find(p.id); !errors.As(err, new(Ended)) {
		t.Errorf("a server with another model: got %v", err)
	}
}
