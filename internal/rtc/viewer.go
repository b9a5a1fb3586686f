package rtc

import (
	"sync/atomic"
	"time"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	"millrace/internal/wire/sdp"
)

// phase is where a viewer's video stands.
type phase uint8

const (
	awaitKey  phase = iota // undecodable until the next key frame
	catchUp                // reads behind its group, at its own pace
	liveEdge               // reads with its group
	audioOnly              // wants no video
)

// viewer is the egress side of a session. Once it has joined, only its shard
// touches what is below shard.
type viewer struct {
	session      *session
	shard        *shard
	joined       atomic.Bool
	rtt          atomic.Int64 // ns, from receiver reports; 0: not known
	lost         atomic.Uint32
	video, audio *sendTrack
	halfSecond   bool // the stream's domain is in half-second mode

	packets *live.Packets
	out     *protection
	wide    uint16 // next transport-wide sequence number
	phase   phase
	pos     int64 // next packet, while catching up
	budget  int64 // bytes that may be sent now, while catching up
	rate    int64 // bytes per second, while catching up
	last    int64 // when the budget was last filled, Unix ns
	began   bool  // media has been sent
	deaf    bool  // it has no format for the stream's present video codec
	left    bool
	replays int64 // when a PLI last rewound it
	joinAt  int64
	repairs allowance
	totals  totals
}

// A viewer's network may lose a key frame, and a share of what follows. One
// that asks for more costs others their turn and does not get it.
const (
	repairBurst = 512  // packets
	repairRate  = 1000 // packets per second
)

// allowance is how many packets may be sent again.
type allowance struct {
	left float64
	at   int64 // Unix ns of the last filling
}

// fill adds what the time since the last filling gives. Time that runs
// backwards, when the wall clock is set, takes nothing away.
func (a *allowance) fill(now int64) {
	a.left = min(repairBurst, a.left+float64(max(now-a.at, 0))/1e9*repairRate)
	a.at = now
}

// totals is what the closing log line says.
type totals struct {
	packets, bytes uint64
	drops          map[reason.Reason]uint64
	nacked, resent uint64
	pli            uint64
}

// playoutDelay encodes least and most delay (units of 10 ms, 12 bits each).
func playoutDelay(least, most time.Duration) uint32 {
	const unit = 10 * time.Millisecond
	return uint32(least/unit)<<12 | uint32(most/unit)
}

// What viewers are told to hold back: nothing where pictures come evenly and
// every millisecond counts, else what smoothes them, up to a bound.
var (
	atOnce   = playoutDelay(0, 0)
	smoothly = playoutDelay(0, 400*time.Millisecond)
)

func (v *viewer) wantedPlayout(g *group) uint32 {
	if v.halfSecond && g.rhythm.even {
		return atOnce
	}
	return smoothly
}

// announcePlayout makes the first picture that the batch begins tell what has
// changed since the last key frame.
func (v *viewer) announcePlayout(g *group, c *cutter) {
	t, want := v.video, v.wantedPlayout(g)
	if t.playout == want {
		return
	}
	for _, s := range c.segments {
		if pk := c.video[s.from]; pk.Start {
			t.playout, t.announce = want, pk.Time
			return
		}
	}
}

// wait leaves n packets of a codec out, up to the next key frame.
func (v *viewer) wait(c media.Codec, n int) {
	v.phase, v.video.jump = awaitKey, true
	v.deaf = v.video.of(c) == nil
	if v.deaf {
		v.drop(reason.Codec, n)
		return
	}
	v.drop(reason.SkipKeyWait, n)
}

func newViewer(ses *session, sel sdp.Selection, mode catalog.Mode, seed []byte) *viewer {
	v := &viewer{session: ses, halfSecond: mode == catalog.HalfSecond}
	v.video = newSendTrack(sel.Video, seed, sel.Others...)
	// The audio's numbers come from other bits of the same seed.
	mixed := make([]byte, len(seed))
	for i := range seed {
		mixed[i] = seed[len(seed)-1-i] ^ 0xA5
	}
	v.audio = newSendTrack(sel.Audio, mixed)
	v.totals.drops = map[reason.Reason]uint64{}
	return v
}

// connected hands the keys over, before the viewer joins its shard.
func (v *viewer) connected(sec *secured) {
	v.out = sec.out
	v.packets = v.session.reader.Packets()
}

