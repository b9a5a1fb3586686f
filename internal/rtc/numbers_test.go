package rtc

import (
	"crypto/cipher"
	"testing"
	"time"

	"pgregory.net/rapid"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// notary is a cipher that remembers what it has sealed under which nonce.
type notary struct {
	cipher.AEAD
	sealed map[string]string
	twice  []string // contents of nonces that were used again
	broken bool     // for another content
}

func (n *notary) Seal(dst, nonce, plain, aad []byte) []byte {
	content := string(aad) + string(plain)
	if was, ok := n.sealed[string(nonce)]; ok {
		n.twice = append(n.twice, content)
		n.broken = n.broken || was != content
	}
	n.sealed[string(nonce)] = content
	return n.AEAD.Seal(dst, nonce, plain, aad)
}

// Whatever comes in whatever order, and whatever viewers ask for: no number is
// sealed for two contents, and with RTX none is sealed twice at all.
func TestNoNumberIsSealedTwice(t *testing.T) {
	for _, rtx := range []uint8{97, 0} {
		rapid.Check(t, func(rt *rapid.T) {
			b := newPacketBench(t, rapid.Bool().Draw(rt, "askable"))
			defer b.close()
			f, vp8 := h264Format(), h264Format()
			f.RTXPT, vp8.RTXPT, vp8.PT, vp8.Codec = rtx, rtx, 98, media.VP8
			f.NACK = rapid.Bool().Draw(rt, "video is asked for")
			v := b.viewer(sdp.Selection{
				Video: f, Others: []*sdp.Format{vp8},
				Audio: &sdp.Format{Codec: media.Opus, PT: 111, ClockRate: 48000, Framing: sdp.FramingOpus,
					NACK: rapid.Bool().Draw(rt, "sound is asked for"), Ext: sdp.Extensions{TransportCC: 5}},
			})
			v.halfSecond = true
			book := &notary{AEAD: v.out.rtp, sealed: map[string]string{}}
			v.out.rtp = book
			at, n := time.Duration(0), 0
			late := []*media.Packet{}
			codec := media.H264
			joined := false
			for range rapid.IntRange(5, 120).Draw(rt, "steps") {
				now := b.now.Add(at)
				switch what := rapid.IntRange(0, 12).Draw(rt, "what"); what {
				case 0, 1, 2, 3, 4: // a picture, shuffled, some of it late or lost or doubled
					if rapid.IntRange(0, 20).Draw(rt, "codec") == 0 {
						codec = rapid.SampledFrom([]media.Codec{media.H264, media.VP8, media.AV1}).Draw(rt, "to")
					}
					key := n == 0 || rapid.IntRange(0, 9).Draw(rt, "key") == 0
					jitter := time.Duration(rapid.IntRange(0, 60).Draw(rt, "jitter")) * ms
					run := as(codec, b.src.picture(at, key, rapid.IntRange(1, 8000).Draw(rt, "size"), now.Add(jitter)))
					for i, pk := range rapid.Permutation(run).Draw(rt, "order") {
						pk.Start = i == 0
						again := *pk
						switch rapid.IntRange(0, 9).Draw(rt, "fate") {
						case 0:
							late = append(late, pk)
							continue
						case 1: // lost
							continue
						case 2:
							late = append(late, &again)
						}
						b.src.write(pk)
					}
					at += pictureEvery
					n++
				case 5:
					b.src.write(b.src.sound(at, now)...)
				case 6: // what is late comes
					for _, pk := range late {
						pk.Start = false
						b.src.write(pk)
					}
					late = nil
				case 7:
					if !joined {
						b.sh.join(v, now.UnixNano())
						joined = true
					}
				case 8:
					b.sh.keyFrame(v, now.UnixNano())
				case 9: // a NACK of anything
					track := rapid.SampledFrom([]*sendTrack{v.video, v.audio}).Draw(rt, "track")
					back := rapid.IntRange(-5, 100).Draw(rt, "back")
					b.sh.repair(v, &command{ssrc: track.ssrc, lost: []uint16{uint16(track.next - int64(back)), uint16(track.next - int64(back) + 1)}}, now.UnixNano())
				case 10: // pushed out of the stream for a while
					if joined {
						v.wait(v.video.format.Codec, 1)
					}
				case 11:
					b.turn(at)
				case 12: // it goes over to another log
					v.video.change()
					v.audio.change()
				}
			}
			b.turn(at)
			b.sh.leave(v, reason.Kicked)
			if book.broken {
				rt.Fatalf("a number was sealed for two contents")
			}
			for _, content := range book.twice {
				if rtx != 0 && content[1]&0x7f != 111 {
					rt.Fatalf("a number was sealed twice, type %d", content[1]&0x7f)
				}
			}
		})
	}
}

// newPacketBench is a bench whose publisher brings packets.
func newPacketBench(t testing.TB, askable bool) *bench {
	b := newBench(t, SendAuto)
	b.pub.Close(reason.ClosedByPeer)
	b.src = newFeed(t, b.hub, askable)
	return b
}

// A repeat under the first number is of the packet that had it, whatever the log
// has come to hold under that packet's.
func TestRepeatIsOfTheSamePacket(t *testing.T) {
	f := h264Format()
	f.RTXPT = 0
	tr := newSendTrack(f, testSeed)
	var outs []int64
	for seq := range int64(2 * historySize) {
		pk := at(seq)
		out, _ := placed(&tr.numbers, pk)
		tr.remember(out, pk)
		outs = append(outs, out)
	}
	for seq, out := range outs {
		pk := tr.recall(out)
		if old := seq < historySize; old != (pk == nil) || !old && pk.Seq != int64(seq) {
			t.Fatalf("number %d of packet %d is of %+v", out, seq, pk)
		}
	}
	if out, _ := placed(&tr.numbers, at(2*historySize+5)); tr.recall(out-2) != nil {
		t.Fatal("a number that nothing was given is of a packet")
	}
	b := newPacketBench(t, false)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	v := b.viewer(sdp.Selection{Video: f})
	tap := tapOf(v)
	b.sh.join(v, b.now.UnixNano())
	run := b.src.picture(pictureEvery, false, 3000, b.now)
	b.src.write(run[0], run[2])
	b.turn(0)
	tap.taken()
	run[1].Start = false
	b.src.write(run[1])
	missing := uint16(v.video.next - 2)
	v.repairs.fill(v, 1e18, 1)
	if b.sh.answer(v, v.video, media.Video, missing, answered, 1e18) != answered { // asked for before its turn
		t.Fatal("it is not sent")
	}
	b.turn(0)
	if got := tap.taken(); len(got) != 1 || got[0].SequenceNumber != missing || v.totals.drops[reason.Duplicate] != 1 {
		t.Fatalf("%d packets, left out %v", len(got), v.totals.drops)
	}
}

// close gives back what many benches of one test would use up.
func (b *bench) close() {
	b.hub.Close()
	_ = b.sh.out.socket.conn.Close()
	_ = b.sink.Close()
}

// placed is what became of a packet.
func placed(n *numbers, pk *media.Packet) (int64, reason.Reason) {
	if n.jump {
		n.begin(pk, 0)
	}
	return n.place(pk)
}

func at(seq int64) *media.Packet { return &media.Packet{Seq: seq, Time: media.Time(seq / 4)} }

// A packet that comes late goes out under its own number, once; where that is
// another packet's it does not.
func TestLateNumbers(t *testing.T) {
	const first = 1000
	n := &numbers{next: first, jump: true}
	wants := func(seq, out int64, why reason.Reason) {
		t.Helper()
		if got, said := placed(n, at(seq)); got != out || said != why {
			t.Fatalf("packet %d: %d, %q; want %d, %q", seq, got, said, out, why)
		}
	}
	wants(42, first, "")
	wants(45, first+3, "")
	wants(43, first+1, "")
	wants(43, 0, reason.Duplicate)
	wants(41, first-1, "") // the same picture's, below the first: nothing has that number
	wants(40, first-2, "")
	wants(41, 0, reason.Duplicate)
	wants(39, 0, reason.Late) // of an older picture
	if _, seq, ok := n.sent(uint16(first - 2)); !ok || seq != 40 {
		t.Fatalf("the first number is packet %d, %v", seq, ok)
	}
	n.jump = true
	wants(60, first+4, "")
	wants(44, 0, reason.Late) // a number below is another's
	wants(59, 0, reason.Late)
	wants(61, first+5, "")
	wants(60, 0, reason.Duplicate)
	wants(61+maxGap, first+5+maxGap, "")
	wants(61+2*maxGap+2, first+5+maxGap+2, "") // too wide a gap: one of one
	wants(63+maxGap, 0, reason.Late)
	wants(61+2*maxGap+3, first+5+maxGap+3, "")
	wants(61+2*maxGap+3-windowSize, 0, reason.Late)

	n = &numbers{next: 1, jump: true}
	wants(2, 1, "")
	wants(1, 0, "")
	wants(0, 0, reason.Late) // there is no number below 0
}

// Numbers far behind are not given, whether they were given or not.
func TestLateReach(t *testing.T) {
	n := &numbers{next: 100, jump: true}
	for seq := range int64(3 * windowSize) {
		if seq%10 == 7 {
			continue
		}
		if out, why := placed(n, at(seq)); out != 100+seq || why != "" {
			t.Fatalf("packet %d: %d, %s", seq, out, why)
		}
	}
	for seq := range int64(3 * windowSize) {
		want := reason.Duplicate
		switch {
		case 100+seq < n.next-windowSize:
			want = reason.Late
		case seq%10 == 7:
			want = ""
		}
		if _, why := placed(n, at(seq)); why != want {
			t.Fatalf("packet %d: %q, want %q", seq, why, want)
		}
	}
}

// What is missing before the packet that a viewer begins with keeps its numbers.
func TestUnseen(t *testing.T) {
	b := newPacketBench(t, false)
	first := b.src.picture(0, true, 3000, b.now)
	second := b.src.picture(pictureEvery, true, 6000, b.now)
	b.src.write(first...)
	b.src.arrive(second, 3, 4)
	log := b.viewer(videoOnly()).packets
	if n := unseen(log, second[3]); n != 3 {
		t.Fatalf("%d packets are missing before the one that came first, want 3", n)
	}
	if n := unseen(log, second[4]); n != 0 {
		t.Fatalf("%d packets are missing before the one that came then", n)
	}
	if n := unseen(log, first[0]); n != 0 {
		t.Fatalf("%d packets are missing before the stream's first", n)
	}
}
