package rtc

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"millrace/internal/catalog"
	"millrace/internal/live"
	"millrace/internal/media"
	"millrace/internal/reason"
	wire "millrace/internal/wire/rtp"
	"millrace/internal/wire/sdp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds waits for what must happen; it is no measurement.
const patience = time.Minute

var (
	testName  = live.Name{Domain: "play.test", App: "live", Stream: "demo"}
	testVideo = &media.Track{Kind: media.Video, Codec: media.H264, Width: 640, Height: 360, Params: [][]byte{
		{0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x68, 0x05, 0x00}, {0x68, 0xce, 0x3c, 0x80},
	}}
	testReordered = &media.Track{Kind: media.Video, Codec: media.H264, Width: 640, Height: 360, Reorder: true, Params: [][]byte{
		{0x67, 0x4d, 0x40, 0x1f, 0x8c, 0x68, 0x05, 0x00}, {0x68, 0xce, 0x3c, 0x80},
	}}
	testOpus = &media.Track{Kind: media.Audio, Codec: media.Opus, SampleRate: 48000, Channels: 2}
	testAAC  = &media.Track{Kind: media.Audio, Codec: media.AAC, SampleRate: 44100, Channels: 2, Config: []byte{0x12, 0x10}}
)

// picture makes a frame of one slice of size bytes which name the time.
func picture(dts time.Duration, key bool, size int) *media.Frame {
	first := byte(0x41)
	if key {
		first = 0x65
	}
	nal := make([]byte, max(size, 16))
	nal[0] = first
	binary.BigEndian.PutUint64(nal[1:], uint64(dts)|1<<63) // no zero bytes in front
	for i := 9; i < len(nal); i++ {
		nal[i] = byte(i)
	}
	data := binary.BigEndian.AppendUint32(nil, uint32(len(nal)))
	return &media.Frame{Track: testVideo, DTS: media.Time(dts), PTS: media.Time(dts), Key: key, Data: append(data, nal...)}
}

// stamp is the time that a slice made by picture names.
func stamp(nal []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint64(nal[1:]) &^ (1 << 63))
}

func sound(track *media.Track, dts time.Duration) *media.Frame {
	data := make([]byte, 120)
	data[0] = 0xfc // Opus: CELT, 20 ms, stereo
	binary.BigEndian.PutUint64(data[1:], uint64(dts))
	return &media.Frame{Track: track, DTS: media.Time(dts), PTS: media.Time(dts), Key: true, Data: data}
}

// ledger collects the closing lines of sessions.
type ledger struct {
	mu      sync.Mutex
	closed  map[string]map[string]slog.Value
	changed chan struct{}
}

func newLedger() *ledger {
	return &ledger{closed: map[string]map[string]slog.Value{}, changed: make(chan struct{})}
}

func (l *ledger) Enabled(context.Context, slog.Level) bool { return true }
func (l *ledger) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *ledger) WithGroup(string) slog.Handler            { return l }

func (l *ledger) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "closed" {
		return nil
	}
	line := map[string]slog.Value{}
	r.Attrs(func(a slog.Attr) bool { line[a.Key] = a.Value; return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	id := line["session"].String()
	if l.closed[id] != nil {
		return fmt.Errorf("session %s was closed twice", id)
	}
	l.closed[id] = line
	close(l.changed)
	l.changed = make(chan struct{})
	return nil
}

// await returns the closing line of a session.
func (l *ledger) await(t testing.TB, id string) map[string]slog.Value {
	t.Helper()
	limit := time.After(patience)
	for {
		l.mu.Lock()
		line, changed := l.closed[id], l.changed
		l.mu.Unlock()
		if line != nil {
			return line
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("session %s has not ended", id)
		}
	}
}

func (l *ledger) awaitReason(t testing.TB, id string, want reason.Reason) map[string]slog.Value {
	t.Helper()
	line := l.await(t, id)
	if got := line["reason"].String(); got != string(want) {
		t.Fatalf("session ended with %q, want %q: %v", got, want, line)
	}
	return line
}

// value reads a counter or a gauge.
func value(t testing.TB, m prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetCounter().GetValue() + out.GetGauge().GetValue()
}

func newHub(t testing.TB) *live.Hub {
	t.Helper()
	hub := live.NewHub(live.Options{
		Linger: 2 * time.Second, NewPacketizer: func() live.Packetizer { return wire.New() },
		NewAssembler: func(video, audio *media.Track) live.Assembler { return wire.NewAssembler(video, audio) },
	})
	t.Cleanup(hub.Close)
	return hub
}

// room is a server that serves, with its hub.
type room struct {
	t       testing.TB
	hub     *live.Hub
	server  *Server
	metrics *Metrics
	ledger  *ledger
	stop    func() // ends Serve and waits for it; again does nothing
}

func newRoom(t testing.TB, cfg Config) *room {
	t.Helper()
	r := &room{t: t, hub: newHub(t), metrics: NewMetrics(prometheus.NewRegistry()), ledger: newLedger()}
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	var err error
	if r.server, err = Listen(cfg, slog.New(r.ledger), r.metrics); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-served:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
		case <-time.After(patience):
			t.Error("serve does not return")
			return
		}
		r.checkEmpty()
	})
	t.Cleanup(r.stop)
	return r
}

