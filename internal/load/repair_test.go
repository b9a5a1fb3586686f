package load

import (
	"slices"
	"testing"

	"millrace/internal/media"
	wire "millrace/internal/wire/rtp"
)

// trial is a repair with a stream of frames to feed it.
type trial struct {
	*repair
	packets *wire.Packetizer
	track   *media.Track
	number  uint32
	asked   []uint16
	pleas   int
	shown   []shown
}

func newTrial() *trial {
	tr := &trial{
		repair: newRepair(50e6), packets: wire.New(),
		track: &media.Track{Kind: media.Video, Codec: media.H264, Params: [][]byte{sps, pps}},
	}
	tr.nack = func(seqs []uint16) { tr.asked = append(tr.asked, seqs...) }
	tr.pli = func() { tr.pleas++ }
	tr.decodable = func(s stamp, at int64) { tr.shown = append(tr.shown, shown{s, at}) }
	return tr
}

// piece is one packet.
type piece struct {
	header
	payload []byte
}

func (tr *trial) frame(key bool) (all []piece) {
	at := media.Time(tr.number) * 33_000_000
	heads, payloads := rtpOf(tr.packets, &media.Frame{Track: tr.track, DTS: at, PTS: at, Key: key, Data: FullHD.frame(stamp{at: int64(at), number: tr.number, key: key})})
	tr.number++
	for i, h := range heads {
		all = append(all, piece{h, payloads[i]})
	}
	return all
}

func (tr *trial) feed(at int64, all ...piece) {
	for _, p := range all {
		tr.take(p.header, p.payload, at)
	}
}

// A lost packet is asked for at once, again after a round trip, and holds up the
// pictures behind it until it is there.
func TestRepairAsksAndWaits(t *testing.T) {
	tr := newTrial()
	tr.feed(0, tr.frame(true)...)
	f := tr.frame(false)
	tr.feed(1e6, f[:2]...)
	tr.feed(2e6, f[3:]...)
	if want := []uint16{f[2].seq}; !slices.Equal(tr.asked, want) {
		t.Fatalf("asked for %v, want %v", tr.asked, want)
	}
	tr.feed(35e6, tr.frame(false)...)
	for at := int64(3e6); at <= 60e6; at += 1e6 {
		tr.tick(at)
	}
	if len(tr.asked) != 2 || len(tr.shown) != 1 {
		t.Fatalf("asked %d times, %d pictures", len(tr.asked), len(tr.shown))
	}
	tr.feed(80e6, f[2])
	if len(tr.shown) != 3 || tr.shown[1].at != 80e6 || tr.shown[2].at != 80e6 || len(tr.missing) != 0 {
		t.Errorf("%d pictures: %+v, missing %v", len(tr.shown), tr.shown, tr.missing)
	}
	tr.feed(81e6, f[2])
	if len(tr.shown) != 3 {
		t.Error("a repeated packet shows a picture")
	}
}

// The end of a picture that is lost shows with the next one; who never gets it
// asks ten times and then for a key frame, which ends the waiting.
func TestRepairBeginsAgainAtAKeyFrame(t *testing.T) {
	tr := newTrial()
	tr.feed(0, tr.frame(true)...)
	f := tr.frame(false)
	tr.feed(0, f[:len(f)-1]...)
	if len(tr.asked) != 0 {
		t.Fatalf("asked for %v", tr.asked)
	}
	tr.feed(33e6, tr.frame(false)...)
	tr.rtt = 100e6
	for at := int64(33e6); at < 3e9; at += 1e6 {
		tr.tick(at)
	}
	if len(tr.asked) != mostRequests || tr.pleas != 1 || tr.giveUps != 1 {
		t.Errorf("asked %d times, %d key frames, gave up %d", len(tr.asked), tr.pleas, tr.giveUps)
	}
	key := tr.frame(true)
	tr.feed(3e9, key[:len(key)-1]...)
	if len(tr.shown) != 1 {
		t.Fatalf("%d pictures", len(tr.shown))
	}
	tr.feed(3e9+1, key[len(key)-1])
	tr.feed(3e9+2, tr.frame(false)...)
	if len(tr.shown) != 3 || !tr.shown[1].key || tr.shown[1].at != 3e9+1 || tr.shown[2].at != 3e9+2 {
		t.Errorf("%+v", tr.shown)
	}
}

