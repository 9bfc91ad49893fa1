package web

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

const (
	// whereTime is how long a page waits for what its failures have in common: the rest of it is worth more than that.
	whereTime = 300 * time.Millisecond
	// whereFresh is how long an answer is shown, or that there was none: a search reads many samples, and an open page asks
	// every few seconds.
	whereFresh = 15 * time.Second
	// whereKept is of how many objectives answers are remembered.
	whereKept = 100
	// whereOver is how much of the past is looked at while no alert says since when it burns.
	whereOver = time.Hour
)

// burning is where an objective burns now, in sentences.
type burning struct {
	Since     moment
	Sentences []string
	Unknown   string // Why nothing is known; empty if something is.
}

// isBurning tells whether more fails than the target allows.
func isBurning(st rules.Status) bool {
	switch conditionOf(st) {
	case broken, leaking:
		return true
	default:
		return !st.NoData && st.Burn > 1
	}
}

// burnsSince is from when on to look for what an objective's failures have in common.
func burnsSince(st rules.Status, now time.Time) time.Time {
	from := now.Add(-whereOver)
	var short time.Duration
	for _, w := range st.Windows {
		if w.Firing && (short == 0 || w.Short < short) {
			short = w.Short
		}
	}
	for _, a := range st.Alerts {
		if a.State != rules.AlertFiring || a.Kind != rules.AlertBurn || a.Since.IsZero() {
			continue
		}
		if since := (rules.Pair{Short: short}).Evidence(a.Since, now); since.After(from) {
			from = since
		}
	}
	return from
}

// whereItBurns says what the failures have in common, while there are too many of them.
func (s *site) whereItBurns(ctx context.Context, st rules.Status) *burning {
	if s.o.Courses == nil || !isBurning(st) {
		return nil
	}
	now := s.o.Now()
	from := burnsSince(st, now)
	b := &burning{Since: s.at(from)}
	found, err := s.wheres.of(st.Objective.ID, now, func() (rules.Where, error) {
		ctx, cancel := context.WithTimeout(ctx, whereTime)
		defer cancel()
		return s.o.Courses.Where(ctx, st.Objective.ID, from, now)
	})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		b.Unknown = "Not known: there are too many series and samples to look through while a page waits. The page of an incident takes longer and says it."
	case err != nil:
		b.Unknown = "Not known: " + err.Error() + "."
	case found.Reason != "":
		b.Unknown = "Not known: " + strings.TrimSuffix(found.Reason, ".") + "."
	case len(found.Culprits) == 0 && len(found.Kinds) == 0 && !found.Even:
		b.Unknown = "Nothing that the failures have in common stands out."
	default:
		b.Sentences = found.Sentences()
	}
	return b
}

// wheres remembers for a moment where objectives burn.
type wheres struct {
	mu    sync.Mutex // guards known; the lock of an answer is taken after it is released
	known map[string]*whereAnswer
}

type whereAnswer struct {
	mu    sync.Mutex // held over a search, so that one is made for all that ask
	asked time.Time
	found rules.Where
	err   error
}

// of returns what is known of an objective, or looks for it.
func (w *wheres) of(id string, now time.Time, look func() (rules.Where, error)) (rules.Where, error) {
	w.mu.Lock()
	a := w.known[id]
	if a == nil {
		if w.known == nil || len(w.known) >= whereKept {
			w.known = map[string]*whereAnswer{}
		}
		a = &whereAnswer{}
		w.known[id] = a
	}
	w.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asked.IsZero() || now.Sub(a.asked) >= whereFresh || errors.Is(a.err, context.Canceled) {
		a.found, a.err = look()
		a.asked = now
	}
	return a.found, a.err
}
