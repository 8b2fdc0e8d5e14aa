package room

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gupscope/web/stream"
)

// Rooms are spread over a fixed number of streams. A stream for each would cost
// memory and open files by the thousand; a subject costs nothing.
const streams = 16

const (
	expiry  = 90 * 24 * time.Hour // of a record; older ones are rolled up long before, see Room.roll
	space   = 128 << 20           // bytes of a stream: full, it refuses what comes, until rooms there expire
	renewal = 30 * 24 * time.Hour // a room whose first record is older than this is rolled up when it is loaded
)

// records is the streams as one log with a subject for each room.
type records struct {
	js      jetstream.JetStream
	streams [streams]jetstream.Stream
}

// errMoved says that somebody else appended first.
var errMoved = errors.New("the room moved on")

func openRecords(ctx context.Context, nc *nats.Conn, replicas int) (*records, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	l := &records{js: js}
	for i := range l.streams {
		l.streams[i], err = js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name:        fmt.Sprintf("GUPSCOPE_ROOMS_%02d", i),
			Description: "gupscope rooms: a subject each, a record for each event",
			Subjects:    []string{fmt.Sprintf("gupscope.room.%02d.*", i)},
			Storage:     jetstream.FileStorage,
			Compression: jetstream.S2Compression,
			Replicas:    replicas,
			MaxAge:      expiry,
			MaxBytes:    space,
			Discard:     jetstream.DiscardNew,
			MaxMsgSize:  512 << 10,
			AllowRollup: true,
			AllowDirect: true,
			// Servers that have the room open hear of a record without a consumer each.
			RePublish: &jetstream.RePublish{Source: "gupscope.room.*.*", Destination: "gupscope.live.{{wildcard(2)}}"},
		})
		if err != nil {
			return nil, fmt.Errorf("stream %d of the rooms: %w", i, err)
		}
	}
	return l, nil
}

func (l *records) stream(room string) int {
	h := fnv.New32a()
	h.Write([]byte(room))
	return int(h.Sum32() % streams)
}

func (l *records) subject(room string) string {
	return fmt.Sprintf("gupscope.room.%02d.%s", l.stream(room), room)
}

func liveSubject(room string) string { return "gupscope.live." + room }

// append adds a record to the room, if the last one there is still that of the
// sequence last (0: none), and returns the new record's. A State replaces everything before it.
func (l *records) append(ctx context.Context, room string, rec Record, last uint64) (uint64, error) {
	data, err := json.Marshal(rec)
	if err != nil {
		panic("room: a record is plain data: " + err.Error())
	}
	m := nats.NewMsg(l.subject(room))
	m.Data = data
	if rec.State != nil {
		m.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ack, err := l.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(last))
	if refused := (*jetstream.APIError)(nil); errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return 0, errMoved
	}
	switch {
	case stream.Full(err):
		return 0, ErrDisk
	case err != nil:
		return 0, err
	}
	return ack.Sequence, nil
}

// since calls f with every record of the room after the sequence, in order, up
// to the one that is the last now. ErrUnknown: there is none at all.
func (l *records) since(ctx context.Context, room string, seq uint64, f func(seq uint64, at time.Time, rec Record) error) error {
	stream := l.streams[l.stream(room)]
	last, err := stream.GetLastMsgForSubject(ctx, l.subject(room))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return ErrUnknown
	case err != nil:
		return err
	case last.Sequence <= seq:
		return nil
	}
	c, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{l.subject(room)},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:    seq + 1,
	})
	if err != nil {
		return err
	}
	all, err := c.Messages()
	if err != nil {
		return err
	}
	defer all.Stop()
	for {
		m, err := all.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		var rec Record
		if err := json.Unmarshal(m.Data(), &rec); err != nil {
			return fmt.Errorf("record %d of the room: %w", meta.Sequence.Stream, err)
		}
		if err := f(meta.Sequence.Stream, meta.Timestamp, rec); err != nil {
			return err
		}
		if meta.Sequence.Stream >= last.Sequence {
			return nil
		}
	}
}

// hear sends to into every record that is appended to the room from now on, by
// whatever server, until the subscription ends.
func (l *records) hear(nc *nats.Conn, room string, into func(heard)) (*nats.Subscription, error) {
	return nc.Subscribe(liveSubject(room), func(m *nats.Msg) {
		h := heard{}
		h.seq, _ = strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
		h.last, _ = strconv.ParseUint(m.Header.Get(jetstream.LastSequenceHeader), 10, 64)
		if h.seq != 0 && json.Unmarshal(m.Data, &h.rec) == nil {
			into(h)
		}
	})
}

// A heard record was appended by somebody: as number seq of the stream, the one of this room before it being last.
type heard struct {
	seq, last uint64
	rec       Record
}
