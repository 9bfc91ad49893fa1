package rules

import (
	"testing"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestCalendarPeriods(t *testing.T) {
	berlin, newYork := zone(t, "Europe/Berlin"), zone(t, "America/New_York")
	day := func(z *time.Location, y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, z) }
	cases := map[string]struct {
		calendar Calendar
		at       time.Time
		from, to time.Time
		hours    float64
	}{
		"a month with an hour less": {
			Calendar{Month, 1, day(berlin, 2020, 1, 1)}, day(berlin, 2026, 3, 30), day(berlin, 2026, 3, 1), day(berlin, 2026, 4, 1), 743,
		},
		"a month with an hour more": {
			Calendar{Month, 1, day(berlin, 2020, 1, 1)}, day(berlin, 2026, 10, 1), day(berlin, 2026, 10, 1), day(berlin, 2026, 11, 1), 745,
		},
		"the last moment belongs to the old month": {
			Calendar{Month, 1, day(berlin, 2020, 1, 1)}, day(berlin, 2026, 11, 1).Add(-time.Millisecond), day(berlin, 2026, 10, 1), day(berlin, 2026, 11, 1), 745,
		},
		"a quarter": {
			Calendar{Quarter, 1, day(newYork, 2021, 1, 1)}, day(newYork, 2026, 11, 23), day(newYork, 2026, 10, 1), day(newYork, 2027, 1, 1), 92*24 + 1,
		},
		"before its start": {
			Calendar{Week, 1, day(time.UTC, 2026, 11, 2)}, day(time.UTC, 2026, 1, 1), day(time.UTC, 2025, 12, 29), day(time.UTC, 2026, 1, 5), 168,
		},
		"two weeks": {
			Calendar{Week, 2, day(time.UTC, 2026, 11, 2)}, day(time.UTC, 2026, 11, 15), day(time.UTC, 2026, 11, 2), day(time.UTC, 2026, 11, 16), 336,
		},
		"a month from its 31st": {
			Calendar{Month, 1, day(time.UTC, 2026, 1, 31)}, day(time.UTC, 2026, 2, 28), day(time.UTC, 2026, 2, 28), day(time.UTC, 2026, 3, 31), 31 * 24,
		},
		"a leap year": {
			Calendar{Year, 1, day(time.UTC, 2020, 1, 1)}, day(time.UTC, 2028, 5, 5), day(time.UTC, 2028, 1, 1), day(time.UTC, 2029, 1, 1), 366 * 24,
		},
		"a day of 23 hours": {
			Calendar{Day, 1, day(berlin, 2020, 1, 1)}, day(berlin, 2026, 3, 29).Add(5 * time.Hour), day(berlin, 2026, 3, 29), day(berlin, 2026, 3, 30), 23,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			from, to := c.calendar.Around(c.at)
			if !from.Equal(c.from) || !to.Equal(c.to) || to.Sub(from).Hours() != c.hours {
				t.Errorf("%s – %s (%v h), want %s – %s (%v h)", from, to, to.Sub(from).Hours(), c.from, c.to, c.hours)
			}
		})
	}
}

// monthly is the share objective over calendar months in Berlin.
func monthly(t *testing.T) Objective {
	t.Helper()
	return shareObjective(func(o *Objective) {
		o.Period = 31 * testDay
		o.Calendar = &Calendar{Month, 1, time.Date(2020, 1, 1, 0, 0, 0, 0, zone(t, "Europe/Berlin"))}
	})
}

// TestCalendarMonthWithDaylightSaving runs through the change of October, over the end
// of the month, with restarts in the middle, and compares with sums by hand.
func TestCalendarMonthWithDaylightSaving(t *testing.T) {
	for name, end := range map[string]func(*world){
		"running on": func(*world) {},
		"restart":    func(w *world) { w.stop(); w.start() },
		"kill":       func(w *world) { w.start() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.now = time.Date(2026, 9, 30, 12, 0, 0, 0, time.UTC)
			w.opts.Objectives = []Objective{monthly(t)}
			w.start()
			berlin := zone(t, "Europe/Berlin")
			from, to := time.Date(2026, 10, 1, 0, 0, 0, 0, berlin), time.Date(2026, 11, 1, 0, 0, 0, 0, berlin)
			var bad, total float64
			for w.now.Before(to.Add(-time.Hour)) {
				day := w.now
				w.hours(1, 10, 0.002)
				if !day.Before(from) {
					bad, total = bad+72, total+36000
				}
				if total == 36000*300 {
					end(w)
				}
			}
			s := w.status(share)
			if !s.PeriodStart.Equal(from) || !s.PeriodEnd.Equal(to) || s.PeriodEnd.Sub(s.PeriodStart) != 745*time.Hour {
				t.Fatalf("the period is %s – %s", s.PeriodStart, s.PeriodEnd)
			}
			if !near(s.Total, total, 1e-3) || !near(s.Total-s.Good, bad, 1e-3) {
				t.Errorf("%v bad of %v, want %v of %v", s.Total-s.Good, s.Total, bad, total)
			}
			// 744 of 745 hours at twice what is allowed.
			if want := 1 - 2*744.0/745; !near(s.BudgetRemaining, want, 1e-3) || s.State != StateExhausted {
				t.Errorf("%v left, state %s; want %v", s.BudgetRemaining, s.State, want)
			}
			w.hours(2, 10, 0)
			s = w.status(share)
			if !s.PeriodStart.Equal(to) || !near(s.Total, 36000, 1e-3) || !near(s.BudgetRemaining, 1, 1e-3) || s.State == StateExhausted {
				t.Errorf("a new month: since %s %v events, %v left, %s", s.PeriodStart, s.Total, s.BudgetRemaining, s.State)
			}
		})
	}
}

