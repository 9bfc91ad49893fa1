package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/inbox"
	"github.com/watchtower-hub/watchtower/internal/report"
)

// TestWeeklyReportIsPostedOnce posts what is due, neither twice nor before the first week.
func TestWeeklyReportIsPostedOnce(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml": strings.TrimSpace(baseConfig) + "\nreports: {weekly: {channel: \"#leads\"}}\n",
		"slos/share.yaml": shareSpec,
	})
	leads := func() (pages, replies []inbox.Message) {
		t.Helper()
		channels, err := w.app.Inbox().Channels(t.Context())
		if err != nil || !slices.ContainsFunc(channels, func(c inbox.Channel) bool { return c.Name == "leads" }) {
			return pages, replies // the channel begins with its first message
		}
		all, err := w.app.Inbox().Messages(t.Context(), "#leads")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if m.ThreadTS == "" || m.ThreadTS == m.TS {
				pages = append(pages, m)
			} else {
				replies = append(replies, m)
			}
		}
		return pages, replies
	}
	turn := func(now time.Time) {
		t.Helper()
		if _, err := w.app.reports.turn(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
	turn(time.Now())
	if pages, _ := leads(); len(pages) != 0 {
		t.Fatalf("of the week before the first start: %+v", pages)
	}
	w.crossThreshold()
	w.expect("a page", isPage)

	monday := time.Now()
	for due := (report.Edition{}); !due.Period.To.After(time.Now()); { // until the report of today's week is due
		monday, _ = w.app.reports.conf.Next(monday)
		all, err := w.app.reports.conf.Due(monday)
		if err != nil || len(all) != 1 {
			t.Fatalf("due are %+v, %v", all, err)
		}
		due = all[0]
	}
	turn(monday)
	pages, replies := leads()
	if len(pages) != 1 || !strings.HasPrefix(pages[0].Text, "📊 The week of ") || !strings.Contains(string(pages[0].Blocks), `"type":"table"`) || !strings.Contains(string(pages[0].Blocks), "🔴 broken") ||
		!strings.Contains(string(pages[0].Blocks), "/reports/20") {
		t.Fatalf("posted are %+v", pages)
	}
	if len(replies) != 2 {
		t.Errorf("the picture and the file are not below it: %+v", replies)
	}
	turn(monday)
	// It was posted, and the process died before it wrote that down.
	if _, err := w.app.state.ExecContext(t.Context(), `DELETE FROM report_posts`); err != nil {
		t.Fatal(err)
	}
	turn(monday)
	if pages, _ := leads(); len(pages) != 1 {
		t.Errorf("it was posted %d times", len(pages))
	}
}
