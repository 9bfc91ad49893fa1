package web

import (
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/rules"
)

// api is the path below which our own JSON is served.
const api = "/api/watchtower/v1/"

// apiError is the body of every answer that is an error.
type apiError struct {
	Error  string `json:"error"` // A sentence.
	Status int    `json:"status"`
}

// Objective is an objective and its state, as the API serves it. Figures that are not known are null.
type Objective struct {
	ID          string            `json:"id"`
	Service     string            `json:"service"`
	SLO         string            `json:"slo"`
	Promise     string            `json:"promise"`
	Description string            `json:"description,omitempty"`
	Team        string            `json:"team"`
	Parent      string            `json:"parent,omitempty"` // The objective that this is a group of.
	Group       map[string]string `json:"group,omitempty"`  // Its labels.
	Labels      map[string]string `json:"labels,omitempty"`
	Target      float64           `json:"target"` // Ratios are 0–1 everywhere.
	Period      string            `json:"period"` // "28d", "month".

	State           string     `json:"state"`     // Of the budget: "healthy", "watch", "at_risk", "exhausted", "unknown".
	Condition       string     `json:"condition"` // Of alerts and budget together: "broken", "unknown", "spent", "leaking", "risk", "watch", "fine".
	Situation       string     `json:"situation"` // In a sentence or two.
	Consequence     string     `json:"consequence,omitempty"`
	Meaning         string     `json:"meaning,omitempty"` // What it costs people when the promise is broken.
	ErrorRatio      *float64   `json:"error_ratio"`       // Of the shortest window.
	BurnRate        *float64   `json:"burn_rate"`
	BudgetRemaining *float64   `json:"budget_remaining"` // Negative when overspent.
	ExhaustedIn     *float64   `json:"exhausted_in_seconds"`
	Forecast        *Forecast  `json:"forecast"`     // When the budget is gone; null when it lasts or is spent.
	Good            float64    `json:"good"`         // Over the period.
	Total           float64    `json:"total"`        // Over the period.
	Allowed         float64    `json:"allowed"`      // Bad events that the budget of the whole period allows.
	PeriodStart     *time.Time `json:"period_start"` // Of a calendar's period; null for a rolling one.
	PeriodEnd       *time.Time `json:"period_end"`
	Uncorrected     *Figures   `json:"uncorrected"` // The period as it would be without corrections; null when there is none in it.
	Coverage        *float64   `json:"coverage"`
	BlindSince      *time.Time `json:"blind_since"`
	Source          string     `json:"source"`
	Reason          string     `json:"reason,omitempty"`
	Restoring       *Restoring `json:"restoring,omitempty"` // Until its past is read there are no figures.
	UpdatedAt       *time.Time `json:"updated_at"`
	URL             string     `json:"url"`

	Periods []Span   `json:"periods,omitempty"` // Further spans the budget is shown over.
	Windows []Window `json:"windows"`
	Alerts  []Alert  `json:"alerts"`
}

// Figures are what a budget is reckoned from.
type Figures struct {
	Good            float64  `json:"good"`
	Total           float64  `json:"total"`
	BudgetRemaining *float64 `json:"budget_remaining"`
}

// Span is the budget over a further span of time.
type Span struct {
	Figures

	Period string     `json:"period"` // "7d", "month".
	Start  *time.Time `json:"start"`  // Of a calendar's period.
	End    *time.Time `json:"end"`
}

// Restoring is how much of an objective's past has been read again.
type Restoring struct {
	Read float64 `json:"read_seconds"`
	Of   float64 `json:"of_seconds"` // 0 while it waits for its turn.
	Text string  `json:"text"`       // "12 of 30d read".
}

// Forecast is when the budget is gone, at the error ratios of the last hour and of the last six.
type Forecast struct {
	Earliest time.Time  `json:"earliest"`
	Latest   *time.Time `json:"latest"` // Null when by the kinder ratio it lasts.
	Text     string     `json:"text"`   // Completes "the budget is gone …".
}

// Window is a pair of burn-rate windows.
type Window struct {
	Severity  string   `json:"severity"`
	Long      string   `json:"long"`
	Short     string   `json:"short"`
	Factor    float64  `json:"factor"`
	Threshold *float64 `json:"threshold"`
	LongBurn  *float64 `json:"long_burn"`
	ShortBurn *float64 `json:"short_burn"`
	Firing    bool     `json:"firing"`
}