// A key frame that is whole does not make what is missing before it undecodable:
// that is asked for as long as a player may wait for it.
func TestRepairWaitsBeforeAKeyFrame(t *testing.T) {
	tr := newTrial()
	tr.feed(0, tr.frame(true)...)
	f, g := tr.frame(false), tr.frame(false)
	tr.feed(33e6, f[1:]...)
	tr.feed(66e6, g...)
	tr.feed(99e6, tr.frame(true)...)
	tr.feed(133e6, tr.frame(false)...)
	if len(tr.shown) != 3 || tr.shown[1].number != 3 || tr.shown[2].at != 133e6 {
		t.Fatalf("%+v", tr.shown)
	}
	tr.feed(150e6, f[0])
	if len(tr.shown) != 5 || tr.shown[3].number != 1 || tr.shown[3].at != 150e6 || tr.shown[4].number != 2 || len(tr.rows) != 1 {
		t.Fatalf("%+v, %+v", tr.shown, tr.rows)
	}
	late := tr.frame(false)
	tr.feed(166e6, late[1:]...)
	tr.feed(200e6, tr.frame(true)...)
	for at := int64(200e6); at <= 600e6; at += 1e6 {
		tr.tick(at)
	}
	if tr.feed(601e6, late[0]); len(tr.shown) != 6 || len(tr.missing) != 0 || len(tr.rows) != 1 {
		t.Errorf("%+v, missing %v, %+v", tr.shown, tr.missing, tr.rows)
	}
}

// Who has no beginning asks for a key frame.
func TestRepairAsksForABeginning(t *testing.T) {
	tr := newTrial()
	tr.feed(0, tr.frame(true)[2:]...)
	tr.feed(33e6, tr.frame(false)...)
	for at := int64(33e6); at < 500e6; at += 1e6 {
		tr.tick(at)
	}
	if tr.pleas != 2 || len(tr.shown) != 0 {
		t.Errorf("asked %d times, %d pictures", tr.pleas, len(tr.shown))
	}
	tr.feed(500e6, tr.frame(true)...)
	if len(tr.shown) != 1 {
		t.Errorf("%d pictures", len(tr.shown))
	}
}

// A network loses as much as it says, in runs as long as it says, and keeps order.
func TestNetworkLoses(t *testing.T) {
	for _, n := range []Network{{Loss: .1}, {Loss: .2, Burst: 3}} {
		l, lost, runs, before := newLink(n, 1), 0, 0, false
		const all = 200_000
		for range all {
			now := l.down.loses()
			if now {
				if lost++; !before {
					runs++
				}
			}
			before = now
		}
		share, mean := float64(lost)/all, float64(lost)/float64(runs)
		if want := max(n.Burst, 1/(1-n.Loss)); share < .9*n.Loss || share > 1.1*n.Loss || mean < .9*want || mean > 1.1*want {
			t.Errorf("%+v: %.3f lost in runs of %.2f", n, share, mean)
		}
	}
	w := way{random: newLink(Network{}, 1).down.random}
	w.send([]byte{1}, 10)
	w.send([]byte{2}, 20)
	var got []int64
	note := func(b []byte, at int64) { got = append(got, int64(b[0]), at) }
	w.arrived(9, note)
	w.arrived(19, note)
	w.arrived(100, note)
	if want := []int64{1, 10, 2, 20}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func FuzzWideSequence(f *testing.F) {
	f.Add(append([]byte{0x90, 102, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 1}, 0x31, 7, 8, 0))
	f.Add(make([]byte, 12))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if len(b) >= 12 {
			wideSequenceOf(b)
		}
	})
}

func TestWideSequence(t *testing.T) {
	b := append([]byte{0x90, 102, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 2}, 0x52, 1, 2, 3, 0x31, 7, 8, 0)
	if seq, ok := wideSequenceOf(b); !ok || seq != 0x0708 {
		t.Errorf("%#x, %v", seq, ok)
	}
	if _, ok := wideSequenceOf(b[:20]); ok {
		t.Error("an extension that is cut off is read")
	}
}
