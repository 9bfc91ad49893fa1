package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/selfwatch"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

const (
	// startAfter is how long a start may take before it is an alarm: a ledger that is
	// counted again from raw samples takes minutes.
	startAfter = 5 * time.Minute
	// lateLook makes sure that one late look, after a machine slept or a clock was set,
	// is no alarm.
	lateLook = 15 * time.Second
	// unroutedAfter is how long an alert may be on its way to its group.
	unroutedAfter = 30 * time.Second
	// refusedFor is how long a message that Slack refused for good counts when none
	// follows it.
	refusedFor = time.Hour
)

// selfChecks are what we look at in ourselves.
func (a *App) selfChecks(files config.Files) ([]selfwatch.Check, error) {
	conf := files.Config.SelfWatch
	delivery := time.Duration(conf.DeliveryAfter)
	pace := min(5*time.Second, delivery/4)
	checks := []selfwatch.Check{
		{
			Name: "start", Title: "It does not get ready", Every: pace, Patience: startAfter, Look: a.lookAtStart,
			Meaning: "Nothing is judged and nobody is paged until it is ready.",
			Advice:  "Look at /status and at the log for what it waits for, or go back to the version and the configuration before.",
		}, {
			Name: "evaluation", Title: "Objectives are not evaluated", Every: pace, Patience: lateLook, Look: a.lookAtEvaluation,
			Meaning: "Whatever fails, no objective pages anybody while this lasts.",
			Advice:  "See whether the machine is overloaded or its disk hangs, then restart Watchtower.",
		}, {
			Name: "rule_files", Title: "Prometheus rules are not evaluated", Every: pace, Patience: lateLook, Look: lookAtRules(a.ruleTurns),
			Meaning: "The alerts of rule files reach nobody while this lasts; objectives are judged on their own.",
			Advice:  "/api/v1/rules shows the groups and how long they take; take slow queries out, or give their group a longer interval.",
		}, {
			Name: "outbox", Title: "Messages do not reach Slack", Every: pace, Direct: true, Look: lookAtOutbox(a.slack.Stats, a.started, delivery),
			Meaning: "Nobody is paged in Slack while this lasts.",
			Advice:  "Watch /incidents by hand. /status names Slack's last answer: repair token, channel or network, and all that waits is sent.",
		}, {
			Name: "pipeline", Title: "Alerts do not reach their receivers", Every: pace, Direct: true,
			Look:    selfwatch.Passing(a.pipeline.Unrouted, unroutedAfter, "alerts that fire are not given to a receiver"),
			Meaning: "Nobody is paged by any receiver while this lasts.",
			Advice:  "Watch / by hand and restart Watchtower; keep the log for the report of the fault.",
		}, {
			Name: "disk", Title: "State cannot be written to disk", Every: 2 * pace, Patience: time.Minute, Direct: true, Look: selfwatch.Writable(a.state),
			Meaning: "Pages still go out, but what is acknowledged, sent and counted is forgotten at a restart, and samples may be lost.",
			Advice:  "Make room on the disk of data_dir, or mount it writable again. Do not restart before that.",
		},
	}
	if after := time.Duration(conf.IngestionAfter); after > 0 {
		checks = append(checks, selfwatch.Check{
			Name: "ingestion", Title: "No telemetry arrives any more", Every: pace, Patience: min(lateLook, after),
			Look:    selfwatch.Recent(a.store.ReceivedAt, after, "nothing is scraped or received, though it was before"),
			Meaning: "Objectives are judged blindly: what fails now pages nobody, except that silence itself may page.",
			Advice:  "See whether senders and targets run and reach this machine, and whether /status counts what is refused.",
		})
	}
	probe, err := a.slackProbe(files)
	if err != nil || probe == nil {
		return checks, err
	}
	return append(checks, selfwatch.Check{
		Name: "slack", Title: "Slack does not answer", Every: min(30*time.Second, delivery/4), Patience: delivery, Direct: true, Look: probe,
		Meaning: "Nobody would be paged in Slack now.",
		Advice:  "See https://slack-status.com, then the token, the proxy and the network of this machine.",
	}), nil
}

func (a *App) lookAtStart(context.Context) (ok bool, since time.Time, why string) {
	if a.isReady() {
		return true, time.Time{}, ""
	}
	if doing := a.engine.Restoring().String(); doing != "" {
		return false, a.started, "history is restored: " + doing
	}
	return false, a.started, "it is starting"
}

// lookAtEvaluation tells whether the engine judges: until it is ready that is the
// start's business.
func (a *App) lookAtEvaluation(ctx context.Context) (ok bool, since time.Time, why string) {
	select {
	case <-a.engine.Ready():
	default:
		return true, time.Time{}, ""
	}
	limit := max(10*time.Second, 5*time.Duration(a.opened.Rules.EvaluationInterval))
	return selfwatch.Recent(a.engine.EvaluatedAt, limit, "no objective is judged")(ctx)
}

