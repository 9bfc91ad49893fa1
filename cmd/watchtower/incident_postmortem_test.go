package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A document and its burn chart stand beside each other and find each other by name.
func TestPostmortemWithPicture(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/watchtower/v1/incidents/abc":
			_, _ = w.Write([]byte(`{"id": "abc", "number": 42}`))
		case "/api/watchtower/v1/incidents/abc/postmortem":
			_, _ = w.Write([]byte("# Incident 42\n\n![x](" + r.URL.Query().Get("picture") + ")\n"))
		case "/api/watchtower/v1/incidents/abc/burn.png":
			_, _ = w.Write([]byte("a picture"))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "share.md")
	var out, errs strings.Builder
	if status := run(t.Context(), []string{"incident", "postmortem", "abc", "--url", server.URL, "--out", file}, &out, &errs); status != 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	picture := filepath.Join(dir, "incident-42-burn.png")
	if want := "Wrote " + file + " and " + picture + ".\n"; out.String() != want {
		t.Errorf("it says %q, want %q", out.String(), want)
	}
	for path, want := range map[string]string{file: "# Incident 42\n\n![x](incident-42-burn.png)\n", picture: "a picture"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", path, got, err, want)
		}
	}
}
