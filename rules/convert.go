package rules

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// The documents of OpenSLO, as far as they are written.
type (
	opensloDocument struct {
		APIVersion string          `yaml:"apiVersion"`
		Kind       string          `yaml:"kind"`
		Metadata   opensloMetadata `yaml:"metadata"`
		Spec       opensloSpec     `yaml:"spec"`
	}
	opensloMetadata struct {
		Name        string            `yaml:"name"`
		DisplayName string            `yaml:"displayName,omitempty"`
		Labels      map[string]string `yaml:"labels,omitempty"`
		Annotations map[string]string `yaml:"annotations,omitempty"`
	}
	opensloSpec struct {
		Description     string           `yaml:"description,omitempty"`
		Service         string           `yaml:"service"`
		Indicator       opensloIndicator `yaml:"indicator"`
		TimeWindow      []opensloWindow  `yaml:"timeWindow"`
		BudgetingMethod string           `yaml:"budgetingMethod"`
		Objectives      []opensloTarget  `yaml:"objectives"`
	}
	opensloIndicator struct {
		Metadata opensloMetadata `yaml:"metadata"`
		Spec     struct {
			RatioMetric opensloRatio `yaml:"ratioMetric"`
		} `yaml:"spec"`
	}
	opensloRatio struct {
		Counter bool           `yaml:"counter"`
		Bad     *opensloSample `yaml:"bad,omitempty"`
		Total   *opensloSample `yaml:"total,omitempty"`
		RawType string         `yaml:"rawType,omitempty"`
		Raw     *opensloSample `yaml:"raw,omitempty"`
	}
	opensloSample struct {
		MetricSource struct {
			Type string            `yaml:"type"`
			Spec map[string]string `yaml:"spec"`
		} `yaml:"metricSource"`
	}
	opensloWindow struct {
		Duration  string            `yaml:"duration"`
		IsRolling bool              `yaml:"isRolling"`
		Calendar  map[string]string `yaml:"calendar,omitempty"`
	}
	opensloTarget struct {
		Target          float64 `yaml:"target"`
		TimeSliceTarget float64 `yaml:"timeSliceTarget,omitempty"`
		TimeSliceWindow string  `yaml:"timeSliceWindow,omitempty"`
	}
)

// OpenSLO writes the objective as an OpenSLO v1 document with everything inside it.
// What the format has no place for is in annotations named watchtower/KEY, so that
// reading it yields the same objective.
func (o Objective) OpenSLO() ([]byte, error) {
	doc := opensloDocument{APIVersion: "openslo/v1", Kind: kindSLO}
	ours, err := o.annotated()
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", o.ID, err)
	}
	doc.Metadata = opensloMetadata{Name: o.SLO, Labels: o.Labels, Annotations: ours}
	doc.Spec = opensloSpec{Description: o.Description, Service: o.Service, BudgetingMethod: "Occurrences"}
	doc.Spec.Indicator.Metadata.Name = o.SLO
	metric := &doc.Spec.Indicator.Spec.RatioMetric
	if o.SLI.Raw() {
		metric.RawType, metric.Raw = "failure", promQL(o.SLI.ErrorRatioQuery)
	} else {
		metric.Counter, metric.Bad, metric.Total = true, promQL(o.SLI.ErrorQuery), promQL(o.SLI.TotalQuery)
	}
	goal := opensloTarget{Target: o.Target}
	switch b := o.Budgeting; b.Method {
	case Timeslices:
		doc.Spec.BudgetingMethod = "Timeslices"
		goal.TimeSliceTarget, goal.TimeSliceWindow = b.SliceTarget, letters(b.Slice)
	case RatioTimeslices:
		doc.Spec.BudgetingMethod = "RatioTimeslices"
		goal.TimeSliceWindow = letters(b.Slice)
	case Occurrences:
	}
	doc.Spec.Objectives = []opensloTarget{goal}
	doc.Spec.TimeWindow = []opensloWindow{o.window()}
	text, err := yamlText(doc)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", o.ID, err)
	}
	return text, nil
}

func yamlText(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := enc.Encode(v)
	return b.Bytes(), err
}

func promQL(q string) *opensloSample {
	var s opensloSample
	s.MetricSource.Type = "Prometheus"
	s.MetricSource.Spec = map[string]string{"query": q}
	return &s
}

