// Pack readies the assets of a build for the binary: go run ./static/pack FROM TO
//
// It takes every file of the directory FROM, names it by the hash of its content
// (page.css becomes page.1A2B3C4D.css), compresses it with brotli and gzip, and leaves
// exactly these files in TO. Files that already carry a hash (chunks, which other scripts name) and
// embed.js (which other people's pages name) keep their names. To page.css it adds the places of the race's grid.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"log"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("pack: ")
	if len(os.Args) != 3 {
		log.Fatal("usage: pack FROM TO")
	}
	if err := pack(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func pack(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	made := map[string]bool{"keep": true, "quality": true}
	quality, again, err := brotliQuality(filepath.Join(to, "quality"))
	if err != nil {
		return err
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if e.Name() == "page.css" {
			content = append(content, grid()...)
		}
		name := hashed(e.Name(), content)
		forms := []string{name, name + ".br", name + ".gz"}
		if path.Ext(name) == ".wasm" {
			forms = forms[1:] // nobody asks for it plain; the server unpacks it for who does
		}
		for _, form := range forms {
			made[form] = true
			if err := write(filepath.Join(to, form), content, quality, again); err != nil {
				return err
			}
		}
	}
	old, err := os.ReadDir(to)
	if err != nil {
		return err
	}
	for _, e := range old {
		if !made[e.Name()] {
			if err := os.Remove(filepath.Join(to, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

var carriesHash = regexp.MustCompile(`\.[0-9A-Z]{8}\.`)

func hashed(name string, content []byte) string {
	if name == "embed.js" || carriesHash.MatchString(name) {
		return name
	}
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + base32.StdEncoding.EncodeToString(sum[:5]) + ext
}

// brotliQuality is what $BROTLI says, or the best, and whether the files that
// are there were made with less or more.
func brotliQuality(record string) (quality int, again bool, err error) {
	quality = brotli.BestCompression
	if s := os.Getenv("BROTLI"); s != "" {
		if quality, err = strconv.Atoi(s); err != nil || quality < 0 || quality > brotli.BestCompression {
			return 0, false, fmt.Errorf("BROTLI=%s: from 0 to %d are possible", s, brotli.BestCompression)
		}
	}
	old, _ := os.ReadFile(record)
	is := strconv.Itoa(quality)
	return quality, string(old) != is, os.WriteFile(record, []byte(is), 0o644)
}

// write writes the content in the form that the name's last suffix says. Where
// the name holds the hash and the file is there, nothing is left to do: brotli at its best takes
// half a minute for the WASM.
func write(name string, content []byte, quality int, again bool) error {
	if _, err := os.Stat(name); err == nil && carriesHash.MatchString(name) && !(again && path.Ext(name) == ".br") {
		return nil
	}
	var b bytes.Buffer
	switch path.Ext(name) {
	case ".br":
		w := brotli.NewWriterOptions(&b, brotli.WriterOptions{Quality: quality, LGWin: 24})
		w.Write(content)
		if err := w.Close(); err != nil {
			return err
		}
	case ".gz":
		w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return err
		}
		w.Write(content)
		if err := w.Close(); err != nil {
			return err
		}
	default:
		b.Write(content)
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// grid returns the classes that place things in the race's grid. The policy of the pages
// allows no style attributes, and a run may be two thousand steps long.
func grid() []byte {
	const rows, columns = 2100, 66
	var b bytes.Buffer
	for i := 1; i <= rows; i++ {
		fmt.Fprintf(&b, ".r%d{grid-row-start:%d}.e%d{grid-row-end:%d}", i, i, i, i)
	}
	for i := 1; i <= columns; i++ {
		fmt.Fprintf(&b, ".c%d{grid-column-start:%d}.d%d{grid-column-end:%d}", i, i, i, i)
	}
	return append(b.Bytes(), '\n')
}
