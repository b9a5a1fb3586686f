package live

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"millrace/internal/media"
)

// Options configure a Hub. The zero value of a number or duration
// means its default.
type Options struct {
	// Linger is how long a stream waits for its publisher to come back. 10 s.
	Linger time.Duration
	// SupplyLinger is how long a supplied stream outlives its last reader, but for
	// one that has not begun yet: that has StartWait. 3 s.
	SupplyLinger time.Duration
	// TailBytes and TailAge bound what each of a stream's two logs keeps of its
	// tail, whatever the distance between key frames is; the age is that of
	// arrival. 64 MiB and 20 s.
	TailBytes int
	TailAge   time.Duration
	// TakeOver lets a new publisher replace one that is still sending. Without
	// it only one that has been silent for two seconds is replaced.
	TakeOver bool
	// NewPacketizer makes the Packetizer of one stream. Required before
	// anybody reads packets.
	NewPacketizer func() Packetizer
	// NewAssembler makes the Assembler of one stream, whose tracks are those
	// announced. Required before anybody reads frames of a publisher that
	// brings packets.
	NewAssembler func(video, audio *media.Track) Assembler
	Log          *slog.Logger
}

// Hub is the set of streams of one node.
type Hub struct {
	options   Options
	suppliers []Supplier
	published []func(Name)
	running   sync.WaitGroup // heralds and supplies

	mu      sync.Mutex
	streams map[Name]*stream
	// supplying holds, per name, the end of the newest Supply that has not
	// returned yet; its stream may be gone already.
	supplying map[Name]chan struct{}
	closed    bool
}

// NewHub returns an empty hub.
func NewHub(o Options) *Hub {
	if o.Linger == 0 {
		o.Linger = 10 * time.Second
	}
	if o.SupplyLinger == 0 {
		o.SupplyLinger = 3 * time.Second
	}
	if o.TailBytes == 0 {
		o.TailBytes = maxBytes
	}
	if o.TailAge == 0 {
		o.TailAge = maxAge
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Hub{options: o, streams: map[Name]*stream{}, supplying: map[Name]chan struct{}{}}
}

// AddSupplier registers s. It must be called before the hub is in use.
func (h *Hub) AddSupplier(s Supplier) { h.suppliers = append(h.suppliers, s) }

// OnPublish makes the hub call f for each publisher that comes, with the name of
// what it publishes; variants are left out. f must not block. OnPublish must be
// called before the hub is in use.
func (h *Hub) OnPublish(f func(n Name)) { h.published = append(h.published, f) }

// Publishing says whether somebody publishes n now.
func (h *Hub) Publishing(n Name) bool {
	h.mu.Lock()
	s := h.streams[n]
	h.mu.Unlock()
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publisher != nil
}

// Close ends all streams with ErrShutdown and waits until no goroutine of the
// hub is left.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	all := make([]*stream, 0, len(h.streams))
	for _, s := range h.streams {
		all = append(all, s)
	}
	h.mu.Unlock()
	for _, s := range all {
		s.end(ErrShutdown)
	}
	h.running.Wait()
}

// open returns the stream of a name, making it when make is set. The caller
// holds h.mu.
func (h *Hub) open(n Name, make bool) (*stream, error) {
	if h.closed {
		return nil, ErrShutdown
	}
	if s := h.streams[n]; s != nil || !make {
		return s, nil
	}
	s := newStream(h, n)
	h.streams[n] = s
	h.running.Go(s.herald)
	return s, nil
}

func (h *Hub) forget(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams[s.name] == s {
		delete(h.streams, s.name)
	}
}

// Publish makes the caller the publisher of n, which continues a lingering
// stream. It fails with ErrTaken while another publisher sends, unless
// Options.TakeOver is set; one that has been silent for two seconds is
// replaced. proto and remote are for logs.
func (h *Hub) Publish(n Name, proto, remote string) (*Publisher, error) {
	return h.publish(n, proto, remote, h.options.TakeOver)
}

func (h *Hub) publish(n Name, proto, remote string, takeOver bool) (*Publisher, error) {
	for {
		h.mu.Lock()
		s, err := h.open(n, true)
		h.mu.Unlock()
		if err != nil {
			return nil, fmt.Errorf("publish %s: %w", n, err)
		}
		p, err := s.takeOver(proto, remote, takeOver)
		if errors.Is(err, errGone) {
			h.forget(s)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("publish %s: %w", n, err)
		}
		return p, nil
	}
}

// Stat is a stream's state at one moment.
type Stat struct {
	Name         Name
	Publishing   bool
	Readers      int
	Video, Audio *media.Track
	// VideoRate and AudioRate are those of the publisher.
	VideoRate, AudioRate Rate
}

// Stats returns the state of every stream, in no order.
func (h *Hub) Stats() []Stat {
	h.mu.Lock()
	all := make([]*stream, 0, len(h.streams))
	for _, s := range h.streams {
		all = append(all, s)
	}
	h.mu.Unlock()
	stats := make([]Stat, 0, len(all))
	now := media.Now()
	for _, s := range all {
		s.mu.Lock()
		v := Stat{Name: s.name, Publishing: s.publisher != nil, Readers: s.readers, Video: s.video, Audio: s.audio}
		if s.publisher != nil {
			v.VideoRate, v.AudioRate = s.publisher.rates(now)
		}
		s.mu.Unlock()
		stats = append(stats, v)
	}
	return stats
}
