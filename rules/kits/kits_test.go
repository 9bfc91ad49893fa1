package kits

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/internal/viewer"
	"github.com/watchtower-hub/watchtower/playbooks"
	"github.com/watchtower-hub/watchtower/rules"
)

func all(t *testing.T) []Kit {
	t.Helper()
	kits, err := All()
	if err != nil {
		t.Fatal(err)
	}
	return kits
}

func find1(t *testing.T, name string) Kit {
	t.Helper()
	found, err := Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return found[0]
}

func TestNames(t *testing.T) {
	var names []string
	for _, k := range all(t) {
		names = append(names, k.Name)
		for what, text := range map[string]string{"title": k.Title, "about": k.About, "service": k.Service, "receiver.about": k.Receiver.About} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no %s", k.Name, what)
			}
		}
		for _, o := range k.Optional {
			if o.Reason == "" || len(o.Metrics) == 0 {
				t.Errorf("%s: %v is optional for the reason %q", k.Name, o.Metrics, o.Reason)
			}
		}
	}
	want := []string{"auth", "autoscaling", "cdn", "host", "http", "memcached", "postgresql", "queue", "redis", "thirdparty"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func TestFind(t *testing.T) {
	found, err := Find("redis", "host", "redis")
	if err != nil || len(found) != 2 || found[0].Name != "redis" || found[1].Name != "host" {
		t.Errorf("%v, %v", found, err)
	}
	_, err = Find("reddis", "host", "sql")
	const want = "there is no kit reddis, sql: choose among auth, autoscaling, cdn, host, http, memcached, postgresql, queue, redis, thirdparty"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestParseIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		"name: x\ncolor: red\n":                        "field color not found",
		"name: x\nalerts: [{alert: A, medium: {}}]":    "field medium not found",
		"name: x\nalerts: [{alert: A, soft: {at: a}}]": "cannot unmarshal",
		"name: [": "did not find",
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// An alert that only wakes, or that wakes before it asks, is not one of a kit.
func TestAlertsHaveSoftAndHard(t *testing.T) {
	names := map[string]string{}
	for _, k := range all(t) {
		if len(k.Alerts) == 0 {
			t.Errorf("%s has no alerts", k.Name)
		}
		for _, a := range k.Alerts {
			if other := names[a.Name]; other != "" {
				t.Errorf("%s: %s is in %s too", k.Name, a.Name, other)
			}
			names[a.Name] = k.Name
			if a.Summary == "" || a.Description == "" || !regexp.MustCompile(`^[A-Z]\w+$`).MatchString(a.Name) {
				t.Errorf("%s: alert %q says %q, %q", k.Name, a.Name, a.Summary, a.Description)
			}
			if a.Fires != Above && a.Fires != Below {
				t.Errorf("%s: %s fires %q", k.Name, a.Name, a.Fires)
			}
			worse := a.Hard.At > a.Soft.At
			if a.Fires == Below {
				worse = a.Hard.At < a.Soft.At
			}
			if !worse && (a.Hard.At != a.Soft.At || a.Hard.For <= a.Soft.For) {
				t.Errorf("%s: %s pages at %s and asks at %s", k.Name, a.Name, a.String(a.Hard), a.String(a.Soft))
			}
			if a.Soft.For == 0 || a.Hard.For == 0 {
				t.Errorf("%s: %s fires at the first sample", k.Name, a.Name)
			}
		}
	}
}

// metrics are the names that a query asks for.
func metrics(t *testing.T, expr string) []string {
	t.Helper()
	expr = strings.NewReplacer("$__rate_interval", "5m", "{{.window}}", "5m").Replace(expr)
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s\n%v", expr, err)
	}
	var names []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			names = append(names, v.Name)
		}
		return nil
	})
	return names
}

