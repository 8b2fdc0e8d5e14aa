package computed_test

import (
	"testing"

	"gupscope/web/computed"
	"gupscope/web/stream"
)

// What was computed is there again; another text has another key.
func TestStore(t *testing.T) {
	nc, stop, err := stream.Embed(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	s, err := computed.Open(t.Context(), nc, 1)
	if err != nil {
		t.Fatal(err)
	}
	key := computed.Key("row", "model", "text")
	if v, err := s.Get(t.Context(), key); v != nil || err != nil {
		t.Errorf("before anything is computed: %q, %v", v, err)
	}
	if err := s.Put(t.Context(), key, []byte("verdicts")); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Get(t.Context(), key); string(v) != "verdicts" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	for _, other := range []string{computed.Key("row", "model", "text "), computed.Key("row", "modelt", "ext"), computed.Key("picture", "model", "text")} {
		if other == key {
			t.Errorf("%s is the key of something else", other)
		}
	}
}
