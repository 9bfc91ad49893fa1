// Package notifiers decides who hears of an alert, when, and how often.
//
// It is Alertmanager in this process: the same routing tree, grouping, inhibition, silences, notification log, time
// intervals, templates, integrations and API v2, read from an unchanged alertmanager.yml. A Pipeline replaces the
// program, not its rules, so amtool and every client of the API work against it.
//
// # Words
//
// An alert is one label set that fires or has resolved. A group is what one notification is about: the alerts that
// reach the same route and agree in its group_by labels. An Incident is an open group as a page shows it. A receiver
// is a name in alertmanager.yml; an integration is one way to reach it, such as its second slack_config.
//
// # What differs from the program
//
//   - slack_configs are served by Options.Slack, which may edit its message. One without any URL or token is not a
//     fault: it means the Slack that Watchtower itself is connected to.
//   - What a receiver cannot be told goes to the receivers of Config.Fallback, if there are any.
//   - Silences and the notification log are on disk before a change is answered, respectively before a notification
//     counts as sent, instead of every 15 minutes. The files have Alertmanager's format and names.
//   - Gossip between instances is off unless Config.Cluster names an address. Without it nothing settles before the first
//     page. With it, what peers tell is on disk as well.
//   - Every integration returns soon after its deadline, is tried again after HTTP 429 or no answer at all, and tells no
//     secret in its errors.
//   - tracing and event_recorder of alertmanager.yml are read and not acted on; they would change the whole process.
//
// Alerting sends the same alerts to Alertmanagers outside of this process, as Prometheus does.
//
// # Example
//
//	p, err := notifiers.New(notifiers.Options{Dir: "data/alertmanager", Slack: slack.Notifier, Logger: logger})
//	if err != nil {
//		return err
//	}
//	go p.Run(ctx)
//	p.Send(ctx, "up == 0", alerts...) // from a rule manager
//	mux.Handle("/api/v2/", p.API())
package notifiers
