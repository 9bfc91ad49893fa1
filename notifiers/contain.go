package notifiers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
)

const (
	// maxOverdue bounds how many calls of an integration may go on after they should have ended.
	maxOverdue = 16
	// overdueAfter is how long after its deadline a call is waited for: most integrations then return with a better
	// error than ours.
	overdueAfter = 100 * time.Millisecond
	// overdueAfterCancel is the same after a stop or reload, when it matters whether the notification has gone out.
	overdueAfterCancel = 5 * time.Second
)

// contained is an integration of Alertmanager that keeps what all have to keep:
//
//   - It returns soon after its context ends. Telegram and e-mail would wait for as long as the other side keeps silent.
//   - What found no answer (Jira) or was refused because there were too many requests (most of them) is tried again.
//   - No error contains a secret of its configuration. Telegram's contain its token.
//   - A panic is an error.
type contained struct {
	inner   notify.Integration
	secrets secrets
	logger  *slog.Logger
	overdue atomic.Int32
}

var _ notify.Notifier = (*contained)(nil)

// contain wraps all integrations of a receiver.
func contain(r amconfig.Receiver, all []notify.Integration, logger *slog.Logger) []notify.Integration {
	found := collectSecrets(r)
	wrapped := make([]notify.Integration, len(all))
	for n, i := range all {
		c := &contained{inner: i, secrets: found, logger: logger.With("receiver", r.Name, "integration", i.String())}
		wrapped[n] = notify.NewIntegration(c, &i, i.Name(), i.Index(), r.Name)
	}
	return wrapped
}

// attempt is what became of one call.
type attempt struct {
	retry bool
	err   error
}

// Notify implements notify.Notifier.
func (c *contained) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	if n := c.overdue.Load(); n >= maxOverdue {
		return true, fmt.Errorf("%d earlier attempts have not ended yet: the other side accepts connections and does not answer", n)
	}
	done := make(chan attempt, 1)
	go func() { done <- c.call(ctx, alerts) }()
	select {
	case a := <-done:
		return c.judge(a)
	case <-ctx.Done():
	}
	patience := overdueAfterCancel
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		patience = overdueAfter
	}
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case a := <-done:
		return c.judge(a)
	case <-wait.C:
		c.overdue.Add(1)
		go func() {
			<-done
			c.overdue.Add(-1)
		}()
		return true, fmt.Errorf("no answer in time: %w", ctx.Err())
	}
}

func (c *contained) call(ctx context.Context, alerts []*alert.Alert) (a attempt) {
	defer func() {
		if r := recover(); r != nil {
			c.logger.Error("an integration panicked", "panic", c.secrets.redact(fmt.Sprint(r)), "stack", string(debug.Stack()))
			a = attempt{err: fmt.Errorf("the integration has a fault (the log has more): %v", r)}
		}
	}()
	a.retry, a.err = c.inner.Notify(ctx, alerts...)
	return a
}

func (c *contained) judge(a attempt) (bool, error) {
	if a.err == nil {
		return a.retry, nil
	}
	return a.retry || mayPass(a.err), c.secrets.hide(a.err)
}

// mayPass reports whether a fault may pass by itself: nothing was answered, or too much was asked.
func mayPass(err error) bool {
	if reason, ok := errors.AsType[*notify.ErrorWithReason](err); ok && reason.Reason == notify.RateLimitedReason {
		return true
	}
	_, unanswered := errors.AsType[net.Error](err)
	return unanswered
}