// TestYoungCalendarPeriodIsNotRuined: one failure on the first of the month is not the
// end of its budget.
func TestYoungCalendarPeriodIsNotRuined(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, 9, 25, 12, 0, 0, 0, time.UTC)
	w.opts.Objectives = []Objective{monthly(t)}
	w.start()
	w.hours(5*24+10, 1, 0)
	w.traffic(5*time.Minute, time.Minute, 1, 0.02)
	if s := w.status(share); s.BudgetRemaining < 0.99 || s.Total > 400 {
		t.Errorf("%v left after %v events", s.BudgetRemaining, s.Total)
	}
}

func TestObjectiveOverSeveralPeriods(t *testing.T) {
	w := newWorld(t)
	w.now = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC) // a Monday
	w.opts.Objectives = []Objective{shareObjective(func(o *Objective) {
		o.Period = 7 * testDay
		o.AlsoOver = []Span{
			{Length: testDay},
			{Length: 28 * testDay},
			{Length: 7*testDay + time.Hour, Calendar: &Calendar{Week, 1, time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)}},
		}
	})}
	w.start()
	w.hours(15*24, 10, 0.0005)
	s := w.status(share)
	if len(s.Periods) != 3 {
		t.Fatalf("%d periods", len(s.Periods))
	}
	for i, want := range []struct{ days, left float64 }{{1, 0.5}, {15, 1 - 0.5*15/28}, {1, 1 - 0.5/7}} {
		p := s.Periods[i]
		if !near(p.Total, want.days*864000, 700) || !near(p.BudgetRemaining, want.left, 0.001) {
			t.Errorf("over %s: %v events, %v left; want %v, %v", p.Span.Length, p.Total, p.BudgetRemaining, want.days*864000, want.left)
		}
	}
	if !s.Periods[2].Start.Equal(time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the week began on %s", s.Periods[2].Start)
	}
}

// TestQuarterBeginsAtLocalMidnight counts over the edge of a quarter in Berlin, which is
// at 22:00 UTC: an event at midnight is the old quarter's last, the next one the new one's
// first, also for a process that starts at the edge or was not there when it passed.
func TestQuarterBeginsAtLocalMidnight(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	edge := time.Date(2026, 10, 1, 0, 0, 0, 0, berlin)
	for name, end := range map[string]func(*world){
		"running on":       func(*world) {},
		"restart":          func(w *world) { w.stop(); w.start() },
		"kill":             func(w *world) { w.start() },
		"away at midnight": func(w *world) { w.stop(); w.now = w.now.Add(10 * time.Minute); w.start() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.now = time.Date(2026, 9, 30, 19, 0, 0, 0, time.UTC)
			w.opts.Objectives = []Objective{shareObjective(func(o *Objective) {
				o.Period, o.Calendar = 92*testDay+time.Hour, &Calendar{Quarter, 1, time.Date(2020, 1, 1, 0, 0, 0, 0, berlin)}
			})}
			w.start()
			w.hours(2, 10, 0.001)
			w.traffic(59*time.Minute, time.Minute, 10, 0.001)
			end(w)
			if w.now.Before(edge) {
				w.traffic(time.Minute, time.Minute, 10, 0.001)
				if s := w.status(share); !s.PeriodStart.Equal(edge) || s.Total != 0 {
					t.Errorf("at midnight %v events since %s, want none of the new quarter", s.Total, s.PeriodStart)
				}
			}
			w.traffic(30*time.Minute, time.Minute, 10, 0.001)
			s, want := w.status(share), 30*600.0
			if !s.PeriodStart.Equal(edge) || !near(s.Total, want, 1e-6) {
				t.Errorf("since %s %v events, want %v since %s", s.PeriodStart, s.Total, want, edge)
			}
		})
	}
}
