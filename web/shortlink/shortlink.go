// Package shortlink keeps links under short ids, in a JetStream bucket: /l/ID.
//
// A link is stored when a reader asks for it, never before. The id follows from
// the content and from a secret of the reader's browser, so who shares the same run twice gets the same id,
// and two readers never get one id. Whoever has the secret can take the link back: what it held is removed, and that it was there is kept.
// The bucket keeps of the secret only what no two links of one browser have in common: nothing says who stored a link.
// A link that was stored without a secret is nobody's.
//
// Links do not expire: they stand in mails for years. The bucket is bounded instead, and full it takes no more ([ErrFull]);
// what is in it stays, and can be taken back.
package shortlink

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gupscope/web/link"
	"gupscope/web/stream"
)

// Errors are sentences for the reader.
var (
	ErrUnknown  = errors.New("There is no link of this name here. Perhaps its address was cut off, or it was stored on another server.")
	ErrFull     = errors.New("This server has no room for more short links: nothing was stored. The address of this page holds the run as well.")
	ErrNotYours = errors.New("This link can be taken back only from the browser that stored it.")
)

// A TakenBack link is one whose owner has removed it.
type TakenBack struct{ When time.Time }

func (e TakenBack) Error() string {
	return "This link was taken back by who had stored it, on " + e.When.Format("2 January 2006") + ". What it held is removed."
}

// Most is how many bytes all links of a server may take on its disk: some 300,000 of usual size.
const Most = 1 << 30

// Links are the stored links.
type Links struct {
	bucket jetstream.KeyValue
}

// Open returns the links of the JetStream, which may take so many bytes, and creates the bucket if it is missing.
func Open(ctx context.Context, nc *nats.Conn, replicas int, most int64) (*Links, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	bucket, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket:       "GUPSCOPE_LINKS",
		Description:  "gupscope short links: the content's hash, and the link as JSON",
		History:      1,
		MaxValueSize: 256 << 10,
		MaxBytes:     most,
		Replicas:     replicas,
		Compression:  true,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket of the short links: %w", err)
	}
	return &Links{bucket}, nil
}

// An entry is what the bucket holds under an id.
type entry struct {
	link.Link
	Owner string    `json:"owner,omitempty"` // see owner; "": nobody's
	Gone  time.Time `json:"gone,omitzero"`   // when it was taken back: then the link is empty
}

// owner is what only who has the secret can compute of the link, and another for each link.
func owner(l link.Link, secret string) string {
	if secret == "" {
		return ""
	}
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(plain(l))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}

func plain(x any) []byte {
	value, err := json.Marshal(x)
	if err != nil {
		panic("shortlink: a link is plain data: " + err.Error())
	}
	return value
}

// Put stores a link for who has the secret ("": for nobody), and returns its id.
func (ls *Links) Put(ctx context.Context, l link.Link, secret string) (id string, err error) {
	e := entry{Link: l, Owner: owner(l, secret)}
	value := plain(e)
	whole := name(value)
	// Ten characters are 59 bits. Should two links meet in them, the second gets one more.
	for n := 10; n <= len(whole); n++ {
		id = whole[:n]
		_, err = ls.bucket.Create(ctx, id, value)
		if err == nil {
			return id, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return "", full(err)
		}
		there, revision, err := ls.entry(ctx, id)
		switch {
		case err != nil:
			return "", err
		case there == e:
			return id, nil
		case !there.Gone.IsZero() && there.Owner == e.Owner: // stored again by who took it back
			if _, err := ls.bucket.Update(ctx, id, value, revision); err != nil {
				return "", full(err)
			}
			return id, nil
		}
	}
	return "", errors.New("two links have one SHA-256")
}

// full makes ErrFull of what JetStream says where there is no room.
func full(err error) error {
	if stream.Full(err) {
		return ErrFull
	}
	return err
}

// Get returns the link of that id, or ErrUnknown, or TakenBack.
func (ls *Links) Get(ctx context.Context, id string) (link.Link, error) {
	e, _, err := ls.entry(ctx, id)
	if err == nil && !e.Gone.IsZero() {
		return link.Link{}, TakenBack{e.Gone}
	}
	return e.Link, err
}

// TakeBack removes what the link held, if it was stored with that secret. It may be stored again, and has the same id then.
func (ls *Links) TakeBack(ctx context.Context, id, secret string) error {
	e, revision, err := ls.entry(ctx, id)
	switch {
	case err != nil:
		return err
	case !e.Gone.IsZero():
		return TakenBack{e.Gone}
	case e.Owner == "" || !hmac.Equal([]byte(e.Owner), []byte(owner(e.Link, secret))):
		return ErrNotYours
	}
	_, err = ls.bucket.Update(ctx, id, plain(entry{Owner: e.Owner, Gone: time.Now().UTC().Truncate(time.Second)}), revision)
	return err
}

func (ls *Links) entry(ctx context.Context, id string) (e entry, revision uint64, err error) {
	if !isID(id) {
		return e, 0, ErrUnknown
	}
	there, err := ls.bucket.Get(ctx, id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return e, 0, ErrUnknown
	}
	if err != nil {
		return e, 0, err
	}
	if err := json.Unmarshal(there.Value(), &e); err != nil {
		return e, 0, fmt.Errorf("link %s: %w", id, err)
	}
	return e, there.Revision(), nil
}

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// name is the hash of the content in letters and digits, which survive every mail program.
func name(value []byte) string {
	sum := sha256.Sum256(value)
	var b []byte
	x, base, digit := new(big.Int).SetBytes(sum[:]), big.NewInt(int64(len(digits))), new(big.Int)
	for len(b) < 42 { // 62^42 < 2^256
		x.DivMod(x, base, digit)
		b = append(b, digits[digit.Int64()])
	}
	return string(b)
}

func isID(s string) bool {
	if len(s) < 10 || len(s) > 42 {
		return false
	}
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			return false
		}
	}
	return true
}
