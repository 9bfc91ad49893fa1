package config

import (
	"context"
	"fmt"
	"time"

	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/lint"
)

// Names of checks; docs/check.md says what each is about.
const (
	checkConfig     = "config"
	checkSpec       = "spec"
	checkOwner      = "owner"
	checkPlaybook   = "playbook"
	checkRoute      = "route"
	checkReviewed   = "reviewed"
	checkObjectives = "objectives"
	checkServer     = "server"
	checkPanels     = "panels"
)

// Result is what `watchtower check` tells.
type Result struct {
	// Findings are ordered by file and line.
	Findings []lint.Finding
	// Objectives is how many were read.
	Objectives int
	// Summary is one line about what was read, whether or not something was found.
	Summary string
	// Playbooks counts the alerts that page; nil where who is paged is not known.
	Playbooks *Coverage
}

// CheckOptions are what Check asks beside the files.
type CheckOptions struct {
	Now time.Time
	// Server is asked what is stored; nil asks nobody.
	Server lint.Server
}

// Check reads the configuration at path and every file it names and adds what only
// shows across files, and in what a server holds.
func Check(ctx context.Context, path string, o CheckOptions) Result {
	files, playbookFaults, err := Read(path)
	var c checker
	c.faults(checkConfig, err)
	c.faults(checkPlaybook, playbookFaults)
	var covered *Coverage
	if files.Playbooks != nil {
		alerts := files.ruleAlerts()
		for _, objective := range files.Objectives {
			c.paging(objective, files)
		}
		n := c.coverage(files, alerts, o.Now)
		covered = &n
		c.unreviewed(files, o.Now)
		c.roles(files)
		c.routes(files, alerts)
		c.escalations(files, alerts)
		c.dashboards(files)
	}
	c.onCall(files, o.Now)
	c.panels(files)
	if len(files.Objectives) == 0 && err == nil {
		c.warn(lint.Place{}, checkObjectives, "no objectives: %v match no file, so nothing will page; write one (docs/objectives.md shows how)", files.Config.Rules.Objectives)
	}
	c.objectives(ctx, files.Objectives, files.facts(), o.Server)
	result := c.result(files.Objectives)
	result.Playbooks = covered
	if files.Playbooks != nil && files.Alertmanager != nil {
		result.Summary += ", " + counted(len(files.Playbooks.All()), "playbook") + ", " + counted(len(files.Alertmanager.Receivers), "receiver")
	}
	return result
}

// CheckSpecs reads objectives alone, without a configuration: who is paged with which
// playbook is not known.
func CheckSpecs(ctx context.Context, patterns []string, o CheckOptions) Result {
	objectives, err := rules.ReadObjectives(patterns, "")
	var c checker
	c.faults(checkSpec, err)
	for _, objective := range objectives {
		c.owner(objective)
	}
	if len(objectives) == 0 && err == nil {
		c.warn(lint.Place{}, checkObjectives, "no objectives: %v match no file: correct the pattern", patterns)
	}
	c.objectives(ctx, objectives, lint.Facts{}, o.Server)
	return c.result(objectives)
}

// checker gathers findings.
type checker struct{ findings []lint.Finding }

// faults adds errors of the form "file:line: sentence".
func (c *checker) faults(check string, err error) {
	for _, fault := range leaves(err) {
		c.findings = append(c.findings, lint.Parse(check, lint.Fault, fault.Error()))
	}
}

func (c *checker) warn(at lint.Place, check, format string, args ...any) {
	c.at(at, lint.Warning)(check, format, args...)
}

// at returns what adds findings about a line of a file.
func (c *checker) at(at lint.Place, severity lint.Severity) func(check, format string, args ...any) {
	return func(check, format string, args ...any) {
		c.findings = append(c.findings, lint.Finding{
			File: at.File, Line: at.Line, Severity: severity, Check: check, Sentence: fmt.Sprintf(format, args...),
		})
	}
}

// about returns what adds findings about an objective.
func (c *checker) about(o rules.Objective, severity lint.Severity) func(check, format string, args ...any) {
	return func(check, format string, args ...any) {
		c.findings = append(c.findings, lint.Finding{
			File: o.File, Line: o.Line, Objective: o.ID, Severity: severity, Check: check, Sentence: fmt.Sprintf(format, args...),
		})
	}
}

