package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Serve answers a request for /static/NAME.
func Serve(w http.ResponseWriter, r *http.Request) {
	f := files[path.Base(r.URL.Path)]
	if f == nil || r.URL.Path != "/static/"+f.name {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Type", contentType(f.name))
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if hash.MatchString(f.name) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "public, max-age=3600")
	}
	body, encoding := f.as(r.Header.Get("Accept-Encoding"))
	etag := `"` + sum(body) + `"`
	h.Set("ETag", etag)
	if match := r.Header.Get("If-None-Match"); match != "" && strings.Contains(match, etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// as returns the smallest form that the client takes, and the name of its encoding.
func (f *file) as(accept string) (body []byte, encoding string) {
	if f.br != nil && accepts(accept, "br") {
		return f.br, "br"
	}
	if f.gz != nil && accepts(accept, "gzip") {
		return f.gz, "gzip"
	}
	if f.plain == nil && f.gz != nil { // the WASM, for a client that unpacks nothing
		z, err := gzip.NewReader(bytes.NewReader(f.gz))
		if err != nil {
			panic("static: the build wrote " + f.name + ".gz: " + err.Error())
		}
		body, _ = io.ReadAll(z)
		return body, ""
	}
	return f.plain, ""
}

func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			return strings.TrimSpace(q) != "q=0"
		}
	}
	return false
}

func contentType(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".wasm":
		return "application/wasm"
	default:
		return mime.TypeByExtension(ext)
	}
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(s[:12])
}
