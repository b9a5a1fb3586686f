//go:build !linux

package load

import (
	"context"
	"sync"
	"time"
)

// takesRuns says that sockets can take the runs of a segmented send whole.
const takesRuns = false

// pool receives for all viewers of a load, each in a goroutine of its own.
type pool struct {
	every time.Duration // how long a viewer waits for a packet; 0: 100 ms
	whole bool          // must be false: takesRuns

	mu    sync.Mutex
	fresh []*viewer
}

func (p *pool) add(v *viewer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fresh = append(p.fresh, v)
	return nil
}

func (p *pool) run(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		p.mu.Lock()
		fresh := p.fresh
		p.fresh = nil
		p.mu.Unlock()
		for _, v := range fresh {
			wg.Go(func() { v.watch(ctx, p.every) })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// watch receives until ctx ends, the viewer leaves or the server says goodbye.
func (v *viewer) watch(ctx context.Context, every time.Duration) {
	if every == 0 {
		every = 100 * time.Millisecond
	}
	defer v.conn.Close()
	buf := make([]byte, datagramSize)
	for ctx.Err() == nil && !v.left.Load() {
		_ = v.conn.SetReadDeadline(time.Now().Add(every))
		n, err := v.conn.Read(buf)
		now := time.Now().UnixNano()
		if err == nil && !v.receive(buf[:n], now) {
			return
		}
		v.step(now)
	}
}

func (l *leg) put(b []byte) { _, _ = l.conn.Write(b) }
