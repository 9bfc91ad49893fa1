package rules

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Progress is how much of an objective's past has been read again. Of is 0 while it
// waits for its turn.
type Progress struct {
	Read, Of time.Duration
}

// String says it for people: "12 of 30d read".
func (p Progress) String() string {
	if p.Of <= 0 {
		return "waits for its turn"
	}
	const day = 24 * time.Hour
	if p.Of >= 2*day {
		return fmt.Sprintf("%d of %s read", p.Read/day, days(p.Of.Round(day)))
	}
	return fmt.Sprintf("%s of %s read", span(p.Read), span(p.Of))
}

// progress is written by a restore while others read it.
type progress struct{ done, all atomic.Int64 }

// tell notes how many milliseconds of all are read.
func (p *progress) tell(done, all int64) {
	p.all.Store(all)
	p.done.Store(min(max(done, 0), all))
}

func (p *progress) now() Progress {
	return Progress{time.Duration(p.done.Load()) * time.Millisecond, time.Duration(p.all.Load()) * time.Millisecond}
}

// Restoring is how far the engine has come in restoring its objectives.
type Restoring struct {
	// Done and All count objectives of the restore that runs; both are 0 when none does.
	Done, All int
	// Reading is one that is being read right now, with how far.
	Reading  string
	Progress Progress
}

// String says it for people; "" when nothing is being restored.
func (r Restoring) String() string {
	if r.All == 0 {
		return ""
	}
	said := fmt.Sprintf("restoring: %d of %d objectives", r.Done, r.All)
	if r.Reading != "" {
		said += fmt.Sprintf("; %s, %s", r.Reading, r.Progress)
	}
	return said
}

// Restoring tells how far a restore has come.
func (e *Engine) Restoring() Restoring {
	p := e.restores.Load()
	if p == nil {
		return Restoring{}
	}
	return p.now()
}

// restoreProgress tells now and then how far a restore has come.
type restoreProgress struct {
	logger *slog.Logger

	// mu guards all below.
	mu      sync.Mutex
	all, n  int
	reading []*track
}

// begin notes that an objective is being read.
func (p *restoreProgress) begin(tr *track) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading = append(p.reading, tr)
}

// done notes that an objective is read.
func (p *restoreProgress) done(tr *track) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	for i, other := range p.reading {
		if other == tr {
			p.reading = append(p.reading[:i], p.reading[i+1:]...)
			break
		}
	}
}

// now is how far the restore has come, by the objective that has been read longest.
func (p *restoreProgress) now() Restoring {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := Restoring{Done: p.n, All: p.all}
	if len(p.reading) > 0 {
		r.Reading, r.Progress = p.reading[0].id, p.reading[0].restored.now()
	}
	return r
}

// log tells every few seconds until stop is closed.
func (p *restoreProgress) log(stop <-chan struct{}) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			r := p.now()
			p.logger.Info("restoring objectives", "done", r.Done, "of", r.All, "reading", r.Reading, "progress", r.Progress.String())
		}
	}
}
