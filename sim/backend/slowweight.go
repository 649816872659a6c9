package backend

import "time"

// slowSeconds is how far back the mean response time looks.
const slowSeconds = 10

// A slowness is the response times of a replica's last 10 s, in buckets of a second.
type slowness struct {
	sums   [slowSeconds]time.Duration
	counts [slowSeconds]int64
	second int64 // the newest bucket's

	sum   time.Duration // of all buckets
	count int64
}

// add notes a response time.
func (s *slowness) add(now, took time.Duration) {
	s.advance(now)
	i := s.second % slowSeconds
	s.sums[i] += took
	s.counts[i]++
	s.sum += took
	s.count++
}

// above reports whether the mean lies above the limit. Without calls there is no mean: so a replica that
// gets none counts again after 10 s at most.
func (s *slowness) above(now, limit time.Duration) bool {
	s.advance(now)
	return s.count > 0 && s.sum > limit*time.Duration(s.count)
}

// advance empties the buckets of seconds that are too long ago.
func (s *slowness) advance(now time.Duration) {
	second := int64(max(now, 0) / time.Second)
	if second-s.second >= slowSeconds {
		*s = slowness{second: second}
		return
	}
	for s.second < second {
		s.second++
		i := s.second % slowSeconds
		s.sum -= s.sums[i]
		s.count -= s.counts[i]
		s.sums[i], s.counts[i] = 0, 0
	}
}
