//go:build !linux

package httplive

import "net"

// limitUnsent does nothing where the kernel has no such limit.
func limitUnsent(net.Conn) {}
