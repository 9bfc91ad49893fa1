package grafana

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	commoncfg "github.com/prometheus/common/config"

	"github.com/watchtower-hub/watchtower/dashboards"
)

const (
	// attempts a request gets in all.
	attempts = 4
	// longestWait bounds what Retry-After may ask for.
	longestWait = time.Minute
	// largestAnswer is far more than the largest dashboard.
	largestAnswer = 64 << 20
)

// Options say where Grafana is and who asks.
type Options struct {
	// URL is Grafana's address, with its path if it is served below one. Required.
	URL string
	// Token is that of a service account; "" leaves the authorization to HTTP.
	Token string
	// HTTP is Prometheus' http_config: TLS, a proxy, headers. The zero value is its default.
	HTTP commoncfg.HTTPClientConfig
	// Timeout is that of one attempt; 30 s when 0.
	Timeout time.Duration
	// Backoff is the pause before the first repetition, which then doubles; 500 ms when 0.
	Backoff time.Duration
}

// Client asks Grafana's HTTP API. It is safe for concurrent use. What Grafana
// refuses is a *RefusalError; no error holds the token.
type Client struct {
	url, token string
	http       *http.Client
	backoff    time.Duration
}

// New returns a client; nothing is asked yet.
func New(o Options) (*Client, error) {
	if err := dashboards.CheckGrafanaURL(o.URL); err != nil {
		return nil, fmt.Errorf("grafana: %w", err)
	}
	conf := o.HTTP
	if reflect.DeepEqual(conf, commoncfg.HTTPClientConfig{}) {
		conf = commoncfg.DefaultHTTPClientConfig
	}
	client, err := commoncfg.NewClientFromConfig(conf, "grafana")
	if err != nil {
		return nil, fmt.Errorf("grafana: build http_config: %w", err)
	}
	client.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	return &Client{
		url: strings.TrimRight(o.URL, "/"), token: o.Token, http: client, backoff: cmp.Or(o.Backoff, 500*time.Millisecond),
	}, nil
}

// URL is Grafana's address without a slash at its end.
func (c *Client) URL() string { return c.url }

// ask sends a request and decodes the answer into out, unless that is nil. It
// repeats what may pass: no connection, 429, and 5xx, as Retry-After says.
func (c *Client) ask(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
	}
	pause := c.backoff
	for attempt := 1; ; attempt++ {
		answer, err := c.once(ctx, method, path, body)
		if err == nil {
			return c.decode(path, answer, out)
		}
		wait, again := repeatable(err)
		if !again || attempt == attempts || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(max(min(wait, longestWait), pause))
		pause *= 2
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		case <-timer.C:
		}
	}
}

// repeatable tells whether a request may succeed when it is sent again, and how
// long Grafana asks to wait.
func repeatable(err error) (time.Duration, bool) {
	if fault, ok := errors.AsType[*RefusalError](err); ok {
		return fault.retryAfter, fault.Status == http.StatusTooManyRequests || fault.Status >= http.StatusInternalServerError
	}
	_, unreachable := errors.AsType[*url.Error](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return 0, unreachable && !untrusted
}

// once sends one request. An answer other than 2xx is a *RefusalError.
func (c *Client) once(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask Grafana: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, largestAnswer))
	if err != nil {
		return nil, c.unreachable(&url.Error{Op: method, URL: c.url + path, Err: err})
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, c.fault(method, path, resp, answer)
	}
	return answer, nil
}

// decode reads an answer.
func (c *Client) decode(path string, answer []byte, out any) error {
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s%s did not answer with JSON: is this Grafana's own address, and not that of a login page before it? (%w)", c.url, path, err)
	}
	return nil
}

// retryAfter reads the header in both of its forms.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
