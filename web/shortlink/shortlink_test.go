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
		links, err := shortlink.Open(t.Context(), nc, 1)
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
		id, err := links.Put(t.Context(), l)
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
