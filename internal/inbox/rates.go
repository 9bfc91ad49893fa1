package inbox

import (
	"math"
	"sync"
	"time"
)

// rate is a token bucket's size and speed.
type rate struct {
	burst     float64
	perMinute float64
}

// Slack's rates. Posting has its own: about one message a second and channel with short bursts, and several hundred a
// minute in the workspace. Every other method belongs to a tier of so many calls a minute; see
// https://docs.slack.dev/apis/web-api/rate-limits. How large a burst may be is not documented.
func rateOf(method string) rate {
	switch method {
	case "conversations.list", "usergroups.list", "usergroups.users.list", "users.list":
		return rate{burst: 20, perMinute: 20} // tier 2
	case "chat.update", "chat.delete", "conversations.history", "conversations.replies", "conversations.info",
		"conversations.join", "files.delete", "reactions.add", "reactions.remove":
		return rate{burst: 50, perMinute: 50} // tier 3
	case "chat.postEphemeral", "files.completeUploadExternal", "files.getUploadURLExternal", "files.info",
		"users.info", "views.open", "views.push", "views.update":
		return rate{burst: 100, perMinute: 100} // tier 4
	default:
		return workspaceRate()
	}
}

func channelRate() rate   { return rate{burst: 10, perMinute: 60} }
func workspaceRate() rate { return rate{burst: 100, perMinute: 300} }

type bucket struct {
	tokens float64
	at     time.Time
}

// rates counts calls. A nil *rates allows everything.
type rates struct {
	mu      sync.Mutex
	buckets map[string]bucket
}

func newRates() *rates { return &rates{buckets: map[string]bucket{}} }

// take allows a call at that time, or says how long to wait. A refused call costs nothing.
func (r *rates) take(method, channel string, at time.Time) time.Duration {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	keys, limits := []string{method}, []rate{rateOf(method)}
	if method == "chat.postMessage" {
		keys, limits = append(keys, method+" "+channelName(channel)), append(limits, channelRate())
	}
	var wait time.Duration
	after := make([]bucket, len(keys))
	for i, key := range keys {
		after[i] = r.buckets[key].refill(limits[i], at)
		if missing := 1 - after[i].tokens; missing > 1e-9 {
			wait = max(wait, time.Duration(missing/limits[i].perMinute*float64(time.Minute)))
		}
		after[i].tokens--
	}
	if wait > 0 {
		return wait
	}
	for i, key := range keys {
		r.buckets[key] = after[i]
	}
	return 0
}

func (b bucket) refill(limit rate, at time.Time) bucket {
	if b.at.IsZero() {
		return bucket{tokens: limit.burst, at: at}
	}
	b.tokens = math.Min(limit.burst, b.tokens+max(0, at.Sub(b.at).Minutes())*limit.perMinute)
	b.at = at
	return b
}
