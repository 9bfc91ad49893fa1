package slack

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	slackapi "github.com/slack-go/slack"

	"github.com/watchtower-hub/watchtower/playbooks"
)

var update = flag.Bool("update", false, "write the golden files")

var goldenTime = time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC)

func objectiveAlert() alert {
	return alert{
		ID: "1", StartsAt: goldenTime, URL: "https://watchtower.example/objectives/share-sharing",
		Labels: map[string]string{
			"alertname": "ShareSharingBurn", "service": "share", "slo": "sharing", "severity": "page", "team": "backend",
			"sloth_id": "share-sharing", "sloth_service": "share", "sloth_slo": "sharing", "sloth_severity": "page",
		},
		Annotations: map[string]string{
			"summary":     "Sharing a post fails for some people",
			"description": "3.2% of requests fail, 32 times more than the promise allows. 41% of the error budget is left; at this rate it is gone in 3h 20m.",
			"promise":     "Sharing a post works", "objective": "99.9% over 28d", "error_ratio": "3.2%", "burn_rate": "32x",
			"budget_remaining": "41%", "budget_gone": "in 3h 20m", "windows": "1h and 5m",
			"dashboard_url": "https://watchtower.example/objectives/share-sharing",
		},
	}
}

func bookOf(in *incident) *playbook {
	p := testPlaybook()
	return (&Slack{opts: Options{ExternalURL: in.ExternalURL}}).pin(p)
}

