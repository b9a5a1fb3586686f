package rtmp

import (
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/reason"
)

// Metrics are the figures of all connections together.
type Metrics struct {
	connections prometheus.Gauge
	publishers  prometheus.Gauge
	received    prometheus.Counter
	closed      *prometheus.CounterVec   // by reason
	dropped     *prometheus.CounterVec   // by reason
	players     *prometheus.GaugeVec     // by proto
	sent        *prometheus.CounterVec   // by proto
	first       *prometheus.HistogramVec // by proto
	skipped     *prometheus.CounterVec   // by reason
}

// NewMetrics registers the figures with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_rtmp_connections", Help: "Open RTMP connections."}),
		publishers:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_rtmp_publishers", Help: "RTMP connections that publish."}),
		received:    prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_rtmp_received_bytes_total", Help: "Bytes received in RTMP chunks."}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_rtmp_closed_total", Help: "RTMP connections that ended or were refused, by reason.",
		}, []string{"reason"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_rtmp_dropped_total", Help: "Messages passed over and timestamps moved, by reason.",
		}, []string{"reason"}),
		players: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "millrace_rtmp_players", Help: "RTMP connections that play.",
		}, []string{"proto"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_rtmp_sent_bytes_total", Help: "Bytes of media written to players.",
		}, []string{"proto"}),
		first: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "millrace_rtmp_first_frame_seconds", Help: "Connection to the end of the first write of media, which holds what was cached.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"proto"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_rtmp_skipped_frames_total", Help: "Frames that a player, or a whole stream, was not sent.",
		}, []string{"reason"}),
	}
	reg.MustRegister(m.connections, m.publishers, m.received, m.closed, m.dropped, m.players, m.sent, m.first, m.skipped)
	return m
}

func (m *Metrics) drop(why reason.Reason) { m.dropped.WithLabelValues(string(why)).Inc() }

func (m *Metrics) skip(why reason.Reason, frames uint64) {
	m.skipped.WithLabelValues(string(why)).Add(float64(frames))
}
