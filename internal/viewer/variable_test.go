package viewer

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asksFor returns what a board with one variable and a query of it asks.
func asksFor(t *testing.T, variable, expr, address string) (string, Page) {
	t.Helper()
	f := &fake{answers: map[string][]Series{
		"group by (host)": {series("host=db-2", 1), series("host=db-1", 1), series("host=db.x", 1), series("host=web-1", 1)},
		"busiest":         {series("host=db-1", 7)},
		`{__name__=~"up.*`: {
			series("__name__=upstream", 1), series("__name__=up", 1),
		},
		"up{": {series("", 1)},
	}}
	b := boardOf(t, panelJSONOf("timeseries", targets(expr)), `"templating": {"list": [`+variable+`]}`)
	p := show(t, b, f, address)
	last := f.asked[len(f.asked)-1]
	_, last, _ = strings.Cut(last, " ")
	last, _, _ = strings.Cut(last, " step ")
	return last, p
}

func TestVariables(t *testing.T) {
	is := func(variable, address, want string, options ...string) {
		t.Helper()
		got, p := asksFor(t, variable, `up{host=~"$v"}`, address)
		if want = `up{host=~"` + want + `"}`; got != want {
			t.Errorf("%s at %q asks %s, want %s", variable, address, got, want)
		}
		if len(p.Variables) != 1 {
			t.Fatalf("%s: %d variables", variable, len(p.Variables))
		}
		var has []string
		for _, o := range p.Variables[0].Options {
			mark := ""
			if o.Selected {
				mark = "*"
			}
			has = append(has, o.Text+mark)
		}
		if options != nil {
			if diff := cmp.Diff(options, has); diff != "" {
				t.Errorf("%s at %q can be:\n%s", variable, address, diff)
			}
		}
	}
	const query = `{"name": "v", "type": "query", "query": {"query": "label_values(up, host)", "refId": "x"}`
	is(query+`}`, "", "db-1", "db-1*", "db-2", "db.x", "web-1")
	is(query+`}`, "var-v=db-2", "db-2", "db-1", "db-2*", "db.x", "web-1")
	is(query+`}`, "var-v=gone", "gone", "db-1", "db-2", "db.x", "web-1", "gone*")
	is(query+`, "sort": 2}`, "", "web-1", "web-1*", "db.x", "db-2", "db-1")
	is(query+`, "regex": "/db-(.*)/"}`, "", "1", "1*", "2")
	is(query+`, "current": {"value": "db-2"}}`, "", "db-2")
	is(query+`, "current": {"value": ["web-1"]}, "multi": true}`, "", "web-1")
	is(query+`, "multi": true}`, "var-v=db.x&var-v=db-1", `(db\\.x|db-1)`, "db-1*", "db-2", "db.x*", "web-1")
	is(query+`, "includeAll": true}`, "", `(db-1|db-2|db\\.x|web-1)`, "All*", "db-1", "db-2", "db.x", "web-1")
	is(query+`, "includeAll": true, "allValue": ".*"}`, "var-v=All", `.*`)
	is(`{"name": "v", "type": "query", "query": "label_values(host)"}`, "", "db-1")
	is(`{"name": "v", "type": "query", "query": "metrics(up.*)"}`, "", "up", "up*", "upstream")
	is(`{"name": "v", "type": "query", "query": "query_result(busiest)", "regex": "/host=\"(.*?)\"/"}`, "", "db-1", "db-1*")
	is(`{"name": "v", "type": "custom", "query": "one, Two : 2"}`, "var-v=2", "2", "one", "Two*")
	is(`{"name": "v", "type": "interval", "query": "1m,5m"}`, "", "1m", "1m*", "5m")
	is(`{"name": "v", "type": "textbox", "query": "typed"}`, "", "typed")
	is(`{"name": "v", "type": "textbox", "query": "typed"}`, `var-v=a"}b`, `a\"}b`)
	is(`{"name": "v", "type": "custom", "query": "a\\b"}`, "", `a\\b`)
}

func TestVariablesThatCannotBeAsked(t *testing.T) {
	is := func(variable, want string) {
		t.Helper()
		_, p := asksFor(t, variable, "up{}", "")
		if len(p.Variables) != 1 || !strings.Contains(p.Variables[0].Words, want) {
			t.Errorf("%s says %+v, want %s", variable, p.Variables, want)
		}
	}
	is(`{"name": "v", "type": "query", "query": "label_names()"}`, "is no query that is known here")
	is(`{"name": "v", "type": "query", "query": "label_values(up, nothing)"}`, "nothing to choose from")
	is(`{"name": "v", "type": "query", "query": "label_values(up, host)", "regex": "/(/"}`, "is no regular expression")
	is(`{"name": "v", "type": "groupby"}`, `"groupby" are not known here`)
}

func TestHiddenVariablesAreNotShown(t *testing.T) {
	for _, v := range []string{
		`{"name": "v", "type": "datasource", "query": "prometheus", "current": {"value": "watchtower"}}`,
		`{"name": "v", "type": "custom", "query": "a", "hide": 2}`, `{"name": "v", "type": "constant", "query": "a"}`, `{"type": "custom"}`,
	} {
		if _, p := asksFor(t, v, "up{}", ""); len(p.Variables) != 0 {
			t.Errorf("%s is shown: %+v", v, p.Variables)
		}
	}
}

func TestWordsInTexts(t *testing.T) {
	s := scope{
		values: map[string]chosen{
			"one": {values: []string{"a.b"}, text: "A"}, "many": {values: []string{"x", "y.z"}, many: true, text: "x + y.z"},
		},
		window: window{from: noon().Add(-time.Hour), to: noon()}, step: 30 * time.Second,
	}
	is := func(in, want string) {
		t.Helper()
		if got := s.query(in); got != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
	}
	is("$one ${one} [[one]] $other ${other:csv} $1", "a.b a.b a.b $other ${other:csv} $1")
	is("$many ${many:pipe} ${many:csv} ${many:regex} ${many:text} ${many:json}", `(x|y\\.z) x|y.z x,y.z (x|y\.z) x + y.z ["x","y.z"]`)
	is("${many:doublequote} ${many:singlequote} ${many:percentencode} ${one:nonsense}", `"x","y.z" 'x','y.z' x%2Cy.z a.b`)
	is("rate(x[$__rate_interval]) $__interval $__interval_ms $__range ${__range_s} $__range_ms", "rate(x[60s]) 30s 30000 3600s 3600 3600000")
	is("$__from $__to", "1795863600000 1795867200000")
	s.step = 5 * time.Minute
	is("$__rate_interval", "315s")
	if got := s.words("Traffic of $one, $many and $5"); got != "Traffic of A, x + y.z and $5" {
		t.Error(got)
	}
}
