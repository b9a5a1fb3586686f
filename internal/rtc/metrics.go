package rtc

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics of the room. Label values of "reason" are those of package reason,
// those of "kind" stand in server.go, those
// of "fate" in repeats.go.
type Metrics struct {
	Sessions     prometheus.Gauge
	Closed       *prometheus.CounterVec
	Packets      prometheus.Counter
	Bytes        prometheus.Counter
	SendCalls    prometheus.Counter
	Drops        *prometheus.CounterVec
	NACKed       prometheus.Counter
	Resent       prometheus.Counter
	Redundant    prometheus.Counter
	Repairs      [fates]prometheus.Counter // by fate
	PLI          prometheus.Counter
	Forward      prometheus.Histogram
	AgeAtSend    prometheus.Histogram
	FirstPacket  prometheus.Histogram
	CaptureDelay prometheus.Histogram
	BadDatagrams *prometheus.CounterVec

	// From publishers.
	Received      prometheus.Counter
	ReceivedBytes prometheus.Counter
	Unforwarded   *prometheus.CounterVec
	Asked         prometheus.Counter
	Recovered     prometheus.Counter
	Lost          prometheus.Counter
	Wanted        prometheus.Counter
}

// NewMetrics registers the room's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	fine := []float64{.0002, .0005, .001, .0015, .002, .003, .005, .01, .02, .04, .1, .3, 1, 3}
	repairs := f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_rtc_repairs_total",
		Help: "Packets that viewers asked for again, by what became of them, and packets sent again unasked (feedback, copy, tail, double)."}, []string{"fate"})
	m := &Metrics{
		Sessions: f.NewGauge(prometheus.GaugeOpts{Name: "millrace_rtc_sessions",
			Help: "WebRTC sessions, connected or connecting."}),
		Closed: f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_rtc_closed_total",
			Help: "Ended sessions by reason."}, []string{"reason"}),
		Packets: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_packets_sent_total",
			Help: "RTP and RTCP packets sent to viewers."}),
		Bytes: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_bytes_sent_total",
			Help: "Bytes of those, without UDP and IP headers."}),
		SendCalls: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_send_calls_total",
			Help: "System calls that sent them."}),
		Drops: f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_rtc_packets_dropped_total",
			Help: "Packets not sent to a viewer, by reason."}, []string{"reason"}),
		NACKed: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_packets_nacked_total",
			Help: "Packets that viewers asked for again."}),
		Resent: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_packets_resent_total",
			Help: "Packets that were sent again, asked or unasked."}),
		Redundant: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_redundant_packets_total",
			Help: "Packets of Opus sent with those before them (RED)."}),
		PLI: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_key_frame_requests_total",
			Help: "PLI and FIR of viewers."}),
		Forward: f.NewHistogram(prometheus.HistogramOpts{Name: "millrace_rtc_forward_seconds", Buckets: fine,
			Help: "From a picture's arrival (of a stream without pictures, a sound's) to its send to a shard's last viewer; of a batch, the oldest's."}),
		AgeAtSend: f.NewHistogram(prometheus.HistogramOpts{Name: "millrace_rtc_age_at_send_seconds", Buckets: fine,
			Help: "Age of the oldest packet of a batch when its shard begins to send it."}),
		FirstPacket: f.NewHistogram(prometheus.HistogramOpts{Name: "millrace_rtc_first_packet_seconds",
			Buckets: []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
			Help:    "From the answered offer to the first media packet."}),
		CaptureDelay: f.NewHistogram(prometheus.HistogramOpts{Name: "millrace_rtc_capture_to_send_seconds",
			Buckets: []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
			Help:    "From a frame's capture, true or estimated, to its send."}),
		BadDatagrams: f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_rtc_datagrams_refused_total",
			Help: "Received datagrams that were not acted on, by what was wrong with them."}, []string{"kind"}),
		Received: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_ingest_packets_total",
			Help: "Authentic RTP packets of publishers, with repeats and padding."}),
		ReceivedBytes: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_ingest_bytes_total",
			Help: "Bytes of those, without UDP and IP headers."}),
		Unforwarded: f.NewCounterVec(prometheus.CounterOpts{Name: "millrace_rtc_ingest_packets_dropped_total",
			Help: "Packets of publishers that are no part of their streams, by reason; timestamp_jump counts events."}, []string{"reason"}),
		Asked: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_ingest_nacks_total",
			Help: "Packets that publishers were asked to send again."}),
		Recovered: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_ingest_recovered_total",
			Help: "Packets that came after they had been asked for."}),
		Lost: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_ingest_lost_total",
			Help: "Packets of publishers that never came."}),
		Wanted: f.NewCounter(prometheus.CounterOpts{Name: "millrace_rtc_ingest_key_frame_requests_total",
			Help: "PLI and FIR sent to publishers."}),
	}
	for i, word := range fateWords {
		m.Repairs[i] = repairs.WithLabelValues(word)
	}
	return m
}
