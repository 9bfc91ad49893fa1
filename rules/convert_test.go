package rules

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// roundTrips are specs of every format that together use every field.
func roundTrips() []string {
	out := []string{
		goodSpec,
		slothExamples,
		opensloCheckout,
		opensloParts,
		opensloThreshold,
		opensloComposite,
		opensloAlerts,
		pyrraExamples,
		strings.Replace(goodSpec, "period: 28d", "period: 36h30m15s", 1),
	}
	for _, ours := range []string{
		"period: 7d\nalso_over: [30d, month]\ntimezone: America/New_York\npromise: \"Sharing: works\"\nmeaning: |\n  Creators cannot post.\n  They leave.\nno_owner: 'yes'\nno_playbook: '5'",
		"period: quarter\ntimezone: Asia/Kathmandu\nconfidence: 0.98\nbudgeting: timeslices\nslice: 6h\nslice_target: 97.5",
		"group_by: [route]\nmax_groups: 7\nevents: shares\npolicy: {exhausted: 'stop: now', healthy: go}\nmin_bad_events: 0",
		"budgeting: ratio_timeslices\nslice: 2m\nalerts: {name: Slow, telemetry_lost: true, no_traffic_for: 90s, budget_spent: [33.3, 50], gone_within: [6h, 1d12h]}",
		"alerts: {page: {labels: {a: '{{ $value }}'}, annotations: {b: \"c\\nd\"}, windows: [{long: 1h, short: 5m, burn: 14.4}]}, ticket: {disable: true, labels: {severity: low}}}",
	} {
		out = append(out, withKeys(ours))
	}
	return out
}

// Reading what was written yields the same objective.
func TestOpenSLORoundTrip(t *testing.T) {
	used := map[string]bool{}
	for i, text := range roundTrips() {
		found, err := ParseObjectives("x.yaml", []byte(text))
		if err != nil || len(found) == 0 {
			t.Errorf("spec %d: %d objectives, %v", i, len(found), err)
		}
		for _, o := range found {
			sameAfterOpenSLO(t, o)
			noteFields(used, "", reflect.ValueOf(o))
		}
	}
	// A field that no spec here uses would not be tested.
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Objective]()) {
		if !used[f.Name] && !slices.Contains([]string{"Parent", "Group", "File", "Line"}, f.Name) {
			t.Errorf("no spec of the test has %s", f.Name)
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Alerting]()) {
		if !used["Alerting."+f.Name] {
			t.Errorf("no spec of the test has Alerting.%s", f.Name)
		}
	}
}

func noteFields(used map[string]bool, prefix string, v reflect.Value) {
	for _, f := range reflect.VisibleFields(v.Type()) {
		if !v.FieldByIndex(f.Index).IsZero() {
			used[prefix+f.Name] = true
		}
		if f.Name == "Alerting" {
			noteFields(used, "Alerting.", v.FieldByIndex(f.Index))
		}
	}
}

func sameAfterOpenSLO(t *testing.T, o Objective) {
	t.Helper()
	text, err := o.OpenSLO()
	if err != nil {
		t.Fatalf("%s: %v", o.ID, err)
	}
	back, err := ParseObjectives("back.yaml", text)
	if err != nil || len(back) != 1 {
		t.Fatalf("%s: %d objectives, %v\n%s", o.ID, len(back), err, text)
	}
	if d := cmp.Diff(o, back[0], cmpopts.IgnoreFields(Objective{}, "File", "Line", "Notes")); d != "" {
		t.Errorf("%s: %s\n%s", o.ID, d, text)
	}
}
