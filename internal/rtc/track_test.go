package rtc

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"pgregory.net/rapid"

	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/wire/sdp"
)

var testSeed = []byte{1, 2, 3, 4, 0xfe, 0xff, 0xff, 0xf0, 0x7f, 0xf0, 0x12, 0x34, 5, 6, 7, 8}

func h264Format() *sdp.Format {
	return &sdp.Format{
		Codec: media.H264, PT: 96, RTXPT: 97, ClockRate: 90000, Framing: sdp.FramingH264, NACK: true, PLI: true,
		Ext: sdp.Extensions{TransportCC: 5, PlayoutDelay: 6, AbsCaptureTime: 4},
	}
}

// give places the packet seq, which must have a number.
func give(t interface{ Fatalf(string, ...any) }, tr *sendTrack, seq int64) int64 {
	pk := &media.Packet{Seq: seq}
	if tr.jump {
		tr.begin(pk, 0)
	}
	out, why := tr.place(pk)
	if why != "" {
		t.Fatalf("packet %d has no number: %s", seq, why)
	}
	return out
}

// What a viewer sees of a log with lost and left out packets: one number after
// the other, except where the source has a gap; and a number that it names
// leads back to the packet that it had.
func TestPlaceProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(t, "seed")
		tr := newSendTrack(h264Format(), seed)
		start := tr.next
		if start < 0 || start > 0x7fff {
			t.Fatalf("first number %d", start)
		}
		type sent struct{ out, seq int64 }
		var history []sent
		seq := rapid.Int64Range(0, 1<<40).Draw(t, "seq")
		expect, lastSeq := start, int64(-1)
		jumps := 0
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0: // left out on purpose
				seq += rapid.Int64Range(0, 500).Draw(t, "skip")
				tr.jump = true
			case 1: // back to an older key frame
				seq = max(0, seq-rapid.Int64Range(0, 500).Draw(t, "back"))
				tr.jump = true
			case 2: // lost by the source
				seq += rapid.Int64Range(1, 20).Draw(t, "gap")
			}
			if tr.jump {
				jumps++
			} else if lastSeq >= 0 {
				expect += seq - lastSeq - 1
			}
			out := give(t, tr, seq)
			if out != expect {
				t.Fatalf("packet %d goes out as %d, want %d", seq, out, expect)
			}
			history = append(history, sent{out, seq})
			expect, lastSeq = out+1, seq
			seq++
		}
		remembered := 0
		for i, h := range history {
			out, got, ok := tr.sent(uint16(h.out))
			if tr.next-h.out > 1<<16 {
				continue // the viewer would mean a newer one
			}
			if ok && (out != h.out || got != h.seq) {
				t.Fatalf("number %d was packet %d, is taken for %d", h.out, h.seq, got)
			}
			if ok {
				remembered++
			} else if jumps <= len(tr.spans) {
				t.Fatalf("packet %d of %d is forgotten after %d jumps", i, len(history), jumps)
			}
		}
		if remembered == 0 {
			t.Fatalf("nothing is remembered")
		}
		if _, _, ok := tr.sent(uint16(start - 1)); ok && tr.next-start < 1<<16 {
			t.Fatalf("a number from before the first packet is known")
		}
	})
}

// Numbers cross 2^16 and stay unique, which the cipher depends on.
func TestPlaceLong(t *testing.T) {
	tr := newSendTrack(h264Format(), testSeed)
	last := int64(-1)
	for seq := int64(0); seq < 1<<17; seq++ {
		if seq%5000 == 0 {
			tr.jump = true
		}
		out := give(t, tr, seq)
		if last >= 0 && out != last+1 {
			t.Fatalf("%d follows %d", out, last)
		}
		last = out
	}
	for back := int64(1); back < 30_000; back += 7 {
		out, seq, ok := tr.sent(uint16(tr.next - back))
		if !ok || out != tr.next-back || seq != 1<<17-back {
			t.Fatalf("%d back: %d, %d, %v", back, out, seq, ok)
		}
	}
}

