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
