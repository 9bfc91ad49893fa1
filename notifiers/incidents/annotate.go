package incidents

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// before is how long before an incident a deploy may have been and still be shown with
// it.
const before = time.Hour

// Annotation is a deploy or another change that somebody, or a pipeline, reported.
type Annotation struct {
	// ID is a function of all else.
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Text string    `json:"text"`
	// Service is what was changed; "" concerns all.
	Service string   `json:"service,omitempty"`
	Tags    []string `json:"tags,omitempty"`
	Link    string   `json:"link,omitempty"`
}

// AnnotationFilter chooses annotations. What is zero chooses all; Service chooses those
// that concern all services too.
type AnnotationFilter struct {
	From, To     time.Time
	Service, Tag string
}

// Annotate keeps an annotation, on disk when it returns, with the ID it gives it. At is
// now if it is zero. The same annotation twice is one.
func (l *Log) Annotate(ctx context.Context, a Annotation) (Annotation, error) {
	if strings.TrimSpace(a.Text) == "" {
		return a, errors.New("text is missing: say what changed, such as \"Release 2.4.1\"")
	}
	if a.At.IsZero() {
		a.At = l.o.Now()
	}
	a = a.bounded()
	a.ID = idOf(stamp(a.At), a.Text, a.Service, strings.Join(a.Tags, ","), a.Link)
	l.mu.Lock()
	if l.annotateLocked(a) {
		l.pending.news.Annotations = append(l.pending.news.Annotations, a)
	}
	l.mu.Unlock()
	return a, l.commit(ctx)
}

// annotateLocked adds an annotation and returns whether it was unknown. The caller
// holds mu.
func (l *Log) annotateLocked(a Annotation) bool {
	if slices.ContainsFunc(l.notes, func(n Annotation) bool { return n.ID == a.ID }) {
		return false
	}
	l.notes = append(l.notes, a)
	slices.SortFunc(l.notes, byTime)
	l.pending.annotations = append(l.pending.annotations, a)
	l.metrics.annotated(a.Service)
	close(l.changed)
	l.changed = make(chan struct{})
	return true
}

func byTime(a, b Annotation) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID)) }

// Annotations returns what a filter chooses, the oldest first.
func (l *Log) Annotations(ctx context.Context, f AnnotationFilter) ([]Annotation, error) {
	out, err := l.disk.annotations(ctx, f)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	for _, a := range l.pending.annotations {
		if f.matches(&a) && !slices.ContainsFunc(out, func(o Annotation) bool { return o.ID == a.ID }) {
			out = append(out, a)
		}
	}
	l.mu.Unlock()
	slices.SortFunc(out, byTime)
	return slices.DeleteFunc(out, func(a Annotation) bool { return f.Tag != "" && !slices.Contains(a.Tags, f.Tag) }), nil
}

func (f AnnotationFilter) matches(a *Annotation) bool {
	return (f.From.IsZero() || !a.At.Before(f.From)) && (f.To.IsZero() || !a.At.After(f.To)) &&
		(f.Service == "" || a.Service == "" || a.Service == f.Service)
}

// withDeploys are the events of an incident with what was changed during it, or up to
// an hour before, in its service or in all.
func (l *Log) withDeploys(ctx context.Context, in Incident) []Event {
	to := in.ResolvedAt
	if to.IsZero() {
		to = l.o.Now()
	}
	near, err := l.Annotations(ctx, AnnotationFilter{From: in.OpenedAt.Add(-before), To: to})
	if err != nil {
		l.logger.Error("deploys could not be read", "err", err)
		return in.Events
	}
	events := in.Events
	for _, a := range near {
		if a.Service == "" || a.Service == in.Service {
			events = append(events, a.event(in.ID))
		}
	}
	return ordered(events)
}

// event is an annotation as what happened to an incident.
func (a *Annotation) event(incident string) Event {
	data := map[string]string{}
	for key, value := range map[string]string{DataService: a.Service, DataLink: a.Link, DataTags: strings.Join(a.Tags, ",")} {
		if value != "" {
			data[key] = value
		}
	}
	return Event{ID: a.ID, Incident: incident, At: a.At, Kind: Deployed, Text: a.Text, Data: data}
}
