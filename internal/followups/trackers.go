package followups

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// The addresses of the services themselves.
const (
	GitHubURL = "https://api.github.com"
	TrelloURL = "https://api.trello.com"
)

const (
	patience    = 30 * time.Second
	longestBody = 1 << 20
	longestText = 300
	// longestTitle is Jira's; the others take more.
	longestTitle = 255
)

// request is one call of a service's API. Secrets are in its headers alone.
type request struct {
	service string
	url     string
	headers map[string]string
	body    any // JSON
}

// do makes the call and decodes what comes back. Its errors hold no secret.
func (r request) do(ctx context.Context, into any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	body, err := json.Marshal(r.body)
	if err != nil {
		return fmt.Errorf("%s: %w", r.service, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", r.service, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	// A redirect would carry the token to another host, and turn the call into another.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", r.service, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, longestBody))
	if err != nil {
		return fmt.Errorf("%s: read the answer: %w", r.service, err)
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s answered %s%s%s", r.service, resp.Status, hint(resp.StatusCode), said(answer))
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s did not answer with the expected JSON: %w (is %s its API?)", r.service, err, r.url)
	}
	return nil
}

// hint says what mostly is the matter.
func hint(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return " (is the token right, and may it create issues?)"
	case http.StatusNotFound:
		return " (does it exist, and may the token see it?)"
	case http.StatusTooManyRequests:
		return " (try again later: what was made is not made again)"
	}
	return ""
}

// said is the beginning of an answer.
func said(answer []byte) string {
	text := strings.Join(strings.Fields(string(answer)), " ")
	if text == "" {
		return ""
	}
	if len(text) > longestText {
		text = strings.ToValidUTF8(text[:longestText], "") + "…"
	}
	return ": " + text
}

// made checks what a service says it has made.
func made(service, name, address string) (Made, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(address, "() <>") {
		return Made{}, fmt.Errorf("%s named no page of what it made: %q", service, address)
	}
	return Made{Name: strings.NewReplacer("[", "", "]", "", "\n", " ").Replace(name), URL: address}, nil
}

func shortened(title string) string {
	if runes := []rune(title); len(runes) > longestTitle {
		return string(runes[:longestTitle-1]) + "…"
	}
	return title
}

var repository = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*/(\.?[A-Za-z0-9_-][A-Za-z0-9_.-]*)$`)

// GitHub makes issues of a repository, "owner/name". An empty api is GitHub's own; that
// of an Enterprise Server ends in /api/v3.
func GitHub(api, repo, token string) (Tracker, error) {
	if !repository.MatchString(repo) {
		return nil, fmt.Errorf("%q is no repository: name it as owner/name", repo)
	}
	if token == "" {
		return nil, errors.New("GitHub needs a token that may create issues: set GITHUB_TOKEN")
	}
	address := strings.TrimRight(cmp.Or(api, GitHubURL), "/") + "/repos/" + repo + "/issues"
	return func(ctx context.Context, i Issue) (Made, error) {
		var answer struct {
			Number int64  `json:"number"`
			URL    string `json:"html_url"`
		}
		err := request{"GitHub", address, map[string]string{
			"Accept": "application/vnd.github+json", "Authorization": "Bearer " + token, "X-GitHub-Api-Version": "2022-11-28",
		}, map[string]string{"title": shortened(i.Title), "body": i.Body}}.do(ctx, &answer)
		if err != nil {
			return Made{}, err
		}
		return made("GitHub", fmt.Sprintf("%s#%d", repo, answer.Number), answer.URL)
	}, nil
}

// Trello makes cards on a list, given by its ID. An empty api is Trello's own.
func Trello(api, list, key, token string) (Tracker, error) {
	if list == "" {
		return nil, errors.New("name the ID of the list that gets the cards")
	}
	if key == "" || token == "" {
		return nil, errors.New("Trello needs an API key and a token: set TRELLO_KEY and TRELLO_TOKEN")
	}
	base := strings.TrimRight(cmp.Or(api, TrelloURL), "/") + "/1/cards?"
	return func(ctx context.Context, i Issue) (Made, error) {
		var answer struct {
			URL string `json:"shortUrl"`
		}
		query := url.Values{"idList": {list}, "name": {shortened(i.Title)}, "desc": {i.Body}, "pos": {"bottom"}}
		err := request{"Trello", base + query.Encode(), map[string]string{
			"Authorization": fmt.Sprintf("OAuth oauth_consumer_key=%q, oauth_token=%q", key, token),
		}, struct{}{}}.do(ctx, &answer)
		if err != nil {
			return Made{}, err
		}
		return made("Trello", "card", answer.URL)
	}, nil
}

var project = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// Jira makes tasks of a project, given by its key. The site is as people open it,
// https://example.atlassian.net. With an email the token is one of Jira Cloud, without
// it a personal access token of a Data Center.
func Jira(site, key, email, token string) (Tracker, error) {
	if site == "" {
		return nil, errors.New("name the address of your Jira with --api-url, as https://example.atlassian.net")
	}
	if !project.MatchString(key) {
		return nil, fmt.Errorf("%q is no key of a project, such as OPS", key)
	}
	if token == "" {
		return nil, errors.New("Jira needs a token: set JIRA_TOKEN, and JIRA_EMAIL for Jira Cloud")
	}
	site = strings.TrimRight(site, "/")
	authorization := "Bearer " + token
	if email != "" {
		probe := http.Request{Header: http.Header{}}
		probe.SetBasicAuth(email, token)
		authorization = probe.Header.Get("Authorization")
	}
	return func(ctx context.Context, i Issue) (Made, error) {
		var answer struct {
			Key string `json:"key"`
		}
		fields := map[string]any{
			"project": map[string]string{"key": key}, "issuetype": map[string]string{"name": "Task"},
			"summary": shortened(i.Title), "description": i.Body,
		}
		err := request{"Jira", site + "/rest/api/2/issue", map[string]string{"Authorization": authorization}, map[string]any{"fields": fields}}.do(ctx, &answer)
		if err != nil {
			return Made{}, err
		}
		if answer.Key == "" {
			return Made{}, errors.New("Jira did not say which issue it made")
		}
		return made("Jira", answer.Key, site+"/browse/"+url.PathEscape(answer.Key))
	}, nil
}
