package backend

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The cases of kubernetes/kubernetes pkg/controller/podautoscaler/replica_calculator_test.go
// (v1.33) that are about utilisation. Levels are thousandths of a CPU, each pod asking for one; a pod
// without a level has no sample. There cpu-initialization-period is 2 min and initial-readiness-delay 10 s.
func TestHPAUtilisation(t *testing.T) {
	const now, initialisation, delay = time.Hour, 2 * time.Minute, 10 * time.Second
	cool := pod{ready: true, started: now - 10*time.Minute, changed: now - 10*time.Minute}
	never := pod{started: now - 10*time.Minute, changed: now - 10*time.Minute} // not ready, and never was
	hot := pod{ready: true, started: now - time.Minute, changed: now - time.Second}
	pending := pod{pending: true, started: now}
	for _, row := range []struct {
		name    string // of the test there, less its prefix
		pods    []pod
		levels  []float64 // of the first pods
		target  float64
		current int
		want    int
	}{
		{"ScaleUp", []pod{cool, cool, cool}, []float64{300, 500, 700}, 0.3, 3, 5},
		{"ScaleUpUnreadyLessScale", []pod{never, cool, cool}, []float64{300, 500, 700}, 0.3, 3, 4},
		{"ScaleUpHotCpuLessScale", []pod{hot, cool, cool}, []float64{300, 500, 700}, 0.3, 3, 4},
		{"ScaleUpUnreadyNoScale", []pod{cool, never, never}, []float64{400, 500, 700}, 0.3, 3, 3},
		{"ScaleHotCpuNoScale", []pod{cool, hot, hot}, []float64{400, 500, 700}, 0.3, 3, 3},
		{"ScaleUpIgnoresFailedPods", []pod{cool, cool}, []float64{500, 700}, 0.3, 2, 4},
		{"ScaleDown", []pod{cool, cool, cool, cool, cool}, []float64{100, 300, 500, 250, 250}, 0.5, 5, 3},
		{"ScaleDownIncludeUnreadyPods", []pod{cool, cool, cool, never, never}, []float64{100, 300, 500, 250, 250}, 0.5, 5, 2},
		{"ScaleDownExcludeUnscheduledPods", []pod{cool, pending, pending, pending, pending}, []float64{100}, 0.5, 5, 1},
		{"ScaleDownIgnoreHotCpuPods", []pod{cool, cool, cool, hot, hot}, []float64{100, 300, 500, 250, 250}, 0.5, 5, 2},
		{"Tolerance", []pod{cool, cool, cool}, []float64{1010, 1030, 1020}, 1, 3, 3},
		{"MissingMetrics", []pod{cool, cool, cool, cool}, []float64{400, 95}, 1, 4, 3},
		{"MissingMetricsNoChangeEq", []pod{cool, cool}, []float64{1000}, 1, 2, 2},
		{"MissingMetricsNoChangeGt", []pod{cool, cool}, []float64{1900}, 1, 2, 2},
		{"MissingMetricsNoChangeLt", []pod{cool, cool}, []float64{600}, 1, 2, 2},
		{"MissingMetricsUnreadyChange", []pod{never, cool, cool}, []float64{100, 450}, 0.5, 3, 3},
		{"MissingMetricsHotCpuNoChange", []pod{hot, cool, cool}, []float64{100, 450}, 0.5, 3, 3},
		{"MissingMetricsUnreadyScaleUp", []pod{never, cool, cool}, []float64{100, 2000}, 0.5, 3, 4},
		{"MissingMetricsHotCpuScaleUp", []pod{hot, cool, cool}, []float64{100, 2000}, 0.5, 3, 4},
		{"MissingMetricsUnreadyScaleDown", []pod{never, cool, cool, cool}, []float64{100, 100, 100}, 0.5, 4, 3},
		{"DuringRollingUpdateWithMaxSurge", []pod{cool, cool, cool}, []float64{100, 100}, 0.5, 2, 2},
		// Ten pods at half of what they ask for; a target of 56 % is just outside the tolerance, one of 55 % inside.
		{"ComputedToleranceAlgImplementation", repeated(cool, 10), levels(500, 10), 0.56, 10, 9},
		{"ComputedToleranceAlgImplementation, inside", repeated(cool, 10), levels(500, 10), 0.55, 10, 10},
	} {
		t.Run(row.name, func(t *testing.T) {
			pods := append([]pod(nil), row.pods...)
			for i, level := range row.levels {
				pods[i].sample = reading{busy: level / 1000, at: now, window: time.Minute}
			}
			got, ok := byUtilisation(row.current, groupPods(pods, now, initialisation, delay), row.target, 0.1)
			if !ok || got != row.want {
				t.Errorf("got %d, %v, want %d", got, ok, row.want)
			}
		})
	}
	if _, ok := byUtilisation(4, groupPods([]pod{cool, cool, cool, cool}, now, initialisation, delay), 1, 0.1); ok {
		t.Error("EmptyMetrics: got an answer without a single sample")
	}
}

