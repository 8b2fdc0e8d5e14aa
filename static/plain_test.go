package static

import (
	"bytes"
	"compress/gzip"
	"testing"
)

// A client that unpacks nothing gets the WASM unpacked.
func TestPlain(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte("the bytes"))
	w.Close()
	f := &file{name: "x.wasm", gz: z.Bytes()}
	if body, encoding := f.as("identity"); string(body) != "the bytes" || encoding != "" {
		t.Errorf("got %q, %q", body, encoding)
	}
}
