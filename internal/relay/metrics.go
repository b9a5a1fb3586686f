package relay

import (
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/reason"
)

// Metrics are the figures of all pulls and pushes together.
type Metrics struct {
	pulls, pushes             prometheus.Gauge
	pullsClosed, pushesClosed *prometheus.CounterVec // by proto, reason
	received, sent            *prometheus.CounterVec // by proto
	dropped, skipped          *prometheus.CounterVec // by reason
}

// NewMetrics registers the figures with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
		reg.MustRegister(g)
		return g
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		reg.MustRegister(c)
		return c
	}
	return &Metrics{
		pulls:        gauge("millrace_pulls", "Streams that come from other servers now."),
		pushes:       gauge("millrace_pushes", "Streams that go to other servers now, once per target."),
		pullsClosed:  counter("millrace_pull_closed_total", "Connections to sources that ended or did not come about, by reason.", "proto", "reason"),
		pushesClosed: counter("millrace_push_closed_total", "Connections to targets that ended or did not come about, by reason.", "proto", "reason"),
		received:     counter("millrace_pull_media_bytes_total", "Bytes of frames that came from sources.", "proto"),
		sent:         counter("millrace_push_media_bytes_total", "Bytes of frames that went to targets.", "proto"),
		dropped:      counter("millrace_pull_dropped_total", "What sources sent and was passed over, and timestamps moved.", "reason"),
		skipped:      counter("millrace_push_skipped_frames_total", "Frames that a target was not sent.", "reason"),
	}
}

func (m *Metrics) drop(why reason.Reason) { m.dropped.WithLabelValues(string(why)).Inc() }
