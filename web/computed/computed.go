// Package computed keeps what servers have computed of the gallery (verdicts, pictures), in a JetStream
// bucket, so that it is computed once: after a restart it is there, and servers that share a JetStream share it.
//
// A key is the hash of everything that the value follows from: the version of the model, the scenario's
// text, the bounds. So nothing in the bucket is ever out of date; what nobody asks for any more
// expires.
package computed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Store is the bucket.
type Store struct {
	bucket jetstream.KeyValue
}

// kept is for how long a value stays.
const kept = 180 * 24 * time.Hour

// Open returns the store of the JetStream, and creates the bucket if it is missing.
func Open(ctx context.Context, nc *nats.Conn, replicas int) (*Store, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	bucket, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket:       "GUPSCOPE_COMPUTED",
		Description:  "verdicts and pictures of the gallery, by the hash of what they follow from",
		History:      1,
		TTL:          kept,
		MaxValueSize: 512 << 10,
		Replicas:     replicas,
		Compression:  true,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket of what is computed: %w", err)
	}
	return &Store{bucket}, nil
}

// Key is the hash of what a value follows from; what says which kind of value it is.
func Key(what string, from ...string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(what), what)
	for _, f := range from {
		fmt.Fprintf(h, "%d:%s", len(f), f)
	}
	return what + "." + hex.EncodeToString(h.Sum(nil)[:16])
}

// Get returns the value of a key, nil if nobody has computed it yet.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	e, err := s.bucket.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return e.Value(), nil
}

// Put keeps a value.
func (s *Store) Put(ctx context.Context, key string, value []byte) error {
	if _, err := s.bucket.Put(ctx, key, value); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