func repeated(p pod, n int) (all []pod) {
	for range n {
		all = append(all, p)
	}
	return all
}

func levels(level float64, n int) (all []float64) {
	for range n {
		all = append(all, level)
	}
	return all
}

// TestGroupPods of the same file.
func TestHPAGroups(t *testing.T) {
	const now, initialisation, delay = time.Hour, 2 * time.Minute, 10 * time.Second
	const minute, second = time.Minute, time.Second
	sampled := func(age, window time.Duration) reading { return reading{busy: 1, at: now - age, window: window} }
	for _, row := range []struct {
		name                     string
		pod                      pod
		counted, missing, unread int
	}{
		{"a ready pod with fresh metrics during initialisation",
			pod{ready: true, started: now - minute, changed: now - 30*second, sample: sampled(0, 30*second)}, 1, 0, 0},
		{"a ready pod without fresh metrics during initialisation",
			pod{ready: true, started: now - minute, changed: now - 30*second, sample: sampled(0, 60*second)}, 0, 0, 1},
		{"an unready pod during initialisation",
			pod{started: now - 10*minute, changed: now - 9*minute - 54*second, sample: sampled(0, second)}, 0, 0, 1},
		{"a ready pod without fresh metrics after initialisation",
			pod{ready: true, started: now - 3*minute, changed: now - 3*minute, sample: sampled(2*minute, minute)}, 1, 0, 0},
		{"an unready pod that was ready, after initialisation",
			pod{started: now - 10*minute, changed: now - 9*minute, sample: sampled(0, second)}, 1, 0, 0},
		{"a pod that has never been ready, after initialisation",
			pod{started: now - 10*minute, changed: now - 9*minute - 50*second - time.Millisecond, sample: sampled(0, second)}, 0, 0, 1},
		{"a missing pod", pod{ready: true, started: now - 3*minute, changed: now - 3*minute}, 0, 1, 0},
		{"a pending pod", pod{pending: true, started: now}, 0, 0, 1},
	} {
		c := groupPods([]pod{row.pod}, now, initialisation, delay)
		got := [3]int{len(c.measured), c.missing, c.unready}
		same(t, row.name, got, [3]int{row.counted, row.missing, row.unread})
	}
}

