package oncall

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"
)

// remote is a calendar behind an address, as it is known.
type remote struct {
	kept     kept
	calendar *calendar // nil: never read
	err      error     // of the last try
	due      time.Time // of the next try
}

// Calendar is how a calendar of a schedule stands.
type Calendar struct {
	Schedule, Name string
	// FetchedAt is when its text was last known to be what is behind its address;
	// zero if it never was, and for a file.
	FetchedAt time.Time
	// Err is why it could not be fetched the last time; nil if it was. The text of
	// FetchedAt stays in force.
	Err error
}

const (
	retryAfter = time.Minute
	parallel   = 4
	// remadeAfter is how old a roster gets before it is made again, so that events of
	// calendars are always followed far enough ahead.
	remadeAfter = 12 * time.Hour
)

// meetLocked learns of the addresses of the file: new ones begin with what was kept
// of them, those that are gone are forgotten.
func (k *Keeper) meetLocked() {
	known := map[address]*remote{}
	for _, src := range k.files.plan.sources() {
		if src.address == "" || known[src.address] != nil {
			continue
		}
		r := k.remote[src.address]
		if r == nil {
			r = k.recall(src)
		}
		known[src.address] = r
	}
	k.remote = known
}

// recall reads what was kept of a calendar.
func (k *Keeper) recall(src source) *remote {
	r := &remote{}
	if k.opts.Cache == "" {
		return r
	}
	last, err := readKept(k.opts.Cache, src.address)
	if errors.Is(err, fs.ErrNotExist) {
		return r
	}
	if err == nil {
		r.calendar, err = parseCalendar([]byte(last.Text))
	}
	if err != nil {
		k.opts.Logger.Warn("kept calendar cannot be read and is fetched again", "schedule", src.schedule, "calendar", src.name, "err", err)
		return &remote{}
	}
	r.kept, r.due = last, last.FetchedAt.Add(src.refresh)
	return r
}

// Run fetches calendars when they are due, until ctx ends. A calendar that cannot be
// fetched, or is broken, stays as it was.
func (k *Keeper) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		_ = k.Refresh(ctx) // It logs, and Calendars tells.
		behind := k.takeIn(ctx)
		if behind != nil && ctx.Err() == nil {
			k.opts.Logger.Error("what a peer told is tried again", "err", behind)
		}
		k.mu.Lock()
		if time.Since(k.made) >= remadeAfter {
			if err := k.remakeLocked(ctx); err != nil && ctx.Err() == nil {
				k.opts.Logger.Error("roster cannot be made again; the last one stays", "err", err)
				k.made = time.Now().Add(retryAfter - remadeAfter)
			}
		}
		next := k.made.Add(remadeAfter)
		if soon := time.Now().Add(retryAfter); behind != nil && soon.Before(next) {
			next = soon
		}
		for _, r := range k.remote {
			if r.due.Before(next) {
				next = r.due
			}
		}
		k.mu.Unlock()
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
		case <-k.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// fetched is what became of one address.
type fetched struct {
	source
	kept     kept
	calendar *calendar
	err      error
}

// Refresh fetches the calendars that are due and puts what changed into force. The
// error joins what went wrong, one sentence for each calendar; the last good ones
// stay.
func (k *Keeper) Refresh(ctx context.Context) error {
	k.mu.Lock()
	var due []fetched
	for _, src := range k.files.plan.sources() {
		r := k.remote[src.address]
		same := func(f fetched) bool { return f.address == src.address }
		if r != nil && !r.due.After(time.Now()) && !slices.ContainsFunc(due, same) {
			due = append(due, fetched{source: src, kept: r.kept, calendar: r.calendar})
		}
	}
	k.mu.Unlock()
	if len(due) == 0 {
		return nil
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i := range due {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			k.fetch(ctx, &due[i])
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return k.settle(ctx, due)
}

// fetch gets one calendar and keeps it on disk.
func (k *Keeper) fetch(ctx context.Context, f *fetched) {
	before := f.kept
	next, err := k.opts.Fetcher.fetch(ctx, f.address, before)
	if err != nil {
		f.err = err
		return
	}
	if next.Text != before.Text || f.calendar == nil {
		parsed, err := parseCalendar([]byte(next.Text))
		if err != nil {
			f.err = fmt.Errorf("what is behind the address cannot be used: %w", err)
			return
		}
		f.calendar = parsed
	}
	f.kept = next
	if k.opts.Cache == "" {
		return
	}
	if err := writeKept(k.opts.Cache, f.address, next); err != nil {
		k.opts.Logger.Warn("calendar cannot be kept for the next start", "schedule", f.schedule, "calendar", f.name, "err", err)
	}
}

// settle notes what became of the calendars and makes a roster if one changed.
func (k *Keeper) settle(ctx context.Context, all []fetched) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var faults []error
	changed := false
	now := time.Now()
	for _, f := range all {
		r := k.remote[f.address]
		if r == nil {
			continue // The file names it no longer.
		}
		log := k.opts.Logger.With("schedule", f.schedule, "calendar", f.name)
		if f.err != nil {
			f.err = r.staying(f.err, now)
			if r.err == nil {
				log.Warn("calendar cannot be fetched", "err", f.err)
			}
			faults = append(faults, fmt.Errorf("schedule %s: calendar %s: %w", f.schedule, shown(f.name), f.err))
			r.err, r.due = f.err, now.Add(min(f.refresh, retryAfter))
			continue
		}
		if r.err != nil {
			log.Info("calendar is fetched again")
		}
		changed = changed || r.calendar != f.calendar
		r.kept, r.calendar, r.err, r.due = f.kept, f.calendar, nil, now.Add(f.refresh)
	}
	if changed {
		faults = append(faults, k.remakeLocked(ctx))
	}
	return errors.Join(faults...)
}

// staying adds to an error what holds in spite of it.
func (r *remote) staying(err error, now time.Time) error {
	if r.calendar == nil {
		return fmt.Errorf("%w; nothing of it is known yet", err)
	}
	return fmt.Errorf("%w; what was fetched %s ago stays in force", err, age(now.Sub(r.kept.FetchedAt)))
}

// age is a duration as people say it.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// Calendars tells how the calendars of all schedules stand, in order of schedule.
func (k *Keeper) Calendars() []Calendar {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []Calendar
	for _, src := range k.files.plan.sources() {
		c := Calendar{Schedule: src.schedule, Name: src.name}
		if r := k.remote[src.address]; r != nil {
			c.FetchedAt, c.Err = r.kept.FetchedAt, r.err
		}
		out = append(out, c)
	}
	return out
}
