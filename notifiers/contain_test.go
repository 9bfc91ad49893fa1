package notifiers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
)

// notifierFunc is a notifier made of a function, and sends resolved alerts.
type notifierFunc func(context.Context) (bool, error)

var _ notify.Notifier = notifierFunc(nil)

func (f notifierFunc) Notify(ctx context.Context, _ ...*alert.Alert) (bool, error) { return f(ctx) }
func (notifierFunc) SendResolved() bool                                            { return true }

// containing returns f, contained, and its log.
func containing(f notifierFunc) (*contained, *output) {
	log := &output{}
	return &contained{inner: notify.NewIntegration(f, f, "test", 0, "team"), secrets: secrets{texts: []string{"s3cret"}}, logger: log.logger()}, log
}

func TestContainedPanicIsAnError(t *testing.T) {
	c, log := containing(func(context.Context) (bool, error) { panic("at s3cret") })
	retry, err := c.Notify(t.Context())
	if err == nil || retry || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("retry %t, %v; want an error without the secret", retry, err)
	}
	if text := log.String(); !strings.Contains(text, "contain_test.go") || strings.Contains(text, "s3cret") {
		t.Errorf("the log lacks the place, or tells the secret: %s", text)
	}
}

func TestContainedErrorsKeepTheirKind(t *testing.T) {
	tests := map[string]struct {
		err       error
		retry     bool
		wantRetry bool
	}{
		"refused":         {errors.New("s3cret is wrong"), false, false},
		"passes":          {errors.New("s3cret is late"), true, true},
		"unanswered":      {fmt.Errorf("look up: %w", &url.Error{Op: "Post", URL: "http://s3cret", Err: errors.New("refused")}), false, true},
		"too many":        {notify.NewErrorWithReason(notify.RateLimitedReason, errors.New("s3cret")), false, true},
		"wrong by itself": {notify.NewErrorWithReason(notify.ClientErrorReason, errors.New("s3cret")), false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, _ := containing(func(context.Context) (bool, error) { return test.retry, test.err })
			retry, err := c.Notify(t.Context())
			if retry != test.wantRetry || !errors.Is(err, test.err) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("retry %t, want %t; %v", retry, test.wantRetry, err)
			}
		})
	}
	plain := errors.New("nothing to hide")
	c, _ := containing(func(context.Context) (bool, error) { return false, plain })
	if _, err := c.Notify(t.Context()); err != plain { //nolint:errorlint // It must be the same one.
		t.Errorf("an error without a secret is %#v", err)
	}
}

func TestContainedCallsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		c, _ := containing(func(context.Context) (bool, error) { <-answer; return false, nil })
		for range maxOverdue {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			began := time.Now()
			retry, err := c.Notify(ctx)
			if took := time.Since(began); !retry || !errors.Is(err, context.DeadlineExceeded) || took != time.Second+overdueAfter {
				t.Errorf("after %s: retry %t, %v", took, retry, err)
			}
			cancel()
		}
		began := time.Now()
		if retry, err := c.Notify(t.Context()); !retry || err == nil || !strings.Contains(err.Error(), "16 earlier attempts") || time.Since(began) > 0 {
			t.Errorf("with %d calls overdue: retry %t, %v", maxOverdue, retry, err)
		}
		close(answer)
		synctest.Wait()
		if retry, err := c.Notify(t.Context()); retry || err != nil {
			t.Errorf("after all have ended: retry %t, %v", retry, err)
		}
	})
}

// TestContainedCallIsWaitedForAtAStop has a call that does not heed a stop and then succeeds: taking it for a failure
// would notify twice.
func TestContainedCallIsWaitedForAtAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := containing(func(context.Context) (bool, error) { time.Sleep(3 * time.Second); return false, nil })
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if retry, err := c.Notify(ctx); retry || err != nil {
			t.Errorf("retry %t, %v; want what became of it", retry, err)
		}
	})
}
