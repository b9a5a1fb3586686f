//go:build !linux

package load

import (
	"context"
	"sync"
	"time"
)

// pool receives for all viewers of a load, each in a goroutine of its own.
type pool struct {
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
			wg.Go(func() { v.watch(ctx) })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// watch receives until ctx ends, the viewer leaves or the server says goodbye.
func (v *viewer) watch(ctx context.Context) {
	defer v.conn.Close()
	buf := make([]byte, datagramSize)
	for ctx.Err() == nil && !v.left.Load() {
		_ = v.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := v.conn.Read(buf)
		now := time.Now().UnixNano()
		if err == nil && !v.take(buf[:n], now) {
			return
		}
		v.keep(now)
	}
}

func (l *leg) write(b []byte) { _, _ = l.conn.Write(b) }
