package report

import (
	"math"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

func TestNumbers(t *testing.T) {
	is := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	is(Number(0), "0")
	is(Number(0.2), "fewer than 1")
	is(Number(1), "1")
	is(Number(999.4), "999")
	is(Number(999.6), "1,000")
	is(Number(1234), "1,200")
	is(Number(41234), "41,000")
	is(Number(412345), "410,000")
	is(Number(999999), "1 million")
	is(Number(3.21e6), "3.2 million")
	is(Number(1.5e9), "1.5 billion")
	is(Number(7e12), "7 trillion")
	is(Number(-1), "none")
	is(Number(math.NaN()), "an unknown number")

	is(Percent(0), "0%")
	is(Percent(0.032), "3.2%")
	is(Percent(0.00041), "0.041%")
	is(Percent(1e-9), "under 0.0001%")
	is(Percent(0.5), "50%")
	is(Percent(0.9), "90%")
	is(Percent(0.99894), "99.89%")
	is(Percent(0.99999999999), "99.999999999%")
	is(Percent(1-1e-14), "over 99.9999%")
	is(Percent(1), "100%")
	is(Percent(-0.12), "−12%")
	is(Percent(math.Inf(1)), "unknown")

	is(Target(0.999), "99.9%")
	is(Target(0.9995), "99.95%")
	is(Target(0.99999), "99.999%")
	is(Target(0.95), "95%")

	is(Achieved(0.9994, 0.999), "99.94%")
	is(Achieved(0.998996, 0.999), "99.8996%")
	is(Achieved(0.999, 0.999), "99.9%")
	is(Achieved(0.9, 0.999), "90%")
	is(Achieved(0.31, 0.999), "31%")
	is(Achieved(1, 0.999), "100%")

	is(Allowed(32.04), "32 times what the target allows")
	is(Allowed(1400), "1,400 times what the target allows")
	is(Allowed(1.02), "as much as the target allows")
	is(Allowed(0.132), "13% of what the target allows")
	is(Allowed(0.001), "under 1% of what the target allows")

	is(Budget(0.41), "41%")
	is(Budget(1), "100%")
	is(Budget(0.998), "over 99%")
	is(Budget(0.002), "under 1%")
	is(Budget(0), "spent")
	is(Budget(-0.12), "overspent by 12%")
	is(Budget(-31), "overspent 32 times")
	is(Budget(math.NaN()), "unknown")

	is(Length(28*24*time.Hour), "28d")
	is(Length(90*time.Minute), "1h30m")
	is(Length(time.Hour), "1h")
	is(Length(10*time.Minute), "10m")
	is(Length(90*time.Second), "1m30s")
}

func TestFailed(t *testing.T) {
	var availability rules.Objective
	latency := rules.Objective{SLI: rules.SLI{ErrorQuery: `sum(rate(a_count[5m])) - sum(rate(a_bucket{le="0.5"}[5m]))`}}
	ratio := rules.Objective{SLI: rules.SLI{ErrorRatioQuery: "1 - avg(up)"}}
	for _, test := range []struct {
		o          rules.Objective
		bad, total float64
		want       string
	}{
		{availability, 41234, 3.2e6, "about 41,000 of 3.2 million requests failed"},
		{availability, 12, 3.21e6, "12 of about 3.2 million requests failed"},
		{availability, 12, 100, "12 of 100 requests failed"},
		{availability, 1, 1, "1 of 1 request failed"},
		{availability, 0, 3.21e6, "none of about 3.2 million requests failed"},
		{availability, 0, 0, "nothing was counted"},
		{latency, 41234, 3.2e6, "about 41,000 of 3.2 million requests were too slow"},
		{latency, 1, 20, "1 of 20 requests was too slow"},
		{ratio, 7200, 7 * 86400, "about 120 minutes of about 168 hours were bad"},
		{ratio, 30, 600, "about 30 seconds of about 10 minutes were bad"},
		{ratio, 0, 7 * 86400, "none of about 168 hours was bad"},
	} {
		if got := Failed(test.o, test.bad, test.total); got != test.want {
			t.Errorf("Failed(%v, %v) = %q, want %q", test.bad, test.total, got, test.want)
		}
	}
}

func TestDates(t *testing.T) {
	for week, want := range map[string]string{
		"2026-W47": "16 to 22 November 2026",
		"2026-W40": "28 September to 4 October 2026",
		"2026-W01": "29 December 2025 to 4 January 2026",
		"2026-11":  "November 2026",
		"2026-Q4":  "1 October to 31 December 2026",
	} {
		p, err := Parse(week, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatalf("Parse: %v", err)
		}
		if got := p.Dates(); got != want {
			t.Errorf("%s is %q, want %q", week, got, want)
		}
	}
}
