package openapi

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxNonces bounds the memory of nonces; 200 requests a second need 180,000.
const maxNonces = 1 << 19

// sweepEvery is how often nonces that have run out are dropped.
const sweepEvery = time.Minute

// nonces are those that were used, each until its timestamp has run out. They
// are not kept over a restart.
type nonces struct {
	mu    sync.Mutex
	used  map[[16]byte]int64 // Unix seconds of the end
	swept time.Time
}

type nonceState uint8

const (
	nonceNew nonceState = iota
	nonceUsed
	nonceFull
)

// take uses a nonce up, to be kept until the time until.
func (n *nonces) take(nonce string, until, now time.Time) nonceState {
	sum := sha256.Sum256([]byte(nonce))
	id := [16]byte(sum[:16])
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Sub(n.swept) >= sweepEvery {
		n.swept = now
		for k, end := range n.used {
			if end < now.Unix() {
				delete(n.used, k)
			}
		}
	}
	if _, used := n.used[id]; used {
		return nonceUsed
	}
	if len(n.used) >= maxNonces {
		return nonceFull
	}
	if n.used == nil {
		n.used = map[[16]byte]int64{}
	}
	n.used[id] = until.Unix()
	return nonceNew
}
