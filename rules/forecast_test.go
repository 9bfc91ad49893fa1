package rules

import (
	"testing"
	"time"
)

// pulse runs traffic whose rate follows the time of day, for d.
func (w *world) pulse(d time.Duration, scale, errorRatio float64) {
	for end := w.now.Add(d); w.now.Before(end); {
		rate := 10.
		if h := w.now.Hour(); h >= 8 && h < 22 {
			rate = 100
		}
		w.traffic(10*time.Minute, 10*time.Minute, scale*rate, errorRatio)
	}
}

// A forecast that is made at night comes true although the day brings ten times the
// traffic, and one that is made in a campaign knows that the campaign goes on.
func TestForecastComesTrue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		until        time.Duration // the hour of the day
		scale, ratio float64
	}{
		"at night":      {4 * time.Hour, 1, 0.02},
		"in the day":    {15 * time.Hour, 1, 0.01},
		"in a campaign": {15 * time.Hour, 8, 0.004},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shareObjective())
			w.now = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
			w.pulse(31*testDay+c.until-6*time.Hour, 1, 0)
			w.pulse(6*time.Hour, c.scale, c.ratio)
			made := w.now
			s, _ := w.engine.Status(share)
			for {
				w.pulse(10*time.Minute, c.scale, c.ratio)
				if now, _ := w.engine.Status(share); now.BudgetRemaining <= 0 {
					break
				}
				if w.now.Sub(made) > 10*testDay {
					t.Fatal("the budget is never gone")
				}
			}
			truth := w.now.Sub(made)
			if !near(s.ExhaustedIn.Hours(), truth.Hours(), 0.05*truth.Hours()) {
				t.Errorf("forecast %s, true %s", s.ExhaustedIn, truth)
			}
			if s.Forecast.Earliest.After(made.Add(s.ExhaustedIn)) || s.Forecast.Latest.Before(made.Add(s.ExhaustedIn)) {
				t.Errorf("%s is not in the band %s to %s", s.ExhaustedIn, s.Forecast.Earliest, s.Forecast.Latest)
			}
		})
	}
}

func TestForecastBand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective())
	w.traffic(30*testDay, 10*time.Minute, 100, 0)
	w.traffic(6*time.Hour, time.Minute, 100, 0.002)
	w.traffic(time.Hour, time.Minute, 100, 0.01)
	s, _ := w.engine.Status(share)
	// 259,200 bad events; 7,920 are spent; 3,600 an hour by the last hour, 1,200 by the
	// last six.
	early, late := s.Forecast.Earliest.Sub(w.now).Hours(), s.Forecast.Latest.Sub(w.now).Hours()
	if !near(early, 251_280./3_600, 1) || !near(late, 251_280./1_200, 3) || s.Forecast.Text == "" {
		t.Errorf("between %v and %v hours: %q", early, late, s.Forecast.Text)
	}
	if !near(s.ExhaustedIn.Hours(), early, 0.01) {
		t.Errorf("by the last hour in %s", s.ExhaustedIn)
	}
	w.traffic(time.Hour, time.Minute, 100, 0)
	if s, _ := w.engine.Status(share); !s.Forecast.Earliest.IsZero() || s.Forecast.Text != "" || s.ExhaustedIn != 0 {
		t.Errorf("errors stopped an hour ago, and the budget is gone %q", s.Forecast.Text)
	}
	w.traffic(10*time.Minute, time.Minute, 100, 0.01)
	if s, _ := w.engine.Status(share); s.Forecast.Earliest.IsZero() || s.Forecast.Latest.IsZero() {
		t.Errorf("both ratios are too high: %+v", s.Forecast)
	}
	w.traffic(12*time.Hour, time.Minute, 100, 0)
	w.traffic(5*time.Minute, time.Minute, 100, 0.02)
	if s, _ := w.engine.Status(share); s.Forecast.Earliest.IsZero() || !s.Forecast.Latest.IsZero() {
		t.Errorf("by the last six hours it lasts: %+v", s.Forecast)
	}
}

// In a calendar period nothing ages out and nothing after its end matters.
func TestForecastInTheCalendar(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	month := func(o *Objective) {
		o.Period = 31 * testDay
		o.Calendar = &Calendar{Unit: Month, Count: 1, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, berlin)}
	}
	for _, c := range []struct {
		day   int
		ratio float64
		hours float64 // 0: it lasts
	}{
		// The month allows 0.001 · 30 · 24 · 360,000 = 259,200 bad events, which is 72 hours
		// of 1 %; one hour is spent when the forecast is made.
		{3, 0.01, 71}, {3, 0.02, 35}, {20, 0.01, 71}, {29, 0.01, 0}, {29, 0.02, 35},
	} {
		w := newWorld(t, shareObjective(month))
		w.now = time.Date(2026, 10, 1, 0, 0, 0, 0, berlin)
		w.traffic(time.Date(2026, 11, c.day, 0, 0, 0, 0, berlin).Sub(w.now), 10*time.Minute, 100, 0)
		w.traffic(time.Hour, time.Minute, 100, c.ratio)
		s, _ := w.engine.Status(share)
		if !near(s.ExhaustedIn.Hours(), c.hours, 2) {
			t.Errorf("on the %d. at %s it is gone in %s, want %v h", c.day, percent(c.ratio), s.ExhaustedIn, c.hours)
		}
		if s.ExhaustedIn > 0 && w.now.Add(s.ExhaustedIn).After(s.PeriodEnd) {
			t.Errorf("gone at %s, after the period's end at %s", w.now.Add(s.ExhaustedIn), s.PeriodEnd)
		}
	}
}

