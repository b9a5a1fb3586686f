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
	closed      *prometheus.CounterVec // by reason
	dropped     *prometheus.CounterVec // by reason
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
	}
	reg.MustRegister(m.connections, m.publishers, m.received, m.closed, m.dropped)
	return m
}

func (m *Metrics) drop(why reason.Reason) { m.dropped.WithLabelValues(string(why)).Inc() }
