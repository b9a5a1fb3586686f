package load

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Floor is what a packet costs on this machine at the least: processor time to
// encrypt 1,200 bytes and to have the kernel send them over loopback, eight of
// one destination per call. A server's cost is best read as a multiple of it:
// machines differ threefold in the second part.
type Floor struct {
	Encrypt time.Duration `json:"encrypt_ns"`
	Send    time.Duration `json:"send_ns"`
}

const (
	floorPackets = 160_000
	floorSize    = 1200
	floorRun     = 8
	floorSinks   = 64
)

// MeasureFloor measures the floor. It takes less than a second of one core.
func MeasureFloor() (Floor, error) {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		return Floor{}, fmt.Errorf("measure floor: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return Floor{}, fmt.Errorf("measure floor: %w", err)
	}
	data, sealed, nonce := make([]byte, floorSize*floorRun), make([]byte, 0, floorSize+16), make([]byte, 12)
	f := Floor{}
	f.Encrypt, err = perPacket(floorPackets, func(int) error {
		gcm.Seal(sealed, nonce, data[:floorSize-12-16], data[:12])
		return nil
	})
	if err != nil {
		return Floor{}, err
	}
	f.Send, err = sendFloor(data)
	return f, err
}

// sendFloor sends to sockets that nobody reads.
func sendFloor(data []byte) (time.Duration, error) {
	loopback := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	from, err := net.ListenUDP("udp4", loopback)
	if err != nil {
		return 0, fmt.Errorf("measure floor: %w", err)
	}
	defer from.Close()
	var sinks [floorSinks]netip.AddrPort
	for i := range sinks {
		s, err := net.ListenUDP("udp4", loopback)
		if err != nil {
			return 0, fmt.Errorf("measure floor: %w", err)
		}
		defer s.Close()
		sinks[i] = s.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	control := make([]byte, unix.CmsgSpace(2))
	binary.NativeEndian.PutUint64(control, uint64(unix.CmsgLen(2)))
	binary.NativeEndian.PutUint32(control[8:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(control[12:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(control[16:], floorSize)
	perRun, err := perPacket(floorPackets/floorRun, func(i int) error {
		_, _, err := from.WriteMsgUDPAddrPort(data, control, sinks[i%floorSinks])
		return err
	})
	return perRun / floorRun, err
}

// perPacket is the processor time of one call of f, out of n.
func perPacket(n int, f func(i int) error) (time.Duration, error) {
	before, err := ownCPU()
	if err != nil {
		return 0, err
	}
	for i := range n {
		if err := f(i); err != nil {
			return 0, fmt.Errorf("measure floor: %w", err)
		}
	}
	after, err := ownCPU()
	return (after - before) / time.Duration(n), err
}

func ownCPU() (time.Duration, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), nil
}
