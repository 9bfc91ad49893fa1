package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/internal/bulletin"
	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// The keys of the data of events that say what stakeholders were told.
const (
	dataStage   = "stage"
	dataTS      = "ts"
	dataChannel = "channel"
)

const (
	// toldFor is how long after its end the end of an incident is still told.
	toldFor = 24 * time.Hour
	// firstTry is the wait after a message that Slack did not take; it doubles up to
	// lastTry.
	firstTry, lastTry = 15 * time.Second, 5 * time.Minute
	// lookTimes is how often we look for what may have been told: about an hour.
	lookTimes = 15
)

// spokesman tells stakeholders in plain words how incidents go. What was told is in the
// log of incidents, which peers share.
type spokesman struct {
	app     *App
	channel string
	every   time.Duration
	failed  map[string]failure    // by the ID of an update; of run's goroutine alone
	stale   map[string]*staleWord // by ts, those that still say what is over; likewise
}

// failure is an update that could not be sent: how often, and when it is tried again.
type failure struct {
	times  int
	again  time.Time
	update bulletin.Update
}

// next counts a failure and says when the next try is.
func (f failure) next(now time.Time) failure {
	f.again = now.Add(min(firstTry<<min(f.times, 8), lastTry))
	f.times++
	return f
}

// staleWord is a message that is to say something else, and could not be changed yet. A
// restart forgets it: what is over stands below it, too.
type staleWord struct {
	failure

	word  slack.Word
	until time.Time
}

// openStakeholders makes ready what tells stakeholders, if they have a channel.
func (a *App) openStakeholders(_ context.Context, files config.Files) error {
	conf := files.Config.Notifiers.Slack
	if every := time.Duration(conf.StakeholderUpdates); conf.StakeholderChannel != "" && every > 0 {
		a.spokesman = &spokesman{app: a, channel: conf.StakeholderChannel, every: every, failed: map[string]failure{}, stale: map[string]*staleWord{}}
	}
	return nil
}

// informStakeholders tells them, once it is known what peers have told.
func (a *App) informStakeholders(ctx context.Context) error {
	if a.spokesman != nil && a.pipeline.Settled(ctx) == nil {
		return a.spokesman.run(ctx)
	}
	<-ctx.Done()
	return nil
}

func (s *spokesman) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		changed := s.app.incidentLog.Changed()
		now := time.Now()
		timer.Reset(s.look(ctx, now).Sub(now))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-changed:
			timer.Reset(gather)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		}
	}
}

// look tells what is due, and returns when to look again if nothing happens.
func (s *spokesman) look(ctx context.Context, now time.Time) time.Time {
	due, next := bulletin.Due(s.incidents(now), s.every, now)
	again := now.Add(time.Minute) // a promise may hold again, or hold less, and nobody tells
	sooner := func(at time.Time) {
		if !at.IsZero() && at.After(now) && at.Before(again) {
			again = at
		}
	}
	sooner(next)
	sooner(s.freshen(ctx, now))
	claimed, later := s.reclaim(ctx, due, now)
	if claimed {
		return now // Other things are due than before.
	}
	sooner(later)
	place := s.app.turn()
	for _, u := range due {
		at := u.At.Add(place.wait(s.failed[u.ID].times))
		if f, failed := s.failed[u.ID]; failed {
			at = f.again
		}
		if at.After(now) {
			sooner(at)
			continue
		}
		if ctx.Err() != nil {
			return again
		}
		s.tell(ctx, u, place.position > 0, now)
		if f, failed := s.failed[u.ID]; failed {
			sooner(f.again)
		}
	}
	return again
}

// tell tells one update. second says that a peer may have told it a moment ago.
func (s *spokesman) tell(ctx context.Context, u bulletin.Update, second bool, now time.Time) { //nolint:revive // As said.
	call, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	word := slack.Word{ID: u.ID, Channel: s.channel, Thread: u.Message, Headline: u.Text.Headline, Lines: u.Text.Lines, Aloud: u.Aloud}
	if _, failed := s.failed[u.ID]; failed || second || u.At.Before(s.app.started) {
		word.Since = u.At
	}
	channelID, ts, err := s.app.slack.Say(call, word)
	if err != nil {
		if ctx.Err() == nil { // else this program stops: whoever runs next looks for it
			s.fails(u, err)
		}
		return
	}
	delete(s.failed, u.ID)
	s.note(ctx, u, cmp.Or(u.Message, ts), now)
	if u.Instead != nil {
		instead := slack.Word{ID: u.ID, Channel: channelID, Headline: u.Instead.Headline, Lines: u.Instead.Lines}
		s.rewrite(call, u.Message, &staleWord{word: instead, until: now.Add(toldFor)}, now)
	}
}

// rewrite changes a message, or notes that it is to be tried again.
func (s *spokesman) rewrite(ctx context.Context, ts string, w *staleWord, now time.Time) {
	err := s.app.slack.Rewrite(ctx, ts, w.word)
	if err == nil || now.After(w.until) {
		delete(s.stale, ts)
	} else {
		w.failure = w.next(now)
		s.stale[ts] = w
	}
	if err != nil {
		s.app.logger.Warn("a bulletin still says what is over", "channel", s.channel, "try", w.times, "given_up", now.After(w.until), "err", err)
	}
}

