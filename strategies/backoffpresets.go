package strategies

import "time"

// Presets returns the rules of real clients, traps included. What a library leaves to its user (which
// failures, in cenkalti and Polly) is the table of Reply.Retryable.
func (b *Backoff) Presets() []Preset {
	preset := func(name, about, source string, edit func(b *Backoff)) Preset {
		return Preset{Name: name, About: about, Source: source, New: func() Strategy {
			made := &Backoff{Preset: name, Factor: 2, Advice: "ignore", RetryAfter: "ignore", Clients: 1}
			edit(made)
			return made
		}}
	}
	percent := func(kind JitterKind, percent float64) Jitter { return Jitter{Kind: kind, Percent: percent} }
	exponential := func(b *Backoff, tries int, base, cap time.Duration, j Jitter) {
		b.Tries, b.Base, b.Cap, b.Jitter = tries, base, cap, j
	}
	return []Preset{
		preset("seed", "5 tries, waits 1, 2, 4, 8 s +10 %; Retry-After is not read", "the source articles", func(b *Backoff) {
			exponential(b, 5, time.Second, 30*time.Second, percent(JitterAdded, 10))
		}),
		preset("openai", "3 tries, 0.5 s doubling to 8 s -25 %; Retry-After exactly, above 120 s it gives up; x-should-retry",
			"openai-go v3.95.0 internal/requestconfig", func(b *Backoff) {
				exponential(b, 3, time.Second/2, 8*time.Second, percent(JitterTaken, 25))
				// An attempt that ran out of its own limit is not made again.
				b.RetryOn = retryOn("408", "409", "429", "5xx", "connection")
				b.Advice, b.RetryAfter, b.RetryAfterMax = "obey", "exact", 120*time.Second
			}),
		preset("anthropic", "3 tries, 0.5 s doubling to 8 s -25 %; Retry-After exactly, however long; x-should-retry",
			"anthropic-sdk-go v1.84.0 internal/requestconfig", func(b *Backoff) {
				exponential(b, 3, time.Second/2, 8*time.Second, percent(JitterTaken, 25))
				b.RetryOn = retryOn("408", "409", "429", "5xx", "connection", "timeout")
				b.Advice, b.RetryAfter = "obey", "exact"
			}),
		preset("aws", "3 tries, waits U(0, 2^a) s for a = 1, 2, .. 4, then 20 s flat; a quota of retries",
			"aws-sdk-go-v2 v1.47.6 aws/retry", func(b *Backoff) {
				exponential(b, 3, 2*time.Second, 20*time.Second, Jitter{Kind: JitterBelowCap})
				b.RetryOn = retryOn("429", "500", "502", "503", "504", "connection", "timeout")
				b.Budget = Budget{NewAWSBudget()}
			}),
		preset("aws-2026", "3 tries, 50 ms (after a 429: 1 s) doubling to 20 s, full jitter; x-amz-retry-after adds up to 5 s; a quota of retries",
			"aws-sdk-go-v2 v1.47.6 aws/retry with AWS_NEW_RETRIES_2026=true", func(b *Backoff) {
				exponential(b, 3, 50*time.Millisecond, 20*time.Second, Jitter{Kind: JitterFull})
				b.ThrottledBase = time.Second
				b.RetryOn = retryOn("429", "500", "502", "503", "504", "connection", "timeout")
				b.RetryAfter, b.RetryAfterMax = "clamp", 5*time.Second
				b.Budget = Budget{NewAWS2026Budget()}
			}),
		preset("grpc", "4 tries, 0.1 s doubling to 1 s +-20 %; pushback exactly, which restarts the waits", "grpc/proposal A6; grpc-go v1.85.0 stream.go", func(b *Backoff) {
			exponential(b, 4, 100*time.Millisecond, time.Second, percent(JitterAround, 20))
			// UNAVAILABLE, by gRPC's table of HTTP statuses.
			b.RetryOn = retryOn("429", "502", "503", "504", "connection")
			b.Advice, b.RetryAfter, b.RetryAfterRestarts = "obey", "exact", true
		}),
		preset("retryablehttp", "5 tries, 1 s doubling to 30 s without jitter; Retry-After of 429 and 503 exactly, however long", "go-retryablehttp v0.7.8 client.go", func(b *Backoff) {
			exponential(b, 5, time.Second, 30*time.Second, Jitter{})
			b.RetryOn = retryOn("429", "5xx", "-501", "connection", "timeout")
			b.RetryAfter, b.RetryAfterOn = "exact", retryOn("429", "503")
		}),
		preset("cenkalti", "for 15 min, 0.5 s growing by half to 60 s +-50 %; a Retry-After is waited exactly and restarts the waits", "cenkalti/backoff v5.0.3", func(b *Backoff) {
			exponential(b, 0, time.Second/2, time.Minute, percent(JitterAround, 50))
			b.Elapsed, b.Factor = 15*time.Minute, 1.5
			b.RetryAfter, b.RetryAfterRestarts = "exact", true
		}),
		preset("failsafe", "3 tries at once; Retry-After of 429 and 503, to which its jitter applies", "failsafe-go v0.9.8 failsafehttp, retrypolicy", func(b *Backoff) {
			exponential(b, 3, 0, 0, Jitter{})
			b.RetryOn = retryOn("429", "5xx", "-501", "connection", "timeout")
			b.RetryAfter, b.RetryAfterOn = "jittered", retryOn("429", "503")
		}),
		preset("polly", "4 tries, 2 s between them, no jitter", "Polly v8, RetryStrategyOptions", func(b *Backoff) {
			exponential(b, 4, 2*time.Second, 0, Jitter{})
			b.Factor = 1
		}),
		preset("python-backoff", "5 tries, waits U(0, 2^n) s without a cap; only a 503 is tried again", "litl/backoff expo with full_jitter, as the source articles use it", func(b *Backoff) {
			exponential(b, 5, time.Second, 0, Jitter{Kind: JitterFull})
			b.RetryOn = retryOn("503")
		}),
		preset("urllib3", "4 tries, waits 0, 2, 4 s; Retry-After of 413, 429 and 503, at most 6 h; a POST is not tried again", "urllib3 v2 util/retry.py, with the source articles' total 3, backoff_factor 1 and statuses", func(b *Backoff) {
			exponential(b, 4, time.Second, 120*time.Second, Jitter{})
			b.AtOnce, b.OnlyIdempotent = true, true
			b.RetryOn = retryOn("502", "503", "504", "connection", "timeout")
			b.RetryAfter, b.RetryAfterOn, b.RetryAfterMax = "capped", retryOn("413", "429", "503"), 6*time.Hour
		}),
	}
}
