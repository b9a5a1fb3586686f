package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/live"
)

// streamCollector shows the hub's state as metrics.
type streamCollector struct{ hub *live.Hub }

var (
	streamsDesc = prometheus.NewDesc("millrace_streams", "Streams, by whether somebody publishes them now and by variant.",
		[]string{"publishing", "variant"}, nil)
	readersDesc = prometheus.NewDesc("millrace_readers", "Readers of all streams, by variant.", []string{"variant"}, nil)
)

// Describe implements prometheus.Collector.
func (c streamCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- streamsDesc
	ch <- readersDesc
}

// Collect implements prometheus.Collector.
func (c streamCollector) Collect(ch chan<- prometheus.Metric) {
	type key struct{ publishing, variant string }
	streams, readers := map[key]int{}, map[string]int{}
	for _, s := range c.hub.Stats() {
		k := key{"no", "source"}
		if s.Publishing {
			k.publishing = "yes"
		}
		if s.Name.Variant != "" {
			k.variant = s.Name.Variant
		}
		streams[k]++
		readers[k.variant] += s.Readers
	}
	for k, n := range streams {
		ch <- prometheus.MustNewConstMetric(streamsDesc, prometheus.GaugeValue, float64(n), k.publishing, k.variant)
	}
	for v, n := range readers {
		ch <- prometheus.MustNewConstMetric(readersDesc, prometheus.GaugeValue, float64(n), v)
	}
}
