package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
	"github.com/watchtower-hub/watchtower/rules"
)

const (
	// pictureBefore is how much of the time before an incident its picture shows.
	pictureBefore = 30 * time.Minute
	// pictureSteps is how many points a line of it has.
	pictureSteps = 240
	// shortestStep is as fine as a picture gets.
	shortestStep = 10 * time.Second
	// shortestGap is how long nothing must be known to be shown as a gap: as long as
	// telemetry has to be silent to be taken for lost.
	shortestGap = 2 * time.Minute
	// longestPicture is the most that is shown of an incident that goes on and on.
	longestPicture = 24 * time.Hour
)

// evidence is what the store knows about an alert of an objective: which labels the
// errors have in common, and how the burn rate rose. Alerts of other rules have none.
func (a *App) evidence(ctx context.Context, labels map[string]string, since, at time.Time) (slack.Evidence, error) {
	id, ok := a.engine.ObjectiveOf(labels)
	if !ok {
		return slack.Evidence{}, nil
	}
	picture := make(chan drawn, 1)
	go func() { picture <- a.picture(id, since, at) }()
	where, err := a.where(ctx, id, labels["alertname"], since, at)
	p := <-picture
	return slack.Evidence{Where: where, Picture: p.png, Alt: p.alt}, errors.Join(err, p.err)
}

// where says in sentences where it burns. An alert that tells of silence is not about
// errors.
func (a *App) where(ctx context.Context, id, alertname string, since, at time.Time) ([]string, error) {
	if strings.HasSuffix(alertname, "TelemetryLost") || strings.HasSuffix(alertname, "NoTraffic") {
		return nil, nil
	}
	course, err := a.engine.Course(id, at.Add(-shortestStep), at, shortestStep)
	if err != nil {
		return nil, fmt.Errorf("where it burns: %w", err)
	}
	found, err := a.engine.Where(ctx, id, course.Pair.Evidence(since, at), at)
	if err != nil {
		return nil, fmt.Errorf("where it burns: %w", err)
	}
	if len(found.Culprits) == 0 && !found.Even {
		return nil, nil // that nothing was found out helps nobody at night
	}
	return found.Sentences(), nil
}

// drawn is a picture with its words.
type drawn struct {
	png []byte
	alt string
	err error
}

// picture draws the burn rate and the error ratio around the start of an incident.
func (a *App) picture(id string, since, at time.Time) drawn {
	from := since.Add(-pictureBefore)
	if oldest := at.Add(-longestPicture); from.Before(oldest) {
		from = oldest
	}
	step := max(shortestStep, (at.Sub(from) / pictureSteps).Truncate(time.Second))
	from = at.Add(-at.Sub(from).Truncate(step)) // the last step ends now: the fire is there
	course, err := a.engine.Course(id, from, at, step)
	if err != nil {
		return drawn{err: fmt.Errorf("picture: %w", err)}
	}
	status, _ := a.engine.Status(id)
	figure := incidentOf(course, status.Objective, since).Figure()
	png, err := figure.PNG()
	if err != nil {
		return drawn{err: fmt.Errorf("picture: %w", err)}
	}
	return drawn{png: png, alt: figure.Alt()}
}

// incidentOf puts the course of an objective into a chart's words.
func incidentOf(c rules.Course, o rules.Objective, since time.Time) chart.Incident {
	in := chart.Incident{Name: o.Promise, Began: since, Budget: c.Budget}
	for _, p := range c.Points {
		in.Burn = append(in.Burn, chart.Point{At: p.At, Value: p.Long}) // it is the last to cross the threshold, and steady
		in.Errors = append(in.Errors, chart.Point{At: p.At, Value: p.Ratio})
	}
	in.Burn, in.Errors = bridged(in.Burn), bridged(in.Errors)
	if c.Threshold > 0 {
		in.Alerts = []chart.Threshold{{Name: string(c.Pair.Severity), Value: c.Threshold}}
	}
	return in
}

// bridged leaves out short stretches in which nothing is known: samples may arrive
// further apart than the steps of a picture. A longer one stays, and is shown as a gap.
func bridged(points []chart.Point) []chart.Point {
	var out []chart.Point
	for i := 0; i < len(points); {
		end := i
		for end < len(points) && math.IsNaN(points[end].Value) {
			end++
		}
		if end > i && (end == len(points) || points[end].At.Sub(points[max(0, i-1)].At) > shortestGap) {
			out = append(out, points[i:end]...)
		}
		if end < len(points) {
			out = append(out, points[end])
		}
		i = end + 1
	}
	return out
}
