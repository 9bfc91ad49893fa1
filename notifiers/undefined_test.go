package notifiers

import (
	"testing"
)

func TestUndefinedTemplateIsLogged(t *testing.T) {
	templates := writeFile(t, "own.tmpl", `{{ define "own" }}{{ .Status }}{{ template "deep" . }}{{ end }}{{ define "deep" }}{{ (index .Alerts 5).Labels }}{{ end }}`)
	file := writeFile(t, "alertmanager.yml", `
route: {receiver: team}
receivers:
- name: team
  email_configs: [{to: a@example.org, from: a@example.org, smarthost: 'localhost:25', headers: {Subject: '{{template "gone" . }}'}}]
  pagerduty_configs: [{routing_key: abcd, details: {a: ['{{- template "lost" .}}', '{{ template "own" . }}', '{{ define "x" }}y{{ end }}{{ template "x" . }}']}}]
templates: ['`+templates+`']
`)
	log := &output{}
	slack := &fakeSlack{}
	opts := options(t.TempDir(), slack)
	opts.Config.Alertmanager, opts.Logger = file, log.logger()
	run(t, opts, slack)
	for _, want := range []string{"template=gone", "template=lost", "file=" + file, "receiver=team"} {
		if !log.contains(want) {
			t.Errorf("the log lacks %s: %s", want, log)
		}
	}
	for _, wrong := range []string{"template=own", "template=deep", "template=x", "template=email"} {
		if log.contains(wrong) {
			t.Errorf("the log complains about %s: %s", wrong, log)
		}
	}
}
