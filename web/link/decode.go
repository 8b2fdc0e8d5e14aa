package link

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Errors are sentences for the reader who opened the link.
var (
	errCut     = errors.New("The link is cut off: its last part is missing. Copy it once more, whole.")
	errDamaged = errors.New("The link is damaged: some of its characters were changed on the way. Copy it once more.")
)

// Parse reads an address: its path and query, or its fragment, in any of the
// forms that name a link by themselves. "/" is the empty link. An address that does not hold its link
// (a short link, a room) is an error.
func Parse(address string) (Link, error) {
	path, fragment, _ := strings.Cut(address, "#")
	if isCode(fragment) {
		return Decode(fragment)
	}
	path, query, _ := strings.Cut(path, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return Link{}, errDamaged
	}
	if path == "/" || path == "" {
		return Link{}, nil
	}
	if path == "/embed" {
		return Decode(values.Get("x"))
	}
	for _, prefix := range []string{"/s/", "/embed/"} {
		if name, ok := strings.CutPrefix(path, prefix); ok && !strings.Contains(name, "/") {
			name, err := url.PathUnescape(name)
			if err != nil {
				return Link{}, errDamaged
			}
			return Query(name, values)
		}
	}
	return Link{}, fmt.Errorf("The address %.60q does not hold a run.", path)
}

// Query is the link to a gallery scenario with the query of its address. Without
// a cursor the link stands at the end of its run.
func Query(scenario string, q url.Values) (Link, error) {
	l := Link{Scenario: scenario, Kernel: q.Get("k"), Run: q.Get("r"), Kept: q.Get("b"), Notes: q.Get("n"), Watched: q.Get("w")}
	if l.Run != "" {
		l.At = -1
	}
	if c := q.Get("c"); c != "" {
		at, err := strconv.Atoi(c)
		if err != nil {
			return Link{}, fmt.Errorf("The link's cursor (c=%.20s) is not a number.", c)
		}
		l.At = at
	}
	return l, l.within()
}

// isCode reports whether the fragment is a link, of whatever format.
func isCode(fragment string) bool {
	digits := strings.TrimLeft(fragment, "0123456789")
	return digits != fragment && strings.HasPrefix(digits, ".")
}

// Decode reads what Code wrote, in this and every earlier format.
func Decode(code string) (Link, error) {
	if len(code) > maxCode {
		return Link{}, fmt.Errorf("The link is %d KiB long; %d KiB is the limit.", len(code)>>10, maxCode>>10)
	}
	format, rest, ok := strings.Cut(code, ".")
	if !ok || format == "" {
		return Link{}, errDamaged
	}
	switch format {
	case "1":
		return decode1(rest)
	}
	if n, err := strconv.Atoi(format); err == nil && n > 1 {
		return Link{}, fmt.Errorf("The link has format %d, which this gupscope does not know yet: it was made by a newer one.", n)
	}
	return Link{}, errDamaged
}

func decode1(s string) (Link, error) {
	s, whole := strings.CutSuffix(s, "e")
	b, err := base64.RawURLEncoding.DecodeString(s)
	switch {
	case !whole:
		return Link{}, errCut
	case err != nil || len(b) < 5:
		return Link{}, errDamaged
	}
	// A few bytes can deflate to very many; what a link may hold is bounded.
	const most = MaxText + 2*maxRun + maxNotes + 64<<10
	fields, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b[4:])), most+1))
	switch {
	case err != nil || len(fields) > most:
		return Link{}, errDamaged
	case crc32.ChecksumIEEE(fields) != binary.BigEndian.Uint32(b):
		return Link{}, errDamaged
	}
	var f fields1
	if json.Unmarshal(fields, &f) != nil {
		return Link{}, errDamaged
	}
	l := Link{Text: f.Text, Scenario: f.Scenario, Kernel: f.Kernel, Run: f.Run, At: f.At, Kept: f.Kept, Notes: f.Notes, Watched: f.Watched}
	return l, l.within()
}

// within checks the limits that hold for every form.
func (l Link) within() error {
	switch {
	case len(l.Text) > MaxText:
		return fmt.Errorf("The link's text is %d bytes long; %d is the limit.", len(l.Text), MaxText)
	case len(l.Run) > maxRun:
		return fmt.Errorf("The link's run is %d bytes long; %d is the limit.", len(l.Run), maxRun)
	case len(l.Kept) > maxRun || len(l.Notes) > maxNotes || len(l.Watched) > maxWatched:
		return errDamaged
	case len(l.Kernel) > 4<<10 || len(l.Scenario) > 200:
		return errDamaged
	case !utf8.ValidString(l.Text) || !utf8.ValidString(l.Run) || !utf8.ValidString(l.Kernel) || !utf8.ValidString(l.Scenario) ||
		!utf8.ValidString(l.Kept) || !utf8.ValidString(l.Notes) || !utf8.ValidString(l.Watched):
		return errDamaged
	}
	return nil
}