// goldenIncidents are the pages to read aloud.
func goldenIncidents() map[string]incident {
	base := incident{Receiver: "slack", ExternalURL: "https://watchtower.example", At: goldenTime.Add(2 * time.Minute)}
	out := map[string]incident{}

	in := base
	in.Alerts = []alert{objectiveAlert()}
	in.Playbook = bookOf(&in)
	out["objective_firing"] = in

	done := in.ended(goldenTime.Add(26 * time.Minute))
	done.Unseen = false
	out["objective_resolved"] = done
	out["objective_unseen"] = in.ended(goldenTime.Add(26 * time.Minute))

	out["handled"] = handledIncident(in)

	foreignSpec := base
	a := objectiveAlert()
	a.Annotations["description"] = "High error rate on 'sharing' (wiki: ask Ana)."
	a.Annotations["budget_gone"] = "already spent"
	foreignSpec.Alerts = []alert{a}
	out["objective_own_annotations"] = foreignSpec

	disk := base
	disk.Alerts = []alert{{
		ID: "1", StartsAt: goldenTime, URL: "http://prometheus:9090/graph?g0.expr=x&g0.tab=1",
		Labels: map[string]string{
			"alertname": "NodeFilesystemAlmostOutOfSpace", "instance": "web-1:9100", "job": "node", "device": "/dev/sda1",
			"fstype": "ext4", "mountpoint": "/", "severity": "critical",
		},
		Annotations: map[string]string{
			"summary":     "Filesystem has less than 3% space left.",
			"description": "Filesystem on /dev/sda1, mounted on /, at web-1:9100 has only 2.71% available space left.",
			"runbook_url": "https://runbooks.prometheus-operator.dev/runbooks/node/nodefilesystemalmostoutofspace",
		},
	}}
	out["node_exporter"] = disk

	bare := base
	bare.GroupLabels = map[string]string{"alertname": "InstanceDown"}
	bare.Alerts = []alert{{ID: "1", StartsAt: goldenTime, Labels: map[string]string{"alertname": "InstanceDown", "instance": "db-2:9187", "job": "postgres"}}}
	out["labels_only"] = bare

	lost := base
	blind := objectiveAlert()
	blind.Labels["alertname"] = "TelemetryLost"
	blind.Annotations["summary"] = "Sharing a post works: nobody knows, share has been silent for 5m"
	blind.Annotations["description"] = "No telemetry has arrived since 03:07:00 UTC on 20 November, after there had been traffic. A dead service looks like this, and so does a broken path of its metrics."
	lost.Alerts, lost.NoPlaybook = []alert{blind}, true
	out["telemetry_lost"] = lost

	mixed := base
	mixed.Alerts = []alert{objectiveAlert(), blind}
	mixed.Alerts[1].ID = "2"
	mixed.GroupLabels = map[string]string{"service": "share", "slo": "sharing", "severity": "page"}
	out["burning_and_blind"] = mixed

	quiet := objectiveAlert()
	quiet.Labels["alertname"] = "NoTraffic"
	quiet.Annotations = map[string]string{
		"promise": "Sharing a post works", "objective": "99.9% over 28d", "budget_remaining": "99.9%", "budget_gone": "",
		"summary":       "“Sharing a post works”: no requests have reached share for 5m",
		"description":   "share has counted no requests since about 03:07 UTC on 20 November, after 36,000 in the hour before. It runs and reports, so look at what lies before it: DNS, certificates, load balancer, network, the release of the app. Requests that do not arrive cannot fail, so no other alert of this objective will tell. No post is shared at all.",
		"dashboard_url": "https://watchtower.example/objectives/share-sharing",
	}
	ceased := base
	ceased.Alerts = []alert{quiet}
	ceased.Playbook = bookOf(&ceased)
	out["no_traffic"] = ceased

	spent := func(id, share, summary, description string) alert {
		a := objectiveAlert()
		a.ID, a.Labels["alertname"], a.Labels["budget_spent"] = id, "BudgetSpent", share
		a.Labels["severity"], a.Labels["sloth_severity"] = "ticket", "ticket"
		a.Annotations = map[string]string{
			"promise": "Sharing a post works", "objective": "99.9% over 28d", "budget_remaining": "25%", "budget_gone": "in 22h 30m, tomorrow 03:45 UTC",
			"summary": summary, "description": description, "dashboard_url": "https://watchtower.example/objectives/share-sharing",
		}
		return a
	}
	budget := base
	budget.GroupLabels = map[string]string{"service": "share", "slo": "sharing", "severity": "ticket"}
	budget.Alerts = []alert{
		spent("1", "50%", "“Sharing a post works”: more than 50% of the error budget is spent, 75% by now", "A ticket that says so replaces this one; nothing has got better."),
		spent("2", "75%", "“Sharing a post works”: 75% of the error budget is spent", "The objective of 99.9% over 28d allows about 259,200 requests to fail; in the last 28d 194,424 did. 25% of the budget is left; at this rate it is gone in 22h 30m, tomorrow 03:45 UTC. Reliability comes before features until it lasts again."),
	}
	budget.Alerts[0].Resolved, budget.Alerts[0].EndsAt = true, goldenTime.Add(time.Minute)
	out["budget_spent"] = budget

	many := base
	many.GroupLabels = map[string]string{"alertname": "InstanceDown"}
	for i := range 40 {
		many.Alerts = append(many.Alerts, alert{
			ID: fmt.Sprint(i), StartsAt: goldenTime.Add(time.Duration(i) * time.Second), Resolved: i%10 == 3,
			Labels:      map[string]string{"alertname": "InstanceDown", "instance": fmt.Sprintf("web-%d:9100", i), "job": "node", "severity": "warning"},
			Annotations: map[string]string{"summary": fmt.Sprintf("web-%d does not answer", i)},
		})
	}
	out["many_alerts"] = many

	evil := base
	evil.Alerts = []alert{{
		ID: "1", StartsAt: goldenTime,
		Labels:      map[string]string{"alertname": "<!channel> & friends", "service": "*bold* <@U1>", "note": "a`b"},
		Annotations: map[string]string{"summary": "<!everyone> a < b && c > d", "description": "line one\nline <two> & three"},
	}}
	out["markup_in_labels"] = evil
	return out
}