// board reads the board of a kit as its users will.
func board(t *testing.T, k Kit) dashboards.Extra {
	t.Helper()
	files, err := k.Files("backend")
	if err != nil {
		t.Fatal(err)
	}
	x, err := dashboards.ParseExtra("boards/kit-"+k.Name+".yaml", files["boards/kit-"+k.Name+".yaml"])
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Alerts, panels and objectives ask for what the kit declares, and all of it is asked for.
func TestMetricsAreDeclared(t *testing.T) {
	for _, k := range all(t) {
		t.Run(k.Name, func(t *testing.T) {
			used := map[string]bool{}
			note := func(where, expr string) {
				for _, name := range metrics(t, expr) {
					used[name] = true
					if !k.Declares(name) {
						t.Errorf("%s asks for %s, which the kit does not declare", where, name)
					}
				}
			}
			for _, a := range k.Alerts {
				note(a.Name, a.Expr)
			}
			for _, p := range board(t, k).Panels {
				for _, q := range p.Queries {
					note(p.Title, q.Expr)
				}
			}
			for _, o := range objectives(t, k) {
				note(o.ID, o.SLI.ErrorQuery)
				note(o.ID, o.SLI.TotalQuery)
			}
			declared := slices.Clone(k.Metrics)
			for _, o := range k.Optional {
				declared = append(declared, o.Metrics...)
			}
			for _, name := range declared {
				if !used[name] {
					t.Errorf("nothing asks for %s", name)
				}
			}
			slices.Sort(declared)
			if len(slices.Compact(declared)) != len(k.Metrics)+optional(k) {
				t.Error("a metric is declared twice")
			}
		})
	}
}

func optional(k Kit) (n int) {
	for _, o := range k.Optional {
		n += len(o.Metrics)
	}
	return n
}

// objectives reads those of a kit as its users will.
func objectives(t *testing.T, k Kit) []rules.Objective {
	t.Helper()
	dir := write(t, k)
	found, err := rules.ReadObjectives([]string{filepath.Join(dir, "slos", "*.yaml")}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(k.SLOs) {
		t.Fatalf("%d objectives of %d were read", len(found), len(k.SLOs))
	}
	return found
}

// write puts the files of a kit into a folder.
func write(t *testing.T, k Kit) string {
	t.Helper()
	files, err := k.Files("people team")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Every alert is found a playbook: the one it names, and one also where the label is lost.
func TestPlaybooks(t *testing.T) {
	lib, err := playbooks.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all(t) {
		for _, id := range k.Playbooks() {
			if _, ok := lib.Find(id); !ok {
				t.Errorf("%s: there is no playbook %s", k.Name, id)
			}
		}
		for _, a := range k.Alerts {
			labels := map[string]string{"alertname": a.Name, "service": k.Service, "component": k.Name, "severity": "page"}
			if p, ok := lib.Match(labels); !ok {
				t.Errorf("%s: no playbook matches %v", k.Name, labels)
			} else if labels[playbooks.Label] = a.Playbook; a.Playbook != p.ID {
				if named, _ := lib.Match(labels); named.ID != a.Playbook {
					t.Errorf("%s: %s gets %s, want %s", k.Name, a.Name, named.ID, a.Playbook)
				}
			}
		}
		for _, o := range objectives(t, k) {
			if o.Team != "people team" || o.Promise == "" {
				t.Errorf("%s: team %q, promise %q", o.ID, o.Team, o.Promise)
			}
			for _, labels := range o.PagingAlerts() {
				p, ok := lib.Match(labels)
				if !ok {
					t.Errorf("%s: no playbook matches %v", k.Name, labels)
				}
				if lost := strings.HasSuffix(labels["alertname"], "TelemetryLost"); lost != (p.ID == "telemetry-lost") && labels["alertname"] != "NoTraffic" {
					t.Errorf("%s: %s gets %s", k.Name, labels["alertname"], p.ID)
				}
			}
		}
	}
}

// The rule file is one that Prometheus takes, with a ticket and a page for each alert.
func TestRules(t *testing.T) {
	for _, k := range all(t) {
		dir := write(t, k)
		if err := rules.CheckPromRules([]string{filepath.Join(dir, "rules", "*.yaml")}, ""); err != nil {
			t.Error(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "rules", "kit-"+k.Name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, severity := range []string{"ticket", "page"} {
			labels := "labels: {severity: " + severity + ", team: people team, service: " + k.Service + ", component: " + k.Name + ", playbook: "
			if n := strings.Count(string(text), labels); n != len(k.Alerts) {
				t.Errorf("%s: %d of %d alerts are a %s", k.Name, n, len(k.Alerts), severity)
			}
		}
	}
}

// No panel is another's double, and each says enough to somebody who did not write it.
func TestPanelsAreWhole(t *testing.T) {
	uids := map[string]bool{}
	for _, k := range all(t) {
		x := board(t, k)
		if x.Board == nil || x.Board.UID != "kit-"+k.Name || uids[x.Board.UID] {
			t.Errorf("%s has the board %+v", k.Name, x.Board)
			continue
		}
		uids[x.Board.UID] = true
		titles, kinds, same := map[string]bool{}, map[dashboards.Kind]bool{}, map[string]string{}
		for _, p := range x.Panels {
			kinds[p.Kind] = true
			if titles[p.Title] {
				t.Errorf("%s: two panels are called %q", k.Name, p.Title)
			}
			titles[p.Title] = true
			drawn := string(p.Kind)
			for _, q := range p.Queries {
				drawn += "\n" + q.Expr
				// It would be drawn beside the others, and not in their place.
				if strings.Contains(q.Expr, "or vector(0)") && strings.Contains(q.Legend, "{{") {
					t.Errorf("%s: %q draws a zero beside its series: write or on() label_replace(vector(0), …)", k.Name, p.Title)
				}
			}
			if other, twice := same[drawn]; twice {
				t.Errorf("%s: %q draws what %q does", k.Name, p.Title, other)
			}
			same[drawn] = p.Title
			for _, text := range []string{p.Shows, p.Act} {
				if len(strings.Fields(text)) < 5 {
					t.Errorf("%s: %q says only %q", k.Name, p.Title, text)
				}
			}
		}
		if len(x.Panels) < 6 || len(kinds) < 2 {
			t.Errorf("%s has %d panels of %d kinds", k.Name, len(x.Panels), len(kinds))
		}
	}
}

// The boards are ones that Grafana shows, in both its formats, and our own pages.
func TestBoardsAreShown(t *testing.T) {
	built, err := dashboards.Build(dashboards.Input{Extras: boards(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := dashboards.LintAll(built); err != nil {
		t.Error(err)
	}
	for _, d := range built {
		if _, err := dashboards.V2(d); err != nil {
			t.Error(err)
		}
		if _, err := viewer.Parse(d.JSON); err != nil {
			t.Errorf("%s: %v", d.UID, err)
		}
	}
}

func boards(t *testing.T) []dashboards.Extra {
	t.Helper()
	var extras []dashboards.Extra
	for _, k := range all(t) {
		extras = append(extras, board(t, k))
	}
	return extras
}

// Names that playbooks are known by in what people read exist.
func TestTextsNamePlaybooks(t *testing.T) {
	lib, err := playbooks.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`playbook ([a-z-]+)`)
	for _, k := range all(t) {
		for _, p := range board(t, k).Panels {
			for _, m := range named.FindAllStringSubmatch(p.Act+p.Normal+p.Shows, -1) {
				if _, ok := lib.Find(m[1]); !ok {
					t.Errorf("%s: %q names the playbook %s, which is not there", k.Name, p.Title, m[1])
				}
			}
		}
	}
}

func TestWords(t *testing.T) {
	got := map[string]string{}
	for _, name := range []string{"redis", "postgresql"} {
		for _, a := range find1(t, name).Alerts {
			got[a.Name] = a.String(a.Soft) + " | " + a.String(a.Hard)
		}
	}
	want := map[string]string{
		"RedisDown": "below 1 for 1m | below 1 for 3m", "RedisMemory": "85 % for 10m | 97 % for 5m", "RedisConnections": "70 % for 10m | 90 % for 2m",
		"RedisEvictions": "1 a second for 15m | 500 a second for 5m", "RedisHitRatio": "below 80 % for 15m | below 40 % for 5m",
		"RedisReplicationLag": "10 s for 5m | 1m for 5m", "RedisReplicaCut": "below 1 for 1m | below 1 for 10m",
	}
	for name := range got {
		if !strings.HasPrefix(name, "Redis") && name != "PostgresReplicationBacklog" {
			delete(got, name)
		}
	}
	want["PostgresReplicationBacklog"] = "64 MiB for 10m | 2 GiB for 10m"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}
