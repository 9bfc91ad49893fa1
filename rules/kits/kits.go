package kits

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var embedded embed.FS

// Kit is what is known about one component.
type Kit struct {
	// Name is in file names and labels, Title and About are for people.
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	About string `yaml:"about"`
	// Service is the label of its alerts, and the service of its objectives.
	Service string `yaml:"service"`
	// Playbook is the id of one in the embedded library.
	Playbook string   `yaml:"playbook"`
	Receiver Receiver `yaml:"receiver"`
	// Metrics are there whenever the component is watched; Optional are not.
	Metrics  []string   `yaml:"metrics"`
	Optional []Optional `yaml:"optional"`
	// SLOs are objectives in Sloth's format, without what Files adds.
	SLOs []yaml.Node `yaml:"slos"`
	// Alerts have two thresholds each.
	Alerts []Alert `yaml:"alerts"`
	// Board and Panels are in the vocabulary of package dashboards.
	Board  yaml.Node `yaml:"board"`
	Panels yaml.Node `yaml:"panels"`
}

// Receiver is how metrics arrive.
type Receiver struct {
	// About says what has to run for it.
	About string `yaml:"about"`
	// ScrapeConfigs are Prometheus', a list; OTelCol is a mapping with the key
	// receivers, as below collectors.otelcol. Either may be empty.
	ScrapeConfigs yaml.Node `yaml:"scrape_configs"`
	OTelCol       yaml.Node `yaml:"otelcol"`
}

// Optional are metrics of special set-ups.
type Optional struct {
	Metrics []string `yaml:"metrics"`
	// Reason completes "only …".
	Reason string `yaml:"reason"`
}

// Alert is a measure of how full something is, or how far behind.
type Alert struct {
	// Name is the alert's, in CamelCase.
	Name string `yaml:"alert"`
	// Expr is PromQL without a comparison.
	Expr string `yaml:"expr"`
	// Fires is Above (at or above the threshold) or Below; "" is Above.
	Fires Side `yaml:"fires"`
	// Soft asks for a look within the day, Hard wakes somebody.
	Soft Level `yaml:"soft"`
	Hard Level `yaml:"hard"`
	// Unit is what the thresholds count, by the names of package dashboards.
	Unit string `yaml:"unit"`
	// Summary and Description are annotations and may hold Prometheus' templates.
	Summary     string `yaml:"summary"`
	Description string `yaml:"description"`
	// Playbook is the kit's when "".
	Playbook string `yaml:"playbook"`
}

// Side of a threshold on which an alert fires.
type Side string

// The sides.
const (
	Above Side = "above"
	Below Side = "below"
)

// Level is a threshold, and how long it has to be passed.
type Level struct {
	At  float64        `yaml:"at"`
	For model.Duration `yaml:"for"`
}

// All returns every kit, by name.
func All() ([]Kit, error) {
	entries, err := embedded.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list the kits: %w", err)
	}
	all := make([]Kit, 0, len(entries))
	for _, entry := range entries {
		kit, err := read(entry.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, kit)
	}
	return all, nil
}

// Find returns the kits of these names, each once, in the order of the names.
// The error names every one that is not there, and those that are.
func Find(names ...string) ([]Kit, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	var found []Kit
	var unknown, known []string
	for _, k := range all {
		known = append(known, k.Name)
	}
	for _, name := range names {
		i := slices.IndexFunc(all, func(k Kit) bool { return k.Name == name })
		switch {
		case i < 0:
			unknown = append(unknown, name)
		case !slices.ContainsFunc(found, func(k Kit) bool { return k.Name == name }):
			found = append(found, all[i])
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("there is no kit %s: choose among %s", strings.Join(unknown, ", "), strings.Join(known, ", "))
	}
	return found, nil
}

func read(file string) (Kit, error) {
	text, err := embedded.ReadFile(file)
	if err != nil {
		return Kit{}, fmt.Errorf("read the kit: %w", err)
	}
	kit, err := parse(text)
	if err != nil {
		return Kit{}, fmt.Errorf("read the kit %s: %w", file, err)
	}
	if kit.Name+".yaml" != path.Base(file) {
		return Kit{}, fmt.Errorf("read the kit %s: it is called %s", file, kit.Name)
	}
	return kit, nil
}

// parse reads a kit; unknown keys are refused.
func parse(text []byte) (Kit, error) {
	var kit Kit
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&kit); err != nil {
		return Kit{}, err
	}
	for i := range kit.Alerts {
		a := &kit.Alerts[i]
		if a.Playbook == "" {
			a.Playbook = kit.Playbook
		}
		if a.Fires == "" {
			a.Fires = Above
		}
	}
	return kit, nil
}

// Declares tells whether a metric is among those of the kit.
func (k Kit) Declares(metric string) bool {
	return slices.Contains(k.Metrics, metric) || slices.ContainsFunc(k.Optional, func(o Optional) bool {
		return slices.Contains(o.Metrics, metric)
	})
}

// SLOAlerts are the objectives of the kit with the names of their alerts: slo and
// alertname, as alerts are labeled.
func (k Kit) SLOAlerts() []map[string]string {
	var out []map[string]string
	for i := range k.SLOs {
		labels := map[string]string{"slo": value(&k.SLOs[i], "name")}
		if alerting := find(&k.SLOs[i], []string{"alerting"}); alerting != nil {
			labels["alertname"] = value(alerting, "name")
		}
		out = append(out, labels)
	}
	return out
}

// Playbooks are the ids of all playbooks that its alerts name, sorted.
func (k Kit) Playbooks() []string {
	ids := []string{k.Playbook}
	for _, a := range k.Alerts {
		ids = append(ids, a.Playbook)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// String is how long the level has to be passed, and the threshold: "80 % for 10m".
func (a Alert) String(l Level) string {
	s := a.value(l.At)
	if a.Fires == Below {
		s = "below " + s
	}
	if l.For > 0 {
		s += " for " + l.For.String()
	}
	return s
}

// value writes a threshold for people.
func (a Alert) value(v float64) string {
	switch a.Unit {
	case "ratio":
		return number(v*100) + " %"
	case "percent":
		return number(v) + " %"
	case "seconds":
		if d := time.Duration(v * float64(time.Second)); d >= time.Minute {
			return model.Duration(d).String()
		}
		return number(v) + " s"
	case "milliseconds":
		return number(v) + " ms"
	case "bytes":
		return size(v)
	case "per_second":
		return number(v) + " a second"
	case "times":
		return number(v) + "x"
	default:
		return number(v)
	}
}

// Source names the jobs and receivers that bring the metrics, in a few words.
func (r Receiver) Source() string {
	words := jobNames(&r.ScrapeConfigs)
	for i := range words {
		words[i] = "scrape job " + words[i]
	}
	if receivers := find(&r.OTelCol, []string{"receivers"}); receivers != nil {
		for i := 0; i+1 < len(receivers.Content); i += 2 {
			words = append(words, "receiver "+receivers.Content[i].Value)
		}
	}
	if len(words) == 0 {
		return "OTLP"
	}
	return strings.Join(words, ", ")
}
