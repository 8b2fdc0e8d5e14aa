// Package shortlink keeps links under short ids, in a JetStream bucket: /l/ID.
//
// A link is stored when a reader asks for it, never before. The id follows from
// the content, so sharing the same run twice gives the same id. Links are kept for ever.
package shortlink

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gupscope/web/link"
)

// ErrUnknown is what a reader is told who opens an id that is not there.
var ErrUnknown = errors.New("There is no link of this name here. Perhaps its address was cut off, or it was stored on another server.")

// Links are the stored links.
type Links struct {
	bucket jetstream.KeyValue
}

// Open returns the links of the JetStream, and creates the bucket if it is missing.
func Open(ctx context.Context, nc *nats.Conn, replicas int) (*Links, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	bucket, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket:       "GUPSCOPE_LINKS",
		Description:  "gupscope short links: the content's hash, and the link as JSON",
		History:      1,
		MaxValueSize: 256 << 10,
		Replicas:     replicas,
		Compression:  true,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket of the short links: %w", err)
	}
	return &Links{bucket}, nil
}

// Put stores a link, and returns its id.
func (ls *Links) Put(ctx context.Context, l link.Link) (id string, err error) {
	value, err := json.Marshal(l)
	if err != nil {
		panic("shortlink: a link is plain data: " + err.Error())
	}
	whole := name(value)
	// Ten characters are 59 bits. Should two links meet in them, the second gets one more.
	for n := 10; n <= len(whole); n++ {
		id = whole[:n]
		_, err = ls.bucket.Create(ctx, id, value)
		if err == nil {
			return id, nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return "", err
		}
		there, err := ls.bucket.Get(ctx, id)
		if err != nil {
			return "", err
		}
		if string(there.Value()) == string(value) {
			return id, nil
		}
	}
	return "", errors.New("two links have one SHA-256")
}

// Get returns the link of that id, or ErrUnknown.
func (ls *Links) Get(ctx context.Context, id string) (link.Link, error) {
	if !isID(id) {
		return link.Link{}, ErrUnknown
	}
	e, err := ls.bucket.Get(ctx, id)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return link.Link{}, ErrUnknown
	}
	if err != nil {
		return link.Link{}, err
	}
	var l link.Link
	if err := json.Unmarshal(e.Value(), &l); err != nil {
		return link.Link{}, fmt.Errorf("link %s: %w", id, err)
	}
	return l, nil
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