// checkEmpty checks that a stopped server holds nothing of any session.
func (r *room) checkEmpty() {
	s := r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ids)+len(s.ufrags)+len(s.addrs)+len(s.streams) != 0 {
		r.t.Errorf("left: %d ids, %d ufrags, %d addresses, %d streams", len(s.ids), len(s.ufrags), len(s.addrs), len(s.streams))
	}
	for i, sh := range s.shards {
		if len(sh.groups)+len(sh.catching)+sh.nviewers != 0 {
			r.t.Errorf("left in shard %d: %d groups, %d catching up, %d viewers", i, len(sh.groups), len(sh.catching), sh.nviewers)
		}
	}
	if n := value(r.t, r.metrics.Sessions); n != 0 {
		r.t.Errorf("the gauge of sessions says %v", n)
	}
	for _, stat := range r.hub.Stats() {
		if stat.Readers != 0 {
			r.t.Errorf("%s has %d readers left", stat.Name, stat.Readers)
		}
	}
}

// play answers an offer.
func (r *room) play(name live.Name, body string, mode catalog.Mode) (id, answer string, err error) {
	r.t.Helper()
	offer, err := sdp.ParseOffer(body)
	if err != nil {
		return "", "", err
	}
	reader, err := r.hub.Subscribe(r.t.Context(), name)
	if err != nil {
		return "", "", err
	}
	sel, err := offer.SelectPlay(reader.Tracks())
	if err != nil {
		reader.Close()
		return "", "", err
	}
	id, tr, err := r.server.Play(offer, sel, reader, mode)
	if err != nil {
		reader.Close()
		return "", "", err
	}
	return id, offer.Answer(sel, tr), nil
}

// session returns a session that there must be.
func (r *room) session(id string) *session {
	r.t.Helper()
	r.server.mu.RLock()
	defer r.server.mu.RUnlock()
	ses := r.server.ids[id]
	if ses == nil {
		r.t.Fatalf("no session %s", id)
	}
	return ses
}

// sealsByGCM says which of the two profiles a connected session uses.
func (r *room) sealsByGCM(id string) bool {
	r.t.Helper()
	ses := r.session(id)
	ses.mu.Lock()
	defer ses.mu.Unlock()
	return ses.secured.out.cm == nil
}

// program is what a station sends: sound every 20 ms, a picture every 40 ms.
type program struct {
	video, audio *media.Track
	gop          int           // pictures from key frame to key frame; 0: only the first is one
	key, delta   int           // sizes in bytes
	past         time.Duration // of media that is there before the program goes on live
	composition  func(i int) time.Duration
}

var ordinary = program{video: testVideo, audio: testOpus, gop: 25, key: 20_000, delta: 4000}

const (
	soundEvery   = 20 * time.Millisecond
	pictureEvery = 40 * time.Millisecond
)

// station publishes a program in real time.
type station struct {
	t   testing.TB
	p   *live.Publisher
	pr  program
	cut func() // stops sending, and waits until it has
	at  time.Duration
}

// broadcast publishes pr until the test, or cut, ends it.
func (r *room) broadcast(name live.Name, pr program) *station {
	r.t.Helper()
	p, err := r.hub.Publish(name, "test", "")
	if err != nil {
		r.t.Fatal(err)
	}
	p.Announce(pr.video, pr.audio)
	st := &station{t: r.t, p: p, pr: pr}
	began := time.Now().Add(-pr.past)
	for st.at < pr.past {
		st.send(began)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(soundEvery)
		defer tick.Stop()
		for {
			for time.Since(began) >= st.at {
				st.send(began)
			}
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	st.cut = sync.OnceFunc(func() { close(stop); <-done })
	r.t.Cleanup(st.cut)
	return st
}

// send writes what is due at st.at and moves on.
func (st *station) send(began time.Time) {
	// What is due arrives when it is written: on a busy machine that is late, and
	// to say otherwise would make it too old to be sent.
	arrived := began.Add(st.at)
	if now := time.Now(); st.at >= st.pr.past && now.After(arrived) {
		arrived = now
	}
	write := func(f *media.Frame) {
		f.Arrived = arrived.UnixNano()
		if err := st.p.Write(f); err != nil && st.p.Err() == nil {
			st.t.Errorf("write: %v", err)
		}
	}
	if st.pr.audio != nil {
		write(sound(st.pr.audio, st.at))
	}
	if i := int(st.at / pictureEvery); st.pr.video != nil && st.at%pictureEvery == 0 {
		size, key := st.pr.delta, i == 0 || st.pr.gop > 0 && i%st.pr.gop == 0
		if key {
			size = st.pr.key
		}
		f := picture(st.at, key, size)
		f.Track = st.pr.video
		if st.pr.composition != nil {
			f.PTS += media.Time(st.pr.composition(i))
		}
		write(f)
	}
	st.at += soundEvery
}

// off ends the publication; the stream lingers.
func (st *station) off() {
	st.cut()
	st.p.Close(reason.ClosedByPeer)
}
