package signal

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"millrace/internal/catalog"
	"millrace/internal/reason"
)

// Metrics of the room. Label values of "reason" are those of package reason.
type Metrics struct {
	pending  prometheus.Gauge
	answered *prometheus.CounterVec
	refused  *prometheus.CounterVec
	silent   *prometheus.CounterVec
	// of publishers
	published  *prometheus.CounterVec
	turnedAway *prometheus.CounterVec
	restarts   *prometheus.CounterVec

	seconds *prometheus.HistogramVec
}

// NewMetrics registers the room's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		pending: f.NewGauge(prometheus.GaugeOpts{Name: "millrace_signal_pending_requests",
			Help: "Offers being worked on."}),
		answered: f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_signal_answered_total",
			Help: "Offers of viewers that were answered with a session."}, []string{"proto"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_signal_refused_total",
			Help: "Requests that were refused, by reason, but for those of publishers."}, []string{"proto", "reason"}),
		silent: f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_signal_silent_total",
			Help: "Answers without the sound that was asked for and that the stream has, by reason."}, []string{"proto", "reason"}),
		published: f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_signal_published_total",
			Help: "Offers of publishers that were answered with a session."}, []string{"proto"}),
		turnedAway: f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_signal_publish_refused_total",
			Help: "Requests of publishers that were refused, by reason."}, []string{"proto", "reason"}),
		restarts: f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_signal_ice_restarts_total",
			Help: "ICE restarts that were granted."}, []string{"proto"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{Name: "millrace_signal_answer_seconds",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5},
			Help:    "From the read offer to its answer, where a session was made."}, []string{"proto"}),
	}
}

func (m *Metrics) answer(q request, took time.Duration) {
	to := m.answered
	if q.publish {
		to = m.published
	}
	to.WithLabelValues(string(q.Protocol)).Inc()
	m.seconds.WithLabelValues(string(q.Protocol)).Observe(took.Seconds())
}

func (m *Metrics) refuse(q request, why reason.Reason) {
	to := m.refused
	if q.publish {
		to = m.turnedAway
	}
	to.WithLabelValues(string(q.Protocol), string(why)).Inc()
}

func (m *Metrics) mute(p catalog.Protocol, why reason.Reason) {
	m.silent.WithLabelValues(string(p), string(why)).Inc()
}
