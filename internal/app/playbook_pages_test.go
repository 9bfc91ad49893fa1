package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/playbooks"
)

// The pages of playbooks tell what check tells: which page carries which, and which are old; a reload is told at once.
func TestPlaybookPages(t *testing.T) {
	rule := "groups: [{name: g, rules: [{alert: Unheard, expr: vector(0), labels: {severity: page%s}}]}]\n"
	w := newWorld(t, map[string]string{
		"watchtower.yaml":  baseConfig + "rules: {objectives: [slos/*.yaml], prometheus: [rules.yaml]}\nplaybooks: [playbooks]\n",
		"slos/share.yaml":  shareSpec,
		"rules.yaml":       fmt.Sprintf(rule, ""),
		"playbooks/own.md": "---\nid: own-disk\ntitle: Our disk is full\nowner: storage\nreviewed: 2024-11-20\nmatch: {disk: ours}\n---\n## Check\n\nLook.\n",
	})
	w.says("/playbooks", "3 paging alerts, 2 with a playbook, 2 with a built-in one", "Pages without a playbook", "Unheard", "<code>rules.yaml:1</code>", "<code>slos/share.yaml:5</code>",
		"1 playbook should be read again.", "more than the 365 after which it is due", "carried by no page", "Sharing a post works", "ShareErrorBudgetBurn")
	w.says("/playbooks/own-disk", "storage", "2024-11-20", "no alert that pages matches it", "None that is kept.")
	w.says("/playbooks/api-error-rate", "Sharing a post works", "ShareErrorBudgetBurn")

	w.write("rules.yaml", fmt.Sprintf(rule, ", disk: ours"))
	if err := w.app.Reload(); err != nil {
		t.Fatal(err)
	}
	w.says("/playbooks", "3 paging alerts, 3 with a playbook, 1 with one not reviewed within a year", "carried by 1 alert")
	w.says("/playbooks/own-disk", "Unheard")

	w.crossThreshold()
	w.expect("a page", isPage)
	w.says("/playbooks/api-error-rate", `<a href="/incidents/`, "All that are kept.") // The rule's alert may have opened the first.
}

func TestReviewDue(t *testing.T) {
	now := ten()
	for want, p := range map[string]playbooks.Playbook{
		"":               {Reviewed: now.Add(-config.ReviewAge)},
		"never reviewed": {},
		"reviewed 366 days ago, more than the 365 after which it is due": {Reviewed: now.Add(-config.ReviewAge - 24*time.Hour)},
	} {
		if got := reviewDue(p, now); got != want {
			t.Errorf("reviewed %s: %q, want %q", p.Reviewed, got, want)
		}
	}
	if got := reviewDue(playbooks.Playbook{Builtin: true}, now); got != "" {
		t.Errorf("a built-in one: %q", got)
	}
}

func TestWrittenAt(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"/etc/w/slos/a.yaml", "/etc/w"}: "slos/a.yaml:3",
		{"/srv/a.yaml", "/etc/w"}:        "/srv/a.yaml:3",
		{"slos/a.yaml", "."}:             "slos/a.yaml:3",
		{"slos/a.yaml", "/etc/w"}:        "slos/a.yaml:3",
		{"", "/etc/w"}:                   "",
	} {
		if got := writtenAt(in[0], 3, in[1]); got != want {
			t.Errorf("%v: %q, want %q", in, got, want)
		}
	}
}
