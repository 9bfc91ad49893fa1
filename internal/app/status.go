package app

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// statusPage says what is ingested, scraped, evaluated and sent.
func (a *App) statusPage() []web.Section {
	sections := append(a.ingestSections(), a.seriesSection(), a.rulesSection(), a.sendSection())
	if outside, configured := a.alertingSection(); configured {
		sections = append(sections, outside)
	}
	if peers, configured := a.clusterSection(); configured {
		sections = append(sections, peers)
	}
	if a.oncall != nil {
		sections = append(sections, a.onCallSection())
	}
	return append(sections, a.selfwatchSection(), a.configSection())
}

func (a *App) storeSection() web.Section {
	st := a.store.Stats()
	facts := []web.Fact{
		{Name: "Samples stored", Value: thousands(st.Samples), Note: "since the start"},
		{Name: "Series in memory", Value: thousands(st.Series)},
		{Name: "Series that feed objectives", Value: strconv.Itoa(st.WatchedSeries)},
		{Name: "Newest sample", Value: ago(st.MaxTime)},
		{Name: "Oldest sample", Value: ago(st.MinTime), Note: "kept for " + days(st.Retention)},
		{Name: "On disk", Value: megabytes(st.Bytes)},
		{Name: "Late samples", Value: thousands(st.OutOfOrder), Note: "stored and counted again"},
	}
	if st.TooOld > 0 {
		facts = append(facts, web.Fact{
			Name: "Samples refused as too old", Value: thousands(st.TooOld), Level: web.Warn,
			Note: "older than store.out_of_order_window; the senders were told",
		})
	}
	if st.Corruptions > 0 || st.FailedBlocks > 0 {
		facts = append(facts, web.Fact{
			Name: "Damage found", Value: thousands(st.Corruptions + st.FailedBlocks), Level: web.Bad,
			Note: "the log names the files: check the disk",
		})
	}
	return web.Section{Title: "Stored", Facts: facts}
}

func (a *App) rulesSection() web.Section {
	statuses := a.engine.Statuses()
	table := &web.Table{Title: "Objectives", Columns: []string{"Objective", "Counted", "Coverage", "Judged"}, Empty: "No objectives."}
	members := 0
	for _, s := range statuses {
		if s.Objective.Parent != "" {
			members++
			continue
		}
		row := web.TableRow{Cells: []string{s.Objective.ID, string(s.Source), fmt.Sprintf("%.0f%%", 100*s.Coverage), ago(s.UpdatedAt)}}
		if !s.BlindSince.IsZero() {
			row.Level = web.Warn
			row.Cells[2] += ", blind since " + s.BlindSince.UTC().Format("15:04:05")
		}
		table.Rows = append(table.Rows, row)
	}
	groups, broken := a.promRules.RuleGroups(), 0
	var timed []ruleGroup
	for _, g := range groups {
		timed = append(timed, ruleGroup{g.Name(), g.GetEvaluationTime(), g.Interval()})
		for _, r := range g.Rules() {
			if r.LastError() != nil {
				broken++
			}
		}
	}
	facts := []web.Fact{
		{Name: "Objectives", Value: strconv.Itoa(len(statuses) - members), Note: "judged every " + a.opened.Rules.EvaluationInterval.String()},
	}
	facts = append(facts, paceFacts(time.Now(), a.engine.Pace(), time.Duration(a.opened.Rules.EvaluationInterval))...)
	facts = append(facts, web.Fact{Name: "Prometheus rule groups", Value: strconv.Itoa(len(groups))})
	if slowest, ok := slowestFact(timed); ok {
		facts = append(facts, slowest)
	}
	if members > 0 {
		facts = append(facts, web.Fact{Name: "Groups of objectives", Value: strconv.Itoa(members), Note: "judged as often"})
	}
	if doing := a.engine.Restoring().String(); doing != "" {
		facts = append(facts, web.Fact{Name: "History", Value: doing})
	}
	if broken > 0 {
		facts = append(facts, web.Fact{Name: "Rules that fail", Value: strconv.Itoa(broken), Level: web.Bad, Note: "/api/v1/rules has the reasons"})
	}
	return web.Section{Title: "Evaluated", Facts: facts, Table: table}
}

// onCallSection says how the calendars stand that say who is on call: one that cannot be
// fetched any more is followed as it was, and nobody would notice.
func (a *App) onCallSection() web.Section {
	facts := []web.Fact{{Name: "Teams", Value: strconv.Itoa(len(a.oncall.Roster().Teams())), Note: "/oncall shows who is on call"}}
	for _, c := range a.oncall.Calendars() {
		f := web.Fact{Name: "Calendar " + c.Name + " of " + c.Schedule, Value: "fetched " + ago(c.FetchedAt), Level: web.Good}
		if c.Err != nil {
			f.Level, f.Note = web.Warn, c.Err.Error()
		}
		facts = append(facts, f)
	}
	for _, warning := range a.oncall.Roster().Warnings() {
		facts = append(facts, web.Fact{Name: "To know", Value: warning.Error(), Level: web.Warn})
	}
	return web.Section{Title: "On call", Facts: facts}
}