// objectives adds what the linter finds. A server that cannot be asked is a fault, and
// the rest is found all the same.
func (c *checker) objectives(ctx context.Context, objectives []rules.Objective, facts lint.Facts, server lint.Server) {
	if server != nil {
		stored, err := lint.Survey(ctx, objectives, server)
		if err != nil {
			c.findings = append(c.findings, lint.Finding{Severity: lint.Fault, Check: checkServer, Sentence: err.Error() + " (start it, or correct --url)"})
		}
		facts.Store = stored
	}
	c.findings = append(c.findings, lint.Check(objectives, facts)...)
}

func (c *checker) result(objectives []rules.Objective) Result {
	return Result{
		Findings:   lint.Sort(c.findings),
		Objectives: len(objectives),
		Summary:    counted(len(objectives), "objective"),
	}
}

// facts are what the configuration says about how telemetry arrives and is kept.
func (f Files) facts() lint.Facts {
	cfg := f.Config
	// The default of OpenTelemetry's SDKs.
	const exported = time.Minute
	facts := lint.Facts{
		Jobs: map[string]time.Duration{}, Retention: time.Duration(cfg.Store.Retention), Ledger: store.LedgerRetention,
	}
	if cfg.where.path != "" {
		facts.Keep = lint.Place{File: cfg.where.path, Line: cfg.where.line("store.retention")}
	}
	if cfg.Collectors.OTLP.GRPC != "" || cfg.Collectors.OTLP.HTTP != "" {
		facts.OTLP = exported
	}
	for _, job := range cfg.Collectors.ScrapeConfigs {
		if job == nil {
			continue
		}
		every := job.ScrapeInterval
		if every == 0 {
			every = cfg.Collectors.Global.ScrapeInterval
		}
		facts.Jobs[job.JobName] = time.Duration(every)
	}
	return facts
}

// panels warns of panels for a service that no objective names: it gets a dashboard
// by them alone, which may be a name that is written otherwise.
func (c *checker) panels(files Files) {
	known := map[string]bool{}
	for _, o := range files.Objectives {
		known[o.Service] = true
	}
	for _, x := range files.Extras {
		if x.Board == nil && x.Service != "" && !known[x.Service] {
			c.warn(lint.Place{File: x.File, Line: x.Line}, checkPanels,
				"no objective names the service %s: these panels make a dashboard of their own for it; correct the name if that is not meant", x.Service)
		}
	}
}

// owner tells of an objective that pages and that nobody owns.
func (c *checker) owner(o rules.Objective) {
	if alertLabels(o, rules.Page)["team"] == "" && o.NoOwner == "" && !o.Alert(rules.Page).Disabled {
		c.about(o, lint.Fault)(checkOwner, "it pages but nobody owns it: add the label `team`, or say in no_owner why nobody does")
	}
}

// paging is what an objective lacks to wake somebody who is there.
func (c *checker) paging(o rules.Objective, files Files) {
	c.owner(o)
	heard := func(s rules.Severity) bool {
		return o.Alert(s).Disabled || files.Alertmanager == nil || len(notifiers.Receivers(files.Alertmanager, alertLabels(o, s))) > 0
	}
	const deaf = "but its route in %s leads to no receiver that notifies anybody: add a *_configs entry to the receiver"
	if !heard(rules.Page) {
		c.about(o, lint.Fault)(checkRoute, "it pages "+deaf, files.Config.Notifiers.Alertmanager)
	}
	if !heard(rules.Ticket) {
		c.about(o, lint.Warning)(checkRoute, "it sends tickets "+deaf, files.Config.Notifiers.Alertmanager)
	}
}

// alertLabels are what an alert of an objective is routed and matched by. An
// annotation may name the playbook as a label does.
func alertLabels(o rules.Objective, s rules.Severity) map[string]string {
	return named(o.AlertLabels(s), o.Alert(s).Annotations)
}

// counted writes "1 receiver" or "2 receivers".
func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
