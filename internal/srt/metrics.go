package srt

import (
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/reason"
)

// Metrics are the figures of all connections together.
type Metrics struct {
	connections prometheus.Gauge
	publishers  prometheus.Gauge
	players     prometheus.Gauge
	received    prometheus.Counter
	sent        prometheus.Counter
	first       prometheus.Histogram
	closed      *prometheus.CounterVec // by reason
	dropped     *prometheus.CounterVec // by reason
	skipped     *prometheus.CounterVec // by reason
}

// NewMetrics registers the figures with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_srt_connections", Help: "Open SRT connections, those being decided on included."}),
		publishers:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_srt_publishers", Help: "SRT connections that publish."}),
		received:    prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_srt_received_bytes_total", Help: "Bytes of MPEG-TS received in time."}),
		players:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_srt_players", Help: "SRT connections that play."}),
		sent:        prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_srt_sent_bytes_total", Help: "Bytes of MPEG-TS sent to viewers, repeats not counted."}),
		first: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "millrace_srt_first_byte_seconds", Help: "Handshake to the end of the first write, which holds what was cached.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_srt_skipped_frames_total", Help: "Frames that a viewer, or a whole stream, was not sent.",
		}, []string{"reason"}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_srt_closed_total", Help: "SRT connections that ended or were refused, by reason.",
		}, []string{"reason"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_srt_dropped_total", Help: "What publishers sent and was passed over, and timestamps moved, by reason.",
		}, []string{"reason"}),
	}
	reg.MustRegister(m.connections, m.publishers, m.players, m.received, m.sent, m.first, m.closed, m.dropped, m.skipped)
	return m
}

func (m *Metrics) skip(why reason.Reason, frames uint64) {
	m.skipped.WithLabelValues(string(why)).Add(float64(frames))
}
