package hls

import (
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

// Metrics are the figures of this package.
type Metrics struct {
	sessions  *prometheus.GaugeVec   // proto
	packagers *prometheus.GaugeVec   // container
	bytes     *prometheus.CounterVec // file
	skipped   *prometheus.CounterVec // reason
	closes    *prometheus.CounterVec // proto, reason
	refusals  *prometheus.CounterVec // file, reason
	waiting   prometheus.Gauge
}

// The kinds of files that are asked for, as label.
const (
	fileMultivariant = "multivariant"
	filePlaylist     = "playlist"
	fileMedia        = "media"
)

// NewMetrics registers the figures with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		sessions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "millrace_hls_viewers", Help: "Sessions that have asked for a playlist lately.",
		}, []string{"proto"}),
		packagers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "millrace_hls_packagers", Help: "Streams being packaged.",
		}, []string{"container"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_hls_sent_bytes_total", Help: "Bytes of answers, by what was asked for.",
		}, []string{"file"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_hls_skipped_frames_total", Help: "Frames that no segment holds.",
		}, []string{"reason"}),
		closes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_hls_closes_total", Help: "Ends of sessions.",
		}, []string{"proto", "reason"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "millrace_hls_refusals_total", Help: "Requests that were refused, by what was asked for.",
		}, []string{"file", "reason"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "millrace_hls_waiting_requests", Help: "Requests that wait for what is to come.",
		}),
	}
	reg.MustRegister(m.sessions, m.packagers, m.bytes, m.skipped, m.closes, m.refusals, m.waiting)
	return m
}

func (m *Metrics) skip(why reason.Reason, frames uint64) {
	m.skipped.WithLabelValues(string(why)).Add(float64(frames))
}

func (m *Metrics) closed(p catalog.Protocol, why reason.Reason) {
	m.sessions.WithLabelValues(string(p)).Dec()
	m.closes.WithLabelValues(string(p), string(why)).Inc()
}