// What is announced comes on top of the usual traffic: the budget is larger, so it
// takes more to page, and at the present ratio it goes sooner.
func TestExpected(t *testing.T) {
	t.Parallel()
	campaign := time.Date(2026, 12, 5, 18, 0, 0, 0, time.UTC)
	run := func(expected func(string, time.Time, time.Time) (float64, bool)) (Status, float64) {
		w := newWorld(t, shareObjective())
		w.opts.Expected = expected
		w.start()
		w.now = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		w.traffic(campaign.Add(-4*time.Hour).Sub(w.now), 10*time.Minute, 100, 0)
		w.traffic(2*time.Hour, time.Minute, 100, 0.01)
		// Much of the hour's traffic, so that the threshold follows the volume.
		w.traffic(10*time.Minute, time.Minute, 5000, 0.01)
		s, _ := w.engine.Status(share)
		return s, s.Windows[0].Threshold
	}
	without, low := run(nil)
	with, high := run(func(service string, from, to time.Time) (float64, bool) {
		if service != "share" {
			t.Errorf("asked for the service %q", service)
		}
		// 2 h at 10,000 events a second.
		begin, end := campaign, campaign.Add(2*time.Hour)
		if from.After(begin) {
			begin = from
		}
		if to.Before(end) {
			end = to
		}
		return max(0, end.Sub(begin).Seconds()*10_000), true
	})
	if with.ExhaustedIn >= without.ExhaustedIn || with.ExhaustedIn < 2*time.Hour {
		t.Errorf("gone in %s with the campaign, %s without", with.ExhaustedIn, without.ExhaustedIn)
	}
	// 72 million events are announced beside 262 million in the period.
	if ratio := high / low; !near(ratio, (262.+72)/262, 0.02) {
		t.Errorf("the threshold is %v with the campaign, %v without", high, low)
	}
	if unknown, _ := run(func(string, time.Time, time.Time) (float64, bool) { return 1e12, false }); unknown.ExhaustedIn != without.ExhaustedIn {
		t.Errorf("nothing was announced, and the budget is gone in %s", unknown.ExhaustedIn)
	}
}

func TestBandText(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// A Monday.
	now := time.Date(2026, 11, 23, 9, 41, 20, 0, time.UTC)
	for _, c := range []struct {
		early, late time.Duration // 0: by the kinder ratio it lasts
		loc         *time.Location
		want        string
	}{
		{10 * time.Second, 20 * time.Second, time.UTC, "in 1m, today 09:42 UTC"},
		{20 * time.Minute, 45 * time.Minute, time.UTC, "in 20m to 45m, today 10:01–10:26 UTC"},
		{200 * time.Minute, 370 * time.Minute, time.UTC, "in 3h 20m to 6h 10m, today 13:00–15:50 UTC"},
		{200 * time.Minute, 370 * time.Minute, berlin, "in 3h 20m to 6h 10m, today 14:00–16:50 CET"},
		{20 * time.Hour, 20 * time.Hour, time.UTC, "in 20h, tomorrow 05:45 UTC"},
		{13 * time.Hour, 15 * time.Hour, time.UTC, "in 13h to 15h, between today 22:45 and tomorrow 00:45 UTC"},
		{76 * time.Hour, 79 * time.Hour, time.UTC, "on Thursday 14:00–17:00 UTC"},
		{76 * time.Hour, 79 * time.Hour, berlin, "on Thursday 15:00–18:00 CET"},
		{76 * time.Hour, 100 * time.Hour, time.UTC, "between Thursday 14:00 and Friday 14:00 UTC"},
		{76 * time.Hour, 0, time.UTC, "on Thursday 14:00 UTC at the earliest"},
		{5 * testDay, 10 * testDay, time.UTC, "between Saturday 10:00 and 3 December UTC"},
		{8 * testDay, 8*testDay + time.Hour, time.UTC, "on 1 December"},
		{8 * testDay, 15 * testDay, time.UTC, "between 1 December and 8 December"},
		{8 * testDay, 0, time.UTC, "on 1 December at the earliest"},
	} {
		late := time.Time{}
		if c.late > 0 {
			late = now.Add(c.late)
		}
		if got := bandText(now, now.Add(c.early), late, c.loc); got != c.want {
			t.Errorf("%s to %s: %q, want %q", c.early, c.late, got, c.want)
		}
	}
}
