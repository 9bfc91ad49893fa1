//go:build integration

package app

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/watchtower-hub/watchtower/internal/inbox"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

// TestLifeOfAnIncident drives an incident through its whole life at the inbox, in a
// browser: it fires, is acknowledged, a step is done, it grows, repeats, escalates, is
// silenced, and is finished although nobody is notified of its end any more.
func TestLifeOfAnIncident(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml":  strings.TrimSpace(baseConfig) + "\nnotifiers: {alertmanager: am.yml}\n",
		"am.yml":           lifeRoute,
		"playbooks/own.md": "---\nid: disk-full\ntitle: A disk is full\nowner: storage\nreviewed: 2026-11-20\nmatch: {alertname: DiskFull}\n---\n## Check\n\n1. **Look at the disk.** `df -h`\n   ```promql\n   vector(93)\n   ```\n2. **Find what grows.** `du -xh / | sort -h | tail`\n\n## Mitigate\n\n1. **Delete old logs.**\n",
	})
	until := time.Now().Add(10 * time.Minute)
	w.alert(until, "DiskFull", "db", "db-1")
	ctx := browser(t, 1280)
	page := w.expect("a page", func(m inbox.Message) bool {
		return m.ThreadTS == "" && strings.HasPrefix(m.Text, "🔴 Firing: Disk of db-1 is full")
	})
	// The answer of the playbook's query is in the page.
	w.expect("the value in the step", func(m inbox.Message) bool { return m.TS == page.TS && strings.Contains(string(m.Blocks), "93") })
	visit(ctx, t, w.url("/inbox/oncall"), "Disk of db-1 is full")

	press(ctx, t, "Acknowledge")
	w.expect("the acknowledged page", func(m inbox.Message) bool { return m.TS == page.TS && strings.HasPrefix(m.Text, "🟡 Acknowledged") })
	visit(ctx, t, w.url("/incidents"), "You has it")
	visit(ctx, t, w.url("/inbox/oncall"), "Disk of db-1 is full")
	press(ctx, t, "Done")
	w.expect("the step", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && strings.Contains(m.Text, "did: Look at the disk")
	})

	w.alert(until, "DiskFull", "db", "db-2")
	w.expect("the growth", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && strings.Contains(m.Text, "1 more alert fires")
	})
	w.expect("the repeat, which reminds the owner", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && strings.Contains(m.Text, "Still firing") && strings.HasPrefix(m.Text, "<@") && !m.Broadcast
	})
	press(ctx, t, "Escalate")
	waitFor(ctx, t, `document.querySelector("dialog[open]")`) // it asks whether to
	press(ctx, t, "Escalate")
	w.expect("the call for help", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && m.Broadcast && strings.HasPrefix(m.Text, "🚨 <!channel>")
	})

	w.openForm(ctx, t)
	run(ctx, t, chromedp.SendKeys(`dialog[open] textarea`, "The disk is being grown"))
	press(ctx, t, "Silence")
	w.expect("the silence", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && strings.Contains(m.Text, "silenced this until") && strings.Contains(m.Text, "The disk is being grown")
	})
	var silences []struct {
		CreatedBy, Comment string
		Status             struct{ State string }
	}
	_, answer := w.get("/api/v2/silences")
	if err := json.Unmarshal([]byte(answer), &silences); err != nil || len(silences) != 1 || silences[0].CreatedBy != "You" || silences[0].Status.State != "active" {
		t.Errorf("Alertmanager's silences: %s", answer)
	}

	// It ends, silenced: nobody is notified, and the page is finished all the same.
	w.alert(time.Now().Add(-time.Second), "DiskFull", "db", "db-1", "db-2")
	patience, stop := context.WithTimeout(t.Context(), deadline)
	defer stop()
	for w.app.pipeline.Firing(`{}:{service="db"}`) && patience.Err() == nil {
		time.Sleep(20 * time.Millisecond) // a real server on real time
	}
	w.app.slack.Finish(t.Context(), w.app.pipeline.Firing)
	w.expect("the finished page", func(m inbox.Message) bool { return m.TS == page.TS && strings.HasPrefix(m.Text, "✅ Resolved") })

	// What happened is on the incident's page, and one click from there in its
	// post-mortem.
	w.app.logFault("check", w.app.incidentLog.Reconcile(t.Context(), w.app.firingGroups(), w.app.pipeline.Firing))
	w.incident("its end", "1", func(in incidents.Incident) bool { return in.State == incidents.StateResolved })
	for _, want := range []string{"Acknowledged", "Look at the disk", "The disk is being grown", "Resolved"} {
		visit(ctx, t, w.url("/incidents/1"), want)
	}
	link, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("a")].find(a => a.innerText.includes("Post-mortem")).getAttribute("href")`))
	if err != nil {
		t.Fatal(err)
	}
	_, document := w.get(link) // it is a file to download
	for _, want := range []string{"# ", "Disk of db-1 is full", "## Timeline", "The disk is being grown"} {
		if !strings.Contains(document, want) {
			t.Errorf("the post-mortem does not say %q:\n%s", want, document)
		}
	}
}

// press clicks the first visible button with that label, a dialog's before the
// page's.
func press(ctx context.Context, t *testing.T, label string) {
	t.Helper()
	find := `[...(document.querySelector("dialog[open]") ?? document).querySelectorAll("button, [role=button], input[type=submit]")]
		.find(b => (b.innerText || b.value || "").trim() === ` + quoted(label) + ` && b.offsetParent !== null)`
	waitFor(ctx, t, find)
	run(ctx, t, chromedp.Evaluate[chromedp.Void]("void "+find+".click()"))
}

// openForm presses Silence… until the form is there: on a busy machine a click may
// take longer than the three seconds that Slack gives to open one.
func (w *world) openForm(ctx context.Context, t *testing.T) {
	t.Helper()
	for range 10 {
		press(ctx, t, "Silence…")
		for end := time.Now().Add(6 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if open, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelector("dialog[open] textarea") !== null`)); err == nil && open {
				return
			}
		}
	}
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	t.Fatalf("the form never opened:\n%s", text)
}

func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(text)
}

func run(ctx context.Context, t *testing.T, action chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, action); err != nil {
		t.Fatal(err)
	}
}

// waitFor evaluates a condition in the page until it is true.
func waitFor(ctx context.Context, t *testing.T, condition string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-tick.C {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
		if err == nil && ok {
			return
		}
	}
	t.Fatalf("never true: %s", condition)
}
