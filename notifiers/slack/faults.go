package slack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/notify"
	slackapi "github.com/slack-go/slack"
)

// verdict says what to do about a failed call.
type verdict string

const (
	retryable   verdict = "retryable"    // later, the same again
	rateLimited verdict = "rate_limited" // after the pause that Slack asked for
	gone        verdict = "gone"         // the message cannot be edited: post it anew
	tooRich     verdict = "too_rich"     // Slack refuses the blocks: send the text alone
	permanent   verdict = "permanent"    // no try will help before a person does something
)

// fault is a failed call. Its text is for people and holds no secret.
type fault struct {
	verdict verdict
	code    string // Slack's error code, or http_500, network, …
	reason  notify.Reason
	text    string
	after   time.Duration // the pause that Slack asked for
	unsure  bool          // Slack may have done what was asked all the same
}

func (f *fault) Error() string { return f.text }

// judge turns the error of a call into a fault. retryAfter is the header of
// the answer, 0 without.
func judge(err error, retryAfter time.Duration, hide func(string) string) *fault {
	var limited *slackapi.RateLimitedError
	var status slackapi.StatusCodeError
	var refused slackapi.SlackErrorResponse
	switch {
	case errors.As(err, &limited):
		return limit(max(limited.RetryAfter, retryAfter))
	case errors.As(err, &status):
		return judgeStatus(status.Code, retryAfter)
	case errors.As(err, &refused):
		return judgeCode(refused, retryAfter)
	}
	return judgeTransport(err, hide)
}

func limit(after time.Duration) *fault {
	after = min(after, time.Hour)
	return &fault{
		verdict: rateLimited, code: "ratelimited", reason: notify.RateLimitedReason, after: after,
		text: fmt.Sprintf("Slack asks to wait %s before the next message", max(after, time.Second)),
	}
}

func judgeStatus(status int, retryAfter time.Duration) *fault {
	f := &fault{code: fmt.Sprintf("http_%d", status), reason: notify.GetFailureReasonFromStatusCode(status)}
	switch {
	case status == http.StatusTooManyRequests:
		return limit(retryAfter)
	case status >= http.StatusInternalServerError, status == http.StatusRequestTimeout:
		f.verdict, f.unsure, f.after = retryable, true, retryAfter
		f.text = fmt.Sprintf("Slack answered HTTP %d", status)
	default:
		f.verdict = permanent
		f.text = fmt.Sprintf("Slack answered HTTP %d: check api_url, the proxy and the token", status)
	}
	return f
}

func judgeCode(refused slackapi.SlackErrorResponse, retryAfter time.Duration) *fault {
	code := clean(oneLine(refused.Err))
	if len(code) > 100 {
		code = code[:100]
	}
	f := &fault{verdict: permanent, code: code, reason: notify.ClientErrorReason}
	switch code {
	case "ratelimited", "rate_limited", "message_limit_exceeded":
		return limit(retryAfter)
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "accesslimited":
		f.verdict, f.unsure, f.reason, f.after = retryable, true, notify.ServerErrorReason, retryAfter
	case "message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found":
		f.verdict = gone
	case "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large", "too_many_attachments":
		f.verdict = tooRich
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope", "no_permission", "org_login_required", "ekm_access_denied", "not_allowed_token_type":
		f.reason = notify.AuthErrorReason
	}
	f.text = "Slack says " + code + hint(code, refused.Needed)
	if f.verdict == tooRich && len(refused.ResponseMetadata.Messages) > 0 {
		// Which of the blocks, and why: for us, since people can do nothing about it.
		f.text += ": " + cut(clean(oneLine(strings.Join(refused.ResponseMetadata.Messages, "; "))), 300)
	}
	return f
}

// hint says what a person can do about a code.
func hint(code, needed string) string {
	switch code {
	case "channel_not_found", "not_in_channel":
		return ": correct the channel's name, or invite the app into it (/invite in the channel); a private channel always needs the invitation"
	case "is_archived":
		return ": the channel is archived; name another one"
	case "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type":
		return ": put a valid bot token (xoxb-…) into bot_token_file or SLACK_BOT_TOKEN"
	case "missing_scope":
		if needed = clean(oneLine(needed)); needed != "" && len(needed) < 100 {
			return ": give the app the scope " + needed + " and install it again"
		}
		return ": give the app the scope chat:write and install it again"
	case "restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel", "no_permission":
		return ": the workspace does not let the app write into this channel"
	}
	return ""
}

// judgeTransport is for calls that got no answer, or none that makes sense.
func judgeTransport(err error, hide func(string) string) *fault {
	f := &fault{verdict: retryable, code: "network", unsure: true, reason: notify.ServerErrorReason}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		f.unsure = false // nothing left this machine
	}
	switch {
	case errors.Is(err, errAnswer):
		f.code = "answer"
	case errors.Is(err, context.DeadlineExceeded):
		f.text = "Slack did not answer in time"
		return f
	case errors.Is(err, context.Canceled):
		f.text = "the call was cut short by the shutdown"
		return f
	}
	// Never the URL: an incoming webhook's is a secret.
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	f.text = "no good answer from Slack: " + hide(clean(oneLine(err.Error())))
	return f
}

// errAnswer marks an answer that is not what the API promises.
var errAnswer = errors.New("the answer is not what Slack's API promises")

// hider returns a func that blots out the given secrets.
func hider(secrets ...string) func(string) string {
	var pairs []string
	for _, s := range secrets {
		if len(s) >= 4 {
			pairs = append(pairs, s, "<secret>", url.QueryEscape(s), "<secret>")
		}
	}
	return strings.NewReplacer(pairs...).Replace
}
