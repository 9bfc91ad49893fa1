// Package slack turns Alertmanager's notifications into Slack pages that a
// person can act on at three in the morning.
//
// # Words
//
// An incident is the life of one alert group in one channel: it begins when
// the group fires, and ends when nothing in it fires any more. A page is the
// one message of an incident. A revision is one state of the page that
// Alertmanager asked for. The outbox is the table of revisions that Slack has
// not confirmed yet.
//
// # One incident, one message
//
// The first notification posts the page. A change edits the page and adds a
// short reply to its thread. A repeat edits the page and pings again: by a
// reply that carries the mentions of the first message or, when there are
// none, by a reply that is also shown in the channel. Once everything is
// resolved the page turns to ✅ and stays. A page that was deleted meanwhile
// is posted anew. The memory of all this is SQLite, so it survives restarts.
//
// # Delivery
//
// Notify writes a revision to the outbox and waits for Slack's ok until its
// context ends; then it returns a retryable error, the revision stays, and the
// next Notify of the group joins it. Several revisions that wait for the same
// page collapse into the last. Every message carries the UUID of its part as
// metadata: what was being sent when the process died, or when the network
// failed midway, is looked up in the channel's history before it is sent
// again. The promise: never lost; sent twice only if that happens and the
// history cannot be read (scope channels:history, and groups:history for
// private channels).
//
// # slack_configs
//
// The channel (templated), send_resolved, http_config, app_token, api_url
// that ends in /chat.postMessage, username, icons and link_names mean what
// they mean to Alertmanager. Templates that differ from Alertmanager's
// defaults are honored inside the page: title becomes the header, text
// replaces the description, pretext and message_text open the page, fields,
// footer, image_url and actions with a URL are shown as blocks, fallback is
// the text of the lock screen. Colors have no place in Block Kit and are
// ignored. An api_url that is an incoming webhook cannot edit or thread: such
// a configuration is served by Alertmanager's own notifier, unchanged, except
// that HTTP 429 is retried. Two slack_configs of one receiver that name the
// same channel and workspace share one page.
package slack