func (a *App) sendSection() web.Section {
	box, pipe := a.slack.Stats(), a.pipeline.Status()
	waiting := web.Fact{Name: "Messages waiting for Slack", Value: strconv.Itoa(box.Depth)}
	if box.Depth > 0 {
		waiting.Note = "the oldest for " + box.Oldest.Round(time.Second).String()
		if box.Oldest > time.Minute {
			waiting.Level = web.Bad
		}
	}
	facts := []web.Fact{
		{Name: "Slack", Value: a.slackName()},
		{Name: "Messages sent", Value: strconv.FormatInt(box.Sent, 10), Note: "since the start"},
		waiting,
		{Name: "Open incidents", Value: strconv.Itoa(pipe.ActiveIncidents), Note: fmt.Sprintf("and %d that nobody is notified of (silenced or inhibited)", pipe.SuppressedIncidents)},
		{Name: "Silences", Value: strconv.Itoa(pipe.Silences.Active)},
		buttonsFact(box),
	}
	if box.LastError != "" {
		facts = append(facts, web.Fact{Name: "Last fault of Slack", Value: box.LastError, Note: ago(box.LastErrorAt), Level: web.Warn})
	}
	table := &web.Table{Title: "Receivers", Columns: []string{"Receiver", "By", "Attempts", "Failed", "Fell back", "Last error"}, Empty: "No receivers."}
	for _, r := range pipe.Receivers {
		for _, i := range r.Integrations {
			row := web.TableRow{Cells: []string{r.Name, i.Name, strconv.FormatInt(i.Attempts, 10), strconv.FormatInt(i.Failures, 10), strconv.FormatInt(i.Fallbacks, 10), i.LastError}}
			if i.Failing() {
				row.Level = web.Bad
			}
			table.Rows = append(table.Rows, row)
		}
	}
	return web.Section{Title: "Sent", Facts: facts, Table: table}
}

// buttonsFact says whether presses on the buttons of pages reach us.
func buttonsFact(box slack.Stats) web.Fact {
	f := web.Fact{Name: "Buttons of pages"}
	switch box.Buttons {
	case slack.ButtonsSocket:
		f.Value = "answered by Socket Mode"
		if box.ButtonsTrouble != "" {
			f.Value, f.Note, f.Level = "not answered", "Socket Mode: "+box.ButtonsTrouble, web.Bad
		}
	case slack.ButtonsHTTP:
		f.Value = "answered at " + interactionsPath
	default:
		f.Value, f.Note = "none", "set app_token_file or signing_secret_file and pages can be acknowledged"
	}
	return f
}

// alertingSection says what became of alerts for Alertmanagers outside; false where none is configured.
func (a *App) alertingSection() (section web.Section, configured bool) {
	if len(a.current.Load().Config.Notifiers.Alerting.AlertmanagerConfigs) == 0 {
		return web.Section{}, false
	}
	table := &web.Table{
		Title: "Alertmanagers", Columns: []string{"Alertmanager", "Sent", "Failed", "Dropped", "Waiting", "Last error"},
		Empty: "None of those that are configured has been found.",
	}
	for _, s := range a.alerting.Status() {
		row := web.TableRow{Cells: []string{s.URL}}
		for _, n := range []int64{s.Sent, s.Failed, s.Dropped, int64(s.Queued)} {
			row.Cells = append(row.Cells, strconv.FormatInt(n, 10))
		}
		row.Cells = append(row.Cells, s.LastError)
		if s.Failing() {
			row.Level = web.Bad
		}
		table.Rows = append(table.Rows, row)
	}
	facts := []web.Fact{{
		Name: "Found", Value: strconv.Itoa(len(table.Rows)), Note: fmt.Sprintf("and %d that relabel_configs dropped", len(a.alerting.DroppedAlertmanagers())),
	}}
	return web.Section{Title: "Sent to Alertmanagers outside", Facts: facts, Table: table}, true
}

// slackName says where messages go.
func (a *App) slackName() string {
	switch conf := a.opened.Notifiers.Slack; {
	case a.inbox != nil:
		return "the local inbox at /inbox (no token is configured)"
	case conf.APIURL != "":
		return conf.APIURL
	default:
		return "connected with a bot token"
	}
}

func (a *App) configSection() web.Section {
	a.reloading.Lock()
	last := a.lastReload
	a.reloading.Unlock()
	facts := []web.Fact{{Name: "Running for", Value: time.Since(a.started).Round(time.Second).String()}}
	file := a.options.ConfigFile
	if file == "" {
		file = "none: built-in defaults"
	}
	facts = append(facts, web.Fact{Name: "Configuration", Value: file})
	if last.err != nil {
		facts = append(facts, web.Fact{
			Name: "Last reload", Value: "refused " + ago(last.at), Level: web.Bad, Note: strings.ReplaceAll(last.err.Error(), "\n", "; "),
		})
	} else if !last.at.IsZero() {
		facts = append(facts, web.Fact{Name: "Last reload", Value: ago(last.at), Level: web.Good})
	}
	return web.Section{Title: "Process", Facts: facts}
}

// thousands writes 1234567 as 1,234,567.
func thousands(n uint64) string { return humanize.Comma(int64(min(n, math.MaxInt64))) }

// ago says how long ago t was; a zero t never was.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := time.Since(t)
	switch {
	case d < time.Second:
		return "now"
	case d < time.Hour:
		return d.Round(time.Second).String() + " ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h ago"
	default:
		return days(d) + " ago"
	}
}

func days(d time.Duration) string { return strconv.Itoa(int(d.Hours()/24)) + " days" }

func megabytes(n int64) string { return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + " MiB" }
