package rules

import (
	"strings"
	"testing"
)

func TestWindowed(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		query   string
		counter *bool
		want    string
	}{
		{`sum(rate(a[{{.window}}]))`, &no, `sum(rate(a[{{.window}}]))`},
		{`sum(rate(a{x="y"}[5m]))`, nil, `sum(rate(a{x="y"}[{{.window}}]))`},
		{`sum(rate(a[5m])) - sum( rate(b[1h] offset 5m) )`, nil, `sum(rate(a[{{.window}}])) - sum( rate(b[{{.window}}] offset 5m) )`},
		{`rate(a[5m])`, nil, `sum(rate(a[{{.window}}]))`},
		{`(increase(a[5m]))`, nil, `sum((increase(a[{{.window}}])))`},
		{`a`, &yes, `sum(rate(a[{{.window}}]))`},
		{`a{b=~"c|d"} # note`, &yes, `sum(rate(a{b=~"c|d"}[{{.window}}])) # note`},
		{`sum(a)`, &yes, `sum(rate(a[{{.window}}]))`},
		{`sum by (x) (a_total) - b_count`, nil, `sum by (x) (rate(a_total[{{.window}}])) - sum(rate(b_count[{{.window}}]))`},
		{`a offset 1h`, &yes, `sum(rate(a[{{.window}}] offset 1h))`},
		{`a`, &no, `sum(sum_over_time(a[{{.window}}]))`},
		{`a`, nil, `sum(sum_over_time(a[{{.window}}]))`},
		{`sum(ä_total{é="ü"}) + b_total`, nil, ""},
		{`sum_over_time((count(x < 0.5))[1h:])`, nil, `sum_over_time((count(x < 0.5))[{{.window}}:])`},
		{`sum(max_over_time(rate(x[5m])[1h:1m]))`, nil, `sum(max_over_time(rate(x[5m])[{{.window}}:1m]))`},
	} {
		got, err := windowed(c.query, c.counter)
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: %s, want a fault", c.query, got)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %s, %v\nwant %s", c.query, got, err, c.want)
		}
		if _, err := parseQuery(got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}

func TestWindowedRatio(t *testing.T) {
	for query, want := range map[string]string{
		`a`:                             `avg(avg_over_time(a[{{.window}}]))`,
		`a / b`:                         `avg(avg_over_time((a / b)[{{.window}}:15s]))`,
		`rate(a[5m]) / rate(b[5m])`:     `rate(a[{{.window}}]) / rate(b[{{.window}}])`,
		"a / b # c":                     "avg(avg_over_time((a / b # c\n)[{{.window}}:15s]))",
		`avg_over_time(a[{{.window}}])`: `avg_over_time(a[{{.window}}])`,
	} {
		got, err := windowedRatio(query)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v", query, got, err)
		}
		if _, err := parseQuery(got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
	for _, query := range []string{"1", "(", "{{.x}}"} {
		if got, err := windowedRatio(query); err == nil {
			t.Errorf("%s: %s", query, got)
		}
	}
}

// A value that is no number says neither that the threshold is met nor missed.
func TestThresholdRatio(t *testing.T) {
	for _, c := range []struct{ op, query, want string }{
		{"lte", "a", "avg(avg_over_time((((a) == (a)) > bool 0.5)[{{.window}}:15s]))"},
		{"lt", "a # b", "avg(avg_over_time((((a # b\n) == (a # b\n)) >= bool 0.5)[{{.window}}:15s]))"},
		{"gte", "scalar(a)", "avg(avg_over_time(((vector(scalar(a)) == vector(scalar(a))) < bool 0.5)[{{.window}}:15s]))"},
		{"gt", "rate(a[{{.window}}])", "avg(((rate(a[{{.window}}])) == (rate(a[{{.window}}]))) <= bool 0.5)"},
	} {
		against, ok := missed(c.op)
		got, err := thresholdRatio(c.query, against, 0.5)
		if !ok || err != nil || got != c.want {
			t.Errorf("%s: %s, %v", c.query, got, err)
		}
		if _, err := parseQuery(got); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
	if _, err := thresholdRatio(`"text"`, ">", 1); err == nil || !strings.Contains(err.Error(), "yields a string") {
		t.Error(err)
	}
}
