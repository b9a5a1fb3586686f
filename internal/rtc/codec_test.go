package rtc

import (
	"testing"
	"time"

	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// A publisher that comes back with another codec, and with the first again.
func TestCodecSwitch(t *testing.T) {
	b := newPacketBench(t, true)
	vp8 := h264Format()
	vp8.Codec, vp8.PT, vp8.RTXPT = media.VP8, 98, 99
	able, unable := b.viewer(sdp.Selection{Video: h264Format(), Others: []*sdp.Format{vp8}}), b.viewer(videoOnly())
	taps := map[*viewer]*tap{}
	for _, v := range []*viewer{able, unable} {
		taps[v] = tapOf(v)
		b.sh.join(v, b.now.UnixNano())
	}
	at := time.Duration(0)
	send := func(c media.Codec, key bool) {
		b.src.write(as(c, b.src.picture(at, key, 500, b.now))...)
		at += pictureEvery
		b.turn(at)
	}
	check := func(v *viewer, want ...uint8) {
		t.Helper()
		got := taps[v].pictures()
		if string(got) != string(want) {
			t.Fatalf("pictures of types %v, want %v", got, want)
		}
	}
	send(media.H264, true)
	send(media.H264, false)
	check(able, 96, 96)
	check(unable, 96, 96)
	send(media.VP8, false) // its beginning was lost
	check(able)
	send(media.VP8, true)
	send(media.VP8, false)
	check(able, 98, 98)
	check(unable)
	if n := unable.totals.drops[reason.Codec]; n == 0 || !unable.session.gone.Load() || able.totals.drops[reason.Codec] != 0 || able.session.gone.Load() {
		t.Fatalf("left out: %v and %v", unable.totals.drops, able.totals.drops)
	}
	b.sh.leave(unable, reason.Codec)
	// A repeat goes out as what it was.
	number := able.video.next - 1
	send(media.H264, true)
	send(media.H264, false)
	check(able, 96, 96)
	able.repairs.fill(able, b.now.UnixNano(), 1)
	if b.sh.answer(able, able.video, media.Video, uint16(number), answered, b.now.UnixNano()) != answered {
		t.Fatal("no repeat")
	}
	check(able, 99)
	// A viewer that joins what it cannot show waits without asking.
	send(media.VP8, true)
	late := b.viewer(videoOnly())
	taps[late] = tapOf(late)
	b.sh.join(late, b.now.UnixNano())
	if late.phase != awaitKey || !late.deaf {
		t.Fatalf("phase %d, deaf %v", late.phase, late.deaf)
	}
	send(media.H264, true)
	check(late, 96)
}

// The same as a real viewer sees it.
func TestCodecSwitchSeen(t *testing.T) {
	t.Parallel()
	r := newRoom(t, Config{})
	src := newFeed(t, r.hub, true)
	src.write(src.picture(0, true, 500, time.Now())...)
	c := r.watch(wish{})
	was := c.see()
	for i, codec := range []media.Codec{media.VP8, media.H264, media.VP8} {
		src.p.Close(reason.ClosedByPeer)
		src = newFeed(t, r.hub, true)
		for j := range 3 {
			src.write(as(codec, src.picture(time.Duration(j)*pictureEvery, j == 0, 2000, time.Now()))...)
		}
		run := c.frame()
		last := was.packets[len(was.packets)-1]
		if run[0].SequenceNumber != last.SequenceNumber+1 || run[0].SSRC != last.SSRC || (run[0].PayloadType == last.PayloadType) {
			t.Fatalf("change %d: %+v follows %+v", i, run[0].Header, last.Header)
		}
		c.frame()
		was = seen{packets: c.frame()}
	}
	if r.server.Sessions() != 1 {
		t.Fatal("it is not the same session")
	}
}

// A change of size is a key frame like others.
func TestSizeChanges(t *testing.T) {
	b := newPacketBench(t, true)
	b.src.write(b.src.picture(0, true, 3000, b.now)...)
	v := b.viewer(videoOnly())
	b.sh.join(v, b.now.UnixNano())
	b.turn(0)
	b.wants(v, 0)
	larger := *testVideo
	larger.Width, larger.Height = 1280, 720
	larger.Params = [][]byte{{0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x68, 0x05, 0x00, 0x5b, 0xa1}, {0x68, 0xce, 0x3c, 0x80}}
	f := picture(pictureEvery, true, 3000)
	f.Track = &larger
	b.src.write(b.src.pack(f, b.now)...)
	b.src.p.Announce(&larger, testOpus)
	b.src.write(b.src.picture(2*pictureEvery, false, 3000, b.now)...)
	b.turn(0)
	b.wants(v, pictureEvery, 2*pictureEvery)
	if v.video.nspans != 1 || len(v.totals.drops) != 0 {
		t.Fatalf("%d spans, left out %v", v.video.nspans, v.totals.drops)
	}
}
