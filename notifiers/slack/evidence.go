package slack

import (
	"context"
	"time"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// Evidence is what the store knows about an alert: where the errors are, and what
// it looks like.
type Evidence struct {
	// Where are plain sentences that name the labels which carry the errors.
	Where []string
	// Picture is a PNG of the incident, nil without one. Alt says the same in words.
	Picture []byte
	Alt     string
}

const (
	// evidenceSoon is how long the first message waits for evidence; what takes
	// longer follows as an edit.
	evidenceSoon = 120 * time.Millisecond
	// evidenceLate is when it is given up.
	evidenceLate = 2 * time.Second
	// evidenceAtOnce bounds how many incidents ask the store at a time: in a storm the
	// store has better things to do.
	evidenceAtOnce = 4
)

// findings are the evidence and the playbook with its queries answered.
type findings struct {
	Evidence

	playbook *playbook
}

// gather asks for evidence about an incident and waits a little. What is not there
// by then comes through late, which is nil when there is nothing to come.
func (n *notifier) gather(ctx context.Context, in *incident) (soon *findings, late <-chan findings) {
	s := n.slack
	if s.opts.Evidence == nil && (s.opts.Query == nil || in.Playbook == nil) || in.state() == resolved {
		return nil, nil
	}
	answer := make(chan findings, 1)
	asked := *in
	began := s.background.run(func() {
		// The notification may end before: what is found late is still worth an edit.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), evidenceLate)
		defer cancel()
		answer <- s.look(ctx, &asked)
	})
	if !began {
		return nil, nil
	}
	wait := time.NewTimer(evidenceSoon)
	defer wait.Stop()
	select {
	case f := <-answer:
		s.metrics.evidence.WithLabelValues("soon").Inc()
		return &f, nil
	case <-wait.C:
		return nil, answer
	}
}

// look asks the store, playbook and evidence side by side. It returns what it has
// when ctx ends.
func (s *Slack) look(ctx context.Context, in *incident) findings {
	select {
	case s.looking <- struct{}{}:
		defer func() { <-s.looking }()
	case <-ctx.Done():
		s.metrics.evidence.WithLabelValues("none").Inc()
		return findings{}
	}
	var f findings
	answered := make(chan *playbook, 1)
	go func() { answered <- s.answer(ctx, in) }()
	if s.opts.Evidence != nil {
		labels := common(in.subject(), labelsOf)
		e, err := s.opts.Evidence(ctx, labels, in.since(), in.At)
		if err != nil {
			// The page goes out without: it must never wait for, or fail with, its evidence.
			s.metrics.evidence.WithLabelValues("failed").Inc()
			s.logger.Warn("no evidence for a page", "labels", pairs(labels, ","), "err", err)
		}
		f.Evidence = e
	}
	f.playbook = <-answered
	for i := range f.Where {
		f.Where[i] = clean(f.Where[i])
	}
	f.Alt = clean(f.Alt)
	if len(f.Picture) > maxPicture {
		f.Picture = nil
	}
	return f
}

// answer runs the queries of the playbook; nil when there are none to run.
func (s *Slack) answer(ctx context.Context, in *incident) *playbook {
	if s.opts.Query == nil || in.Playbook == nil || in.Playbook.Body == "" {
		return nil
	}
	return s.answered(in.Playbook, in.Playbook.asWritten().Evaluate(ctx, s.opts.Query, in.At))
}

// asWritten is the pinned playbook in the form that playbooks works on.
func (p *playbook) asWritten() playbooks.Playbook {
	return playbooks.Playbook{ID: p.ID, Title: p.Title, Owner: p.Owner, Body: p.Body}
}

// pin keeps a playbook for the life of an incident.
func (s *Slack) pin(p playbooks.Playbook) *playbook {
	kept := &playbook{
		ID: clean(p.ID), Title: clean(p.Title), Owner: clean(p.Owner), Hash: p.Hash(), Summary: clean(p.Summary()), Body: clean(p.Body),
	}
	return s.answered(kept, p)
}

// answered is the pinned playbook with the steps and the text of its answered form.
func (s *Slack) answered(kept *playbook, with playbooks.Playbook) *playbook {
	out := *kept
	out.Steps = with.Steps()
	for i := range out.Steps {
		if i < len(kept.Steps) {
			out.Steps[i].ID = kept.Steps[i].ID // answers change the text of a step, and it stays the same step
		}
	}
	out.Text = with.SlackMarkdown(s.opts.ExternalURL)
	return &out
}

// follow waits for late evidence and edits the page.
func (s *Slack) follow(key string, at time.Time, late <-chan findings) {
	if late == nil {
		return
	}
	s.background.run(func() {
		f := <-late
		s.metrics.evidence.WithLabelValues("late").Inc()
		s.outbox.enrich(key, at, &f)
	})
}

// add puts what was found into an incident, and tells whether anything is new.
func (f *findings) add(in *incident) bool {
	news := false
	if f.playbook != nil {
		edited := in.Playbook != nil && in.Playbook.Edited
		in.Playbook, news = f.playbook, true
		in.Playbook.Edited = edited
	}
	if len(f.Where) > 0 {
		in.Where, news = f.Where, true
	}
	return news
}
