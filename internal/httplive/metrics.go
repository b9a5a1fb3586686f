package httplive

import (
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

// Metrics are the figures of this package.
type Metrics struct {
	viewers   *prometheus.GaugeVec     // proto
	bytes     *prometheus.CounterVec   // proto
	skipped   *prometheus.CounterVec   // reason
	closes    *prometheus.CounterVec   // proto, reason
	refusals  *prometheus.CounterVec   // proto, reason
	firstByte *prometheus.HistogramVec // proto
}

// NewMetrics registers the figures with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		viewers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "millrace_httplive_viewers", Help: "Viewers being served.",
		}, []string{"proto"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_httplive_sent_bytes_total", Help: "FLV bytes written to viewers.",
		}, []string{"proto"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_httplive_skipped_frames_total", Help: "Frames that a viewer, or a whole stream, was not sent.",
		}, []string{"reason"}),
		closes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_httplive_closes_total", Help: "Ends of viewers.",
		}, []string{"proto", "reason"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_httplive_refusals_total", Help: "Requests that were refused.",
		}, []string{"proto", "reason"}),
		firstByte: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "millrace_httplive_first_byte_seconds", Help: "Request to the end of the first write, which holds what was cached.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"proto"}),
	}
	reg.MustRegister(m.viewers, m.bytes, m.skipped, m.closes, m.refusals, m.firstByte)
	return m
}

func (m *Metrics) refused(p catalog.Protocol, why reason.Reason) {
	m.refusals.WithLabelValues(string(p), string(why)).Inc()
}

func (m *Metrics) skip(why reason.Reason, frames uint64) {
	m.skipped.WithLabelValues(string(why)).Add(float64(frames))
}
