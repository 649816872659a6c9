package serve

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/headroom-dev/headroom/sim/backend"
)

// metricsHandler serves a registry of the server's own, in the text format 0.0.4.
func (s *Server) metricsHandler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(s))
	serve := promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Accept") // it would choose among formats
		serve.ServeHTTP(w, r)
	})
}

// A collector reads everything in one turn, so that the figures of one scrape belong together.
type collector struct {
	server *Server
	rows   []row
}

// A row is one metric: its name and how its series are read.
type row struct {
	desc *prometheus.Desc
	read func(s *Server, d *prometheus.Desc, emit func(prometheus.Metric))
}

func newCollector(s *Server) *collector {
	c := &collector{server: s}
	engines := []string{"model_name", "engine"}
	for _, m := range engineMetrics {
		c.add(m.name, m.help, engines, m.read)
	}
	for _, m := range serviceMetrics {
		c.add(m.name, m.help, m.labels, m.read)
	}
	return c
}

func (c *collector) add(name, help string, labels []string, read func(*Server, *prometheus.Desc, func(prometheus.Metric))) {
	c.rows = append(c.rows, row{prometheus.NewDesc(name, help, labels, nil), read})
}

// Describe is of prometheus.Collector.
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, r := range c.rows {
		descs <- r.desc
	}
}

// Collect is of prometheus.Collector. The channel is filled after the turn: its reader may be slow.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	var all []prometheus.Metric
	c.server.wall.Do(func() {
		for _, r := range c.rows {
			r.read(c.server, r.desc, func(m prometheus.Metric) { all = append(all, m) })
		}
	})
	for _, m := range all {
		metrics <- m
	}
}

type reader func(s *Server, d *prometheus.Desc, emit func(prometheus.Metric))

// ofEngines reads a number of each engine. A dead one keeps its counters and has no level.
func ofEngines(kind prometheus.ValueType, value func(*engine) float64) reader {
	return func(s *Server, d *prometheus.Desc, emit func(prometheus.Metric)) {
		for _, e := range s.engines {
			if e.dead && kind == prometheus.GaugeValue {
				continue
			}
			emit(prometheus.MustNewConstMetric(d, kind, value(e), s.model, strconv.Itoa(e.id)))
		}
	}
}

// histogramOf reads a histogram of each engine.
func histogramOf(pick func(*engine) *histogram) reader {
	return func(s *Server, d *prometheus.Desc, emit func(prometheus.Metric)) {
		for _, e := range s.engines {
			emit(constant(d, pick(e), s.model, strconv.Itoa(e.id)))
		}
	}
}

func constant(d *prometheus.Desc, h *histogram, labels ...string) prometheus.Metric {
	total, upTo := h.cumulated()
	return prometheus.MustNewConstHistogram(d, total, h.sum, upTo, labels...)
}

func counted(pick func(c *backend.Counters) int64) reader {
	return ofEngines(prometheus.CounterValue, func(e *engine) float64 {
		c := e.counters()
		return float64(pick(&c))
	})
}

func level(value func(*engine) float64) reader { return ofEngines(prometheus.GaugeValue, value) }

// one reads a single number of the whole service.
func one(kind prometheus.ValueType, value func(*Server) float64) reader {
	return func(s *Server, d *prometheus.Desc, emit func(prometheus.Metric)) {
		emit(prometheus.MustNewConstMetric(d, kind, value(s)))
	}
}
