package backend

import (
	"math"
	"time"
)

// The decisions of the Kubernetes HorizontalPodAutoscaler as functions of plain values, after
// pkg/controller/podautoscaler/replica_calculator.go (Kubernetes 1.33): GetResourceReplicas, groupPods,
// GetExternalPerPodMetricReplicas. How a wish becomes a step is in hpastep.go.

// Defaults of the kube-controller-manager.
const (
	hpaEvery          = 15 * time.Second // --horizontal-pod-autoscaler-sync-period
	hpaTolerance      = 0.1              // --horizontal-pod-autoscaler-tolerance
	hpaInitialisation = 5 * time.Minute  // --horizontal-pod-autoscaler-cpu-initialization-period
	hpaReadinessDelay = 30 * time.Second // --horizontal-pod-autoscaler-initial-readiness-delay
)

// A pod is what the autoscaler knows of a replica that is neither gone nor being taken away.
type pod struct {
	pending bool          // its containers do not run yet
	ready   bool          // it takes calls
	started time.Duration // when it was made
	changed time.Duration // when it last became ready, or ceased to be
	sample  reading       // what was last measured of it
}

// A reading is a busy share measured at a time, as the mean over a window that ends then. A window of
// 0 is no reading.
type reading struct {
	busy   float64 // 0 to 1
	at     time.Duration
	window time.Duration
}

// unready reports whether the pod's sample says nothing yet: until initialisation has passed, if the
// pod is not ready, or was not for the whole window of the sample; afterwards, if it has never been
// ready. The last is read, as Kubernetes reads it, off a readiness that last changed just after the start.
func (p *pod) unready(now, initialisation, readinessDelay time.Duration) bool {
	if p.started+initialisation > now {
		return !p.ready || p.sample.at < p.changed+p.sample.window
	}
	return !p.ready && p.started+readinessDelay > p.changed
}

// A census is pods in the groups that the calculation knows.
type census struct {
	measured []float64 // samples of those that count
	missing  int       // without a sample
	unready  int       // pending, or with a sample that says nothing yet
}

func groupPods(pods []pod, now, initialisation, readinessDelay time.Duration) census {
	var c census
	for i := range pods {
		p := &pods[i]
		switch {
		case p.pending:
			c.unready++
		case p.sample.window == 0:
			c.missing++
		case p.unready(now, initialisation, readinessDelay):
			c.unready++
		default:
			c.measured = append(c.measured, p.sample.busy)
		}
	}
	return c
}

// byUtilisation returns how many pods bring the mean busy share to target, and false if nothing was
// measured. Missing pods count as idle where that holds growth back, and as busy where that holds
// shrinking back; unready ones as idle where more are wanted, and not at all where fewer are.
func byUtilisation(current int, c census, target, tolerance float64) (int, bool) {
	if len(c.measured) == 0 {
		return 0, false
	}
	total, n := 0.0, len(c.measured)
	for _, busy := range c.measured {
		total += busy
	}
	ratio := usageRatio(total, n, target)
	grow := c.unready > 0 && ratio > 1
	if !grow && c.missing == 0 {
		if within(ratio, tolerance) {
			return current, true
		}
		return ceil(ratio * float64(n)), true
	}
	switch {
	case ratio < 1:
		total += float64(c.missing) * max(1, target)
		n += c.missing
	case ratio > 1:
		n += c.missing
	}
	if grow {
		n += c.unready
	}
	again := usageRatio(total, n, target)
	if within(again, tolerance) || ratio < 1 && again > 1 || ratio > 1 && again < 1 {
		return current, true
	}
	wanted := ceil(again * float64(n))
	if again < 1 && wanted > current || again > 1 && wanted < current {
		return current, true
	}
	return wanted, true
}

// usageRatio is the mean of n busy shares over target, both in whole percent as in Kubernetes
// (metrics/utilization.go).
func usageRatio(total float64, n int, target float64) float64 {
	return math.Floor(100*total/float64(n)+1e-9) / math.Round(100*target)
}

// byAverage returns how many pods bring total, a level of the whole service, to target a pod: an
// External metric with an AverageValue. Pods that are not ready count as well.
func byAverage(current int, total, target, tolerance float64) int {
	if within(total/(target*float64(current)), tolerance) {
		return current
	}
	return ceil(total / target)
}

func within(ratio, tolerance float64) bool { return 1-tolerance <= ratio && ratio <= 1+tolerance }

// ceil returns the number of pods that x asks for.
func ceil(x float64) int { return int(math.Ceil(min(x, math.MaxInt32))) }