// External metrics with an AverageValue: the PerPodCMExternal cases of replica_calculator_test.go, and
// those of the object metrics that share the code.
func TestHPAAverage(t *testing.T) {
	for _, row := range []struct {
		name          string
		current       int
		total, target float64
		want          int
	}{
		{"ScaleUpPerPodCMExternal", 3, 8600, 2150, 4},
		{"ScaleUpCMPerPodObject", 3, 20000, 5000, 4},
		{"ScaleDownPerPodCMExternal", 5, 8600, 2867, 3},
		{"ScaleDownPerPodCMObject", 5, 6000, 2000, 3},
		{"TolerancePerPodCMExternal", 3, 8600, 2900, 3},
		{"TolerancePerPodCMObject", 4, 20166, 5000, 4},
	} {
		if got := byAverage(row.current, row.total, row.target, 0.1); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
}

// spread are changes of so many pods, evenly over the last `over`, as generateEventsUniformDistribution.
func spread(now, over time.Duration, pods ...int) (all []change) {
	for i, n := range pods {
		all = append(all, change{now - over + time.Duration(float64(over)*(0.5+float64(i))/float64(len(pods))), n})
	}
	return all
}

// The table of TestScalingWithRules in horizontal_test.go (v1.33), the last column of which is what
// convertDesiredReplicasWithBehaviorRate returns. Policies are pods, their period, percent, theirs.
func TestHPALimits(t *testing.T) {
	const now = time.Hour
	rules := func(pods, podsPer, percent, percentPer int) direction {
		var d direction
		if pods > 0 {
			d.policies = append(d.policies, policy{pods: pods, period: time.Duration(podsPer) * time.Second})
		}
		if percent > 0 {
			d.policies = append(d.policies, policy{percent: percent, period: time.Duration(percentPer) * time.Second})
		}
		return d
	}
	defaults := (&Behavior{}).filled(t).pace()
	events := func(over int, pods ...int) []change { return spread(now, time.Duration(over)*time.Second, pods...) }
	for _, row := range []struct {
		name            string
		up, down        direction
		added, gone     []change
		least, most     int
		current, wanted int
		want            int
	}{
		{"scaleUpLimit < maxReplicas", rules(0, 0, 1, 60), direction{}, nil, nil, 3, 8, 3, 7, 4},
		{"scaleDownLimit > minReplicas", direction{}, rules(20, 60, 0, 0), nil, nil, 3, 2000, 1000, 3, 980},
		{"scaleUp with default behavior", defaults.up, defaults.down, nil, nil, 1, 1000, 10, 50, 20},
		{"pods policy larger than percent policy", rules(100, 60, 100, 60), direction{}, nil, nil, 1, 1000, 10, 500, 110},
		{"percent policy larger than pods policy", rules(2, 60, 100, 60), direction{}, nil, nil, 1, 1000, 10, 500, 20},
		{"large pod policy", rules(100, 60, 0, 0), direction{}, nil, nil, 1, 1000, 10, 50, 50},
		{"pod policy limitation", rules(30, 60, 0, 0), direction{}, nil, nil, 1, 1000, 10, 50, 40},
		{"percent policy limitation", rules(0, 0, 200, 60), direction{}, nil, nil, 1, 1000, 10, 50, 30},
		{"down, pod policy larger", direction{}, rules(20, 60, 1, 60), nil, nil, 1, 1000, 100, 2, 80},
		{"down, percent smaller than pods", direction{}, rules(2, 60, 1, 60), nil, nil, 1, 1000, 100, 2, 98},
		{"down, large pod policy, to min", direction{}, rules(100, 60, 0, 0), nil, nil, 1, 1000, 10, 0, 1},
		{"down, large percent policy, to min", direction{}, rules(0, 0, 100, 60), nil, nil, 5, 1000, 10, 2, 5},
		{"down, pod policy limitation", direction{}, rules(5, 60, 0, 0), nil, nil, 1, 1000, 10, 2, 5},
		{"down, percent policy limitation", direction{}, rules(0, 0, 50, 60), nil, nil, 1, 1000, 10, 5, 5},
		{"up to max in spite of events", rules(300, 60, 0, 0), direction{}, events(120, 1, 5, 9), nil, 1, 200, 100, 500, 200},
		{"up, percent, to max in spite of events", rules(0, 0, 10000, 60), direction{}, events(120, 1, 5, 9), nil, 1, 200, 100, 500, 200},
		{"a lot of recent scale up events", rules(5, 120, 0, 0), direction{}, events(120, 1, 5, 9), nil, 1, 1000, 100, 500, 100},
		{"up, pods, previous events", rules(150, 120, 0, 0), direction{}, events(120, 1, 5, 9), nil, 1, 1000, 100, 500, 235},
		{"up, percent, previous events", rules(0, 0, 200, 120), direction{}, events(120, 1, 5, 9), nil, 1, 1000, 100, 500, 255},
		{"down with default policy and events", defaults.up, defaults.down, nil, events(120, 1, 5, 9), 1, 1000, 10, 5, 5},
		{"down, pods, to min, events", direction{}, rules(115, 120, 0, 0), nil, events(120, 1, 5, 9), 1, 1000, 100, 0, 1},
		{"down, pods, to min 5, events", direction{}, rules(130, 120, 0, 0), nil, events(120, 1, 5, 9), 5, 1000, 100, 0, 5},
		{"down, percent, to min, events", direction{}, rules(0, 0, 100, 120), nil, events(120, 1, 5, 9), 5, 1000, 100, 2, 5},
		{"down, pods, held up by events", direction{}, rules(5, 120, 0, 0), nil, events(120, 1, 5, 9), 1, 1000, 100, 2, 100},
		{"down, percent, events", direction{}, rules(0, 0, 50, 120), nil, events(120, 2, 4, 6), 1, 1000, 100, 0, 56},
		{"down, percent, held up by events", direction{}, rules(0, 0, 10, 120), nil, events(120, 10, 10, 10), 1, 1000, 100, 0, 100},
		{"down, below zero", direction{}, rules(0, 0, 1000, 120), nil, events(120, 10, 10, 10), 1, 1000, 10, 5, 5},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := history{added: row.added, gone: row.gone}
			got := h.decide(now, row.current, row.wanted, row.least, row.most, pace{rules: true, up: row.up, down: row.down})
			if got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}

// filled returns the behavior with its defaults.
func (b *Behavior) filled(t *testing.T) *Behavior {
	t.Helper()
	s := Service{Model: tenSeconds(), Replicas: 1, Autoscale: &Autoscale{Max: 9, Signals: []Signal{{Waiting: 1}}, Behavior: b}}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHPASelect(t *testing.T) {
	const now = time.Hour
	policies := []policy{{pods: 4, period: time.Minute}, {percent: 50, period: time.Minute}}
	for _, row := range []struct {
		choose   string
		up, down int // from 20, to as many and as few as possible
	}{
		{chooseMax, 30, 10}, {chooseMin, 24, 16}, {chooseDisabled, 20, 20},
	} {
		d := direction{choose: row.choose, policies: policies}
		p := pace{rules: true, up: d, down: d}
		same(t, row.choose, [2]int{limited(now, 20, 999, nil, nil, p), limited(now, 20, 0, nil, nil, p)}, [2]int{row.up, row.down})
	}
}

// The cases of TestNormalizeDesiredReplicasWithBehavior in horizontal_test.go (v1.33).
func TestHPAStabilisation(t *testing.T) {
	const now = time.Hour
	ago := func(minutes int, pods int) recommendation {
		return recommendation{now - time.Duration(minutes)*time.Minute, pods}
	}
	for _, row := range []struct {
		name            string
		before          []recommendation
		current, wanted int
		up, down        time.Duration
		want            int
	}{
		{"empty, down", nil, 100, 5, 0, 0, 5},
		{"simple scale down stabilization", []recommendation{ago(2, 4), ago(1, 5)}, 100, 3, 0, 3 * time.Minute, 5},
		{"simple scale up stabilization", []recommendation{ago(2, 4), ago(1, 5)}, 1, 7, 5 * time.Minute, 0, 4},
		{"no scale down stabilization", []recommendation{ago(2, 1), ago(1, 2)}, 100, 3, 5 * time.Minute, 0, 3},
		{"no scale up stabilization", []recommendation{ago(2, 4), ago(1, 5)}, 1, 3, 0, 5 * time.Minute, 3},
		{"obsolete, down", []recommendation{ago(10, 10), ago(9, 9)}, 100, 3, 0, 0, 3},
		{"obsolete, up", []recommendation{ago(10, 10), ago(9, 9)}, 1, 100, 0, 0, 100},
		{"one obsolete, down", []recommendation{ago(10, 10), ago(1, 4), ago(2, 5), ago(9, 9)}, 100, 3, 0, 3 * time.Minute, 5},
		{"one obsolete, up", []recommendation{ago(100, 10), ago(1, 6), ago(2, 5), ago(3, 9)}, 1, 100, 5 * time.Minute, 0, 5},
	} {
		if got := stabilise(now, row.current, row.wanted, row.before, row.up, row.down); got != row.want {
			t.Errorf("%s: got %d, want %d", row.name, got, row.want)
		}
	}
}

// Without `behavior`: convertDesiredReplicasWithRules and stabilizeRecommendation.
func TestHPAWithoutBehavior(t *testing.T) {
	h := history{longestWindow: hpaOldest}
	steps := []struct {
		at              time.Duration
		current, wanted int
		want            int
	}{
		{0, 3, 7, 6},                  // at most max(2 x 3, 4)
		{15 * time.Second, 1, 9, 4},   // at most 4
		{30 * time.Second, 6, 2, 9},   // 9 was wanted in the last 5 min
		{5 * time.Minute, 9, 2, 9},    // 285 s ago
		{315 * time.Second, 9, 2, 9},  // exactly 300 s ago
		{330 * time.Second, 9, 3, 3},  // forgotten
		{345 * time.Second, 3, 50, 6}, //
		{360 * time.Second, 6, 50, 10},
	}
	for _, s := range steps {
		if got := h.decide(s.at, s.current, s.wanted, 1, 10, pace{}); got != s.want {
			t.Errorf("at %v from %d, wanting %d: got %d, want %d", s.at, s.current, s.wanted, got, s.want)
		}
	}
	if n := len(h.wanted); n > 6 {
		t.Errorf("got %d wishes kept, want those of 5 min", n)
	}
}

// A decision lies between least and most, and never goes against the wish while both are inside.
func TestHPADecisionIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		choose := rapid.SampledFrom([]string{chooseMax, chooseMin, chooseDisabled})
		draw := func(name string) direction {
			d := direction{choose: choose.Draw(t, name), window: time.Duration(rapid.IntRange(0, 600).Draw(t, name)) * time.Second}
			for range rapid.IntRange(0, 3).Draw(t, name) {
				one := policy{period: time.Duration(rapid.IntRange(1, 600).Draw(t, name)) * time.Second}
				if n := rapid.IntRange(1, 200).Draw(t, name); rapid.Bool().Draw(t, name) {
					one.pods = n
				} else {
					one.percent = n
				}
				d.policies = append(d.policies, one)
			}
			return d
		}
		p := pace{rules: rapid.Bool().Draw(t, "rules"), up: draw("up"), down: draw("down")}
		least := rapid.IntRange(1, 20).Draw(t, "least")
		most := least + rapid.IntRange(0, 200).Draw(t, "more")
		current := rapid.IntRange(least, most).Draw(t, "current")
		h := history{longestWindow: p.longest()}
		h.remember(recommendation{0, current})
		now := time.Duration(0)
		for range rapid.IntRange(1, 40).Draw(t, "rounds") {
			now += 15 * time.Second
			to := h.decide(now, current, rapid.IntRange(0, 300).Draw(t, "wanted"), least, most, p)
			if to < least || to > most {
				t.Fatalf("got %d, want %d to %d", to, least, most)
			}
			if p.rules && (p.up.choose == chooseDisabled && to > current || p.down.choose == chooseDisabled && to < current) {
				t.Fatalf("from %d to %d where that direction is disabled", current, to)
			}
			h.carriedOut(now, current, to)
			current = to
		}
	})
}

