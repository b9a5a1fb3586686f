package srt

import (
	"github.com/prometheus/client_golang/prometheus"
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
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_srt_connections", Help: "Open SRT connections, those being decided on included."}),
		publishers:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "millrace_srt_publishers", Help: "SRT connections that publish."}),
		received:    prometheus.NewCounter(prometheus.CounterOpts{Name: "millrace_srt_received_bytes_total", Help: "Bytes of MPEG-TS received in time."}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_srt_closed_total", Help: "SRT connections that ended or were refused, by reason.",
		}, []string{"reason"}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_srt_dropped_total", Help: "What publishers sent and was passed over, and timestamps moved, by reason.",
		}, []string{"reason"}),
	}
	reg.MustRegister(m.connections, m.publishers, m.received, m.closed, m.dropped)
	return m
}