// handledIncident is a page with everything on it: evidence, who is on call, and
// what people did.
func handledIncident(in incident) incident {
	sam := deed{By: "U0SAM", Name: "sam", At: goldenTime.Add(4 * time.Minute)}
	in.Record = "6f1c2a34-0000-4000-8000-000000000000"
	in.Where = []string{
		"92% of the failed requests have route=/v1/share, which gets 12% of the traffic.",
		"They are all version=v2.14, which gets 50% of the traffic.",
	}
	in.Picture = picture{FileID: "F0BURN", Alt: "Burn rate from 02:12 to 03:14 UTC: 0.3x at first, above the page threshold of 14.4x since 03:12, 32x now."}
	in.OnCall = duty{
		Now:  &Shift{Name: "Sam", SlackID: "U0SAM", To: goldenTime.Add(6 * time.Hour)},
		Next: &Shift{Name: "Alex", SlackID: "U0ALEX", From: goldenTime.Add(6 * time.Hour)},
	}
	in.Handling = handling{
		Acknowledged: &sam, Escalated: &deed{By: "U0ALEX", At: goldenTime.Add(9 * time.Minute)},
		Silence: &silenced{deed: sam, ID: "1", Until: goldenTime.Add(2 * time.Hour), Reason: "The canary is being rolled back"},
		Done:    map[string]*deed{in.Playbook.Steps[0].ID: &sam},
	}
	return in
}

func TestGoldenStorm(t *testing.T) {
	d := &record{id: "6f1c2a34", memory: memory{Interactive: true, Storm: &storm{Began: goldenTime, LastAt: goldenTime.Add(time.Minute), Limit: 10, Joined: 14, Over: 2}}}
	var members []*record
	for i, service := range []string{"share", "share", "feed", "share", "login", "media", "media", "share", "feed", "feed", "search", "push"} {
		a := objectiveAlert()
		a.StartsAt = goldenTime.Add(time.Duration(i) * 2 * time.Second)
		a.Labels["service"], a.Labels["severity"] = service, []string{"page", "ticket"}[i%3/2]
		a.Annotations["summary"] = "“" + service + " works” is broken: 12% of requests fail"
		m := &record{memory: memory{Place: i + 1, Incident: incident{ExternalURL: "https://watchtower.example", Alerts: []alert{a}, At: goldenTime.Add(time.Minute)}}}
		members = append(members, m)
	}
	members[3].memory.Incident.Handling.Acknowledged = &deed{By: "U0SAM", At: goldenTime}
	page, list, over := d.stormPage(members, []string{"<@U0SAM>", "<@U0ALEX>"}, goldenTime.Add(time.Minute)), stormReply(members, []string{"<@U0KIM>"}), d.stormPage(nil, nil, goldenTime.Add(time.Hour))
	shown := ""
	for _, m := range []message{page, list, over} {
		if err := checkMessage(m.Text, m.Blocks); err != nil {
			t.Error(err)
		}
		shown += "────\n" + inPlain(m.Text, m.Blocks)
	}
	golden(t, "storm.golden.txt", []byte(shown))
}