// A packet goes out again once per round trip, and packets do not wait for each
// other.
func TestGuard(t *testing.T) {
	tr := newSendTrack(h264Format(), testSeed)
	const rtt = int64(50 * time.Millisecond)
	now := int64(1e18)
	may := func(out, at int64) bool {
		a := tr.askedFor(media.Video, out)
		ok := a.mayRepeat(at, rtt)
		if ok {
			a.repeated(at)
		}
		return ok
	}
	if !may(7, now) || may(7, now+rtt-int64(time.Millisecond)) || !may(7, now+rtt) || tr.askedFor(media.Video, 7).times != 2 {
		t.Fatal("it is repeated too soon, or never")
	}
	if !may(8, now) || !may(7+askedVideo, now) {
		t.Fatal("packets wait for each other")
	}
	if n := testing.AllocsPerRun(100, func() { now += rtt; may(9, now) }); n != 0 {
		t.Fatalf("%v allocations for a request", n)
	}
}

func parse(t testing.TB, b []byte) *rtp.Packet {
	t.Helper()
	p := &rtp.Packet{}
	if err := p.Unmarshal(b); err != nil {
		t.Fatalf("unmarshal: %v", err)
	}
	return p
}

func TestHeaderExtensions(t *testing.T) {
	const now = 1_700_000_000_123_456_789
	pk := &media.Packet{Time: media.Time(3 * time.Second), Key: true, Marker: true, Capture: now,
		Composition: int64(67 * time.Millisecond), Payload: []byte{1, 2, 3}}
	f := h264Format()
	f.BFrames, f.Ext.CompositionTime = true, 3
	tr := newSendTrack(f, testSeed)
	b := make([]byte, maxHeader, 64)
	tr.setPlayout(smoothly)
	n := tr.header(b, pk, &tr.format, f.PT, tr.ssrc, 1<<17+5, 0x1234)
	p := parse(t, append(b[:n], pk.Payload...))
	if p.Version != 2 || p.PayloadType != 96 || !p.Marker || p.SequenceNumber != 5 || p.SSRC != tr.ssrc || len(p.Payload) != 3 {
		t.Fatalf("header %+v", p.Header)
	}
	if want := uint32(3*90000) + 0xfefffff0; p.Timestamp != want {
		t.Fatalf("timestamp %d, want %d", p.Timestamp, want)
	}
	if n != maxHeader {
		t.Fatalf("all extensions take %d bytes; maxHeader says %d", n, maxHeader)
	}
	var cc rtp.TransportCCExtension
	if err := cc.Unmarshal(p.GetExtension(5)); err != nil || cc.TransportSequence != 0x1234 {
		t.Fatalf("transport-cc %+v, %v", cc, err)
	}
	var delay rtp.PlayoutDelayExtension
	if err := delay.Unmarshal(p.GetExtension(6)); err != nil || delay.MinDelay != 0 || delay.MaxDelay != 40 {
		t.Fatalf("playout delay %+v, %v", delay, err)
	}
	if cts := p.GetExtension(3); len(cts) != 3 || int(cts[0])<<16|int(cts[1])<<8|int(cts[2]) != 67 {
		t.Fatalf("composition time %x", cts)
	}
	var at rtp.AbsCaptureTimeExtension
	if err := at.Unmarshal(p.GetExtension(4)); err != nil {
		t.Fatal(err)
	}
	if off := at.CaptureTime().Sub(time.Unix(0, now)).Abs(); off > time.Microsecond {
		t.Fatalf("capture time is off by %v", off)
	}
}

