package inbox

import (
	"errors"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

func TestPostingRate(t *testing.T) {
	d := open(t, func(o *Options) { o.Unlimited = false })
	post := func(channel string) error {
		_, _, err := d.client.PostMessageContext(t.Context(), channel, saying("hello"))
		return err
	}
	for i := range 10 {
		if err := post("oncall"); err != nil {
			t.Fatalf("message %d of a short burst: %v", i+1, err)
		}
	}
	var limited *slack.RateLimitedError
	if err := post("#oncall"); !errors.As(err, &limited) || limited.RetryAfter != time.Second {
		t.Fatalf("the 11th message: %v", err)
	}
	if err := post("other"); err != nil {
		t.Errorf("another channel is held up: %v", err)
	}
	d.clock.pass(time.Second)
	if err := post("oncall"); err != nil {
		t.Errorf("a second later: %v", err)
	}
	if err := post("oncall"); !errors.As(err, &limited) {
		t.Errorf("at once after that: %v", err)
	}
	if got := len(d.messages(t, "oncall")); got != 11 {
		t.Errorf("%d messages arrived, want 11", got)
	}
}

func TestRates(t *testing.T) {
	at := newClock().now()
	allowed := func(method string, channels ...string) int {
		r, n := newRates(), 0
		for ; n < 10_000; n++ {
			if r.take(method, channels[n%len(channels)], at) > 0 {
				return n
			}
		}
		return n
	}
	check := func(method string, want int, channels ...string) {
		t.Helper()
		if got := allowed(method, append(channels, "c")...); got != want {
			t.Errorf("%s may be called %d times at once, want %d", method, got, want)
		}
	}
	check("chat.postMessage", 10)
	check("chat.update", 50)
	check("chat.postEphemeral", 100)
	check("conversations.list", 20)
	check("conversations.history", 50)
	var many []string
	for c := 'a'; c < 'z'; c++ {
		many = append(many, string(c)+string(c))
	}
	check("chat.postMessage", 100, many...) // The workspace's own limit.

	r := newRates()
	for range 50 {
		r.take("chat.update", "", at)
	}
	if wait := r.take("chat.update", "", at); wait != 1200*time.Millisecond {
		t.Errorf("the 51st update waits %v", wait)
	}
	if wait := r.take("chat.update", "", at.Add(1200*time.Millisecond)); wait != 0 {
		t.Errorf("after the wait it waits %v", wait)
	}
	if wait := r.take("chat.update", "", at); wait == 0 { // A clock that goes back gives nothing away.
		t.Error("a clock that went back filled the bucket")
	}
}

func TestFaults(t *testing.T) {
	d := open(t)
	d.Fail("chat.postMessage", RateLimited(1500*time.Millisecond), Broken(503), Refused("channel_not_found"), Fault{}, Lost(), Fault{Error: "cant_post", Times: 2})
	d.Fail("*", Refused("fatal_error"))
	post := func() error {
		_, _, err := d.client.PostMessageContext(t.Context(), "oncall", saying("hello"))
		return err
	}
	var limited *slack.RateLimitedError
	if err := post(); !errors.As(err, &limited) || limited.RetryAfter != 2*time.Second {
		t.Errorf("rate limited: %v", err)
	}
	var status slack.StatusCodeError
	if err := post(); !errors.As(err, &status) || status.Code != 503 {
		t.Errorf("broken: %v", err)
	}
	if err := post(); word(err) != "channel_not_found" {
		t.Errorf("refused: %v", err)
	}
	if got := len(d.messages(t, "oncall")); got != 0 {
		t.Errorf("%d messages arrived in spite of faults", got)
	}
	if err := post(); err != nil {
		t.Errorf("no fault: %v", err)
	}
	if err := post(); !errors.As(err, &status) || status.Code != 504 {
		t.Errorf("lost: %v", err)
	}
	if got := len(d.messages(t, "oncall")); got != 2 {
		t.Errorf("%d messages arrived, want the one that went well and the one whose answer was lost", got)
	}
	for range 2 {
		if err := post(); word(err) != "cant_post" {
			t.Errorf("twice: %v", err)
		}
	}
	if err := post(); word(err) != "fatal_error" {
		t.Errorf("any method: %v", err)
	}
	if err := post(); err != nil {
		t.Errorf("all faults are over: %v", err)
	}
	d.Fail("chat.postMessage", Fault{Status: 500, Times: -1})
	for range 3 {
		if err := post(); !errors.As(err, &status) {
			t.Errorf("for ever: %v", err)
		}
	}
	d.Heal()
	if err := post(); err != nil {
		t.Errorf("healed: %v", err)
	}
}

func TestSlow(t *testing.T) {
	d := open(t)
	d.Fail("auth.test", Slow(30*time.Millisecond))
	start := time.Now()
	if _, err := d.client.AuthTestContext(t.Context()); err != nil || time.Since(start) < 30*time.Millisecond {
		t.Errorf("slow: %v after %v", err, time.Since(start))
	}
}