func (s *site) apiOf(st rules.Status) Objective {
	o := st.Objective
	j := Objective{
		ID: o.ID, Service: o.Service, SLO: o.SLO, Promise: promiseOf(o), Description: o.Description, Team: o.Team, Labels: o.Labels, Parent: o.Parent, Group: o.Group,
		Target: o.Target, Period: report.PeriodOf(o),
		State: string(st.State), Condition: string(conditionOf(st)), Situation: situation(st), Consequence: st.Consequence, Meaning: o.Meaning,
		Good: zeroIfNaN(st.Good), Total: zeroIfNaN(st.Total), Coverage: finite(st.Coverage), BlindSince: instant(st.BlindSince),
		Source: string(st.Source), Reason: st.Reason, UpdatedAt: instant(st.UpdatedAt), URL: s.o.ExternalURL + objectivePath(o.ID),
		Windows: []Window{}, Alerts: []Alert{},
	}
	if p := st.Restoring; p != nil {
		j.Restoring = &Restoring{p.Read.Seconds(), p.Of.Seconds(), p.String()}
	}
	if !st.NoData {
		j.ErrorRatio, j.BurnRate = finite(st.ErrorRatio), finite(st.Burn)
	}
	if st.Total > 0 {
		j.BudgetRemaining = finite(st.BudgetRemaining)
	}
	j.Allowed, j.PeriodStart, j.PeriodEnd = zeroIfNaN(st.Allowed), instant(st.PeriodStart), instant(st.PeriodEnd)
	if st.Uncorrected != nil {
		f := figuresOf(*st.Uncorrected)
		j.Uncorrected = &f
	}
	for _, p := range st.Periods {
		j.Periods = append(j.Periods, Span{figuresOf(p.Figures), spanName(p.Span), instant(p.Start), instant(p.End)})
	}
	if st.ExhaustedIn > 0 {
		j.ExhaustedIn = finite(st.ExhaustedIn.Seconds())
	}
	if f := st.Forecast; !f.Earliest.IsZero() {
		j.Forecast = &Forecast{Earliest: f.Earliest, Latest: instant(f.Latest), Text: f.Text}
	}
	for _, w := range st.Windows {
		j.Windows = append(j.Windows, Window{
			Severity: string(w.Severity), Long: window(w.Long), Short: window(w.Short), Factor: zeroIfNaN(w.Factor), Threshold: finite(w.Threshold),
			LongBurn: finite(w.LongBurn), ShortBurn: finite(w.ShortBurn), Firing: w.Firing,
		})
	}
	for _, a := range st.Alerts {
		j.Alerts = append(j.Alerts, alertOf(a))
	}
	return j
}

func figuresOf(f rules.Figures) Figures {
	out := Figures{Good: zeroIfNaN(f.Good), Total: zeroIfNaN(f.Total)}
	if f.Total > 0 {
		out.BudgetRemaining = finite(f.BudgetRemaining)
	}
	return out
}

// spanName returns a span as a spec writes it.
func spanName(s rules.Span) string {
	return report.PeriodOf(rules.Objective{Period: s.Length, Calendar: s.Calendar})
}

func alertOf(a rules.AlertStatus) Alert {
	return Alert{
		Name: a.Name, Kind: string(a.Kind), Limit: a.Limit, Severity: string(a.Severity), State: string(a.State),
		Since: instant(a.Since), Summary: a.Summary,
	}
}

// finite returns nil for what JSON cannot say.
func finite(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

func zeroIfNaN(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (s *site) apiObjectives(w http.ResponseWriter, r *http.Request) error {
	statuses := s.o.Engine.Statuses()
	answer := struct {
		Verdict    verdict     `json:"verdict"`
		Objectives []Objective `json:"objectives"`
	}{judge(statuses, s.openIncidents()), []Objective{}}
	for _, st := range statuses {
		answer.Objectives = append(answer.Objectives, s.apiOf(st))
	}
	return writeJSON(w, r, http.StatusOK, answer)
}

func (s *site) apiObjective(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	st, ok := s.o.Engine.Status(id)
	if !ok {
		return fault{http.StatusNotFound, fmt.Sprintf("There is no objective %q.", id), nil}
	}
	return writeJSON(w, r, http.StatusOK, s.apiOf(st))
}

func (s *site) apiIncidents(w http.ResponseWriter, r *http.Request) error {
	answer := struct {
		Incidents []Incident `json:"incidents"`
	}{[]Incident{}}
	for _, i := range s.openIncidents() {
		if i.Alerts == nil {
			i.Alerts = []Alert{}
		}
		answer.Incidents = append(answer.Incidents, i)
	}
	return writeJSON(w, r, http.StatusOK, answer)
}
