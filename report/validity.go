package report

import "slices"

const maxSamples = 20 // raw errors kept as examples

// add makes v the health of both: counts add up, lags and shares are the worst.
func (v *Validity) add(u *Validity) {
	v.Planned += u.Planned
	v.Sent += u.Sent
	v.Unsent += u.Unsent
	v.Cut += u.Cut
	v.Blocked += u.Blocked
	v.StartLagP50MS = worst(v.StartLagP50MS, u.StartLagP50MS)
	v.StartLagP99MS = worst(v.StartLagP99MS, u.StartLagP99MS)
	v.StartLagMaxMS = worst(v.StartLagMaxMS, u.StartLagMaxMS)
	v.CPUSeconds += u.CPUSeconds
	v.CPUShare = max(v.CPUShare, u.CPUShare)
	v.GCPauseMS += u.GCPauseMS
	v.PeakGoroutines = max(v.PeakGoroutines, u.PeakGoroutines)
	v.NewConnections += u.NewConnections
	v.TransportRetries += u.TransportRetries
	if len(u.Errors) > 0 && v.Errors == nil {
		v.Errors = make(map[string]int, len(u.Errors))
	}
	for class, n := range u.Errors {
		v.Errors[class] += n
	}
	v.Samples = union(v.Samples, u.Samples, maxSamples)
	v.Problems = union(v.Problems, u.Problems, len(v.Problems)+len(u.Problems))
}

// worst is the larger of two figures of which either may be missing.
func worst(a, b *float64) *float64 {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}

// union adds to a what of b it does not hold, up to most in all.
func union(a, b []string, most int) []string {
	for _, s := range b {
		if len(a) < most && !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}
