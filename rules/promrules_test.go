package rules

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
)

func writeRules(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const goodRules = `groups:
- name: share
  interval: 100ms
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: ShareDown
    expr: up == 0
    labels: {severity: page}
`

func TestCheckPromRules(t *testing.T) {
	dir := t.TempDir()
	writeRules(t, dir, "good.yaml", goodRules)
	if err := CheckPromRules([]string{"*.yaml"}, dir); err != nil {
		t.Error(err)
	}
	writeRules(t, dir, "bad.yaml", "groups:\n- name: a\n  rules:\n  - record: x\n    expr: sum(\n  - alert: A\n    record: b\n    expr: up\n")
	writeRules(t, dir, "field.yaml", "groups:\n- name: a\n  rulez: []\n")
	writeRules(t, dir, "broken.yaml", "groups: [\n")
	writeRules(t, dir, "template.yaml", "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    annotations: {x: '{{ .'}\n")
	err := CheckPromRules([]string{"*.yaml", "gone.yaml"}, dir)
	for _, want := range []string{
		"bad.yaml:5: group \"a\", rule 1, \"x\": could not parse expression", "bad.yaml:7: group \"a\", rule 2",
		"field.yaml:3: field rulez not found", "broken.yaml:", "template.yaml:1:", "gone.yaml: no such file",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestPromRulesRun(t *testing.T) {
	dir := t.TempDir()
	writeRules(t, dir, "good.yaml", goodRules)
	store := newMemStore()
	sent := make(chan string, 100)
	pq := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	defer func() { _ = pq.Close() }()
	up, _ := newParser().ParseMetric(`up{job="share"}`)
	store.put(up, memSample{t: time.Now().UnixMilli(), f: 0})
	p, err := NewPromRules(PromRulesOptions{
		Patterns: []string{"*.yaml"}, Base: dir, Appendable: store, Queryable: store, Query: promrules.EngineQueryFunc(pq, store),
		Send: func(_ context.Context, _ string, alerts ...*promrules.Alert) {
			for _, a := range alerts {
				select {
				case sent <- a.Labels.Get("alertname"):
				default:
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	select {
	case name := <-sent:
		if name != "ShareDown" {
			t.Errorf("sent %s", name)
		}
	case <-time.After(20 * time.Second):
		t.Error("no alert")
	}
	if len(p.RuleGroups()) != 1 || len(p.AlertingRules()) != 1 {
		t.Errorf("%d groups, %d alerts", len(p.RuleGroups()), len(p.AlertingRules()))
	}
	writeRules(t, dir, "bad.yaml", "groups:\n- name: a\n  rules:\n  - record: x\n    expr: sum(\n")
	if err := p.Reload([]string{"*.yaml"}); err == nil || len(p.RuleGroups()) != 1 {
		t.Errorf("a bad file was loaded: %v", err)
	}
	if err := p.Reload(nil); err != nil || len(p.RuleGroups()) != 0 {
		t.Errorf("reload: %v, %d groups", err, len(p.RuleGroups()))
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := p.Reload(nil); err != nil {
		t.Error(err)
	}
}

func TestNewPromRulesRefuses(t *testing.T) {
	if _, err := NewPromRules(PromRulesOptions{}); err == nil {
		t.Error("no store was accepted")
	}
	dir := t.TempDir()
	writeRules(t, dir, "bad.yaml", "groups: 1\n")
	store := newMemStore()
	_, err := NewPromRules(PromRulesOptions{
		Patterns: []string{"bad.yaml"}, Base: dir, Appendable: store, Queryable: store,
		Query: func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil },
	})
	if err == nil || !strings.Contains(err.Error(), "bad.yaml:1:") {
		t.Errorf("got %v", err)
	}
	// Nothing runs, so an end before a start must not hang.
	p, err := NewPromRules(PromRulesOptions{
		Appendable: store, Queryable: store,
		Query: func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
}
