package shortlink_test

import (
	"errors"
	"testing"

	"gupscope/web/link"
	"gupscope/web/shortlink"
	"gupscope/web/stream"
)

func TestStored(t *testing.T) {
	dir := t.TempDir()
	open := func() (*shortlink.Links, func()) {
		nc, stop, err := stream.Embed(dir)
		if err != nil {
			t.Fatal(err)
		}
		links, err := shortlink.Open(t.Context(), nc, 1, shortlink.Most)
		if err != nil {
			t.Fatal(err)
		}
		return links, stop
	}
	links, stop := open()
	a := link.Link{Text: "GUP a\n", Kernel: "v6.12", Run: "0x3", At: 2}
	b := link.Link{Scenario: "b", At: 1}
	var ids []string
	for _, l := range []link.Link{a, b, a} {
		id, err := links.Put(t.Context(), l, "")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if ids[0] != ids[2] || ids[0] == ids[1] || len(ids[0]) != 10 {
		t.Errorf("ids of a, b, a: %v", ids)
	}
	stop()
	links, stop = open() // the server starts again
	defer stop()
	for id, want := range map[string]link.Link{ids[0]: a, ids[1]: b} {
		if got, err := links.Get(t.Context(), id); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", id, got, err, want)
		}
	}
	for _, id := range []string{"", "abc", "0123456789", "../../etc/passwd", "a.b.c.d.e.f.g", "*************"} {
		if _, err := links.Get(t.Context(), id); !errors.Is(err, shortlink.ErrUnknown) {
			t.Errorf("%q: got %v, want ErrUnknown", id, err)
		}
	}
}

// Who has the secret takes a link back, and stores it again under the same id; nobody else does. A link of nobody stays.
func TestTakenBack(t *testing.T) {
	nc, stop, err := stream.Embed(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	const most = 64 << 10
	links, err := shortlink.Open(t.Context(), nc, 1, most)
	if err != nil {
		t.Fatal(err)
	}
	put := func(l link.Link, secret string) string {
		t.Helper()
		id, err := links.Put(t.Context(), l, secret)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	a := link.Link{Text: "GUP a\n", Kernel: "v6.12", At: 2}
	mine, again, yours, nobodys := put(a, "mine"), put(a, "mine"), put(a, "yours"), put(a, "")
	if mine != again || mine == yours || mine == nobodys || yours == nobodys {
		t.Fatalf("ids: mine %s and %s, yours %s, nobody's %s", mine, again, yours, nobodys)
	}
	for id, secret := range map[string]string{mine: "yours", yours: "", nobodys: "mine"} {
		if err := links.TakeBack(t.Context(), id, secret); !errors.Is(err, shortlink.ErrNotYours) {
			t.Errorf("%s with the secret %q: got %v, want ErrNotYours", id, secret, err)
		}
	}
	if err := links.TakeBack(t.Context(), nobodys, ""); !errors.Is(err, shortlink.ErrNotYours) {
		t.Errorf("what nobody stored: got %v, want ErrNotYours", err)
	}
	if err := links.TakeBack(t.Context(), mine, "mine"); err != nil {
		t.Fatal(err)
	}
	gone := shortlink.TakenBack{}
	if l, err := links.Get(t.Context(), mine); !errors.As(err, &gone) || l != (link.Link{}) || gone.When.IsZero() {
		t.Errorf("what was taken back: got %+v, %v", l, err)
	}
	if l, err := links.Get(t.Context(), yours); err != nil || l != a {
		t.Errorf("the other's: got %+v, %v", l, err)
	}
	if again := put(a, "mine"); again != mine {
		t.Errorf("stored again it is %s, was %s", again, mine)
	}
	if l, err := links.Get(t.Context(), mine); err != nil || l != a {
		t.Errorf("stored again: got %+v, %v", l, err)
	}

	// Full, the bucket says so, keeps what it has, and lets go of what its owners take back.
	big := make([]byte, most/8)
	for i := range big {
		big[i] = byte('a' + i*i%23)
	}
	stored := []string{}
	for n := 0; ; n++ {
		id, err := links.Put(t.Context(), link.Link{Text: string(big), At: n}, "mine")
		if errors.Is(err, shortlink.ErrFull) {
			break
		}
		if err != nil || n > 1000 {
			t.Fatalf("after %d links: %v", n, err)
		}
		stored = append(stored, id)
	}
	if _, err := links.Get(t.Context(), mine); err != nil || len(stored) == 0 {
		t.Errorf("full, with %d links: what was there before: %v", len(stored), err)
	}
	if err := links.TakeBack(t.Context(), stored[0], "mine"); err != nil {
		t.Fatalf("full: %v", err)
	}
	put(link.Link{Text: string(big), At: -1}, "yours")
}