// How soon 100 pods of 10 calls/s are ready after a step to 1,000/s from 12 pods, with samples that
// have no age, as measured on an independent reference of these rules: a saturated utilisation signal
// gives a ratio of at most 1.25, and pods that start count as idle, so it grows 1.25-fold a start-up.
func TestHPASaturatedSignalIsSlow(t *testing.T) {
	for _, row := range []struct {
		signal  string
		startUp time.Duration
		want    float64 // seconds
	}{
		{"utilisation", 30 * time.Second, 314}, {"utilisation", 120 * time.Second, 1214},
		{"inflight", 30 * time.Second, 89}, {"inflight", 120 * time.Second, 179},
	} {
		t.Run(fmt.Sprint(row.signal, " ", row.startUp), func(t *testing.T) {
			got := hundredPods(row.signal, row.startUp)
			if math.Abs(got-row.want) > 30 {
				t.Errorf("100 pods ready after %.0f s, want %.0f s within 30 s", got, row.want)
			}
		})
	}
}

// hundredPods runs the rules against a fluid load.
func hundredPods(signal string, startUp time.Duration) float64 {
	const load, capacity, step = 1000.0, 10.0, time.Second // the step comes 1 s after a decision
	p := pace{rules: true, up: direction{policies: []policy{{pods: 4, period: hpaEvery}, {percent: 100, period: hpaEvery}}},
		down: direction{window: hpaOldest, policies: []policy{{percent: 100, period: hpaEvery}}}}
	h := history{longestWindow: p.longest()}
	pods := repeated(pod{ready: true, started: longAgo, changed: longAgo}, 12)
	backlog := 0.0
	for now := step; ; now += time.Second {
		ready := 0
		for i := range pods {
			one := &pods[i]
			if one.pending && now-one.started >= startUp {
				one.pending, one.ready, one.changed = false, true, now
			}
			if one.ready {
				ready++
			}
		}
		if ready >= 100 {
			return (now - step).Seconds()
		}
		backlog = max(0, backlog+load-capacity*float64(ready))
		if now%hpaEvery != 0 {
			continue
		}
		for i := range pods {
			pods[i].sample = reading{busy: min(1, load/capacity/float64(ready)), at: now, window: 1}
			if pods[i].changed == now {
				pods[i].sample.at++ // no age: it counts from the moment it is ready
			}
		}
		current := len(pods)
		wanted, _ := byUtilisation(current, groupPods(pods, now, hpaInitialisation, hpaReadinessDelay), 0.8, 0.1)
		if signal == "inflight" {
			wanted = byAverage(current, backlog+capacity*float64(ready), 8, 0.1)
		}
		to := h.decide(now, current, wanted, 1, 125, p)
		h.carriedOut(now, current, to)
		for range to - current {
			pods = append(pods, pod{pending: true, started: now, changed: now})
		}
	}
}
