package rules

import (
	"errors"
	"testing"
	"time"
)

// TestRemovedObjectiveKeepsWhatItCounted takes an objective away while the engine runs, or
// while it does not, and asks for its past; then it comes back.
func TestRemovedObjectiveKeepsWhatItCounted(t *testing.T) {
	for name, remove := range map[string]func(*world){
		"while running": func(w *world) { w.reload() },
		"while stopped": func(w *world) {
			w.house()
			w.now = w.now.Add(time.Hour) // what was counted is on disk
			w.house()
			w.stop()
			w.opts.Objectives = nil
			w.start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := monthly(t)
			o.Team, o.Meaning = "growth", "People leave."
			w := newWorld(t, o)
			w.keepBooks()
			began := w.now
			w.hours(5, 10, 0.01)
			if all := w.engine.Removed(began); len(all) != 0 {
				t.Fatalf("%+v removed before anything was", all)
			}
			remove(w)
			gone := w.now
			w.now = w.now.Add(2 * testDay)
			all := w.engine.Removed(began)
			if len(all) != 1 || !all[0].At.Equal(gone.Truncate(time.Millisecond)) {
				t.Fatalf("removed: %+v, want one at %s", all, gone)
			}
			got := all[0].Objective
			if got.ID != share || got.Promise != o.Promise || got.Team != "growth" || got.Meaning != "People leave." || got.Target != o.Target ||
				got.Calendar == nil || got.Calendar.Unit != Month || got.Calendar.Start.Location().String() != o.Calendar.Start.Location().String() || !got.Calendar.Start.Equal(o.Calendar.Start) {
				t.Errorf("remembered as %+v", got)
			}
			w.start() // It is remembered by the next run too.
			tally, err := w.engine.Tally(t.Context(), share, began, w.now)
			if want := 5 * 36000.0; err != nil || !near(tally.Total, want, 650) || !near(tally.Total-tally.Good, want/100, 7) || !near(tally.Allowed, tally.Total*o.ErrorBudget(), 1e-3) {
				t.Errorf("%+v (%v), want %v events", tally, err, want)
			}
			if all := w.engine.Removed(gone); len(all) != 0 {
				t.Errorf("%+v removed after it was", all)
			}
			if _, err := w.engine.Tally(t.Context(), "nobody", began, w.now); !errors.Is(err, ErrUnknown) {
				t.Errorf("an objective that never was: %v", err)
			}
			w.reload(o)
			if all := w.engine.Removed(began); len(all) != 0 {
				t.Errorf("it is back, and removed: %+v", all)
			}
			again, err := w.engine.Tally(t.Context(), share, began, w.now)
			if err != nil || !near(again.Total, tally.Total, 1) {
				t.Errorf("back with %+v (%v), had %+v", again, err, tally)
			}
		})
	}
}
