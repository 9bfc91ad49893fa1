package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// wantOrder checks that a page says all of these, one after the other, and none of those.
func wantOrder(t *testing.T, site http.Handler, path string, says, not []string) {
	t.Helper()
	page := get(t, site, path).Body.String()
	rest := page
	for _, want := range says {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Errorf("%s does not say %q there:\n%s", path, want, page)
			return
		}
		rest = after
	}
	for _, bad := range not {
		if strings.Contains(page, bad) {
			t.Errorf("%s says %q:\n%s", path, bad, page)
		}
	}
}

// The list says how many pages carry a playbook, which lack one, and which playbooks are old, the worst first.
func TestPlaybooksList(t *testing.T) {
	wantOrder(t, newSite(t, nil), "/playbooks", []string{
		"verdict coverage is-broken", "4 paging alerts, 2 with a playbook, 1 without one for a reason.", "is not told what to do", "1 playbook should be read again.",
		"Pages without a playbook", "DiskFull", "none</span>", "rules/hosts.yaml:7", "CertificateEnds", "none, for a reason", "https://wiki.example.org/certificates",
		"All playbooks", "A queue grows", "never reviewed</span>", "carried by no page", "An API answers with errors", "reviewed 2026-05-04", "carried by 2 alerts",
		"Pages with a playbook", `<a href="/objectives/share-requests">Sharing a post works</a>`, "ShareErrorBudgetBurn", `<a href="/playbooks/api-error-rate">An API answers with errors</a>`,
	}, []string{`href="https://wiki`})
}

func TestPlaybooksCoverage(t *testing.T) {
	book := []Playbook{{ID: "x"}}
	excused, covered := Paged{Alert: "Excused", Excuse: "a test"}, Paged{Alert: "Covered", Playbook: "x"}
	for _, c := range []struct {
		name   string
		books  []Playbook
		paging func() Paging
		says   []string
		not    []string
	}{
		{"not known", book, nil, []string{"All playbooks", `<a href="/playbooks/x">x</a>`}, []string{"verdict", "carried by", "Pages with"}},
		{"nothing at all", nil, nil, []string{"There are no playbooks."}, []string{"verdict", "All playbooks"}},
		{"nothing pages", book, func() Paging { return Paging{Summary: "0 paging alerts"} }, []string{"is-watch", "No alert pages.", "carried by no page"}, []string{"Pages with"}},
		{"no playbooks", nil, func() Paging { return Paging{"1 paging alert, 0 with a playbook", []Paged{{Alert: "A"}}} }, []string{"is-broken", "1 paging alert, 0 with a playbook.", "Pages without a playbook", "There are no playbooks."}, []string{"All playbooks"}},
		{"excused", book, func() Paging { return Paging{"s", []Paged{covered, excused}} }, []string{"verdict coverage is-watch", "Those without one say why.", "Excused", "a test", "Covered"}, []string{"is-broken"}},
		{"covered", book, func() Paging { return Paging{"s", []Paged{covered}} }, []string{"verdict coverage is-fine", "is told what to do", "carried by 1 alert<", "Covered"}, []string{"Pages without"}},
		{"gone", book, func() Paging { return Paging{"s", []Paged{{Alert: "A", Playbook: "gone"}}} }, []string{"verdict coverage is-broken", "A<small>", "gone</span> <code>gone</code>"}, []string{`href="/playbooks/gone"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := newSite(t, func(o *Options) {
				o.Paging, o.Playbooks = c.paging, func() []Playbook { return c.books }
			})
			wantOrder(t, site, "/playbooks", c.says, c.not)
		})
	}
}

// Thousands of alerts are not thousands of rows, and it is said how many are left out.
func TestPlaybooksWithManyAlerts(t *testing.T) {
	site := newSite(t, func(o *Options) {
		o.Paging = func() Paging {
			p := Paging{Summary: "many"}
			for i := range 2 * (mostPaged + 7) {
				a := Paged{Alert: fmt.Sprintf("Alert%04d", i)}
				if i%2 == 0 {
					a.Playbook = "api-error-rate"
				}
				p.Alerts = append(p.Alerts, a)
			}
			return p
		}
	})
	for path, rows := range map[string]int{"/playbooks": 2 * mostPaged, "/playbooks/api-error-rate": mostPaged} {
		page := get(t, site, path).Body.String()
		if n := strings.Count(page, "<small>of a rule file</small>"); n != rows || strings.Count(page, "And 7 more.") != rows/mostPaged {
			t.Errorf("%s has %d rows, want %d", path, n, rows)
		}
	}
}

// A playbook says whose pages carry it, and when it was used last.
func TestPlaybookPage(t *testing.T) {
	site := newSite(t, keeping(20))
	wantOrder(t, site, "/playbooks/api-error-rate", []string{
		"<dt>Owner</dt><dd>backend", "<dt>Reviewed</dt><dd>2026-05-04", "<h2>Impact</h2>",
		"Pages that carry it", `<a href="/objectives/share-requests">Sharing a post works</a>`, "slos/share.yaml:12",
		"Incidents in which it was at hand", "The last 5 of 11.", `<a href="/incidents/22">`, "Acknowledged", "Sam", `<a href="/incidents/20">`, "Resolved", "47 min", `<a href="/incidents/14">`,
	}, []string{"DiskFull", `href="/incidents/12"`, "should be", "Follow it once"})
	wantOrder(t, site, "/playbooks/queue-backlog", []string{
		"<dd>never</dd>", "It was never reviewed. Follow it once", "None: no alert that pages matches it.", "None that is kept.",
	}, []string{"Comes with", "<table"})
	wantOrder(t, newSite(t, func(o *Options) { o.Paging = nil }), "/playbooks/queue-backlog", []string{"A queue grows"}, []string{"Pages that carry it", "Incidents in which"})
}

// The page of a playbook does not reorder or cut what Paging hands out.
func TestPagingIsNotChanged(t *testing.T) {
	kept := somePaging()
	before := slices.Clone(kept.Alerts)
	site := newSite(t, func(o *Options) { o.Paging = func() Paging { return kept } })
	get(t, site, "/playbooks")
	get(t, site, "/playbooks/api-error-rate")
	if !slices.Equal(before, kept.Alerts) {
		t.Errorf("it is now %+v", kept.Alerts)
	}
}
