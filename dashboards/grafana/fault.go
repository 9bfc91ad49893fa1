package grafana

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// RefusalError is what Grafana answered instead of doing what it was asked.
type RefusalError struct {
	// Status is that of HTTP.
	Status int
	// Reason is Grafana's own word for it where it gives one, like version-mismatch.
	Reason string
	// Message is Grafana's sentence.
	Message string

	what       string // what we asked for, and what to do
	retryAfter time.Duration
}

// Error says what happened and what to do.
func (f *RefusalError) Error() string { return f.what }

// missing reports that there is no such thing.
func missing(err error) bool {
	f, ok := errors.AsType[*RefusalError](err)
	return ok && f.Status == http.StatusNotFound
}

// conflict reports that somebody else saved in between.
func conflict(err error) bool {
	f, ok := errors.AsType[*RefusalError](err)
	return ok && f.Status == http.StatusPreconditionFailed
}

// hopeless reports that nothing else will succeed either: no connection, no
// token, no rights, no more time.
func hopeless(err error) bool {
	f, ok := errors.AsType[*RefusalError](err)
	if !ok {
		return true
	}
	return f.Status == http.StatusUnauthorized || f.Status == http.StatusTooManyRequests || f.Status >= http.StatusInternalServerError
}

// permissionNeeded introduces, in Grafana's sentence, the permission that a token lacks.
const permissionNeeded = "Permissions needed: "

// fault makes an error of an answer.
func (c *Client) fault(method, path string, resp *http.Response, answer []byte) *RefusalError {
	var said struct {
		Message string `json:"message"`
		Status  string `json:"status"`
	}
	_ = json.Unmarshal(answer, &said) // a proxy's page has neither
	f := &RefusalError{Status: resp.StatusCode, Message: c.scrub(said.Message), retryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now())}
	// Answers of newer kinds repeat the number as their status.
	if !strings.ContainsAny(said.Status, "0123456789") {
		f.Reason = said.Status
	}
	path, _, _ = strings.Cut(path, "?")
	asked := fmt.Sprintf("%s %s%s", method, c.url, path)
	f.what = f.sentence(asked, c.token != "")
	return f
}

// sentence says what an answer means and what to do about it.
func (f *RefusalError) sentence(asked string, hasToken bool) string {
	says := ""
	if f.Message != "" {
		says = fmt.Sprintf(" (Grafana says: %s)", strings.TrimSuffix(f.Message, "."))
	}
	_, needed, named := strings.Cut(f.Message, permissionNeeded)
	switch {
	case f.Status == http.StatusUnauthorized && !hasToken:
		return asked + ": Grafana wants a token: make one under Administration, Users and access, Service accounts, and name its file in dashboards.grafana.token_file or set GRAFANA_TOKEN"
	case f.Status == http.StatusUnauthorized:
		return asked + ": Grafana does not take the token: it may have expired or been deleted, or belong to another Grafana; make a new one under Administration, Users and access, Service accounts" + says
	case f.Status == http.StatusForbidden && named:
		return fmt.Sprintf("%s: the token's service account may not do this: it needs %s; give it the role Editor, or that permission on the folder", asked, strings.TrimSuffix(needed, "."))
	case f.Status == http.StatusForbidden:
		return asked + ": the token's service account may not do this: give it the role Editor, or the right to edit the folder" + says
	case f.Status == http.StatusPreconditionFailed && f.Reason == "plugin-dashboard":
		return asked + ": a plugin of Grafana owns this dashboard, so it cannot be replaced" + says
	case f.Status == http.StatusPreconditionFailed && f.Reason == "name-exists":
		return asked + ": the folder has another dashboard of this title, which this Grafana does not allow: rename or remove that one" + says
	case f.Status == http.StatusPreconditionFailed:
		return asked + ": somebody else changed it between our look and our save: look at the difference with `watchtower dashboards diff`, then push again" + says
	case f.Status == http.StatusBadRequest && strings.Contains(f.Message, "provisioned"):
		return asked + ": Grafana reads this dashboard from a file (provisioning) and lets nobody else save or remove it: deliver it one way only, so take the file away or do not push" + says
	case f.Status == http.StatusTooManyRequests:
		return asked + ": Grafana is asked too often and still says so after several tries: push again later" + says
	case f.Status >= http.StatusInternalServerError:
		return fmt.Sprintf("%s answered %d after several tries: look into Grafana's log%s", asked, f.Status, says)
	case f.Status == http.StatusNotFound && f.Message == "":
		return asked + " answered 404: is this Grafana's address, with its path if it has one?"
	default:
		return fmt.Sprintf("%s answered %d%s", asked, f.Status, says)
	}
}

// unreachable says why there was no answer.
func (c *Client) unreachable(err error) error {
	if _, untrusted := errors.AsType[x509.UnknownAuthorityError](err); untrusted {
		return fmt.Errorf("reach Grafana: its certificate is not trusted; name the authority in dashboards.grafana.http_config.tls_config.ca_file: %w", err)
	}
	return fmt.Errorf("reach Grafana at %s: %w (does it run there? the address is dashboards.grafana.url)", c.url, err)
}

// scrub takes the token out of what a server sent back.
func (c *Client) scrub(text string) string {
	if c.token == "" {
		return text
	}
	return strings.ReplaceAll(text, c.token, "<token>")
}
