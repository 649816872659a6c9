package strategies

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/headroom-dev/headroom/sim"
)

// ReadHead returns what the head of an answer says, as every strategy sees it: outcome and status, and of
// a failure how long the service wants to be left alone and whether to try again at all. now is the
// time on the calendar, for the dates of Retry-After.
//
// Simulated services say the same by the fields of their Reply, so this is the one place where a real
// service's words become a Reply.
func ReadHead(status int, h http.Header, now time.Time) sim.Reply {
	reply := sim.Reply{Outcome: sim.OutcomeOf(status), Status: status}
	if status < 300 {
		return reply
	}
	reply.RetryAfter, reply.Retry = retryAfter(h, now), shouldRetry(h)
	if pushback := h["Grpc-Retry-Pushback-Ms"]; len(pushback) > 0 {
		// A wish that is no number, or there twice, means that no retry is wanted (gRFC A6).
		ms, err := strconv.Atoi(pushback[0])
		if len(pushback) > 1 || err != nil || ms < 0 {
			reply.RetryAfter, reply.Retry = 0, sim.DoNot
		} else {
			reply.RetryAfter = lasting(float64(ms), time.Millisecond)
		}
	}
	return reply
}

// retryAfter reads how long the service wants to be left alone, from the first of these that says it:
//
//	retry-after-ms      milliseconds (OpenAI, Azure)
//	Retry-After         seconds, of which there may be a fraction, or a date (RFC 9110, 10.2.3)
//	x-amz-retry-after   milliseconds (AWS)
//
// A date that has passed is no wait. What is negative or no number says nothing. A number that is too
// large for a Duration is Forever: longer than any maximum, and not the same as nothing
// (openai-go v3.95.0, internal/requestconfig).
func retryAfter(h http.Header, now time.Time) time.Duration {
	if wish, ok := wished(h.Get("Retry-After-Ms"), time.Millisecond); ok {
		return wish
	}
	text := h.Get("Retry-After")
	if wish, ok := wished(text, time.Second); ok {
		return wish
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, date.Sub(now)) // Sub saturates
	}
	wish, _ := wished(h.Get("X-Amz-Retry-After"), time.Millisecond)
	return wish
}

// wished reads so many units of time, and reports whether the text says a time at all.
func wished(text string, unit time.Duration) (time.Duration, bool) {
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) || !(n >= 0) { // NaN is not
		return 0, false
	}
	return lasting(n, unit), true
}

// lasting returns n units, at least 0; Forever if there are too many.
func lasting(n float64, unit time.Duration) time.Duration { return duration(n * float64(unit)) }

// shouldRetry reads what the service says of trying again, as the clients of OpenAI and Anthropic do.
func shouldRetry(h http.Header) sim.Advice {
	switch h.Get("X-Should-Retry") {
	case "true":
		return sim.Do
	case "false":
		return sim.DoNot
	}
	return sim.Unsaid
}

// SpentCredit reports whether a 429 is about money and not about rate: its body says insufficient_quota,
// as those of OpenAI's API do. No wait mends that.
func SpentCredit(status int, body []byte) bool {
	if status != http.StatusTooManyRequests || len(body) == 0 {
		return false
	}
	var said struct {
		Error struct {
			Type string `json:"type"`
			Code any    `json:"code"` // text or a number
		} `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil {
		return false
	}
	return said.Error.Type == "insufficient_quota" || said.Error.Code == "insufficient_quota"
}