// freshen changes what could not be changed before, and returns when to look again.
func (s *spokesman) freshen(ctx context.Context, now time.Time) (again time.Time) {
	for ts, w := range s.stale {
		if !w.again.After(now) {
			call, cancel := context.WithTimeout(ctx, callTime)
			s.rewrite(call, ts, w, now)
			cancel()
		}
		if s.stale[ts] != nil && (again.IsZero() || w.again.Before(again)) {
			again = w.again
		}
	}
	return again
}

// reclaim looks for what may have been said although its answer was lost, and is not due any more: without a note that
// people read it, nobody would tell them the end. It returns whether it found something, and when to look again.
func (s *spokesman) reclaim(ctx context.Context, due []bulletin.Update, now time.Time) (found bool, again time.Time) {
	for id, f := range s.failed {
		u := f.update
		if slices.ContainsFunc(due, func(d bulletin.Update) bool { return d.ID == id }) {
			continue
		}
		if !f.again.After(now) {
			call, cancel := context.WithTimeout(ctx, callTime)
			ts, err := s.app.slack.Said(call, slack.Word{ID: id, Channel: s.channel, Thread: u.Message, Since: u.At})
			cancel()
			switch {
			case err != nil && f.times < lookTimes:
				s.failed[id] = f.next(now)
			case err != nil:
				s.app.logger.Warn("it is not known whether stakeholders were told before it was over", "channel", s.channel, "stage", u.Stage, "err", err)
				delete(s.failed, id)
			default:
				delete(s.failed, id)
				if ts != "" {
					s.note(ctx, u, cmp.Or(u.Message, ts), now)
					found = true
				}
			}
		}
		if f, waits := s.failed[id]; waits && (again.IsZero() || f.again.Before(again)) {
			again = f.again
		}
	}
	return found, again
}

func (s *spokesman) fails(u bulletin.Update, err error) {
	f := s.failed[u.ID].next(time.Now())
	f.update = u
	s.failed[u.ID] = f
	s.app.logger.Error("stakeholders were not told, which is tried again", "channel", s.channel, "stage", u.Stage, "try", f.times, "err", err)
}

// note writes into the log what was told.
func (s *spokesman) note(ctx context.Context, u bulletin.Update, message string, now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	for _, id := range u.Incidents {
		s.app.logFault("update", s.app.incidentLog.Add(ctx, incidents.Event{
			ID: id + "/bulletin/" + u.ID, Incident: id, At: now, Kind: incidents.Communicated, Text: u.Text.String(),
			Data: map[string]string{dataStage: string(u.Stage), dataTS: message, dataChannel: s.channel},
		}))
	}
}

// incidents are those that may concern stakeholders: somebody was paged because a
// promise does not hold.
func (s *spokesman) incidents(now time.Time) []bulletin.Incident {
	var out []bulletin.Incident
	for _, head := range s.app.incidentLog.List(incidents.Filter{Since: now.Add(-toldFor)}) {
		if incidents.Urgency(head.Severity) < incidents.Urgent || len(head.Objectives) == 0 {
			continue
		}
		in, ok := s.app.incidentLog.Told(head.ID)
		if !ok || in.ID != head.ID {
			continue // another one has taken it in
		}
		if b := s.app.forStakeholders(in); len(b.Broken) > 0 {
			out = append(out, b)
		}
	}
	return out
}

// forStakeholders is an incident as far as stakeholders care.
func (a *App) forStakeholders(in incidents.Incident) bulletin.Incident {
	out := bulletin.Incident{
		ID: in.ID, OpenedAt: in.OpenedAt, ResolvedAt: in.ResolvedAt, Owner: in.Owner, OwnedAt: in.AcknowledgedAt,
		Spokesman: in.Roles["communications"], Told: toldOf(in.Events),
	}
	for _, id := range in.Objectives {
		status, ok := a.engine.Status(id)
		if !ok {
			continue // nobody promises it any more
		}
		p := bulletin.Promise{
			Objective: id, Text: status.Objective.Promise, Meaning: status.Objective.Meaning,
			Slow: report.Slow(status.Objective),
		}
		if !status.NoData {
			p.Ratio = status.ErrorRatio
		}
		for _, cost := range in.Impact {
			if cost.Objective == id {
				p.Bad, p.Total = cost.Bad, cost.Total
			}
		}
		out.Broken = append(out.Broken, p)
	}
	return out
}

// toldOf is what stakeholders were told, by the events of an incident.
func toldOf(events []incidents.Event) []bulletin.Told {
	var out []bulletin.Told
	for _, e := range events {
		if e.Kind == incidents.Communicated {
			stage := bulletin.Stage(cmp.Or(e.Data[dataStage], string(bulletin.ByHand)))
			out = append(out, bulletin.Told{Stage: stage, At: e.At, Message: e.Data[dataTS]})
		}
	}
	return out
}

// bulletinOf finds the message about the open incident of an alert group.
func (a *App) bulletinOf(groupKey string) (ts string) {
	in, ok := a.incidentLog.OpenGroup(groupKey)
	if !ok {
		return ""
	}
	for _, t := range toldOf(in.Events) {
		if t.Stage == bulletin.Began {
			ts = t.Message
		}
	}
	return ts
}
