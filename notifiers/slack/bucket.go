package slack

import "time"

// bucket is a token bucket: one token each interval, at most burst of them.
// It is not safe for concurrent use.
type bucket struct {
	interval time.Duration
	burst    float64
	tokens   float64
	at       time.Time
}

func newBucket(interval time.Duration, burst float64) *bucket {
	return &bucket{interval: interval, burst: burst, tokens: burst}
}

// wait returns how long it takes until there is a token; 0: there is one now.
func (b *bucket) wait(now time.Time) time.Duration {
	if !b.at.IsZero() && now.After(b.at) {
		b.tokens = min(b.burst, b.tokens+float64(now.Sub(b.at))/float64(b.interval))
	}
	b.at = now
	if b.tokens >= 1 {
		return 0
	}
	return time.Duration((1-b.tokens)*float64(b.interval)) + time.Nanosecond
}

// take spends a token that wait said is there.
func (b *bucket) take() { b.tokens-- }
