package web_test

import (
	"bytes"
	"image/png"
	"regexp"
	"strings"
	"testing"

	"gupscope/web/card"
	"gupscope/web/link"
)

// Every page of a run names a PNG for previews of its link, which is there, as large as it is said to be, and of that run.
func TestPreviewCard(t *testing.T) {
	s, _ := site(t)
	own := link.Link{Text: "GUP mine\n\"A race of mine.\"\n\nmm A { buf = anon 1 rw \"a\" }\n\nP0 on cpu0 in A { store(buf, \"b\") }\n"}
	made := shared(t, s, own)
	named := regexp.MustCompile(`<meta property="og:image" content="([^"]*)">`)
	seen := map[string]string{}
	for _, path := range []string{"/", "/s/gup-fast-vs-reclaim", "/s/gup-fast-vs-reclaim?r=0x3r.6q.1:1n.1x31W.2x6s.2:1I.6q.0x4E&c=45", "/s/gup-fast-vs-reclaim?k=v6.12&r=0x3&c=2", made} {
		m := named.FindStringSubmatch(get(t, s.URL+path).body)
		if m == nil {
			t.Errorf("%s names no picture", path)
			continue
		}
		at := strings.ReplaceAll(m[1], "&amp;", "&")
		if !strings.HasPrefix(at, s.URL+"/embed/") {
			t.Errorf("%s names %s", path, at)
		}
		a := get(t, at)
		is, err := png.DecodeConfig(strings.NewReader(a.body))
		if a.code != 200 || a.header.Get("Content-Type") != "image/png" || err != nil || is.Width != card.Width || is.Height != card.Height {
			t.Errorf("%s: %d, %s, %v, %v", at, a.code, a.header.Get("Content-Type"), is, err)
		}
		if again := get(t, at); !bytes.Equal([]byte(again.body), []byte(a.body)) {
			t.Errorf("%s is another picture the second time", at)
		}
		if other := seen[a.body]; other != "" {
			t.Errorf("%s and %s have the same picture", other, path)
		}
		seen[a.body] = path
	}
	if a := get(t, s.URL+"/embed/nonsense.png"); a.code != 404 {
		t.Errorf("the picture of nothing: %d", a.code)
	}
}
