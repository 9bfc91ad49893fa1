package grafana

import (
	"testing"

	"github.com/watchtower-hub/watchtower/dashboards"
)

// What is in Grafana may be anything: whatever somebody sent there.
func FuzzDescribe(f *testing.F) {
	built, err := dashboards.Build(dashboards.Input{Services: []string{"share"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		`{"panels": [{"id": {}, "type": [], "title": 7, "targets": {"a": 1}, "fieldConfig": [], "panels": [1, {"panels": null}]}]}`,
		`{"panels": {"id": 1}, "tags": "watchtower-generated", "templating": []}`, `{"elements": {"a": {"spec": {"data": []}}}}`, `[]`, `null`,
		string(built[1].JSON),
	} {
		f.Add([]byte(text))
	}
	want, err := content(built[1].JSON)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		have, err := content(raw)
		if err != nil {
			return
		}
		words := describe(have, want)
		if string(canonical(have)) == string(canonical(want)) && len(words) > 0 {
			t.Errorf("no difference is told as %v", words)
		}
		unified("x", canonical(have), canonical(want))
		hasTag(have, dashboards.GeneratedTag)
		describe(likeClassic(have), likeClassic(want))
	})
}