// What a packet carries depends on what was negotiated, and on the packet.
func TestHeaderIsNoLongerThanNeeded(t *testing.T) {
	plain, key := &media.Packet{}, &media.Packet{Key: true}
	none := h264Format()
	none.Ext = sdp.Extensions{}
	playout := h264Format()
	playout.Ext = sdp.Extensions{PlayoutDelay: 6}
	same := h264Format()
	same.RTXPT = 0
	for _, tt := range []struct {
		name   string
		format *sdp.Format
		packet *media.Packet
		ids    []uint8
		n      int
	}{
		{"nothing negotiated", none, key, nil, 12},
		{"playout delay, key frame", playout, key, []uint8{6}, 20},
		{"playout delay, other frame", playout, plain, nil, 12},
		{"all, key frame", h264Format(), key, []uint8{5, 6, 4}, 32},
		{"all, other frame", h264Format(), plain, []uint8{5}, 20},
		{"repeats without RTX are the same to the bit", same, plain, nil, 12},
	} {
		tr := newSendTrack(tt.format, testSeed)
		b := make([]byte, maxHeader)
		n := tr.header(b, tt.packet, &tr.format, 96, tr.ssrc, 5, 6)
		p := parse(t, b[:n])
		if n != tt.n || !bytes.Equal(p.GetExtensionIDs(), tt.ids) {
			t.Errorf("%s: %d bytes, extensions %v", tt.name, n, p.GetExtensionIDs())
		}
	}
}

// packetsOf puts frames into a real stream and returns its log.
func packetsOf(t testing.TB, frames ...*media.Frame) *live.Packets {
	t.Helper()
	hub := newHub(t)
	p, err := hub.Publish(testName, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	p.Announce(testVideo, testOpus)
	for _, f := range frames {
		if err := p.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	r, err := hub.Subscribe(t.Context(), testName)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r.Packets()
}

// A repeat goes out on the RTX stream with the first number in front (RFC 4588
// section 4), or, without RTX, to the bit as before.
func TestResend(t *testing.T) {
	log := packetsOf(t, picture(0, true, 5000), picture(40*time.Millisecond, false, 3000))
	key, salt := masterKeys(gcmSaltLen)
	for _, rtx := range []bool{true, false} {
		f := h264Format()
		if !rtx {
			f.RTXPT = 0
		}
		theirs, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm)
		if err != nil {
			t.Fatal(err)
		}
		v := newViewer(&session{}, sdp.Selection{Video: f}, "", testSeed)
		v.session.path.Store(&path{})
		if v.out, err = newProtection(srtp.ProtectionProfileAeadAes128Gcm, key, salt, true); err != nil {
			t.Fatal(err)
		}
		v.packets = log
		o := newOutbox(nil)
		var first [][]byte
		for pos := int64(0); pos < log.Head(); pos++ {
			o.begin(2000)
			from := len(o.arena)
			v.sendRun(o, v.video, []*media.Packet{log.At(pos)})
			first = append(first, bytes.Clone(o.arena[from:]))
		}
		for i, sealed := range first {
			plain, err := theirs.DecryptRTP(nil, sealed, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := parse(t, plain)
			from := len(o.arena)
			pk, out, known, _ := v.find(v.video, media.Video, want.SequenceNumber)
			if pk == nil || !v.resend(o, v.video, pk, out, known) {
				t.Fatalf("packet %d is not sent again", i)
			}
			again := bytes.Clone(o.arena[from:])
			if !rtx {
				if !bytes.Equal(again, sealed) {
					t.Fatalf("packet %d differs when repeated under its own number", i)
				}
				continue
			}
			if plain, err = theirs.DecryptRTP(nil, again, nil); err != nil {
				t.Fatal(err)
			}
			got := parse(t, plain)
			if got.SSRC != v.video.rtxSSRC || got.SSRC == want.SSRC || got.PayloadType != f.RTXPT || got.Timestamp != want.Timestamp || got.Marker != want.Marker {
				t.Fatalf("repeat of %d: %+v", i, got.Header)
			}
			if binary.BigEndian.Uint16(got.Payload) != want.SequenceNumber || !bytes.Equal(got.Payload[2:], want.Payload) {
				t.Fatalf("repeat of %d: another packet", i)
			}
		}
		if pk, _, _, why := v.find(v.video, media.Video, uint16(v.video.next)); pk != nil || why == answered {
			t.Fatal("a packet that was never sent is found")
		}
	}
}
