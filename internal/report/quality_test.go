package report

import (
	"strings"
	"testing"
	"time"
)

// A page that nobody acted on is one too many, unless it told of a promise that was broken.
func TestNoisyPages(t *testing.T) {
	from, to := week47(t, "UTC")
	page := func(number int64, group, objective string, after time.Duration, acted bool) Incident {
		return Incident{
			Number: number, Group: group, Title: group, Pages: true, Objectives: []string{objective}, ActedOn: acted,
			OpenedAt: from.Add(after), ResolvedAt: from.Add(after + 10*time.Minute),
		}
	}
	list := []Incident{
		page(1, "Disk", "a-disk", time.Hour, false), page(2, "Disk", "a-disk", 2*time.Hour, false),
		page(3, "Share", "a-share", time.Hour, false), page(4, "Share", "a-share", 2*time.Hour, false), page(5, "Share", "a-share:route=/v1", 3*time.Hour, false),
		page(6, "Feed", "a-feed", time.Hour, false), page(7, "Feed", "a-feed", 3*time.Hour, true),
		page(8, "Login", "a-login", time.Hour, false),
	}
	q := qualityOf(list, Period{Weekly, from, to}, []string{"a-share", "a-feed"})
	var words []string
	for _, n := range q.Noisy {
		words = append(words, n.Words())
	}
	want := "Share (3 pages): nobody acted on it, although the promise was broken; see whether it reaches somebody who can act, and whether its playbook helps.\n" +
		"Disk (2 pages): nobody acted on it; change its threshold, make it a ticket, or give it a playbook that helps."
	if got := strings.Join(words, "\n"); got != want {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
	if q.Pages != 8 || q.ActedOn != 1 {
		t.Errorf("%+v", *q)
	}
}

// What is said of budgets to come is said of those that can be foreseen alone.
func TestOutlookOfSome(t *testing.T) {
	calm, gone := &Outlook{Weeks: 4, Low: 0.8, High: 0.9}, &Outlook{Weeks: 4, Low: -1, High: 0.2, Spent: 3}
	for want, rows := range map[string][]Row{
		"": {{}},
		"If the coming week is like any of the weeks before, at least half of each budget is left after it.":                      {{Outlook: calm}, {Outlook: calm}},
		"If the coming week is like any of the weeks before, at least half of each budget that can be foreseen is left after it.": {{Outlook: calm}, {}},
		"Of every other budget that can be foreseen at least half is left after it.":                                              {{Outlook: gone}, {Outlook: calm}},
	} {
		got := Report{Teams: []Team{{Rows: rows}}}.OutlookLines()
		if want == "" && len(got) > 0 || want != "" && (len(got) == 0 || got[len(got)-1] != want) {
			t.Errorf("it says %q, want %q at the end", got, want)
		}
	}
}
