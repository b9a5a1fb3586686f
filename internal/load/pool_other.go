//go:build !linux

package load

import (
	"context"
	"sync"
	"time"
)

// pool receives for all viewers of a load, each in a goroutine of its own.
type pool struct {
	mu      sync.Mutex
	viewers []*Viewer
}

func (p *pool) add(v *Viewer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.viewers = append(p.viewers, v)
	return nil
}

func (p *pool) run(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for started := 0; ; {
		p.mu.Lock()
		fresh := p.viewers[started:]
		p.mu.Unlock()
		for _, v := range fresh {
			wg.Go(func() { v.watch(ctx) })
		}
		started += len(fresh)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// watch receives until ctx ends or the server says goodbye.
func (v *Viewer) watch(ctx context.Context) {
	defer v.conn.Close()
	_ = v.conn.SetReadDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = v.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buf := make([]byte, datagramSize)
	for ctx.Err() == nil {
		n, err := v.conn.Read(buf)
		now := time.Now()
		if err != nil || !v.take(buf[:n], now) {
			return
		}
		v.keepAlive(now)
	}
}

func (v *Viewer) write(b []byte) { _, _ = v.conn.Write(b) }
