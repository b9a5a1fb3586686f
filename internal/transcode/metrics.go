package transcode

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/reason"
)

// Metrics are the figures of all variants together.
type Metrics struct {
	variants *prometheus.GaugeVec
	packets  prometheus.Counter
	drops    *prometheus.CounterVec
	busy     prometheus.Counter
}

// NewMetrics registers the package's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		variants: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "millrace_transcode_variants",
			Help: "Variants that run now, by how their sound is made.",
		}, []string{"path"}),
		packets: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "millrace_transcode_packets_total",
			Help: "Packets of sound encoded.",
		}),
		drops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_transcode_drops_total",
			Help: "Sound that was not converted, in source frames; for timestamp_jump and lost, the gaps.",
		}, []string{"reason"}),
		busy: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "millrace_transcode_busy_seconds_total",
			Help: "Time spent converting sound in process.",
		}),
	}
	reg.MustRegister(m.variants, m.packets, m.drops, m.busy)
	return m
}

// counts are the totals of one variant, for its closing line. Adding to them
// adds to the metrics. One goroutine at a time uses them.
type counts struct {
	metrics             *Metrics
	frames, made        uint64
	failed, jumps, gone uint64
}

func (c *counts) packet() { c.made++; c.metrics.packets.Inc() }

// concealed counts a frame that could not be decoded.
func (c *counts) concealed() { c.failed++; c.drop(reason.DecodeFailed) }

// jumped counts a gap in the stamps.
func (c *counts) jumped() { c.jumps++; c.drop(reason.TimestampJump) }

// late counts a frame that came after what was put in its place.
func (c *counts) late() { c.drop(reason.Late) }

// missed counts sound that never came.
func (c *counts) missed() { c.drop(reason.Lost) }

// lost counts a packet that the encoder refused.
func (c *counts) lost() { c.gone++; c.drop(reason.Internal) }

// unheard counts a frame that never came to a decoder.
func (c *counts) unheard(why reason.Reason) { c.gone++; c.drop(why) }

func (c *counts) drop(why reason.Reason) {
	c.metrics.drops.WithLabelValues(string(why)).Inc()
}

func (c *counts) worked(since time.Time) { c.metrics.busy.Add(time.Since(since).Seconds()) }
