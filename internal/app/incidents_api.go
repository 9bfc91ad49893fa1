package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

const (
	incidentsPath   = "/api/watchtower/v1/incidents"
	annotationsPath = "/api/watchtower/v1/annotations"
	// listed is how many incidents are listed where nobody asks for another number.
	listed = 100
	// maxAnnotation bounds the body of an annotation.
	maxAnnotation = 64 << 10
)

// Incidents is the answer to GET /api/watchtower/v1/incidents.
type Incidents struct {
	Incidents []incidents.Incident `json:"incidents"`
	// Times are those of all incidents that were asked for, whether the limit lists them or
	// not, of all and of each service.
	Times    IncidentTimes   `json:"times"`
	Services []IncidentTimes `json:"services"`
}

// IncidentTimes say how long incidents take. MTTA and MTTR are null where nothing was
// acknowledged or resolved.
type IncidentTimes struct {
	incidents.Times

	MTTA *float64 `json:"mtta_seconds"`
	MTTR *float64 `json:"mttr_seconds"`
}

func timesOf(all []incidents.Incident, service string) IncidentTimes {
	t := IncidentTimes{Times: incidents.TimesOf(all, service)}
	if t.Acknowledged > 0 {
		t.MTTA = new(t.Times.MTTA.Seconds())
	}
	if t.Resolved > 0 {
		t.MTTR = new(t.Times.MTTR.Seconds())
	}
	return t
}

// serveIncidents answers GET /api/watchtower/v1/incidents with a list, and below it
// with one incident, by ID or number.
func (a *App) serveIncidents(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		answerJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": "incidents can be read here, not changed"})
		return
	}
	if id := strings.Trim(strings.TrimPrefix(r.URL.Path, incidentsPath), "/"); id != "" {
		in, ok := a.incidentLog.Get(id)
		if !ok {
			answerJSON(w, http.StatusNotFound, map[string]string{"error": fmt.Sprintf("there is no incident %q: %s lists them", id, incidentsPath)})
			return
		}
		answerJSON(w, http.StatusOK, in)
		return
	}
	f, err := incidentFilter(r.URL.Query(), time.Now())
	if err != nil {
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	limit := f.Limit
	f.Limit = 0
	list := a.incidentLog.List(f)
	answer := Incidents{Incidents: list[:min(len(list), limit)], Times: timesOf(list, ""), Services: []IncidentTimes{}}
	if list == nil {
		answer.Incidents = []incidents.Incident{}
	}
	var services []string
	for i := range list {
		services = append(services, list[i].Service)
	}
	slices.Sort(services)
	for _, service := range slices.Compact(services) {
		if service != "" {
			answer.Services = append(answer.Services, timesOf(list, service))
		}
	}
	answerJSON(w, http.StatusOK, answer)
}

// incidentFilter reads a query.
func incidentFilter(q url.Values, now time.Time) (f incidents.Filter, err error) {
	var faults []error
	f = incidents.Filter{Service: q.Get("service"), Team: q.Get("team"), Severity: q.Get("severity"), Limit: listed}
	if open := q.Get("open"); open != "" {
		if f.Open, err = strconv.ParseBool(open); err != nil {
			faults = append(faults, fmt.Errorf("open=%s: is neither true nor false", open))
		}
	}
	f.Since, err = moment("since", q.Get("since"), now)
	faults = append(faults, err)
	f.Until, err = moment("until", q.Get("until"), now)
	faults = append(faults, err)
	if limit := q.Get("limit"); limit != "" {
		if f.Limit, err = strconv.Atoi(limit); err != nil || f.Limit < 1 {
			faults = append(faults, fmt.Errorf("limit=%s: is no number above 0", limit))
		}
	}
	return f, errors.Join(faults...)
}

// moment reads a time of a query, or how long before now it was: 2026-11-02T09:00:00Z,
// a Unix time in seconds, or 7d. Empty is zero.
func moment(key, value string, now time.Time) (time.Time, error) {
	if value == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, value); err == nil {
		return t, nil
	}
	if s, err := strconv.ParseFloat(value, 64); err == nil && s >= 0 && s < 1e11 {
		return time.UnixMilli(int64(s * 1000)), nil
	}
	if d, err := model.ParseDuration(value); err == nil {
		return now.Add(-time.Duration(d)), nil
	}
	return time.Time{}, fmt.Errorf("%s=%s: is neither a time such as 2026-11-02T09:00:00Z nor a duration such as 7d", key, value)
}

// annotation is what a deploy pipeline posts. Grafana's clients give the time in
// milliseconds since 1970, as time.
type annotation struct {
	Text    string    `json:"text"`
	Service string    `json:"service"`
	Tags    []string  `json:"tags"`
	At      time.Time `json:"at"`
	Time    int64     `json:"time"`
	Link    string    `json:"link"`
}

// serveAnnotations keeps a deploy or another change (POST), and lists them (GET).
func (a *App) serveAnnotations(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		a.annotate(w, r)
	case http.MethodGet, http.MethodHead:
		a.listAnnotations(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		answerJSON(w, http.StatusMethodNotAllowed, map[string]string{"error": "post an annotation, or get the list of them"})
	}
}

func (a *App) annotate(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAnnotation))
	if err != nil {
		answerJSON(w, http.StatusRequestEntityTooLarge, map[string]string{"error": "the annotation is too large"})
		return
	}
	var in annotation
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&in); err != nil {
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": "this is not JSON with text, service, tags, at (a time such as 2026-11-02T09:00:00Z) and link: " + err.Error()})
		return
	}
	if in.At.IsZero() && in.Time > 0 {
		in.At = time.UnixMilli(in.Time)
	}
	if strings.TrimSpace(in.Text) == "" {
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": "text is missing: say what changed, such as \"Release 2.4.1\""})
		return
	}
	if link, err := url.Parse(in.Link); err != nil || link.Scheme != "" && link.Scheme != "http" && link.Scheme != "https" {
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": fmt.Sprintf("link %q: is no http or https URL", in.Link)})
		return
	}
	kept, err := a.incidentLog.Annotate(r.Context(), incidents.Annotation{At: in.At, Text: in.Text, Service: in.Service, Tags: in.Tags, Link: in.Link})
	if err != nil {
		a.logger.Error("an annotation could not be written", "err", err)
		answerJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "the annotation could not be written: try again"})
		return
	}
	answerJSON(w, http.StatusCreated, kept)
}

func (a *App) listAnnotations(w http.ResponseWriter, r *http.Request) {
	q, now := r.URL.Query(), time.Now()
	from, fault1 := moment("from", q.Get("from"), now)
	to, fault2 := moment("to", q.Get("to"), now)
	if err := errors.Join(fault1, fault2); err != nil {
		answerJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	list, err := a.incidentLog.Annotations(r.Context(), incidents.AnnotationFilter{From: from, To: to, Service: q.Get("service"), Tag: q.Get("tag")})
	if err != nil {
		a.logger.Error("annotations could not be read", "err", err)
		answerJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "the annotations could not be read: try again"})
		return
	}
	if list == nil {
		list = []incidents.Annotation{}
	}
	answerJSON(w, http.StatusOK, map[string]any{"annotations": list})
}