// drop counts packets that v does not get, for its closing line and, at the
// end of the shard's turn, for the metrics.
func (v *viewer) drop(why reason.Reason, n int) {
	if n > 0 {
		v.totals.drops[why] += uint64(n)
		v.shard.out.sent.dropped[why] += uint64(n)
	}
}

// queued is how many bytes wait for a viewer's connection; 0 over UDP.
func (v *viewer) queued() int {
	if p := v.session.path.Load(); p != nil && p.stream != nil {
		return p.stream.queued()
	}
	return 0
}

// seal appends pk to the outbox's arena as the next packet of t.
func (v *viewer) seal(o *outbox, t *sendTrack, pk *media.Packet, payload []byte) bool {
	at, f := len(o.arena), &t.format
	if t.jump {
		t.begin(pk, unseen(v.packets, pk))
	}
	out, why := t.place(pk)
	if why != "" {
		v.drop(why, 1)
		return false
	}
	o.arena = o.arena[:at+maxHeader]
	n := t.header(o.arena[at:], pk, f, f.PT, t.ssrc, out, v.wide)
	if f.numbered {
		v.wide++
	}
	sealed, err := v.out.sealRTP(o.arena[:at+n], at, n, payload, t.ssrc, out, &o.iv)
	if err != nil {
		o.arena = o.arena[:at]
		return false
	}
	o.arena = sealed
	t.remember(out, pk)
	t.packets++
	t.octets += uint32(len(payload))
	v.totals.packets++
	v.totals.bytes += uint64(len(sealed) - at)
	return true
}

// sendRun sends packets of equal payload length (but the last) as one run.
func (v *viewer) sendRun(o *outbox, t *sendTrack, pks []*media.Packet) {
	p := v.session.path.Load()
	if p == nil {
		return
	}
	from := o.begin(len(pks) * (maxHeader + len(pks[0].Payload) + gcmTagLen))
	segment := 0
	for _, pk := range pks {
		before := len(o.arena)
		if v.seal(o, t, pk, pk.Payload) && segment == 0 {
			segment = len(o.arena) - before
		}
	}
	o.end(p, from, max(segment, 1))
}

// sendAudio sends one audio packet.
func (v *viewer) sendAudio(o *outbox, pk *media.Packet, latm []byte) {
	p := v.session.path.Load()
	if p == nil {
		return
	}
	payload := pk.Payload
	if v.audio.format.Framing == sdp.FramingLATM {
		payload = latm
	}
	from := o.begin(maxHeader + len(payload) + gcmTagLen)
	if v.seal(o, v.audio, pk, payload) {
		o.end(p, from, len(o.arena)-from)
	}
}

// resend answers a NACK for one packet.
func (v *viewer) resend(o *outbox, t *sendTrack, kind media.Kind, low uint16, now int64) bool {
	out, seq, ok := t.sent(low)
	if !ok {
		return false
	}
	pk := t.recall(out)
	known := pk != nil
	if !known {
		pk = v.packets.BySeq(kind, seq)
	}
	rtt := max(time.Duration(v.rtt.Load()), 20*time.Millisecond)
	p := v.session.path.Load()
	if pk == nil || p == nil {
		return false
	}
	f := t.of(pk.Codec)
	if f == nil || !t.mayResend(out, now, rtt) {
		return false
	}
	if f.same && !known { // it has not been sent yet, or was so long ago
		if t.take(out) != "" {
			return false
		}
		t.remember(out, pk)
	}
	payload := pk.Payload
	if f.Framing == sdp.FramingLATM {
		payload = latmFromADTS(payload, pk.Start)
	}
	from := o.begin(maxHeader + 2 + len(payload) + gcmTagLen)
	o.arena = o.arena[:from+maxHeader+2+len(payload)]
	pt, ssrc, number := f.PT, t.ssrc, out
	if f.RTXPT != 0 {
		pt, ssrc, number = f.RTXPT, t.rtxSSRC, t.nextRTX
		t.nextRTX++
	}
	n := t.header(o.arena[from:], pk, f, pt, ssrc, number, v.wide)
	if f.numbered {
		v.wide++
	}
	body := o.arena[from+n : from+n]
	if f.RTXPT != 0 { // RFC 4588 section 4
		body = append(body, byte(out>>8), byte(out))
	}
	body = append(body, payload...)
	sealed, err := v.out.sealRTP(o.arena[:from+n], from, n, body, ssrc, number, &o.iv)
	if err != nil {
		o.arena = o.arena[:from]
		return false
	}
	o.arena = sealed
	o.end(p, from, len(sealed)-from)
	v.totals.resent++
	return true
}
