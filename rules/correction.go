package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Correction takes a stretch of time out of an objective: maintenance, or a
// measurement known to be wrong. Its events count neither as good nor as bad and no
// telemetry is expected in it, in every window, budget, state and report. What was
// measured stays on disk, and figures are shown with and without it.
type Correction struct {
	// ID is given by the engine, from 1 on.
	ID int64
	// Objective is the ID of an objective; its members are corrected with it.
	Objective string
	// From and To bound the time (From, To], in whole minutes. To may lie ahead.
	From, To time.Time
	// Author and Reason are for those who read the figures later.
	Author, Reason string
	CreatedAt      time.Time
	// RevokedAt is set when the correction no longer holds; RevokedBy says by whom.
	RevokedAt time.Time
	RevokedBy string
}

// ErrCorrection is wrapped by the errors that say what is wrong with a correction.
var ErrCorrection = errors.New("correction refused")

// ErrUnknown is wrapped by the errors about an objective or correction that does not
// exist.
var ErrUnknown = errors.New("not found")

const (
	// maxCorrections bounds the corrections of one objective within its memory: each
	// costs a little at every evaluation.
	maxCorrections = 200
	// maxCorrected bounds the length of one.
	maxCorrected = 31 * 24 * time.Hour
	// maxWords bounds what people write about one.
	maxWords = 1000
)

// Correct takes a stretch of time out of an objective from now on and returns the
// correction as it is kept. Its bounds are widened to whole minutes.
func (e *Engine) Correct(ctx context.Context, c Correction) (Correction, error) {
	tr := e.track(c.Objective)
	if tr == nil {
		return c, fmt.Errorf("%w: there is no objective %q", ErrUnknown, c.Objective)
	}
	c.From, c.To = c.From.UTC().Truncate(time.Minute), c.To.UTC().Add(time.Minute-1).Truncate(time.Minute)
	c.Author, c.Reason = flat(c.Author), flat(c.Reason)
	c.CreatedAt, c.RevokedAt, c.RevokedBy = e.now().UTC().Truncate(time.Millisecond), time.Time{}, ""
	tr.mu.Lock()
	memory := tr.obj.memory()
	tr.mu.Unlock()
	now := e.now()
	refuse := func(format string, args ...any) (Correction, error) {
		return c, fmt.Errorf("%w: "+format, append([]any{ErrCorrection}, args...)...)
	}
	switch {
	case !c.To.After(c.From):
		return refuse("it ends at %s, which is not after its beginning at %s", stamp(c.To), stamp(c.From))
	case c.To.Sub(c.From) > maxCorrected:
		return refuse("it lasts %s: correct at most %s at a time, or change the objective", span(c.To.Sub(c.From)), span(maxCorrected))
	case c.From.Before(now.Add(-slicesKept)):
		return refuse("it begins at %s, before anything is known", stamp(c.From))
	case c.From.After(now.Add(366 * 24 * time.Hour)):
		return refuse("it begins more than a year ahead, at %s", stamp(c.From))
	case c.Author == "":
		return refuse("say who decides it: give an author")
	case c.Reason == "":
		return refuse("say why: give a reason")
	case len(c.Author) > maxWords || len(c.Reason) > maxWords:
		return refuse("author and reason may have %d bytes each", maxWords)
	case e.books.standing(c.Objective, now.Add(-memory)) >= maxCorrections:
		return refuse("the objective has %d corrections already: revoke some, or change the objective", maxCorrections)
	}
	c, err := e.books.addCorrection(ctx, c)
	if err != nil {
		return c, err
	}
	e.logger.Info("objective is corrected", "objective", c.Objective, "correction", c.ID, "author", c.Author)
	e.recut(ctx)
	return c, nil
}

// Revoke ends a correction: its time counts again. by says who decided that.
func (e *Engine) Revoke(ctx context.Context, id int64, by string) (Correction, error) {
	by = flat(by)
	switch {
	case by == "":
		return Correction{}, fmt.Errorf("%w: say who revokes it: give an author", ErrCorrection)
	case len(by) > maxWords:
		return Correction{}, fmt.Errorf("%w: the author may have %d bytes", ErrCorrection, maxWords)
	}
	c, err := e.books.revoke(ctx, id, by, e.now().UTC().Truncate(time.Millisecond))
	if err != nil {
		return c, err
	}
	e.logger.Info("correction is revoked", "objective", c.Objective, "correction", c.ID, "by", by)
	e.recut(ctx)
	return c, nil
}

// Corrections returns the corrections of an objective, those of its parent included,
// revoked ones too; of all objectives when id is "". They are in order of their
// beginning.
func (e *Engine) Corrections(id string) []Correction {
	parent := ""
	if tr := e.track(id); tr != nil {
		tr.mu.Lock()
		parent = tr.obj.Parent
		tr.mu.Unlock()
	}
	return e.books.correctionsOf(func(c Correction) bool {
		return id == "" || c.Objective == id || (parent != "" && c.Objective == parent)
	})
}

func byBeginning(a, b Correction) int {
	return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID))
}

// inForce are the corrections that hold, of those given.
func inForce(all []Correction) []Correction {
	return slices.DeleteFunc(all, func(c Correction) bool { return !c.RevokedAt.IsZero() })
}

// flat puts words on one line and drops what would steer a terminal.
func flat(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	return strings.Join(strings.Fields(s), " ")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
