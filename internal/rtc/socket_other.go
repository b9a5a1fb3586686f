//go:build !linux || 386 || arm || mips || mipsle

package rtc

import "syscall"

// socketGroups says that several sockets can share one port.
const socketGroups = false

func reusePort(_, _ string, _ syscall.RawConn) error { return nil }

type batch struct{}

func (s *socket) setup(SendMethod) error {
	s.method = SendPlain
	return nil
}

func (s *socket) send(arena []byte, runs []run) (calls, failed int) {
	return s.sendPlain(arena, runs)
}
