package link

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// Limits of what a link may carry. MaxEmbed is what an embed may hold in its
// query, because servers and mail programs cut longer addresses off.
const (
	MaxText    = 64 << 10
	MaxEmbed   = 6 << 10
	maxRun     = 64 << 10
	maxNotes   = 24 << 10
	maxWatched = 4 << 10
	maxCode    = 160 << 10 // of an encoded link, before anything is decoded
)

// fields1 is what format 1 deflates, as JSON.
type fields1 struct {
	Text     string `json:"t,omitempty"`
	Scenario string `json:"s,omitempty"`
	Kernel   string `json:"k,omitempty"`
	Run      string `json:"r,omitempty"`
	At       int    `json:"c,omitempty"`
	Kept     string `json:"b,omitempty"`
	Notes    string `json:"n,omitempty"`
	Watched  string `json:"w,omitempty"`
}

// Code is the link as one word, in the present format: "1.", then base64url of a
// CRC-32 and the deflated fields, then "e". The end mark shows where a link
// was cut off, and saves its last character from programs that take a "-" or "_" at the end
// of an address for punctuation.
func (l Link) Code() string {
	fields, err := json.Marshal(fields1{l.Text, l.Scenario, l.Kernel, l.Run, l.At, l.Kept, l.Notes, l.Watched})
	if err != nil {
		panic("link: strings and numbers always have a JSON form: " + err.Error())
	}
	var b bytes.Buffer
	b.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(fields)))
	w := deflaters.Get().(*flate.Writer)
	w.Reset(&b)
	w.Write(fields)
	w.Close()
	deflaters.Put(w)
	return "1." + base64.RawURLEncoding.EncodeToString(b.Bytes()) + "e"
}

// A deflater takes most of a megabyte, and an own text is encoded at every step.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestCompression)
	if err != nil {
		panic("link: BestCompression is a level: " + err.Error())
	}
	return w
}}

// Address is the path, query and fragment of the page that shows the link:
// "/s/NAME?…" for a gallery scenario, "/#1.…" for a text of one's own.
func (l Link) Address() string {
	if l.Text != "" || l.Scenario == "" {
		return "/#" + l.Code()
	}
	return "/s/" + url.PathEscape(l.Scenario) + l.query()
}

// Embed is the address of the link as an embed. For a text it is long: see MaxEmbed.
func (l Link) Embed() string {
	if l.Text != "" || l.Scenario == "" {
		return "/embed?x=" + l.Code()
	}
	return "/embed/" + url.PathEscape(l.Scenario) + l.query()
}

func (l Link) query() string {
	var q []string
	if l.Kernel != "" {
		q = append(q, "k="+escape(l.Kernel))
	}
	if l.Run != "" {
		q = append(q, "r="+escape(l.Run))
	}
	if l.At != 0 || l.Run != "" {
		q = append(q, "c="+strconv.Itoa(l.At))
	}
	for _, f := range []struct{ name, value string }{{"b", l.Kept}, {"n", l.Notes}, {"w", l.Watched}} {
		if f.value != "" {
			q = append(q, f.name+"="+escape(f.value))
		}
	}
	if q == nil {
		return ""
	}
	return "?" + strings.Join(q, "&")
}

// escape is url.QueryEscape that leaves "=", ":" and "," as they are. They mean nothing
// inside a value, and people read these addresses in mails.
func escape(s string) string {
	return strings.NewReplacer("%3D", "=", "%3A", ":", "%2C", ",").Replace(url.QueryEscape(s))
}
