package lint

import (
	"math"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// FuzzCheck lints whatever can be read; the facts are those of an odd world.
func FuzzCheck(f *testing.F) {
	for _, name := range []string{"testdata/static.yaml", "testdata/stored.yaml"} {
		f.Add(readFile(f, name), 60.0, int64(time.Minute))
	}
	f.Add("apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\nspec: {service: s, budgetingMethod: Occurrences, timeWindow: [{duration: 4w, isRolling: true}], objectives: [{target: 0.99}], indicator: {metadata: {name: i}, spec: {ratioMetric: {counter: true, bad: {metricSource: {type: Prometheus, spec: {query: a}}}, total: {metricSource: {type: Prometheus, spec: {query: b}}}}}}}\n", 0.0, int64(0))
	f.Add("apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {name: a}\nspec: {target: '99', window: 4w, indicator: {latency: {success: {metric: 'a_bucket{le=\"1\"}'}, total: {metric: a_count}}}}\n", math.Inf(1), int64(-1))
	f.Fuzz(func(t *testing.T, text string, hourly float64, every int64) {
		all, _ := rules.ParseObjectives("spec.yaml", []byte(text))
		facts := Facts{
			Jobs: map[string]time.Duration{"api": time.Duration(every), "slow": time.Minute}, OTLP: time.Duration(every), Retention: time.Duration(every),
			Store: &Store{Selected: map[string]Selected{}, Measured: map[string]Measured{}},
		}
		for _, o := range all {
			facts.Store.Measured[o.ID] = Measured{Hourly: hourly, Best: hourly, Groups: 1000, Values: map[string]int{"a": 1}, Read: 1 << 30}
			for _, sel := range newSubject(o).selectors {
				facts.Store.Selected[sel.text] = Selected{Interval: time.Duration(every), Bounds: []float64{0.1, math.Inf(1)}, Series: 1 << 30}
			}
		}
		for _, found := range Check(all, facts) {
			if found.Sentence == "" || found.Check == "" || found.File == "" || found.Severity != Fault && found.Severity != Warning {
				t.Errorf("%+v", found)
			}
		}
	})
}