// window is the period; one that OpenSLO's durations cannot express is cut to
// minutes, and stands in an annotation.
func (o Objective) window() opensloWindow {
	if c := o.Calendar; c != nil {
		letter := map[Unit]string{Day: "d", Week: "w", Month: "M", Quarter: "Q", Year: "Y"}[c.Unit]
		return opensloWindow{Duration: strconv.Itoa(max(c.Count, 1)) + letter, Calendar: map[string]string{
			"startTime": c.Start.Format(time.DateTime), "timeZone": c.Start.Location().String(),
		}}
	}
	return opensloWindow{Duration: letters(o.Period), IsRolling: true}
}

// letters writes a length of time as OpenSLO does, in whole minutes at least.
func letters(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// annotated holds our own keys as annotations, those that are not as usual.
func (o Objective) annotated() (map[string]string, error) {
	values := map[string]any{}
	if o.Calendar == nil && o.Period%time.Minute != 0 {
		values["period"] = model.Duration(o.Period).String()
	}
	var spans []string
	for _, s := range o.AlsoOver {
		if s.Calendar == nil {
			spans = append(spans, model.Duration(s.Length).String())
			continue
		}
		spans = append(spans, string(s.Calendar.Unit))
		values["timezone"] = s.Calendar.Start.Location().String()
	}
	if len(spans) > 0 {
		values["also_over"] = spans
	}
	if o.MinBadEvents != o.usualMinBadEvents() {
		values["min_bad_events"] = o.MinBadEvents
	}
	if o.Confidence > 0 {
		values["confidence"] = o.Confidence
	}
	if len(o.GroupBy) > 0 {
		values["group_by"] = o.GroupBy
		if o.MaxGroups != defaultMaxGroups {
			values["max_groups"] = o.MaxGroups
		}
	}
	if len(o.Policy) > 0 {
		values["policy"] = o.Policy
	}
	if alerts := o.Alerting.written(); len(alerts) > 0 {
		values["alerts"] = alerts
	}
	out := map[string]string{}
	for key, value := range values {
		text, err := yamlText(value)
		if err != nil {
			return nil, err
		}
		out[annotationPrefix+key] = strings.TrimSuffix(string(text), "\n")
	}
	for key, text := range map[string]string{"promise": o.Promise, "meaning": o.Meaning, "events": o.Events, "no_owner": o.NoOwner, "no_playbook": o.NoPlaybook} {
		if text != "" {
			out[annotationPrefix+key] = text
		}
	}
	return out, nil
}

// written is what the key alerts holds.
func (a Alerting) written() map[string]any {
	out := map[string]any{}
	if a.Name != defaultAlertName {
		out["name"] = a.Name
	}
	if a.Lost != "" {
		out["telemetry_lost"] = a.Lost == On
	}
	if a.NoTrafficFor > 0 {
		out["no_traffic_for"] = model.Duration(a.NoTrafficFor).String()
	}
	var shares []float64
	for _, share := range a.BudgetSpent {
		shares = append(shares, round(share*100))
	}
	if len(shares) > 0 {
		out["budget_spent"] = shares
	}
	var times []string
	for _, d := range a.GoneWithin {
		times = append(times, model.Duration(d).String())
	}
	if len(times) > 0 {
		out["gone_within"] = times
	}
	for sev, spec := range map[Severity]AlertSpec{Page: a.Page, Ticket: a.Ticket} {
		alert := map[string]any{}
		if spec.Disabled {
			alert["disable"] = true
		}
		if len(spec.Labels) > 0 {
			alert["labels"] = spec.Labels
		}
		if len(spec.Annotations) > 0 {
			alert["annotations"] = spec.Annotations
		}
		if windows := writtenPairs(a.Pairs, sev); len(windows) > 0 {
			alert["windows"] = windows
		}
		if len(alert) > 0 {
			out[string(sev)] = alert
		}
	}
	return out
}

func writtenPairs(pairs []Pair, sev Severity) (out []map[string]any) {
	for _, p := range slices.DeleteFunc(slices.Clone(pairs), func(p Pair) bool { return p.Severity != sev }) {
		out = append(out, map[string]any{
			"long": model.Duration(p.Long).String(), "short": model.Duration(p.Short).String(), "burn": p.Factor,
		})
	}
	return out
}
