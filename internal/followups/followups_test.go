package followups

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const document = `# Incident 42: Sharing \[a\] post &amp; more

**state** resolved · [its page](https://watchtower.example.org/incidents/42)

## Playbook

- [ ] not a follow-up

## Follow-ups

- [ ] Alert on the canary\*, says Kim.
- [x] done already
- [ ] made before ([owner/repo#7](https://github.com/owner/repo/issues/7)) <!-- exported -->
  * [ ] nested
- [ ]
` + "```" + `
- [ ] an example
~~~
- [ ] still code
` + "```` " + `
` + "```inline``` and on" + `

### Later

- [ ] Read the ([runbook](https://wiki.example.org/runbook))
~~~ sh
- [ ] other code
` + "```" + `
~~~

## Roles

- [ ] nor this
`

func TestItems(t *testing.T) {
	if diff := cmp.Diff([]string{"Alert on the canary*, says Kim.", "nested", "Read the ([runbook](https://wiki.example.org/runbook))"}, Items(document)); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

func TestOpen(t *testing.T) {
	doc := Unticked{Of: "Incident 42: Sharing [a] post & more", Page: "https://watchtower.example.org/incidents/42"}
	of := func(title, url string) Unticked { return Unticked{title, url, doc.Of, doc.Page} }
	want := []Unticked{
		of("Alert on the canary*, says Kim.", ""), of("made before", "https://github.com/owner/repo/issues/7"), of("nested", ""),
		of("Read the ([runbook](https://wiki.example.org/runbook))", ""),
	}
	if diff := cmp.Diff(want, Open(document)); diff != "" {
		t.Errorf("open (-want +got):\n%s", diff)
	}
	if got := Open("# Only a title\n"); len(got) != 0 {
		t.Errorf("nothing to do, and open: %+v", got)
	}
}

// What was made before an error is written down, so that it is not made again.
func TestExportGoesOnWhereItStopped(t *testing.T) {
	var asked []Issue
	broken := errors.New("down")
	fail := map[string]bool{"nested": true}
	track := func(_ context.Context, i Issue) (Made, error) {
		asked = append(asked, i)
		if fail[i.Title] {
			return Made{}, broken
		}
		return Made{Name: fmt.Sprintf("OPS-%d", len(asked)), URL: fmt.Sprintf("https://jira.example.org/browse/OPS-%d", len(asked))}, nil
	}
	saved := document
	save := func(s string) error { saved = s; return nil }
	made, err := Export(t.Context(), saved, track, save)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), `"nested"`) || len(made) != 1 {
		t.Fatalf("%v, %v", made, err)
	}
	fail = nil
	if made, err = Export(t.Context(), saved, track, save); err != nil || len(made) != 2 {
		t.Fatalf("%v, %v", made, err)
	}
	if made, err = Export(t.Context(), saved, track, save); err != nil || len(made) != 0 {
		t.Fatalf("again: %v, %v", made, err)
	}
	want := strings.Replace(document, "says Kim.", "says Kim. ([OPS-1](https://jira.example.org/browse/OPS-1)) <!-- exported -->", 1)
	want = strings.Replace(want, "* [ ] nested", "* [ ] nested ([OPS-3](https://jira.example.org/browse/OPS-3)) <!-- exported -->", 1)
	want = strings.Replace(want, "wiki.example.org/runbook))", "wiki.example.org/runbook)) ([OPS-4](https://jira.example.org/browse/OPS-4)) <!-- exported -->", 1)
	if diff := cmp.Diff(want, saved); diff != "" {
		t.Errorf("the document (-want +got):\n%s", diff)
	}
	wantIssue := Issue{Title: "Alert on the canary*, says Kim.", Body: "A follow-up of: Incident 42: Sharing [a] post & more\n\nhttps://watchtower.example.org/incidents/42"}
	if diff := cmp.Diff(wantIssue, asked[0]); diff != "" {
		t.Errorf("the issue (-want +got):\n%s", diff)
	}
	full := errors.New("disk full")
	if _, err := Export(t.Context(), document, track, func(string) error { return full }); !errors.Is(err, full) || !strings.Contains(err.Error(), "OPS-5 was made") {
		t.Errorf("a link that cannot be written down: %v", err)
	}
}

// seen is a request that a service got.
type seen struct {
	Path, Query, Authorization, Accept, Version string
	Body                                        map[string]any
}

