package web

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Explanation says how an objective is counted and what its numbers rest on, as the API serves it.
type Explanation struct {
	Objective   Objective `json:"objective"`
	Written     string    `json:"written,omitempty"` // "slos/share.yaml:12".
	Expressions []string  `json:"expressions"`       // PromQL, for a window of 5 minutes.
	Terms       []Term    `json:"terms"`             // What an observed objective counts; empty for a polled one.
	Series      []Series  `json:"series"`            // The first of them.
	SeriesCount int       `json:"series_count"`
	Every       *float64  `json:"interval_seconds"` // At which samples arrive; null while it is not known.

	Windows []ExplainedWindow `json:"windows"`
	Budget  []string          `json:"budget"`  // The arithmetic of the budget, a sentence for each step.
	Groups  []string          `json:"groups"`  // The IDs of its groups.
	Dropped []string          `json:"dropped"` // Pairs of windows that could not fire, and why.

	Generations []ExplainedGeneration `json:"generations"` // The versions of the objective, oldest first.
	Corrections []Correction          `json:"corrections"` // Of the objective and its whole, revoked ones too.
}

// Term is one selector and what an event of it counts as.
type Term struct {
	Selector string  `json:"selector"`
	Counts   string  `json:"counts"` // What is counted of each series: its increase, samples, observations.
	Bad      float64 `json:"bad"`
	Total    float64 `json:"total"`
	Series   int     `json:"series"`
}

// Series is one series that feeds an objective.
type Series struct {
	Labels   string     `json:"labels"`
	LastSeen *time.Time `json:"last_seen"`
	Last     float64    `json:"last_value"`
	Interval *float64   `json:"interval_seconds"`
	Counted  float64    `json:"counted"` // Since the server began to watch it.
	Resets   int        `json:"resets"`
	Late     int        `json:"late"`
}

// ExplainedWindow is a pair of windows with everything that decides about it.
type ExplainedWindow struct {
	Severity  string        `json:"severity"`
	Factor    float64       `json:"factor"`    // The burn rate of the pair at even traffic.
	Threshold float64       `json:"threshold"` // What holds now.
	Long      WindowNumbers `json:"long"`
	Short     WindowNumbers `json:"short"`
	Firing    bool          `json:"firing"`
	Why       string        `json:"why"`
}

// WindowNumbers are what one window holds now.
type WindowNumbers struct {
	Length    string  `json:"length"`
	Bad       float64 `json:"bad"`
	Total     float64 `json:"total"`
	Allowed   float64 `json:"allowed"` // Bad events.
	Ratio     float64 `json:"error_ratio"`
	Burn      float64 `json:"burn"`
	Coverage  float64 `json:"coverage"`
	Corrected float64 `json:"corrected_seconds"`
}

// ExplainedGeneration is one version of an objective.
type ExplainedGeneration struct {
	From      time.Time `json:"from"`
	Target    float64   `json:"target"`
	Recounted bool      `json:"recounted"` // It counts other events than the one before.
}

func (s *site) apiExplain(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	x, ok := s.o.Engine.Explain(id)
	if !ok {
		return fault{http.StatusNotFound, fmt.Sprintf("There is no objective %q.", id), nil}
	}
	return writeJSON(w, r, http.StatusOK, s.explanationOf(x))
}

func (s *site) explanationOf(x rules.Explanation) Explanation {
	j := Explanation{
		Objective: s.apiOf(x.Status), Written: whereOf(x.Status.Objective), SeriesCount: x.SeriesCount, Every: seconds(x.Every),
		Expressions: list(x.Expressions), Terms: []Term{}, Series: []Series{}, Windows: []ExplainedWindow{},
		Budget: list(x.Budget), Groups: list(x.Groups), Dropped: list(x.Dropped),
		Generations: []ExplainedGeneration{}, Corrections: []Correction{},
	}
	for _, t := range x.Terms {
		j.Terms = append(j.Terms, Term(t))
	}
	for _, one := range x.Series {
		j.Series = append(j.Series, Series{
			Labels: one.Labels, LastSeen: instant(one.LastSeen), Last: zeroIfNaN(one.Last), Interval: seconds(one.Interval),
			Counted: zeroIfNaN(one.Counted), Resets: one.Resets, Late: one.Late,
		})
	}
	for _, p := range x.Windows {
		j.Windows = append(j.Windows, ExplainedWindow{
			Severity: string(p.Severity), Factor: p.Factor, Threshold: zeroIfNaN(p.Threshold),
			Long: numbersOf(p.Long), Short: numbersOf(p.Short), Firing: p.Firing, Why: p.Why,
		})
	}
	for _, g := range x.Generations {
		j.Generations = append(j.Generations, ExplainedGeneration{g.From.UTC(), g.Target, g.Recounted})
	}
	for _, c := range x.Corrections {
		j.Corrections = append(j.Corrections, s.correctionOf(c))
	}
	return j
}

func numbersOf(n rules.WindowNumbers) WindowNumbers {
	return WindowNumbers{
		Length: window(n.Length), Bad: zeroIfNaN(n.Bad), Total: zeroIfNaN(n.Total), Allowed: zeroIfNaN(n.Allowed), Ratio: zeroIfNaN(n.Ratio),
		Burn: zeroIfNaN(n.Burn), Coverage: zeroIfNaN(n.Coverage), Corrected: n.Corrected.Seconds(),
	}
}

// whereOf names the place an objective is written at.
func whereOf(o rules.Objective) string {
	if o.File != "" && o.Line > 0 {
		return o.File + ":" + strconv.Itoa(o.Line)
	}
	return o.File
}

// seconds returns nil for a duration that is not known.
func seconds(d time.Duration) *float64 {
	if d <= 0 {
		return nil
	}
	s := d.Seconds()
	return &s
}

// list is never null in JSON.
func list(all []string) []string { return append([]string{}, all...) }
