// Package static is what browsers load beside the pages: scripts, styles, the
// WASM. The build (Makefile, static/pack) puts them into built/, each under a name that
// holds the hash of its content, compressed ahead of time; they are embedded in the binary and
// never change under their name, so browsers keep them for ever.
//
// embed.js is the exception: other people's pages name it, so it keeps its name
// and is asked for again.
//
// Before the first build the folder is empty and [URL] returns "": pages then
// come without script and style, and the server says how to build them.
//
// Only servers import this package. What the WASM imports must not, for the
// WASM is one of the files.
package static

import (
	"embed"
	"io/fs"
	"path"
	"regexp"
	"slices"
)

//go:embed all:built
var built embed.FS

// A file is one asset: its bytes as they are, and compressed. The WASM is there
// compressed only.
type file struct {
	name          string // page.1A2B3C4D.css
	plain, br, gz []byte
}

var (
	files = map[string]*file{} // by name
	named = map[string]*file{} // by the name without the hash
	hash  = regexp.MustCompile(`\.[0-9A-Z]{8}\.`)
)

func init() {
	entries, err := fs.ReadDir(built, "built")
	if err != nil {
		panic("static: built/keep is committed, so the folder is embedded: " + err.Error())
	}
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) == "" { // keep, quality
			continue
		}
		content, err := built.ReadFile("built/" + e.Name())
		if err != nil {
			panic("static: an embedded file cannot be read: " + err.Error())
		}
		name := e.Name()
		into := func(f *file) *[]byte { return &f.plain }
		switch path.Ext(name) {
		case ".br":
			name, into = name[:len(name)-3], func(f *file) *[]byte { return &f.br }
		case ".gz":
			name, into = name[:len(name)-3], func(f *file) *[]byte { return &f.gz }
		}
		f := files[name]
		if f == nil {
			f = &file{name: name}
			files[name] = f
			named[hash.ReplaceAllString(name, ".")] = f
		}
		*into(f) = content
	}
}

// URL returns the path of the asset that the build made of name ("page.css"), or "" if there is none.
func URL(name string) string {
	f := named[name]
	if f == nil {
		return ""
	}
	return "/static/" + f.name
}

// Lasting are the paths of all files that never change under their names.
func Lasting() []string {
	var out []string
	for name := range files {
		if hash.MatchString(name) && named["sw.js"] != files[name] {
			out = append(out, "/static/"+name)
		}
	}
	slices.Sort(out)
	return out
}

// Content is the asset that the build made of name, as it is; nil if there is none.
func Content(name string) []byte {
	f := named[name]
	if f == nil {
		return nil
	}
	return f.plain
}

// Missing reports whether the assets have not been built.
func Missing() bool { return URL("page.js") == "" || URL("gupscope.wasm") == "" }
