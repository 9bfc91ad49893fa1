package rules

import (
	"strings"
	"testing"
	"time"
)

// Whatever a file holds, reading it ends without panic; every fault has its place;
// what is read without fault is fit for the engine and survives being written as
// OpenSLO.
func FuzzParseObjectives(f *testing.F) {
	for _, text := range roundTrips() {
		f.Add(text)
	}
	f.Add(opensloPlain)
	f.Add("apiVersion: sloth.slok.dev/v1\nkind: PrometheusServiceLevel\nspec: {service: a, slos: [{name: b}]}\n")
	f.Add("version: prometheus/v1\nslos: &a [*a]\n")
	f.Add("version: prometheus/v1\nservice: a\nslos: [{name: b, objective: 1e308, sli: {raw: {error_ratio_query: '1-sum(rate(a[{{.window}}]))'}}, watchtower: {period: 365d}}]")
	f.Add("apiVersion: openslo/v1\nkind: SLO\nspec: &a {indicator: {spec: *a}, objectives: [*a], alertPolicies: [*a, a, {alertPolicyRef: *a}]}\n")
	f.Add("apiVersion: v1\nkind: List\nitems: &a [{kind: List, items: *a}, *a]\n")
	f.Add("apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: &m {name: a, labels: *m, annotations: *m}\nspec: *m\n")
	f.Add("a: &a [x, x]\nb: &b [*a, *a, *a]\nc: &c {<<: *c, <<: *b}\n")
	f.Fuzz(func(t *testing.T, text string) {
		found, err := ParseObjectives("f.yaml", []byte(text))
		for _, o := range found {
			if o.Target <= 0 || o.Target >= 1 || o.Period <= 0 || o.ID == "" {
				t.Errorf("an objective that cannot be: %+v", o)
			}
			if _, err := newTrack(o); err != nil {
				t.Errorf("read without fault, but the engine refuses it: %v", err)
			}
			sameAfterOpenSLO(t, o)
		}
		if err == nil {
			return
		}
		for line := range strings.Lines(err.Error()) {
			if !strings.HasPrefix(line, "f.yaml:") {
				t.Errorf("a fault without its place: %q", line)
			}
		}
	})
}

// FuzzWindowed: a query that is rewritten is one that can be asked.
func FuzzWindowed(f *testing.F) {
	for _, q := range []string{"a", "sum(rate(a[5m]))", "a{b='c'} offset 5m", "avg_over_time((a-b)[1h:5m] @ end())", "a and on(x) b # c", "ä", "{__name__='a.b'}", "rate(a[5m] smoothed)"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		if windowVar.MatchString(q) {
			t.Skip("stays as it is")
		}
		for _, rewrite := range []func(string) (string, error){
			func(q string) (string, error) { return windowed(q, nil) },
			windowedRatio,
			func(q string) (string, error) { return thresholdRatio(q, ">", 1) },
		} {
			out, err := rewrite(q)
			if err != nil {
				continue
			}
			if _, err := parseQuery(out); err != nil && !strings.Contains(err.Error(), "the query yields a") {
				t.Errorf("%q became %q: %v", q, out, err)
			}
		}
	})
}

// A file as long as they may be is read in seconds, and so are the ways to make a
// short one long.
func TestHugeFiles(t *testing.T) {
	one := "  - {name: slo%, objective: 99, sli: {events: {error_query: 'sum(rate(a[{{.window}}]))', total_query: 'sum(rate(b[{{.window}}]))'}}}\n"
	var many strings.Builder
	many.WriteString("version: prometheus/v1\nservice: a\nslos:\n")
	count := 0
	for many.Len() < maxSpecBytes-len(one)-10 {
		many.WriteString(strings.Replace(one, "%", number(float64(count%97))+strings.Repeat("x", count/97), 1))
		if count++; count > 8000 {
			break
		}
	}
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	laugh := "a: &a0 {labels: {a: b}}\n"
	for i := range 20 {
		n := string(rune('b' + i))
		laugh += n + ": &" + n + "0 {<<: *" + string(rune('a'+i)) + "0, <<: *" + string(rune('a'+i)) + "0}\n"
	}
	for name, c := range map[string]struct{ text, want string }{
		"many":   {many.String(), ""},
		"deep":   {"version: prometheus/v1\nservice: a\nslos: " + deep, "f.yaml:"},
		"laugh":  {"version: prometheus/v1\nservice: a\n" + laugh + "slos: [*u0]\n", "f.yaml:"},
		"policy": {strings.Replace(opensloPlain, "    - kind: AlertPolicy\n      metadata: {name: p}", strings.Repeat("    - *p\n", 20000)+"    - &p\n      kind: AlertPolicy\n      metadata: {name: p}", 1), "f.yaml:"},
	} {
		begin := time.Now()
		_, err := ParseObjectives("f.yaml", []byte(c.text))
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("%s took %s", name, took)
		}
		if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) || c.want == "" && err != nil {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}
