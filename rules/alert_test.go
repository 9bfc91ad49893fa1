package rules

import (
	"testing"
	"time"
)

// Each alert keeps its state when the list it stands in changes, by a reload, over
// an orderly restart, and after a kill.
func TestFiringStateSurvivesAChangedList(t *testing.T) {
	t.Parallel()
	noPage := shareObjective(func(o *Objective) { o.Alerting.Page.Disabled = true })
	for name, change := range map[string]func(w *world, o Objective){
		"reload": func(w *world, o Objective) {
			if err := w.engine.Reload([]Objective{o}); err != nil {
				w.t.Fatal(err)
			}
		},
		"restart": func(w *world, o Objective) {
			w.stop()
			w.opts.Objectives = []Objective{o}
			w.start()
		},
		"kill": func(w *world, o Objective) {
			w.engine.save(w.now.UnixMilli(), 0)
			w.traffic(30*time.Second, 15*time.Second, 100, 0.5)
			w.opts.Objectives = []Objective{o}
			w.start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shareObjective())
			w.traffic(time.Hour, 15*time.Second, 100, 0.5)
			before := w.alert(share, alertTicket)
			if !before.firing || !w.alert(share, alertPage).firing {
				t.Fatal("half of all requests fail and not all alerts fire")
			}
			change(w, noPage)
			w.traffic(15*time.Second, 15*time.Second, 100, 0.5)
			if after := w.alert(share, alertTicket); !after.firing || after.activeAt != before.activeAt {
				t.Errorf("after the page was taken off: %+v, want %+v", after, before)
			}
			change(w, shareObjective())
			if page := w.alert(share, alertPage); page.firing {
				t.Errorf("the page is new and has a past: %+v", page)
			}
			w.traffic(15*time.Second, 15*time.Second, 100, 0.5)
			if after := w.alert(share, alertTicket); !after.firing || after.activeAt != before.activeAt {
				t.Errorf("after the page was put back: %+v, want %+v", after, before)
			}
			if !w.alert(share, alertPage).firing {
				t.Error("the page was put back and does not fire")
			}
		})
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	general := Policy{StateExhausted: "Features wait", StateUnknown: "Ask the platform team"}
	objectives := general.Under([]Objective{shareObjective(), shareObjective(func(o *Objective) {
		o.ID, o.Policy = "other", map[State]string{StateExhausted: "Nobody minds!"}
	})})
	w := newWorld(t, objectives...)
	says := func(id, want string) {
		t.Helper()
		if s, _ := w.engine.Status(id); s.Consequence != want {
			t.Errorf("%s is %s: %q, want %q", id, s.State, s.Consequence, want)
		}
	}
	w.tick()
	says(share, "Nothing is known yet: no events have been seen. Ask the platform team.")
	w.traffic(testDay, time.Minute, 10, 0.05)
	says(share, "Features wait.")
	says("other", "Nobody minds!")
}
