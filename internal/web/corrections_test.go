package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// fakeCorrector remembers what it was asked.
type fakeCorrector struct {
	asked []rules.Correction
	by    []string
	fail  error
}

func (f *fakeCorrector) Correct(_ context.Context, c rules.Correction) (rules.Correction, error) {
	f.asked = append(f.asked, c)
	c.ID, c.CreatedAt = int64(len(f.asked)), noon()
	return c, f.fail
}

func (f *fakeCorrector) Revoke(_ context.Context, id int64, by string) (rules.Correction, error) {
	f.by = append(f.by, fmt.Sprint(id, " ", by))
	return rules.Correction{ID: id, RevokedAt: noon(), RevokedBy: by}, f.fail
}

var _ Corrector = (*fakeCorrector)(nil)

// ask sends a request with a body and headers given as "Name: value".
func ask(t *testing.T, h http.Handler, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	method, path, _ := strings.Cut(target, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	correctionsPath = "/api/watchtower/v1/objectives/share-requests/corrections"
	isJSON          = "Content-Type: application/json"
	goodBody        = `{"from": "2026-11-19T12:00:00+01:00", "to": "2026-11-19T13:00:00Z", "author": "ana", "reason": "load test"}`
)

func TestCorrectByAPI(t *testing.T) {
	corrector := &fakeCorrector{}
	site := newSite(t, func(o *Options) { o.Corrector = corrector })
	w := ask(t, site, "POST "+correctionsPath, goodBody, isJSON+"; charset=utf-8", "Origin: http://localhost:9911", "Sec-Fetch-Site: same-origin")
	var got Correction
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got.ID != 1 || got.Objective != "share-requests" || got.State != "in_force" || !got.From.Equal(time.Date(2026, 11, 19, 11, 0, 0, 0, time.UTC)) || got.Reason != "load test" {
		t.Errorf("kept %+v", got)
	}
	// Whoever logged in is the author unless another is named.
	w = ask(t, site, "POST "+correctionsPath, `{"from": "2026-11-19T12:00:00Z", "to": "2026-11-19T13:00:00Z", "reason": "x"}`, isJSON, "Authorization: Basic YmVuOnNlY3JldA==")
	if w.Code != http.StatusCreated || corrector.asked[1].Author != "ben" {
		t.Errorf("%d, asked %+v", w.Code, corrector.asked)
	}
	w = ask(t, site, "DELETE /api/watchtower/v1/corrections/7?author=eve", "")
	if w.Code != http.StatusOK || corrector.by[0] != "7 eve" || !strings.Contains(w.Body.String(), `"state": "revoked"`) {
		t.Errorf("%d %s, asked %v", w.Code, w.Body, corrector.by)
	}
}

func TestCorrectionsThatTheAPIRefuses(t *testing.T) {
	corrector := &fakeCorrector{}
	site := newSite(t, func(o *Options) { o.Corrector = corrector })
	for _, test := range []struct {
		method, path, body string
		headers            []string
		status             int
		says               string
	}{
		{"POST", correctionsPath, goodBody, []string{isJSON, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403, "another web site"},
		{"POST", correctionsPath, goodBody, []string{isJSON, "Origin: https://evil.example"}, 403, "another web site"},
		{"DELETE", "/api/watchtower/v1/corrections/7?author=eve", "", []string{"Sec-Fetch-Site: cross-site"}, 403, "another web site"},
		{"POST", correctionsPath, goodBody, []string{"Content-Type: text/plain"}, 415, "application/json"},
		{"POST", correctionsPath, goodBody, nil, 415, "application/json"},
		{"POST", correctionsPath, "", []string{isJSON}, 400, "cannot be read"},
		{"POST", correctionsPath, goodBody + goodBody, []string{isJSON}, 400, "more than one value"},
		{"POST", correctionsPath, `{"until": 1}`, []string{isJSON}, 400, `unknown field \"until\"`},
		{"POST", correctionsPath, `{"from": "yesterday"}`, []string{isJSON}, 400, "yesterday"},
		{"POST", correctionsPath, `{"reason": "` + strings.Repeat("x", maxBody) + `"}`, []string{isJSON}, 400, "too large"},
		{"POST", correctionsPath, `{"author": "ana", "reason": "x"}`, []string{isJSON}, 400, "Give from and to"},
		{"DELETE", "/api/watchtower/v1/corrections/seven", "", nil, 404, "they are numbered"},
		{"GET", "/api/watchtower/v1/objectives/nope/corrections", "", nil, 404, "no objective"},
		{"PUT", correctionsPath, goodBody, []string{isJSON}, 405, "GET, HEAD, POST"},
		{"GET", "/api/watchtower/v1/corrections/7", "", nil, 405, "This takes DELETE"},
	} {
		w := ask(t, site, test.method+" "+test.path, test.body, test.headers...)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) {
			t.Errorf("%s %s %.40s %v: %d %s, want %d %q", test.method, test.path, test.body, test.headers, w.Code, w.Body, test.status, test.says)
		}
	}
	if len(corrector.asked)+len(corrector.by) > 0 {
		t.Errorf("the engine was asked: %+v %v", corrector.asked, corrector.by)
	}
	for err, want := range map[error]string{
		fmt.Errorf("%w: it ends before it begins", rules.ErrCorrection):       `400 "It ends before it begins."`,
		fmt.Errorf("%w: there is no objective %q", rules.ErrUnknown, "x"):     `404 "There is no objective \"x\"."`,
		errors.New("keep the correction: disk I/O error: /data/secret/state"): `500 "Something went wrong on our side. The log says what."`,
	} {
		corrector.fail = err
		w := ask(t, site, "POST "+correctionsPath, goodBody, isJSON)
		var answer apiError
		_ = json.Unmarshal(w.Body.Bytes(), &answer)
		if got := fmt.Sprintf("%d %q", w.Code, answer.Error); got != want {
			t.Errorf("%v became %s, want %s", err, got, want)
		}
	}
	if w := ask(t, newSite(t, nil), "POST "+correctionsPath, goodBody, isJSON); w.Code != 501 {
		t.Errorf("without a corrector: %d", w.Code)
	}
	if w := ask(t, newSite(t, nil), "DELETE /api/watchtower/v1/corrections/1", ""); w.Code != 501 {
		t.Errorf("without a corrector: %d", w.Code)
	}
}

// corrected is the share objective with corrections of every state and an edit.
func corrected() fakeEngine {
	e := fakeEngine{statuses: aBadDay(), generations: []rules.Generation{
		{From: noon().Add(-90 * 24 * time.Hour), Target: 0.995},
		{From: noon().Add(-24 * time.Hour), Target: 0.999},
		{From: noon().Add(-time.Hour), Target: 0.999, Recounted: true},
	}}
	at := func(id int64, hours float64, reason string) rules.Correction {
		from := noon().Add(time.Duration(hours * float64(time.Hour)))
		return rules.Correction{ID: id, Objective: "share-requests", From: from, To: from.Add(time.Hour), Author: "ana", Reason: reason}
	}
	e.corrections = []rules.Correction{at(1, -50, "the <b>prober</b> was broken"), at(2, -30, "mistake"), at(3, -0.5, "failover drill"), at(4, 20, "maintenance")}
	e.corrections[1].RevokedAt, e.corrections[1].RevokedBy = noon(), "ben"
	for i := range e.statuses {
		s := &e.statuses[i]
		if s.Objective.ID != "share-requests" {
			continue
		}
		s.Uncorrected = &rules.Figures{Good: 950, Total: 1000, BudgetRemaining: -3}
		s.Objective.Calendar = &rules.Calendar{Unit: rules.Month, Count: 1, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		s.PeriodStart, s.PeriodEnd = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		s.Periods = []rules.PeriodStatus{
			{Span: rules.Span{Length: 7 * 24 * time.Hour}, Figures: rules.Figures{Good: 9990, Total: 10000, BudgetRemaining: 0.4}},
			{Span: rules.Span{Calendar: &rules.Calendar{Unit: rules.Quarter}}, Start: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)},
		}
	}
	return e
}

func TestCorrectionsAreShown(t *testing.T) {
	site := newSite(t, func(o *Options) { o.Engine = corrected() })
	page := get(t, site, "/objectives/share-requests").Body.String()
	for _, want := range []string{
		"Corrections", "the &lt;b&gt;prober&lt;/b&gt; was broken", "ana", "revoked by ben", "Thu 19 Nov 2026, 13:33 to 14:33 UTC", "under way", "planned", "in force",
		"95% with what was taken out", "99.9% over the month", "Over other periods", "7d", "40% left", "quarter", "no data",
		"What was promised when", "Before: 99.5% is promised", "99.9% is promised, and other events are counted than before",
		`href="/api/watchtower/v1/objectives/share-requests/corrections"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
	if strings.Index(page, "maintenance") > strings.Index(page, "failover drill") {
		t.Error("the newest correction is not the first")
	}
	if page := get(t, site, "/objectives/feed-requests").Body.String(); strings.Contains(page, "Corrections</h2>") {
		t.Error("an objective without corrections lists them")
	}
	for path, wants := range map[string][]string{
		correctionsPath:                                           {`"state": "under_way"`, `"revoked_by": "ben"`, `"id": 4`},
		"/api/watchtower/v1/corrections":                          {`"state": "planned"`, `"objective": "share-requests"`},
		strings.TrimSuffix(correctionsPath, "/corrections"):       {`"uncorrected": {`, `"budget_remaining": -3`, `"period": "month"`, `"period_end": "2026-12-01T00:00:00Z"`, `"period": "quarter"`, `"period": "7d"`},
		"/api/watchtower/v1/objectives/feed-requests/corrections": {`"corrections": []`},
	} {
		got := get(t, site, path).Body.String()
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s does not say %s:\n%s", path, want, got)
			}
		}
	}
}

func TestManyCorrectionsOnAPage(t *testing.T) {
	e := corrected()
	for i := range 30 {
		e.corrections = append(e.corrections, rules.Correction{ID: int64(100 + i), Objective: "share-requests", From: noon(), To: noon().Add(time.Hour)})
	}
	site := newSite(t, func(o *Options) { o.Engine = e })
	if page := get(t, site, "/objectives/share-requests").Body.String(); !strings.Contains(page, "And 14 before them.") || strings.Contains(page, "failover drill") {
		t.Errorf("34 corrections make this page:\n%s", page)
	}
}
