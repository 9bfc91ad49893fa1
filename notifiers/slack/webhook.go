package slack

import (
	"context"
	"errors"
	"net/url"

	amalert "github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	commoncfg "github.com/prometheus/common/config"
)

// webhook is Alertmanager's own notifier for an incoming webhook, which can
// neither edit nor thread. Two things differ: HTTP 429 is retried, and the
// webhook's URL is in no error.
type webhook struct {
	next notify.Notifier
	hide func(string) string
}

var _ notify.Notifier = (*webhook)(nil)

func newWebhook(next notify.Notifier, rawURL string) *webhook {
	secrets := []string{rawURL}
	if u, err := url.Parse(rawURL); err == nil {
		secrets = append(secrets, u.Path, u.RawQuery)
	}
	return &webhook{next: next, hide: hider(secrets...)}
}

// Notify implements notify.Notifier.
func (w *webhook) Notify(ctx context.Context, alerts ...*amalert.Alert) (bool, error) {
	retry, err := w.next.Notify(ctx, alerts...)
	if err == nil {
		return retry, nil
	}
	reason := notify.DefaultReason
	if why, ok := errors.AsType[*notify.ErrorWithReason](err); ok {
		reason = why.Reason
	}
	text := err.Error()
	if request, ok := errors.AsType[*url.Error](err); ok {
		text = "post to the incoming webhook: " + request.Err.Error()
	}
	return retry || reason == notify.RateLimitedReason, notify.NewErrorWithReason(reason, errors.New(w.hide(text)))
}

func plainHTTPConfig() *commoncfg.HTTPClientConfig {
	c := commoncfg.DefaultHTTPClientConfig
	return &c
}