func TestGoldenPages(t *testing.T) {
	for name, in := range goldenIncidents() {
		t.Run(name, func(t *testing.T) {
			page, over := in.page()
			if err := checkMessage(page.Text, page.Blocks); err != nil {
				t.Error(err)
			}
			var indented bytes.Buffer
			if err := json.Indent(&indented, page.Blocks, "", "  "); err != nil {
				t.Fatal(err)
			}
			shown := inPlain(page.Text, page.Blocks)
			for i, part := range in.threadOf(over) {
				m := part.message
				if err := checkMessage(m.Text, m.Blocks); err != nil {
					t.Error(err)
				}
				shown += fmt.Sprintf("\n──── in the thread, %d ────\n%s", i+1, inPlain(m.Text, m.Blocks))
			}
			if in.state() == firing {
				later := in
				later.At = in.At.Add(time.Hour)
				m := later.repeated()
				shown += "\n──── repeated ────\n" + inPlain(m.Text, m.Blocks)
			} else {
				m := in.resolvedReply()
				shown += "\n──── resolved ────\n" + inPlain(m.Text, m.Blocks)
			}
			golden(t, name+".golden.json", indented.Bytes())
			golden(t, name+".golden.txt", []byte(shown))
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	got = append(bytes.TrimRight(got, "\n"), '\n')
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with go test -run TestGolden -update", err)
	}
	if diff := gocmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// FuzzMessagesStayWithinLimits is the property of the budgeter: whatever the
// texts are, no message breaks a limit of Slack.
func FuzzMessagesStayWithinLimits(f *testing.F) {
	for _, s := range []string{
		"", "a", " \n ", "&<>", "<!channel>", "```", "🔴", "\x00\xff\xfe", "e\u0301\u202e", "<https://a.b|c", "**x** [y](http://z)", "# h\n\n- 1\n- 2\n", "\r\n\t",
	} {
		for _, n := range []int{1, 3001} {
			f.Add(s, n, uint8(3))
		}
	}
	f.Add("🔴&<", 9000, uint8(200))
	f.Fuzz(func(t *testing.T, s string, n int, alerts uint8) {
		if n = n % 20_000; n < 0 {
			n = -n
		}
		long := clean(strings.Repeat(s, n/max(1, len(s))+1))
		checkEverything(t, hostile(clean(s), long, int(alerts)))
	})
}

// hostile is an incident all of whose texts are the given ones.
func hostile(s, long string, alerts int) incident {
	in := incident{
		GroupLabels: map[string]string{s: long}, At: goldenTime, ExternalURL: "https://watchtower.example/" + s,
		Custom: custom{
			Footer: wellFormed(long), ImageURL: "https://i.example/" + s, Opening: []string{wellFormed(long), wellFormed(s)}, Mentions: mentionsIn(long),
			Links: []anchor{{long, "https://x.example/" + s}, {s, long}},
		},
		Playbook: &playbook{
			ID: s, Title: long, Owner: long, Summary: long, Body: long, Edited: alerts%2 == 0,
			Steps: []playbooks.Step{{ID: "a", Text: s}, {ID: "b", Text: long}, {ID: "c", Text: s}, {ID: "d", Text: long}, {ID: "e", Text: long}},
			Text:  []string{long, s, long},
		},
		Where: []string{long, s, long}, Picture: picture{FileID: "F0123", Alt: long}, Record: newID(),
		OnCall: duty{Now: &Shift{Name: long, To: goldenTime}, Next: &Shift{Name: s, From: goldenTime.Add(time.Hour)}},
		Handling: handling{
			Acknowledged: &deed{Name: long, At: goldenTime}, Escalated: &deed{Name: s, At: goldenTime},
			Silence: &silenced{deed: deed{Name: long}, Until: goldenTime.Add(time.Hour), Reason: long},
			Done:    map[string]*deed{"b": {Name: long, At: goldenTime}, "c": {Name: s, At: goldenTime}},
		},
	}
	for i := range alerts + 1 {
		in.Alerts = append(in.Alerts, alert{
			ID: fmt.Sprint(i), StartsAt: goldenTime, Resolved: i%3 == 1, URL: "https://p.example/?" + s,
			Labels: map[string]string{"alertname": s, "service": long, "slo": s, "severity": long, s: long, "instance": fmt.Sprint(i, s)},
			Annotations: map[string]string{
				"summary": s, "description": long, "objective": long, "error_ratio": s, "burn_rate": s, "budget_remaining": s,
				"budget_gone": long, "dashboard_url": "https://d.example/" + s, "runbook_url": long,
			},
		})
	}
	for range 12 {
		in.Custom.Fields = append(in.Custom.Fields, wellFormed(long))
	}
	return in
}

// stormOf is the digest of many incidents like this one.
func stormOf(in *incident) message {
	d := &record{id: newID(), memory: memory{Interactive: true, Storm: &storm{Began: goldenTime, LastAt: goldenTime, Limit: 10, Joined: 40, Over: 3, Apart: 2}}}
	var members []*record
	for range 35 {
		members = append(members, &record{memory: memory{Incident: *in}})
	}
	return d.stormPage(members, d.toCall(members), goldenTime)
}

// checkView checks the limits of a form.
func checkView(t *testing.T, v slackapi.ModalViewRequest) {
	t.Helper()
	if n := rawSize(v.Title.Text); n > 24 || n == 0 {
		t.Errorf("title of %d characters", n)
	}
	if len(v.PrivateMetadata) > 3000 || len(v.Blocks.BlockSet) > 100 {
		t.Errorf("metadata of %d bytes, %d blocks", len(v.PrivateMetadata), len(v.Blocks.BlockSet))
	}
	about, ok := v.Blocks.BlockSet[0].(*slackapi.SectionBlock)
	if !ok || size(about.Text.Text) > maxSection || strings.TrimSpace(about.Text.Text) == "" {
		t.Errorf("first block %+v", v.Blocks.BlockSet[0])
	}
}

func checkEverything(t *testing.T, in incident) {
	t.Helper()
	for i, variant := range []func(*incident){
		func(*incident) {},
		func(in *incident) { in.Custom = custom{} },
		func(in *incident) {
			in.Custom.Title, in.Custom.Text, in.Custom.Fallback = in.Custom.Footer, in.Custom.Footer, in.Custom.Footer
		},
		func(in *incident) { *in = in.ended(goldenTime.Add(time.Hour)) },
		func(in *incident) { *in = in.kept() },
	} {
		in := in
		variant(&in)
		page, over := in.page()
		someone := deed{Name: in.headline(), At: goldenTime}
		messages := []message{page, in.repeated(), in.resolvedReply(), in.escalation(someone)}
		for _, p := range in.threadOf(over) {
			if p.File == nil {
				messages = append(messages, p.message)
			}
		}
		view, err := in.silenceView(silenceForm{Record: in.Record})
		if err != nil {
			t.Error(err)
		}
		checkView(t, view)
		messages = append(messages, stormOf(&in))
		if m, ok := in.changed([]string{"0", "1", "gone"}); ok {
			messages = append(messages, m)
		}
		if len(messages) > 3*maxThread+5 {
			t.Errorf("%d messages for one incident", len(messages))
		}
		for _, m := range messages {
			if strings.TrimSpace(m.Text) == "" || size(m.Text) > maxPlain {
				t.Errorf("text of %d characters", size(m.Text))
			}
			if err := checkMessage(m.Text, m.Blocks); err != nil {
				t.Errorf("%v\n%.300s", err, m.Blocks)
			}
			pings := []string{}
			if i == 1 && m.Text != messages[3].Text { // an escalation calls everybody; nobody was mentioned by the author of the slack_config
				pings = []string{"<!channel", "<!here", "<!everyone", "<@", "<!subteam"}
			}
			if err := checkEntities(m.Blocks, pings); err != nil {
				t.Error(err)
			}
		}
	}
}

// checkEntities finds in mrkdwn what is not ours: a bare &, a cut entity, a ping.
func checkEntities(blocks []byte, pings []string) error {
	var list []struct {
		Text   struct{ Type, Text string }
		Fields []struct{ Text string }
	}
	_ = json.Unmarshal(blocks, &list) // markdown blocks have no such text
	for _, b := range list {
		texts := []string{}
		if b.Text.Type == "mrkdwn" {
			texts = append(texts, b.Text.Text)
		}
		for _, f := range b.Fields {
			texts = append(texts, f.Text)
		}
		for _, s := range texts {
			rest := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "").Replace(s)
			if i := strings.Index(rest, "&"); i >= 0 {
				return fmt.Errorf("a bare & or a cut entity: %.40q", rest[i:])
			}
			for _, ping := range pings {
				if strings.Contains(s, ping) {
					return fmt.Errorf("a text of an alert or a playbook pings: %.40q", s)
				}
			}
		}
	}
	return nil
}

func TestTextsOfAllKindsStayWithinLimits(t *testing.T) {
	for _, s := range []string{"&", "<", "<>&", "é", "🔴", "👩‍👩‍👧‍👦", "日本語の長い文章", "`", "```\n", "* ", "<a|b>", "&amp;", " ", "\n", "word ", "\\", "_x_", "|", "<!channel>", "[a](http://b.c)", "1. x\n", "> q\n"} {
		for _, n := range []int{2, 150, 3001, 13_000} {
			checkEverything(t, hostile(s, strings.Repeat(s, n/len(s)+1), n%16))
		}
	}
}

func BenchmarkPage(b *testing.B) {
	in := goldenIncidents()["objective_firing"]
	b.ReportAllocs()
	for b.Loop() {
		_, over := in.page()
		in.threadOf(over)
	}
}

func BenchmarkPageOf1000Alerts(b *testing.B) {
	in := goldenIncidents()["many_alerts"]
	for len(in.Alerts) < 1000 {
		in.Alerts = append(in.Alerts, in.Alerts[0])
	}
	b.ReportAllocs()
	for b.Loop() {
		_, over := in.page()
		in.threadOf(over)
	}
}