// service answers every request with a status and a body, and keeps the last request.
func service(t *testing.T, status int, answer string) (url string, last *seen) {
	t.Helper()
	last = &seen{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost {
			t.Errorf("%s: %v", r.Method, err)
		}
		*last = seen{Path: r.URL.Path, Query: r.URL.Query().Encode(), Authorization: r.Header.Get("Authorization"), Accept: r.Header.Get("Accept"), Version: r.Header.Get("X-GitHub-Api-Version")}
		if err := json.Unmarshal(body, &last.Body); err != nil {
			t.Errorf("the body %q: %v", body, err)
		}
		w.Header().Set("Location", "https://elsewhere.example.org/")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, last
}

const secret = "s3cr3t-token"

// trackers are all there are, each at a given address.
func trackers(t *testing.T, url string) map[string]Tracker {
	t.Helper()
	out := map[string]Tracker{}
	var errs [3]error
	out["GitHub"], errs[0] = GitHub(url+"/", "owner/repo", secret)
	out["Trello"], errs[1] = Trello(url, "5abbe4b7ddc1b351ef961414", "a-key", secret)
	out["Jira"], errs[2] = Jira(url, "OPS", "sam@example.org", secret)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return out
}

// The requests have the shapes that the services document.
func TestRequests(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		answer string
		want   seen
		made   Made
	}{
		"GitHub": {
			201, `{"number": 7, "html_url": "https://github.com/owner/repo/issues/7"}`,
			seen{Path: "/repos/owner/repo/issues", Authorization: "Bearer " + secret, Accept: "application/vnd.github+json", Version: "2022-11-28", Body: map[string]any{"title": "Fix it", "body": "of 42"}},
			Made{"owner/repo#7", "https://github.com/owner/repo/issues/7"},
		},
		"Trello": {
			200, `{"id": "x", "shortUrl": "https://trello.com/c/abc"}`,
			seen{Path: "/1/cards", Query: "desc=of+42&idList=5abbe4b7ddc1b351ef961414&name=Fix+it&pos=bottom", Authorization: `OAuth oauth_consumer_key="a-key", oauth_token="` + secret + `"`, Accept: "application/json", Body: map[string]any{}},
			Made{"card", "https://trello.com/c/abc"},
		},
		"Jira": {
			201, `{"id": "10000", "key": "OPS-24", "self": "https://x/rest/api/2/issue/10000"}`,
			seen{Path: "/rest/api/2/issue", Authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte("sam@example.org:"+secret)), Accept: "application/json", Body: map[string]any{"fields": map[string]any{
				"project": map[string]any{"key": "OPS"}, "issuetype": map[string]any{"name": "Task"}, "summary": "Fix it", "description": "of 42",
			}}},
			Made{"OPS-24", "/browse/OPS-24"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, last := service(t, test.status, test.answer)
			made, err := trackers(t, url)[name](t.Context(), Issue{"Fix it", "of 42"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, *last); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			made.URL = strings.TrimPrefix(made.URL, url)
			if diff := cmp.Diff(test.made, made); diff != "" {
				t.Errorf("made (-want +got):\n%s", diff)
			}
		})
	}
}

// Every error says which service it is and what it said, and none a secret.
func TestServicesThatRefuse(t *testing.T) {
	for _, test := range []struct {
		status       int
		answer, want string
	}{
		{401, `{"message": "Bad credentials"}`, `answered 401 Unauthorized (is the token right, and may it create issues?): {"message": "Bad credentials"}`},
		{404, ``, "answered 404 Not Found (does it exist, and may the token see it?)"},
		{429, ``, "try again later: what was made is not made again"},
		{500, strings.Repeat("é", 1000), "é…"},
		{302, ``, "answered 302 Found"},
		{201, `<html>`, "did not answer with the expected JSON"},
		{201, `{"html_url": "javascript:alert(1)", "shortUrl": "https://x/) evil"}`, ""},
	} {
		url, _ := service(t, test.status, test.answer)
		for name, track := range trackers(t, url) {
			made, err := track(t.Context(), Issue{"Fix it", "of 42"})
			if err == nil {
				t.Errorf("%s takes %d %q for %v", name, test.status, test.answer, made)
				continue
			}
			if !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %d: %v, want %q", name, test.status, err, test.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s tells the secret: %v", name, err)
			}
		}
	}
	for name, track := range trackers(t, "http://127.0.0.1:1") {
		if _, err := track(t.Context(), Issue{"Fix it", ""}); err == nil || !strings.Contains(err.Error(), "does not answer") || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: nobody is there: %v", name, err)
		}
	}
}

func TestWhatIsMissing(t *testing.T) {
	check := func(want string, _ Tracker, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	github := func(repo, token string) (Tracker, error) { return GitHub("", repo, token) }
	tr, err := github("../x", "t")
	check("is no repository", tr, err)
	tr, err = github("a/b", "")
	check("set GITHUB_TOKEN", tr, err)
	tr, err = Trello("", "", "k", "t")
	check("name the ID of the list", tr, err)
	tr, err = Trello("", "l", "", "t")
	check("set TRELLO_KEY and TRELLO_TOKEN", tr, err)
	tr, err = Jira("", "OPS", "", "t")
	check("--api-url", tr, err)
	tr, err = Jira("https://x", "ops", "", "t")
	check("is no key of a project", tr, err)
	tr, err = Jira("https://x", "OPS", "", "")
	check("set JIRA_TOKEN", tr, err)
}

func TestLongTitlesAreShortened(t *testing.T) {
	url, last := service(t, 201, `{"key": "OPS-1"}`)
	track, err := Jira(url, "OPS", "", secret)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := track(t.Context(), Issue{Title: strings.Repeat("é", 400)}); err != nil {
		t.Fatal(err)
	}
	fields, _ := last.Body["fields"].(map[string]any)
	if got := fmt.Sprint(fields["summary"]); len([]rune(got)) != longestTitle || !strings.HasSuffix(got, "…") || last.Authorization != "Bearer "+secret {
		t.Errorf("the title has %d letters; %s", len([]rune(got)), last.Authorization)
	}
}

func FuzzExport(f *testing.F) {
	f.Add(document)
	f.Add("## Follow-ups\n- [ ] a](b\r\n\x00\n- [ ] [x](http://y)")
	f.Fuzz(func(t *testing.T, text string) {
		track := func(context.Context, Issue) (Made, error) { return Made{"OPS-1", "https://x.example/1"}, nil }
		saved, n := text, len(Items(text))
		made, err := Export(t.Context(), text, track, func(s string) error { saved = s; return nil })
		if err != nil || len(made) != n || len(Items(saved)) != 0 {
			t.Errorf("%d of %d made, then %d left of %q: %v", len(made), n, len(Items(saved)), saved, err)
		}
	})
}
