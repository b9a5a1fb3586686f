package rtc

import (
	"crypto/cipher"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// tap is a cipher that keeps the packets that a viewer is sent.
type tap struct {
	cipher.AEAD
	packets []*rtp.Packet
}

// tapOf puts a tap into a viewer.
func tapOf(v *viewer) *tap {
	t := &tap{AEAD: v.out.rtp}
	v.out.rtp = t
	return t
}

func (t *tap) Seal(dst, nonce, plain, aad []byte) []byte {
	p := &rtp.Packet{}
	if err := p.Unmarshal(append(append([]byte(nil), aad...), plain...)); err != nil {
		panic(err)
	}
	t.packets = append(t.packets, p)
	return t.AEAD.Seal(dst, nonce, plain, aad)
}

// taken returns the packets since it was last called.
func (t *tap) taken() []*rtp.Packet {
	all := t.packets
	t.packets = nil
	return all
}

// pictures returns the payload types of the last packets of pictures since the
// packets were last taken.
func (t *tap) pictures() []uint8 {
	var types []uint8
	for _, p := range t.taken() {
		if p.Marker {
			types = append(types, p.PayloadType)
		}
	}
	return types
}

// A change of what viewers shall hold back goes out with the next picture, in
// half-second mode; the packets of a run stay equally long.
func TestPlayoutDelayFollowsRhythm(t *testing.T) {
	b := newPacketBench(t, true)
	quick, calm := b.viewer(videoOnly()), b.viewer(videoOnly())
	quick.halfSecond = true
	taps := []*tap{tapOf(quick), tapOf(calm)}
	at := time.Duration(0)
	send := func(key bool, late time.Duration) {
		b.src.write(b.src.picture(at, key, 3000, b.now.Add(at+late))...)
		b.turn(at)
		at += pictureEvery
	}
	told := func(i int) (values []uint16) {
		for _, p := range taps[i].taken() {
			if raw := p.GetExtension(6); raw != nil {
				var e rtp.PlayoutDelayExtension
				must(t, e.Unmarshal(raw))
				values = append(values, e.MaxDelay)
			}
		}
		return values
	}
	wants := func(i int, value uint16, n int) {
		t.Helper()
		got := told(i)
		for _, v := range got {
			if v != value {
				t.Fatalf("viewer %d is told %v, want %d", i, got, value)
			}
		}
		if len(got) != n {
			t.Fatalf("viewer %d is told %v, want %d of %d", i, got, n, value)
		}
	}
	send(true, 0)
	b.sh.join(quick, b.now.UnixNano())
	b.sh.join(calm, b.now.UnixNano())
	taps[0].taken()
	taps[1].taken()
	for range 50 {
		send(false, 0)
	}
	wants(0, 0, 0)
	wants(1, 0, 0)
	send(false, 35*ms) // uneven
	wants(0, 10, 3)
	wants(1, 0, 0)
	for range 200 { // eight seconds later it is even
		send(false, 0)
	}
	wants(0, 0, 3)
	wants(1, 0, 0)
	send(true, 0)
	if n := len(told(0)); n == 0 {
		t.Fatal("a key frame tells nothing")
	}
}
