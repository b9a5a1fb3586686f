package carry

import (
	"context"
	"io"
)

// interruptible reads from r until ctx ends, though a read from a pipe that
// nobody writes to cannot be broken off: the goroutine that is in it stays until
// the read returns, which for standard input may be the end of the process.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	out, in := io.Pipe()
	context.AfterFunc(ctx, func() { _ = out.CloseWithError(ctx.Err()) })
	go func() {
		_, err := io.Copy(in, r)
		_ = in.CloseWithError(err)
	}()
	return out
}
