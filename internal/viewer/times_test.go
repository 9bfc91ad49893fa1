package viewer

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	is := func(written string, which end, want string) {
		t.Helper()
		got, err := clock{noon().In(berlin), which}.parse(written)
		if err != nil || got.Format("2006-01-02 15:04:05.000 MST") != want {
			t.Errorf("%s is %s (%v), want %s", written, got, err, want)
		}
	}
	is("now", first, "2026-11-28 13:00:00.000 CET")
	is("now-6h", first, "2026-11-28 07:00:00.000 CET")
	is("now-2d", first, "2026-11-26 13:00:00.000 CET")
	is("now+1M", first, "2026-12-28 13:00:00.000 CET")
	is("now-1y", first, "2025-11-28 13:00:00.000 CET")
	is("now/d", first, "2026-11-28 00:00:00.000 CET")
	is("now/d", last, "2026-11-28 23:59:59.999 CET")
	is("now-1w/w", first, "2026-11-16 00:00:00.000 CET")
	is("now/h", first, "2026-11-28 13:00:00.000 CET")
	is("now/M", first, "2026-11-01 00:00:00.000 CET")
	is("now/y", last, "2026-12-31 23:59:59.999 CET")
	is("1764331200000", first, "2025-11-28 13:00:00.000 CET")
	is("1764331200", first, "2025-11-28 13:00:00.000 CET")
	is("2026-11-28T11:00:00Z", first, "2026-11-28 12:00:00.000 CET")
	is("2026-11-28 11:00", first, "2026-11-28 11:00:00.000 CET")
	is("2026-11-28T11:00", first, "2026-11-28 11:00:00.000 CET")
	is("2026-11-28", first, "2026-11-28 00:00:00.000 CET")
	for _, written := range []string{"", "yesterday", "now-", "now-6", "now-6x", "-5", "now/q", "99999999999999999999"} {
		if got, err := (clock{noon().In(berlin), first}).parse(written); err == nil {
			t.Errorf("%q is taken for %s", written, got)
		}
	}
}

func TestWindowOfAPage(t *testing.T) {
	b := content{from: "now-24h", to: "now"}
	is := func(query, wantLength, wantFault string) {
		t.Helper()
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		w, fault := windowOf(b, q, noon(), time.UTC)
		if got := w.to.Sub(w.from).String(); got != wantLength || !strings.Contains(fault, wantFault) || (wantFault == "") != (fault == "") {
			t.Errorf("%s shows %s (%s), want %s (%s)", query, got, fault, wantLength, wantFault)
		}
	}
	is("", "24h0m0s", "")
	is("from=now-1h", "1h0m0s", "")
	is("from=now-1h&to=now-30m", "30m0s", "")
	is("to=now", "24h0m0s", "")
	is("from=1795867200000&to=1795870800000", "1h0m0s", "")
	is("from=soon", "24h0m0s", `"soon" is no time`)
	is("from=now&to=now-1h", "24h0m0s", "at least 10 s")
	is("from=now-20y", "24h0m0s", "longer than 400 days")
	if w, _ := windowOf(b, url.Values{"from": {"1795867200000"}, "to": {"now+1h"}}, noon(), time.UTC); w.rawFrom != "2026-11-28 12:00:00" || w.rawTo != "now+1h" {
		t.Errorf("it is written from %s to %s", w.rawFrom, w.rawTo)
	}
	b.from = "nonsense"
	is("", "6h0m0s", "")
}

func TestStepsKeepPointsFew(t *testing.T) {
	for length, want := range map[time.Duration]time.Duration{
		time.Minute: time.Second, 15 * time.Minute: 5 * time.Second, time.Hour: 15 * time.Second, 6 * time.Hour: 2 * time.Minute,
		24 * time.Hour: 5 * time.Minute, 7 * 24 * time.Hour: time.Hour, 400 * 24 * time.Hour: 48 * time.Hour,
	} {
		if got := stepFor(length, 300); got != want {
			t.Errorf("%s has a step of %s, want %s", length, got, want)
		}
	}
	w := window{from: noon().Add(-90 * time.Minute), to: noon().Add(7*time.Second + time.Millisecond)}
	if from, to := w.aligned(time.Minute); !to.Equal(noon().Add(7*time.Second)) || to.Sub(from)%time.Minute != 0 || from.Before(w.from) {
		t.Errorf("aligned from %s to %s", from, to)
	}
}

func TestLink(t *testing.T) {
	is := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("the link is %s, want %s", got, want)
		}
	}
	is(Link("wt-svc-share", 12, noon(), noon().Add(time.Hour)), "/dashboards/wt-svc-share?from=1795867200000&panel=12&to=1795870800000")
	is(Link("wt-overview", 0, time.Time{}, time.Time{}), "/dashboards/wt-overview")
	is(Link("a/b?c", 0, noon(), time.Time{}), "/dashboards/a%2Fb%3Fc?from=1795867200000")
}