// ruleTurn is when a group of a rule file was evaluated last, zero if not yet.
type ruleTurn struct {
	group    string
	interval time.Duration
	last     time.Time
}

func (a *App) ruleTurns() []ruleTurn {
	groups := a.promRules.RuleGroups()
	turns := make([]ruleTurn, len(groups))
	for i, g := range groups {
		turns[i] = ruleTurn{g.File() + ": " + g.Name(), g.Interval(), g.GetLastEvaluation()}
	}
	return turns
}

// lookAtRules tells whether every group of the rule files is evaluated about as often as
// it should be. One that is new has its first turn within an interval.
func lookAtRules(turns func() []ruleTurn) selfwatch.Look {
	met := map[string]time.Time{}
	return func(context.Context) (bool, time.Time, string) {
		now, present := time.Now(), map[string]time.Time{}
		var late ruleTurn
		for _, t := range turns() {
			present[t.group] = now
			if first, ok := met[t.group]; ok {
				present[t.group] = first
			}
			if t.last.Before(present[t.group]) {
				t.last = present[t.group]
			}
			if now.Sub(t.last) > 3*t.interval+10*time.Second && (late.group == "" || t.last.Before(late.last)) {
				late = t
			}
		}
		met = present
		if late.group == "" {
			return true, time.Time{}, ""
		}
		return false, late.last, "no turn of the group " + late.group
	}
}

// lookAtOutbox tells whether messages leave: none waits for longer than after, and the
// last one that Slack refused for good was followed by one that it took. What waits since
// before the start has been tried since then alone.
func lookAtOutbox(stats func() slack.Stats, started time.Time, after time.Duration) selfwatch.Look {
	var refusals int64
	var refused slack.Stats // at the last of them
	return func(context.Context) (bool, time.Time, string) {
		now, box := time.Now(), stats()
		if box.Failed > refusals {
			refusals, refused = box.Failed, box
		}
		why := "Slack takes no messages"
		if box.LastError != "" {
			why += " (" + box.LastError + ")"
		}
		waited := min(box.Oldest, now.Sub(started))
		if box.Depth > 0 && waited > after {
			return false, now.Add(-waited), why
		}
		at := refused.LastErrorAt
		if !at.IsZero() && !box.LastSentAt.After(at) && now.Sub(at) > after && now.Sub(at) < refusedFor {
			return false, at, "Slack refused a message for good (" + refused.LastError + ") and has taken none after it"
		}
		return true, time.Time{}, ""
	}
}

// slackProbe asks Slack whether it knows us; nil where messages go to the local inbox.
// A token that was revoked, or a network that was cut, is found before a page needs it.
func (a *App) slackProbe(files config.Files) (selfwatch.Look, error) {
	if a.inbox != nil {
		return nil, nil //nolint:nilnil // There is nothing to ask, which is no fault.
	}
	secrets, err := files.Config.Slack()
	if err != nil {
		return nil, err
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // with the token
	options := []slackapi.Option{slackapi.OptionHTTPClient(&http.Client{CheckRedirect: stay})}
	token := secrets.BotToken
	if base := files.Config.Notifiers.Slack.APIURL; base != "" {
		if base[len(base)-1] != '/' {
			base += "/"
		}
		options = append(options, slackapi.OptionAPIURL(base))
		if token == "" {
			token = "xoxb-none" // gateways want one, but any will do
		}
	}
	client := slackapi.New(token, options...)
	return func(ctx context.Context) (bool, time.Time, string) {
		if !a.usesSlack() {
			return true, time.Time{}, ""
		}
		_, err := client.AuthTestContext(ctx)
		why := slackTrouble(ctx, err)
		return why == "", time.Time{}, why
	}, nil
}

// usesSlack tells whether a receiver is reached by Slack.
func (a *App) usesSlack() bool {
	for _, r := range a.pipeline.Status().Receivers {
		for _, i := range r.Integrations {
			if i.Name == "slack" {
				return true
			}
		}
	}
	return false
}

// slackTrouble says for people why Slack did not answer as it should; "" if it did.
// It holds neither a token nor an address.
func slackTrouble(ctx context.Context, err error) string {
	var limited *slackapi.RateLimitedError
	var status slackapi.StatusCodeError
	var refused slackapi.SlackErrorResponse
	var transport *url.Error
	switch {
	case err == nil, errors.As(err, &limited): // it asks us to wait: it is there
		return ""
	case errors.As(err, &refused):
		return fmt.Sprintf("Slack says %.60s", strings.Join(strings.Fields(refused.Err), " "))
	case errors.As(err, &status):
		return fmt.Sprintf("Slack answers HTTP %d", status.Code)
	case ctx.Err() != nil:
		return "Slack does not answer in time"
	case errors.As(err, &transport):
		return "Slack is not reached: " + transport.Err.Error()
	}
	return "what Slack answers makes no sense"
}
