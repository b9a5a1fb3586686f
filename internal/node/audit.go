package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"millrace/internal/catalog"
)

// auditCollector shows how large the audit log is.
type auditCollector struct{ size *catalog.AuditSize }

var (
	auditBytesDesc   = prometheus.NewDesc("millrace_audit_bytes", "Size of the log of who changed the catalog.", nil, nil)
	auditDroppedDesc = prometheus.NewDesc("millrace_audit_dropped_total", "Writes of that log that were dropped because it was too large.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c auditCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- auditBytesDesc
	ch <- auditDroppedDesc
}

// Collect implements prometheus.Collector.
func (c auditCollector) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(auditBytesDesc, prometheus.GaugeValue, float64(c.size.Bytes.Load()))
	ch <- prometheus.MustNewConstMetric(auditDroppedDesc, prometheus.CounterValue, float64(c.size.Dropped.Load()))
}
