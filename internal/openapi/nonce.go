package openapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"millrace/internal/catalog"
)

const (
	// maxNonces bounds the memory of nonces, and maxShare what of it one key may
	// fill, so that none can lock out the others. 200 requests a second need
	// 180,000.
	maxNonces = 1 << 19
	maxShare  = 200_000
	// sweepEvery is how often nonces that have run out are dropped.
	sweepEvery = time.Minute
	// saveEvery is how often those of requests that change nothing are written.
	saveEvery = time.Second
	// nonceLife is how long the store keeps them: a client's clock may be fast by
	// one window when it is taken, and is looked at for another.
	nonceLife = 2*window + time.Minute
	// maxBatch is how many nonces one entry of the store holds.
	maxBatch = 20_000
)

// nonces are those that were used, each until its timestamp has run out. They are
// in the store, too: those of changes before the change is made, others within a
// second, so that what was seen on the way cannot be sent again to a node that has
// been started anew.
type nonces struct {
	store   catalog.Store
	writing chan struct{} // holds a token while somebody writes

	mu      sync.Mutex
	used    map[nonceID]int64 // Unix seconds of the end
	shares  map[nonceKey]int  // how many of used are a key's
	unsaved []nonceID
	swept   time.Time
	last    int64 // the newest entry
}

// nonceID is a hash of a key's ID, and one of a nonce.
type nonceID [16]byte

type nonceKey [4]byte

func nonceOf(key, nonce string) (id nonceID) {
	of, sum := sha256.Sum256([]byte(key)), sha256.Sum256([]byte(nonce))
	copy(id[copy(id[:], of[:len(nonceKey{})]):], sum[:])
	return id
}

func (id nonceID) key() nonceKey { return nonceKey(id[:]) }

// sizeOf is the size of a nonce in the store: its hash and its end.
const sizeOf = len(nonceID{}) + 8

type nonceState uint8

const (
	nonceNew nonceState = iota
	nonceUsed
	nonceFull
)

const noncePrefix = "nonces/"

// openNonces reads those that the store holds.
func openNonces(ctx context.Context, store catalog.Store, now time.Time) (*nonces, error) {
	n := &nonces{store: store, writing: make(chan struct{}, 1), used: map[nonceID]int64{}, shares: map[nonceKey]int{}, swept: now}
	all, err := store.List(ctx, noncePrefix)
	if err != nil {
		return nil, fmt.Errorf("read nonces: %w", err)
	}
	for _, e := range all {
		n.last, _ = strconv.ParseInt(e.Key[len(noncePrefix):], 10, 64) // as written, the newest last
		for b := e.Value; len(b) >= sizeOf && len(n.used) < maxNonces; b = b[sizeOf:] {
			if end := int64(binary.BigEndian.Uint64(b[sizeOf-8:])); end >= now.Unix() { //nolint:gosec // as written
				if _, twice := n.used[nonceID(b)]; !twice {
					n.shares[nonceID(b).key()]++
				}
				n.used[nonceID(b)] = end
			}
		}
	}
	return n, nil
}

// take uses a nonce of a key up, to be kept until the time until.
func (n *nonces) take(key, nonce string, until, now time.Time) nonceState {
	id := nonceOf(key, nonce)
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Sub(n.swept) >= sweepEvery {
		n.swept = now
		for k, end := range n.used {
			if end < now.Unix() {
				delete(n.used, k)
				if n.shares[k.key()]--; n.shares[k.key()] == 0 {
					delete(n.shares, k.key())
				}
			}
		}
		// What a store that fails has not taken need not be written any more.
		n.unsaved = slices.DeleteFunc(n.unsaved, func(k nonceID) bool { return n.used[k] == 0 })
	}
	if _, used := n.used[id]; used {
		return nonceUsed
	}
	if len(n.used) >= maxNonces || n.shares[id.key()] >= maxShare {
		return nonceFull
	}
	n.shares[id.key()]++
	n.used[id] = until.Unix()
	n.unsaved = append(n.unsaved, id)
	return nonceNew
}

// save writes what has been taken to the store: when it returns without an error
// that is on disk. Callers that come together share a write.
func (n *nonces) save(ctx context.Context, now time.Time) error {
	select {
	case n.writing <- struct{}{}:
		defer func() { <-n.writing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for {
		batch, key, value := n.batch(now)
		if len(batch) == 0 {
			return nil
		}
		if _, err := n.store.Put(ctx, catalog.Write{Key: key, Value: value, Life: nonceLife}); err != nil {
			n.mu.Lock()
			n.unsaved = append(n.unsaved, batch...)
			n.mu.Unlock()
			return fmt.Errorf("write nonces: %w", err)
		}
	}
}

// batch takes some nonces to be written, as an entry of the store.
func (n *nonces) batch(now time.Time) (batch []nonceID, key string, value []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	size := min(len(n.unsaved), maxBatch)
	batch, n.unsaved = n.unsaved[:size:size], n.unsaved[size:]
	if len(n.unsaved) == 0 {
		n.unsaved = nil
	}
	for _, id := range batch {
		value = binary.BigEndian.AppendUint64(append(value, id[:]...), uint64(n.used[id])) //nolint:gosec // positive
	}
	n.last = max(n.last+1, now.UnixNano())
	return batch, fmt.Sprintf("%s%020d", noncePrefix, n.last), value
}

// run writes nonces until ctx ends, and then what is left.
func (n *nonces) run(ctx context.Context, now func() time.Time, log *slog.Logger) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			ended = true
		}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveWait)
		if err := n.save(limited, now()); err != nil {
			log.WarnContext(ctx, "nonces are not written", "err", err)
		}
		cancel()
	}
}

// saveWait bounds a write to the store.
const saveWait = 5 * time.Second
