//go:build !linux

package feed

import "net"

// limitUnsent does nothing where the kernel has no such limit.
func limitUnsent(net.Conn) {}
