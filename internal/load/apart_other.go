//go:build !linux

package load

import "errors"

// ReceiveApart is for Linux.
func ReceiveApart(int) (restore func() error, err error) {
	return nil, errors.New("moving loopback's receiving half to another processor needs Linux")
}
