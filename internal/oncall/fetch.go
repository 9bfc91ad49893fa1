package oncall

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Fetcher gets calendars from addresses. The zero Fetcher does so with the defaults.
// What it says about an error never holds the address, which is often the only
// password of a calendar.
type Fetcher struct {
	// Transport sends the requests; nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds one calendar, its redirects included; 0 is 15 s.
	Timeout time.Duration
}

const (
	defaultTimeout = 15 * time.Second
	maxRedirects   = 5
)

// kept is a calendar as it was fetched last, on disk in JSON.
type kept struct {
	Text         string    `json:"text"`
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"last_modified,omitempty"`
	FetchedAt    time.Time `json:"fetched_at"`
}

// fetchError is an error whose text is known to hold no address.
type fetchError struct{ text string }

func (e *fetchError) Error() string { return e.text }

func fetchFault(format string, args ...any) error { return &fetchError{fmt.Sprintf(format, args...)} }

// fetch gets the calendar behind an address, or confirms that last is what is there.
func (f Fetcher) fetch(ctx context.Context, from address, last kept) (kept, error) {
	timeout := cmp.Or(f.Timeout, defaultTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, string(from), http.NoBody)
	if err != nil {
		return last, fetchFault("the address cannot be used")
	}
	req.Header.Set("Accept", "text/calendar, */*;q=0.5")
	req.Header.Set("User-Agent", "watchtower-oncall")
	if last.Text != "" && last.ETag != "" {
		req.Header.Set("If-None-Match", last.ETag)
	}
	if last.Text != "" && last.LastModified != "" {
		req.Header.Set("If-Modified-Since", last.LastModified)
	}
	client := http.Client{Transport: f.Transport, CheckRedirect: redirect}
	resp, err := client.Do(req)
	if err != nil {
		return last, quiet(ctx, err, timeout)
	}
	defer func() { _ = resp.Body.Close() }()
	switch {
	case resp.StatusCode == http.StatusNotModified && last.Text != "":
		last.FetchedAt = time.Now().UTC()
		return last, nil
	case resp.StatusCode != http.StatusOK:
		return last, fetchFault("the server answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxCalendar+1))
	switch {
	case err != nil:
		return last, quiet(ctx, err, timeout)
	case len(text) > maxCalendar:
		return last, fetchFault("it has more than %d MB", maxCalendar>>20)
	}
	return kept{
		Text: string(text), ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified"), FetchedAt: time.Now().UTC(),
	}, nil
}

// redirect follows to other addresses of the web, and does not tell them where it
// comes from.
func redirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return fetchFault("the server redirects more than %d times", maxRedirects)
	case req.URL.Scheme != "https" && req.URL.Scheme != "http":
		return fetchFault("the server redirects to something that is no http or https address")
	case req.URL.Scheme == "http" && via[0].URL.Scheme == "https":
		return fetchFault("the server redirects from https to http, where everybody could read along")
	}
	req.Header.Del("Referer")
	return nil
}

// quiet keeps of an error what is known to hold no address.
func quiet(ctx context.Context, err error, timeout time.Duration) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fetchFault("no whole answer within %s", timeout)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if own, ok := errors.AsType[*fetchError](err); ok {
		return own
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fetchFault("the name of the server cannot be looked up: %s", dns.Err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return fetchFault("%s: %v", op.Op, op.Err)
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fetchFault("the server's certificate is not accepted: %v", cert.Err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fetchFault("the answer broke off")
	}
	return fetchFault("the request failed")
}

// keptPath is where the calendar of an address is kept: the name does not tell it.
func keptPath(folder string, of address) string {
	sum := sha256.Sum256([]byte(of))
	return filepath.Join(folder, hex.EncodeToString(sum[:16])+".json")
}

func readKept(folder string, of address) (kept, error) {
	var k kept
	// JSON makes a text longer, at most by its escapes.
	text, err := readBounded(keptPath(folder, of), 7*maxCalendar)
	if err != nil {
		return k, err
	}
	if err := json.Unmarshal(text, &k); err != nil {
		return kept{}, fmt.Errorf("read the kept calendar: %w", err)
	}
	return k, nil
}

// writeKept keeps a calendar for the next start, whole or not at all, for this user
// only.
func writeKept(folder string, of address, k kept) error {
	text, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("keep the calendar: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("keep the calendar: %w", err)
	}
	file, err := os.CreateTemp(folder, "*.tmp")
	if err != nil {
		return fmt.Errorf("keep the calendar: %w", err)
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), keptPath(folder, of))
	}
	if err != nil {
		_ = os.Remove(file.Name()) // the error that counts is err
		return fmt.Errorf("keep the calendar: %w", err)
	}
	return nil
}
