//go:build !linux

package rtmp

import (
	"context"
	"net"
)

// batches is for Linux: elsewhere what comes is read at once.
type batches struct{}

func newBatches(net.Conn, func() bool) *batches       { return nil }
func (*batches) read(*timedConn, []byte) (int, error) { return 0, nil }
func (*batches) end()                                 {}

// whileThere is for Linux: elsewhere nobody is watched.
func (*timedConn) whileThere(ctx context.Context) (there context.Context, end func()) {
	return ctx, func() {}
}
