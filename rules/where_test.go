package rules

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// increases report 0 for each series, and its number half a minute later.
func (w *world) increases(of map[string]float64) {
	for _, last := range []bool{false, true} {
		for series, n := range of {
			if !last {
				n = 0
			}
			w.put(series, w.now, n)
		}
		w.now = w.now.Add(30 * time.Second)
		w.tick()
	}
}

// calls names a series of the share service by its code and further labels.
func calls(code int, more string) string {
	return fmt.Sprintf(`http_requests_total{job="share", code="%d", %s}`, code, more)
}

// small is a world of a few series: events by further labels and code.
type small map[string][2]float64

func (s small) series() map[string]float64 {
	out := map[string]float64{}
	for more, n := range s {
		out[calls(200, more)], out[calls(503, more)] = n[0], n[1]
	}
	return out
}

// TestWhere lists small worlds and what is said of them.
func TestWhere(t *testing.T) {
	pods := func(n int, f func(i int) (good, bad float64)) small {
		out := small{}
		for i := range n {
			good, bad := f(i)
			out[fmt.Sprintf(`pod="share-%d", instance="10.0.0.%d:80", zone="%c"`, i, i, 'a'+i%2)] = [2]float64{good, bad}
		}
		return out
	}
	const code = "100% of the failed requests have code=503."
	for _, tc := range []struct {
		name  string
		world map[string]float64
		want  []string
	}{
		{"one route", small{
			`route="/v1/share", method="POST"`: {28, 92},
			`route="/v1/feed", method="GET"`:   {700, 5},
			`route="/v1/post", method="POST"`:  {180, 3},
		}.series(), []string{"92% of the failed requests have route=/v1/share, which gets 12% of the traffic.", code}},
		{"one pod, whose other labels say the same", pods(8, func(i int) (float64, float64) {
			if i == 5 {
				return 60, 40
			}
			return 100, 1
		}).series(), []string{"85% of the failed requests have pod=share-5 (instance=10.0.0.5:80), which gets 12% of the traffic.", code}},
		{"two pods", pods(10, func(i int) (float64, float64) {
			if i == 2 || i == 7 {
				return 50, 50 + float64(i)
			}
			return 100, 0
		}).series(), []string{
			"52% of the failed requests have pod=share-7 (instance=10.0.0.7:80), which gets 11% of the traffic.",
			"48% of the failed requests have pod=share-2 (instance=10.0.0.2:80), which gets 10% of the traffic.", code,
		}},
		{"six pods of fifty", pods(50, func(i int) (float64, float64) {
			if i >= 44 {
				return 80, 20
			}
			return 100, 0
		}).series(), []string{"100% of the failed requests come from 6 of the 50 values of pod, which get 12% of the traffic; pod=share-44 is the worst.", code}},
		{"one route of one version", small{
			`route="/v1/share", version="v1"`: {100, 1},
			`route="/v1/share", version="v2"`: {50, 50},
			`route="/v1/feed", version="v1"`:  {400, 1},
			`route="/v1/feed", version="v2"`:  {400, 0},
		}.series(), []string{"96% of the failed requests have route=/v1/share and version=v2, which together get 10% of the traffic.", code}},
		{"each label alone has most of the traffic", small{
			`route="/v1/share", version="v2"`: {450, 50},
			`route="/v1/share", version="v1"`: {220, 0},
			`route="/v1/feed", version="v2"`:  {220, 0},
			`route="/v1/feed", version="v1"`:  {60, 0},
		}.series(), []string{"100% of the failed requests have route=/v1/share and version=v2, which together get 50% of the traffic.", code}},
		{
			"spread like the traffic", pods(6, func(i int) (float64, float64) { return float64(90 * (1 + i)), float64(10 * (1 + i)) }).series(),
			[]string{"The failed requests are spread like the traffic: no label stands out.", code},
		},
		{
			"few failures", small{`route="/v1/share"`: {996, 4}, `route="/v1/feed"`: {1000, 0}}.series(),
			[]string{"It is not known where it fails: only 4 of 2,000 requests failed, too few to say what they have in common."},
		},
		{"no failures", small{`route="/v1/share"`: {1000, 0}}.series(), []string{"It is not known where it fails: none of 1,000 requests failed."}},
		{"no series", map[string]float64{`other{job="share"}`: 7}, []string{"It is not known where it fails: no series reported any requests in this time."}},
		{
			"labels that never vary", small{`route="/v1/share"`: {90, 10}}.series(),
			[]string{"It is not known where it fails: its series have no label that could tell where it fails.", code},
		},
		{"a label that some lack", small{`route="/v1/feed"`: {900, 0}, `region="eu"`: {70, 30}}.series(), []string{
			"100% of the failed requests have region=eu (no route), which gets 10% of the traffic.", code,
		}},
		{"two codes, with an outcome", map[string]float64{
			calls(200, `outcome="ok", exception="", pod="a"`):              450,
			calls(404, `outcome="client", exception="", pod="b"`):          450,
			calls(500, `outcome="server", exception="NullPtr", pod="a"`):   35,
			calls(500, `outcome="server", exception="NullPtr", pod="b"`):   35,
			calls(503, `outcome="server", exception="Shed", pod="a"`):      15,
			calls(503, `outcome="server", exception="Shed load", pod="b"`): 15,
		}, []string{
			"The failed requests are spread like the traffic: no label stands out.",
			"70% of the failed requests have code=500, 30% have code=503.",
		}},
		{"a canary of which no request ever worked", map[string]float64{
			calls(200, `version="v1", pod="a"`): 450, calls(200, `version="v1", pod="b"`): 450,
			calls(503, `version="v2", pod="c"`): 30, calls(503, `version="v2", pod="d"`): 30,
		}, []string{"100% of the failed requests have version=v2, which gets 6% of the traffic.", code}},
		{
			"a value that would disturb a sentence", small{`route="/a"`: {900, 0}, `route="/v1/\"x\" \n, y"`: {50, 50}}.series(),
			[]string{`100% of the failed requests have route="/v1/\"x\" \n, y", which gets 10% of the traffic.`, code},
		},
		{
			"nearly everything is nearly everywhere", small{`route="/v1/share"`: {9000, 97}, `route="/v1/feed"`: {1000, 3}}.series(),
			[]string{"The failed requests are spread like the traffic: no label stands out.", code},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, shareObjective())
			w.increases(tc.world)
			if diff := cmp.Diff(tc.want, w.where(share, -time.Minute, 0).Sentences()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWhereFigures shows all that is found out of one world.
func TestWhereFigures(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.increases(small{`route="/v1/share", handler="Share"`: {28, 92}, `route="/v1/feed", handler="Feed"`: {880, 0}}.series())
	got := w.where(share, -time.Minute, 0)
	want := Where{
		From: w.now.Add(-time.Minute), To: w.now, Unit: "requests", Bad: 92, Total: 1000, Series: 4,
		Culprits: []Culprit{{
			Label: "handler", Value: "Share", Also: []LabelValue{{"route", "/v1/share"}}, Values: 1, Known: 2,
			Bad: 92, Total: 120, BadShare: 1, TrafficShare: 0.12,
		}},
		Kinds: []Culprit{{Label: "code", Value: "503", Values: 1, Known: 2, Bad: 92, Total: 92, BadShare: 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestWhereOfEveryIndicator: latency, gauges and metrics of their own for errors lead
// to the same culprit.
func TestWhereOfEveryIndicator(t *testing.T) {
	took := func(pod string, n, slow float64) map[string]float64 {
		of := `job="share", pod="` + pod + `"`
		return map[string]float64{
			`took_seconds_count{` + of + `}`:             n,
			`took_seconds_bucket{` + of + `, le="0.3"}`:  n - slow,
			`took_seconds_bucket{` + of + `, le="+Inf"}`: n,
		}
	}
	apart := shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = `sum(rate(share_errors_total{job="share"}[{{.window}}]))`
		o.SLI.TotalQuery = `sum(rate(share_calls_total{job="share"}[{{.window}}]))`
	})
	good := shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = `sum(rate(share_calls_total{job="share"}[{{.window}}])) - sum(rate(share_calls_total{job="share",result="ok"}[{{.window}}]))`
		o.SLI.TotalQuery = `sum(rate(share_calls_total{job="share"}[{{.window}}]))`
	})
	for name, tc := range map[string]struct {
		objective Objective
		feed      func(w *world)
		want      []string
	}{
		"a classic histogram": {slowObjective(), func(w *world) {
			all := took("a", 300, 0)
			for _, m := range []map[string]float64{took("b", 300, 3), took("c", 100, 60)} {
				maps.Copy(all, m)
			}
			w.increases(all)
		}, []string{"95% of the failed events have pod=c, which gets 14% of the traffic."}},
		"a native histogram": {fastObjective(), func(w *world) {
			for _, i := range []float64{0, 1} {
				for pod, n := range map[string][]float64{"a": {300, 0, 0}, "b": {297, 0, 3}, "c": {20, 20, 60}} {
					w.observe(fmt.Sprintf(`seconds{job="share", pod=%q}`, pod), w.now, custom(i*n[0], i*n[1], i*n[2]))
				}
				w.now = w.now.Add(30 * time.Second)
			}
		}, []string{"95% of the failed events have pod=c, which gets 14% of the traffic."}},
		"a gauge": {gaugeObjective(), func(w *world) {
			for range 20 {
				for _, instance := range []string{"a", "b", "c"} {
					up := 1.0
					if instance == "c" {
						up = 0
					}
					w.put(fmt.Sprintf(`up{job="db", host=%q}`, instance), w.now.Add(time.Second), up)
				}
				w.now = w.now.Add(2 * time.Second)
			}
		}, []string{"100% of the failed events have host=c, which gets 33% of the traffic."}},
		"errors in a metric of their own": {apart, func(w *world) {
			w.increases(map[string]float64{
				`share_calls_total{job="share", route="/a", method="GET"}`:         500,
				`share_calls_total{job="share", route="/b", method="GET"}`:         100,
				`share_errors_total{job="share", route="/a", reason="timeout"}`:    5,
				`share_errors_total{job="share", route="/b", reason="timeout"}`:    60,
				`share_errors_total{job="share", route="/b", reason="no_connect"}`: 10,
			})
		}, []string{
			"93% of the failed requests have route=/b, which gets 17% of the traffic.",
			"87% of the failed requests have reason=timeout, 13% have reason=no_connect.",
		}},
		"what is not good": {good, func(w *world) {
			w.increases(map[string]float64{
				`share_calls_total{job="share", route="/a", result="ok"}`:      500,
				`share_calls_total{job="share", route="/a", result="late"}`:    5,
				`share_calls_total{job="share", route="/b", result="ok"}`:      40,
				`share_calls_total{job="share", route="/b", result="late"}`:    50,
				`share_calls_total{job="share", route="/b", result="refused"}`: 10,
			})
		}, []string{
			"92% of the failed requests have route=/b, which gets 17% of the traffic.",
			"85% of the failed requests have result=late, 15% have result=refused.",
		}},
		"slices of time": {shareObjective(func(o *Objective) {
			o.Budgeting = Budgeting{Method: Timeslices, Slice: time.Minute, SliceTarget: 0.95}
		}), func(w *world) {
			w.increases(small{`pod="a"`: {900, 0}, `pod="b"`: {50, 50}}.series())
		}, []string{"100% of the failed requests have pod=b, which gets 10% of the traffic.", "100% of the failed requests have code=503."}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tc.objective)
			tc.feed(w)
			if diff := cmp.Diff(tc.want, w.where(share, -time.Minute, 0).Sentences()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWhereAfterAReset: a counter that begins again counts from zero, and so does that of
// a new pod which says when it began.
func TestWhereAfterAReset(t *testing.T) {
	w := newWorld(t, shareObjective())
	good, bad := calls(200, `pod="a"`), calls(503, `pod="a"`)
	w.put(good, w.now, 5000)
	w.put(bad, w.now, 300)
	w.now = w.now.Add(15 * time.Second)
	w.put(good, w.now, 80) // restarted
	w.put(bad, w.now, 2)
	fresh := w.now.Add(-5 * time.Second)
	w.putStarted(calls(200, `pod="b"`), w.now, fresh, 10)
	w.putStarted(calls(503, `pod="b"`), w.now, fresh, 30)
	w.put(calls(503, `pod="c"`), w.now, 1000) // who knows since when
	w.tick()
	got := w.where(share, -10*time.Second, 0)
	if got.Bad != 32 || got.Total != 122 {
		t.Errorf("%v of %v", got.Bad, got.Total)
	}
	if said := got.Sentences()[0]; said != "94% of the failed requests have pod=b, which gets 33% of the traffic." {
		t.Error(said)
	}
}

func TestWhereOfWhatCannotBeLookedInto(t *testing.T) {
	raw := shareObjective(func(o *Objective) { o.SLI = SLI{ErrorRatioQuery: `1 - avg(avg_over_time(up[{{.window}}]))`} })
	good := shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = `sum(rate(http_requests_total{job="share"}[{{.window}}])) - sum(rate(http_requests_total{job="share",code="204"}[{{.window}}]))`
	})
	for want, o := range map[string]Objective{"is polled": raw, "no series matches": good} {
		w := newWorld(t, o)
		w.traffic(2*time.Minute, 15*time.Second, 10, 0.5)
		if got := w.where(share, -time.Minute, 0); !strings.Contains(got.Reason, want) || len(got.Sentences()) != 1 {
			t.Errorf("want %q: %+v", want, got)
		}
	}
	w := newWorld(t, shareObjective())
	w.traffic(2*time.Minute, 15*time.Second, 10, 0.5)
	w.engine.track(share).restoring = true
	if got := w.where(share, -time.Minute, 0); !strings.Contains(got.Reason, "still being read") {
		t.Errorf("while it is restored: %+v", got)
	}
}

// TestWhereOfAGroup: a member is looked into by itself.
func TestWhereOfAGroup(t *testing.T) {
	w := newWorld(t, byRoute())
	w.increases(small{
		`route="/a", pod="1"`: {100, 0}, `route="/a", pod="2"`: {70, 30},
		`route="/b", pod="1"`: {50, 50}, `route="/b", pod="2"`: {100, 0},
	}.series())
	w.settleMembers()
	for id, want := range map[string]string{
		share + ":~a": "100% of the failed requests have pod=2, which gets 50% of the traffic.",
		share + ":~b": "100% of the failed requests have pod=1, which gets 50% of the traffic.",
	} {
		if got := w.where(id, -time.Minute, 0); got.Sentences()[0] != want {
			t.Errorf("%s: %q", id, got.Sentences())
		}
	}
	if got := w.where(share, -time.Minute, 0); got.Bad != 80 || got.Total != 400 {
		t.Errorf("the whole: %+v", got)
	}
}

// TestWhereAccusesNobodyByChance spreads failures at random over many labels.
func TestWhereAccusesNobodyByChance(t *testing.T) {
	accused := 0
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(t, shareObjective())
		of := map[string]float64{}
		failures := 5 + r.IntN(60)
		for i := range 60 {
			of[calls(200, fmt.Sprintf(`pod="%d", route="/%d", zone="%d"`, i, i%11, i%3))] = 50
		}
		for range failures {
			i := r.IntN(60)
			of[calls(503, fmt.Sprintf(`pod="%d", route="/%d", zone="%d"`, i, i%11, i%3))]++
		}
		w.increases(of)
		if got := w.where(share, -time.Minute, 0); len(got.Culprits) > 0 || !got.Even {
			accused++
		}
	}
	if accused > 2 {
		t.Errorf("%d of 100 worlds without a culprit have one", accused)
	}
}

// FuzzWhereSentences: no label breaks a sentence or its line.
func FuzzWhereSentences(f *testing.F) {
	f.Add("route", "/v1/share", 0.92, 0.12)
	f.Add("", "\n\x00\xff", -1.0, 2.0)
	f.Add("a\nb", "\u2028", 0.0, 1.0)
	f.Fuzz(func(t *testing.T, label, value string, bad, traffic float64) {
		c := Culprit{Label: label, Value: value, Values: 1, BadShare: bad, TrafficShare: traffic, And: []LabelValue{{label, value}}}
		crowd := c
		crowd.Values = 3
		for _, s := range (Where{Unit: "requests", Culprits: []Culprit{c, crowd}, Kinds: []Culprit{c}}).Sentences() {
			if strings.ContainsAny(s, "\n\r\x00\u2028") || !strings.HasSuffix(s, ".") {
				t.Errorf("%q", s)
			}
		}
	})
}
