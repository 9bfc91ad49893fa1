package notifiers

import (
	"net/http"
	"strings"
)

// kind is one way to notify, as users configure it.
type kind struct {
	name string
	// list is the key of its list in a receiver, and config one entry: URL, HOST, MAIL and DIR stand for the peer's
	// addresses and for a folder with one secret in the file of each name below.
	list, config string
	// said is the key of a text of its own that may hold templates.
	said string
	// differs says for which status codes it does not follow the rule: 429 and 5xx are tried again, nothing else is.
	differs map[int]bool
	// deliveries counts what people would see of the requests; all of them if nil.
	deliveries func([]message) int
	// anyway says that it notifies with less when its own text cannot be made.
	anyway bool
}

// secretFiles are the files in DIR.
var secretFiles = map[string]string{
	"token": "1234:s3cret-token-in-file\n",
	"url":   "URL/s3cret-path/in-file\n",
}

const basicAuth = `http_config: {basic_auth: {username: wt, password: "s3cret+basic/pass word"}}`

// kinds are all of Alertmanager's, and ours.
func kinds() []kind {
	// Neither has a reason to tell a refusal from a fault that passes: both try everything again.
	all := map[int]bool{http.StatusBadRequest: true, http.StatusUnauthorized: true, http.StatusForbidden: true, http.StatusNotFound: true}
	return []kind{
		{name: "webhook", list: "webhook_configs", config: `{url: 'URL/hook/s3cret-path?key=s3cret-key', ` + basicAuth + `}`, said: "url"},
		{name: "webhook with a template", list: "webhook_configs", config: `{url: 'URL/{{ .GroupLabels.alertname }}/s3cret-path'}`},
		{name: "webhook from a file", list: "webhook_configs", config: `{url_file: DIR/url, http_config: {http_headers: {X-Key: {secrets: [s3cret-header]}}}}`},
		{
			name: "email", list: "email_configs", said: "text", anyway: true,
			config: `{to: a@example.org, from: b@example.org, smarthost: 'MAIL', require_tls: false, auth_username: wt, auth_password: s3cret-smtp}`,
		},
		{name: "pagerduty", list: "pagerduty_configs", config: `{routing_key: s3cret-routing, url: 'URL/v2/enqueue'}`, said: "description"},
		// The first version of its API says 403 for too many requests and nothing of 429.
		{
			name: "pagerduty v1", list: "pagerduty_configs", said: "description",
			config:  `{service_key: s3cret-service, http_config: {proxy_url: 'PROXY', tls_config: {insecure_skip_verify: true}}}`,
			differs: map[int]bool{http.StatusForbidden: true, http.StatusTooManyRequests: false},
		},
		{name: "opsgenie", list: "opsgenie_configs", config: `{api_key: s3cret-api-key, api_url: 'URL/'}`, said: "message"},
		{name: "victorops", list: "victorops_configs", config: `{api_key: s3cret-api-key, routing_key: team, api_url: 'URL/'}`, said: "state_message"},
		{
			name: "pushover", list: "pushover_configs", said: "title",
			config: `{user_key: s3cret-user, token: s3cret-token, http_config: {proxy_url: 'PROXY', tls_config: {insecure_skip_verify: true}}}`,
		},
		{
			name: "sns", list: "sns_configs", said: "subject",
			config: `{api_url: 'URL/sns', topic_arn: 'arn:aws:sns:eu-west-1:123456789012:pages', sigv4: {region: eu-west-1, access_key: AKIATEST, secret_key: s3cret-aws}}`,
		},
		{name: "telegram", list: "telegram_configs", config: `{bot_token: '1234:s3cret-token', chat_id: 1, api_url: 'URL'}`, said: "message", differs: all},
		{name: "telegram from a file", list: "telegram_configs", config: `{bot_token_file: DIR/token, chat_id: 1, api_url: 'URL'}`, differs: all},
		{name: "webex", list: "webex_configs", config: `{room_id: room, api_url: 'URL/v1/messages', http_config: {authorization: {credentials: s3cret-bearer}}}`, said: "message"},
		{name: "discord", list: "discord_configs", config: `{webhook_url: 'URL/api/webhooks/1/s3cret-path'}`, said: "title"},
		{name: "msteams", list: "msteams_configs", config: `{webhook_url: 'URL/webhookb2/s3cret-path'}`, said: "title"},
		{name: "msteamsv2", list: "msteamsv2_configs", config: `{webhook_url: 'URL/workflows/s3cret-path?sig=s3cret-sig'}`, said: "title"},
		{name: "jira", list: "jira_configs", config: `{project: OPS, issue_type: Bug, api_url: 'URL/rest/api/2', ` + basicAuth + `}`, said: "summary"},
		{name: "jira with a password in its address", list: "jira_configs", config: `{project: OPS, issue_type: Bug, api_url: 'http://wt:s3cret-user@HOST/rest/api/2'}`},
		{name: "rocketchat", list: "rocketchat_configs", config: `{channel: '#pages', token: s3cret-token, token_id: s3cret-id, api_url: 'URL'}`, said: "text"},
		{name: "mattermost", list: "mattermost_configs", config: `{webhook_url: 'URL/hooks/s3cret-path'}`, said: "text"},
		{name: "incidentio", list: "incidentio_configs", config: `{url: 'URL/v2/alert_events/http/1', alert_source_token: s3cret-source}`},
		{name: "wechat", list: "wechat_configs", config: `{api_secret: s3cret-api, corp_id: corp, agent_id: '1', to_user: all, api_url: 'URL/'}`, said: "message", differs: all},
		{
			name: "slack", list: "slack_configs", config: `{channel: C0123ABCD, api_url: 'URL/api/chat.postMessage', http_config: {authorization: {credentials: xoxb-s3cret-token}}}`, said: "title",
			deliveries: slackDeliveries, anyway: true,
		},
		{name: "slack by the own token", list: "slack_configs", config: `{channel: C0123ABCD}`, deliveries: slackDeliveries},
		{name: "slack by a webhook", list: "slack_configs", config: `{channel: '#pages', api_url: 'URL/s3cret-path/webhook-of-slack'}`, said: "title", anyway: true},
	}
}

// slackDeliveries counts a page, and its end as soon as it is edited: details go to the page's thread.
func slackDeliveries(requests []message) int {
	pages, edits := 0, 0
	for _, r := range requests {
		switch {
		case strings.HasSuffix(r.path, "/chat.update"):
			edits = 1
		case strings.HasSuffix(r.path, "/chat.postMessage") && !strings.Contains(r.body, "thread_ts"):
			pages++
		}
	}
	return pages + edits
}
