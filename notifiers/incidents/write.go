package incidents

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// commit returns once all that memory knew when it was called is on disk. What could
// not be written stays pending and is tried again by the next commit, and by Run. What
// is told at the same time is written together.
func (l *Log) commit(ctx context.Context) error {
	select {
	case l.writing <- struct{}{}:
		defer func() { <-l.writing }()
	case <-ctx.Done():
		return fmt.Errorf("write what happened: %w (it is kept and tried again)", ctx.Err())
	}
	l.mu.Lock()
	p := l.pending
	l.pending = pending{}
	b := p.batch()
	l.mu.Unlock()
	if p.empty() {
		return nil
	}
	// The events are those of others too: a caller who gives up does not concern them.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diskTimeout)
	defer cancel()
	if err := l.disk.save(ctx, b); err != nil {
		l.metrics.disk.Inc()
		l.mu.Lock()
		l.pending.before(p)
		// A record that was joined to another meanwhile is no more.
		maps.DeleteFunc(l.pending.records, func(r *record, _ bool) bool { return l.records[r.in.ID] != r })
		l.mu.Unlock()
		return fmt.Errorf("write what happened: %w (it is kept and tried again)", err)
	}
	l.broadcast(p.news)
	return nil
}

// batch is what has to be written. The caller holds mu.
func (p *pending) batch() batch {
	b := batch{events: p.events, gone: p.gone, annotations: p.annotations}
	for r := range p.records {
		b.rows = append(b.rows, row{in: r.head(), parts: slices.Collect(maps.Keys(r.parts))})
	}
	return b
}

// before puts what was taken from p back.
func (p *pending) before(old pending) {
	p.events = append(old.events, p.events...)
	p.gone = append(old.gone, p.gone...)
	p.annotations = append(old.annotations, p.annotations...)
	p.news.Events = append(old.news.Events, p.news.Events...)
	p.news.Annotations = append(old.news.Annotations, p.news.Annotations...)
	if p.records == nil {
		p.records = old.records
		return
	}
	maps.Copy(p.records, old.records)
}

// Run takes in what peers tell, tries again to write what could not be written, and
// forgets what is old, until ctx ends. What is told to the log works without it.
func (l *Log) Run(ctx context.Context) error {
	house := time.NewTicker(housekeeping)
	defer house.Stop()
	retry := time.NewTicker(retryAfter)
	defer retry.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			l.takeTold()
			l.mu.Lock()
			l.stopped = true
			l.mu.Unlock()
			return l.commit(context.WithoutCancel(ctx))
		case <-l.received:
			l.takeTold()
			err = l.commit(ctx)
		case <-retry.C:
			err = l.commit(ctx)
		case <-house.C:
			l.forget()
			err = l.disk.prune(ctx, l.o.Now().Add(-retention))
		}
		if err != nil && ctx.Err() == nil {
			l.logger.Error("incidents could not be written; they are kept and tried again", "err", err)
		}
	}
}

// forget drops from memory what is over and old, or too much: it is on disk.
func (l *Log) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	since := l.o.Now().Add(-remembered)
	var over []*record
	for r := range l.allLocked() {
		if r.in.State == StateResolved && !l.pending.records[r] {
			over = append(over, r)
		}
	}
	slices.SortFunc(over, func(a, b *record) int { return cmp.Compare(b.end().UnixMilli(), a.end().UnixMilli()) })
	for i, r := range over {
		if i >= maxRemembered || r.end().Before(since) {
			for id := range r.parts {
				delete(l.records, id)
			}
		}
	}
	for id, r := range l.records {
		if r.in.ID == "" && !slices.ContainsFunc(r.in.Events, func(e Event) bool { return e.At.After(since) }) {
			delete(l.records, id) // Nobody has told how it began.
		}
	}
	l.notes = slices.DeleteFunc(l.notes, func(a Annotation) bool { return a.At.Before(since) })
}
