package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The command makes each issue once, also when the service fails in between.
func TestFollowUpsBecomeIssues(t *testing.T) {
	requests, failing := 0, true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests++; r.URL.Path != "/repos/owner/repo/issues" || r.Header.Get("Authorization") != "Bearer tok" {
			t.Errorf("%s with %q", r.URL.Path, r.Header.Get("Authorization"))
		}
		if requests == 2 && failing {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"number": %d, "html_url": "https://github.com/owner/repo/issues/%d"}`, requests, requests)
	}))
	defer server.Close()
	t.Setenv("GITHUB_TOKEN", "tok")
	file := filepath.Join(t.TempDir(), "share.md")
	if err := os.WriteFile(file, []byte("# Incident 42: share\n\n## Follow-ups\n\n- [ ] One.\n- [ ] Two.\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	call := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs strings.Builder
		if got := run(t.Context(), append([]string{"incident", "followups", file}, args...), &out, &errs); got != want {
			t.Errorf("%v: status %d, want %d: %s", args, got, want, errs.String())
		}
		return out.String(), errs.String()
	}
	if out, _ := call(0); out != "- One.\n- Two.\n\nNothing was made: name a target with --github, --trello or --jira.\n" || requests != 0 {
		t.Errorf("without a target: %q after %d requests", out, requests)
	}
	target := []string{"--github", "owner/repo", "--api-url", server.URL}
	if out, errs := call(1, target...); out != "https://github.com/owner/repo/issues/1  One.\n" || !strings.Contains(errs, `"Two.": GitHub answered 502 Bad Gateway`) {
		t.Errorf("with an error: %q, %q", out, errs)
	}
	failing = false
	if out, _ := call(0, target...); out != "https://github.com/owner/repo/issues/3  Two.\n" {
		t.Errorf("again: %q", out)
	}
	if out, _ := call(0, target...); !strings.Contains(out, "has no open follow-up without a link") || requests != 3 {
		t.Errorf("a third time: %q after %d requests", out, requests)
	}
	text, err := os.ReadFile(file)
	want := "# Incident 42: share\n\n## Follow-ups\n\n- [ ] One. ([owner/repo#1](https://github.com/owner/repo/issues/1)) <!-- exported -->\n- [ ] Two. ([owner/repo#3](https://github.com/owner/repo/issues/3)) <!-- exported -->\n"
	if err != nil || string(text) != want {
		t.Errorf("the document is\n%s", text)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file's rights are %v (%v)", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("files were left behind: %v", entries)
	}
	if _, errs := call(1, "--github", "a/b", "--jira", "OPS"); !strings.Contains(errs, "none of the others can be") {
		t.Errorf("two targets: %q", errs)
	}
	if _, errs := call(1, "--api-url", server.URL); !strings.Contains(errs, "say whose address it is") {
		t.Errorf("an address of nobody: %q", errs)
	}
}
