// Package grafana delivers generated dashboards to a Grafana: over its HTTP API
// with a service account's token, or as files for its provisioning.
//
// What was delivered is remembered in Grafana itself: the message of every
// version that we save holds a fingerprint of the generated content. So a
// dashboard whose newest version is not ours was edited by hand, whoever the
// token belongs to, and a second delivery of the same content changes nothing,
// whatever Grafana filled in when it saved the first.
//
//	client, err := grafana.New(grafana.Options{URL: "https://grafana.example", Token: token})
//	plan, err := client.Compare(ctx, "Watchtower", built)
//	result, err := client.Push(ctx, plan, grafana.PushOptions{})
package grafana
