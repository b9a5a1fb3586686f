package kv

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"millrace/internal/catalog"
)

// pace is how many messages of a batch are under way to the server at most.
const pace = 500

// Put implements catalog.Store. A single write is one message, synced once.
// Several are an atomic batch of NATS, which completes at its next start what it
// was killed in. It stages each batch in a store of its own, with some ten syncs
// and files: that costs some fifty times a single write, however many there are.
func (s *Store) Put(ctx context.Context, writes ...catalog.Write) (uint64, error) {
	if len(writes) == 0 {
		return 0, errors.New("write nothing")
	}
	for _, w := range writes {
		if w.Value == nil && w.Revision == 0 {
			return 0, fmt.Errorf("delete %s: %w", w.Key, catalog.ErrConflict)
		}
	}
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	var first uint64
	limit := requestTimeout + time.Duration(len(writes))*10*time.Millisecond
	err := s.do(ctx, limit, func(ctx context.Context, b *bucket) (err error) {
		first, err = b.put(ctx, writes, nil)
		if errors.Is(translate(err), catalog.ErrConflict) {
			markers := b.markers(ctx, writes)
			if len(markers) > 0 {
				first, err = b.put(ctx, writes, markers)
			}
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", writes[0].Key, err)
	}
	return first, nil
}

// markers returns the revisions of the markers that stand for entries that are
// to be made and were deleted.
func (b *bucket) markers(ctx context.Context, writes []catalog.Write) map[string]uint64 {
	all := map[string]uint64{}
	for _, w := range writes {
		if w.Revision != 0 {
			continue
		}
		m, err := b.stream.GetLastMsgForSubject(ctx, b.subject(w.Key))
		if err == nil && (m.Header.Get("KV-Operation") != "" || m.Header.Get(jetstream.MarkerReasonHeader) != "") {
			all[w.Key] = m.Sequence
		}
	}
	return all
}

func (b *bucket) subject(key string) string { return "$KV." + b.kv.Bucket() + "." + encodeKey(key) }

func (b *bucket) put(ctx context.Context, writes []catalog.Write, markers map[string]uint64) (first uint64, err error) {
	batch := rand.Text()
	for i, w := range writes {
		m := nats.NewMsg(b.subject(w.Key))
		m.Data = w.Value
		m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(max(w.Revision, markers[w.Key]), 10))
		switch {
		case w.Value == nil:
			m.Header.Set("KV-Operation", "DEL")
			m.Header.Set(jetstream.MsgTTLHeader, markerLife.String())
		case w.Life > 0:
			m.Header.Set(jetstream.MsgTTLHeader, w.Life.String())
		}
		if len(writes) > 1 {
			m.Header.Set("Nats-Batch-Id", batch)
			m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i+1))
		}
		switch {
		case i == len(writes)-1:
			if i > 0 {
				m.Header.Set("Nats-Batch-Commit", "1")
			}
			ack, err := b.js.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0))
			if err != nil {
				return 0, err
			}
			first = ack.Sequence - uint64(i) //nolint:gosec // not negative
		case (i+1)%pace == 0:
			err = b.staged(ctx, m)
		default:
			err = b.conn.PublishMsg(m)
		}
		if err != nil {
			return 0, err
		}
	}
	return first, nil
}

// staged sends a message of a batch and waits for the server to have staged it.
func (b *bucket) staged(ctx context.Context, m *nats.Msg) error {
	r, err := b.conn.RequestMsgWithContext(ctx, m)
	if err != nil || len(r.Data) == 0 {
		return err
	}
	var answer struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(r.Data, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	return nil
}
