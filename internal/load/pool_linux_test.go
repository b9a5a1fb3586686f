package load

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A socket that takes runs whole tells how to cut them, single datagrams and
// those of other sizes between them.
func TestRunsAreTakenWholeAndCut(t *testing.T) {
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	from, err := net.DialUDP("udp4", nil, sink.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	v := &viewer{leg: &leg{conn: sink}, seen: newSeen()}
	if err := (&pool{whole: true}).add(v); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(v.fd) }()
	var want [][]byte
	send := func(segment int, sizes ...int) {
		var all []byte
		for _, n := range sizes {
			d := bytes.Repeat([]byte{byte(len(want) + 1)}, n)
			want, all = append(want, d), append(all, d...)
		}
		var control []byte
		if len(sizes) > 1 {
			control = make([]byte, unix.CmsgSpace(2))
			binary.NativeEndian.PutUint64(control, uint64(unix.CmsgLen(2)))
			binary.NativeEndian.PutUint32(control[8:], unix.IPPROTO_UDP)
			binary.NativeEndian.PutUint32(control[12:], unix.UDP_SEGMENT)
			binary.NativeEndian.PutUint16(control[16:], uint16(segment))
		}
		if _, _, err := from.WriteMsgUDPAddrPort(all, control, netip.AddrPort{}); err != nil {
			t.Fatal(err)
		}
	}
	send(1000, 1000, 1000, 1000)
	send(0, 172)
	send(1180, slices.Repeat([]int{1180}, 55)...)
	send(300, 300, 300, 7)
	b := newBatch(runSize)
	var got [][]byte
	messages := 0
	for deadline := time.Now().Add(time.Minute); len(got) < len(want); {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d datagrams came", len(got), len(want))
		}
		for i := range b.read(v.fd) {
			messages++
			now := time.Now().UnixNano()
			told := b.told(i, now)
			if told.at > now || now-told.at > int64(time.Minute) {
				t.Errorf("message %d came %v ago", i, time.Duration(now-told.at))
			}
			for d := range datagrams(b.data[i][:b.msgs[i].n], told.segment) {
				got = append(got, bytes.Clone(d))
			}
		}
	}
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("got %d datagrams, other than the %d that were sent", len(got), len(want))
	}
	if messages != 4 {
		t.Errorf("4 sends were taken as %d", messages)
	}
}

func TestDatagramsOfARun(t *testing.T) {
	for _, tt := range []struct {
		size, segment int
		want          []int
	}{{5, 0, []int{5}}, {0, 0, []int{0}}, {5, 5, []int{5}}, {5, 9, []int{5}}, {10, 5, []int{5, 5}}, {11, 5, []int{5, 5, 1}}} {
		var got []int
		for d := range datagrams(make([]byte, tt.size), tt.segment) {
			got = append(got, len(d))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%d bytes in pieces of %d: %v, want %v", tt.size, tt.segment, got, tt.want)
		}
	}
}
