package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// anna is the bcrypt hash of the password "secret", at the lowest cost.
const anna = "basic_auth_users: {anna: $2a$04$J3CGajhOxR.zi9.aeqYZHeIccydQapCPHrXFEW8qVAdlMsZvp.XwC}\n"

// serve starts Serve on a free port and returns the address and what stops it and returns its error.
func serve(t *testing.T, configFile string, h http.Handler) (url string, stop func() error) {
	t.Helper()
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, h, configFile, nil) }()
	return "http://" + l.Addr().String(), func() error { cancel(); return <-done }
}

func status(t *testing.T, url, user, password string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestServe(t *testing.T) {
	defer goleak.VerifyNone(t)
	url, stop := serve(t, "", newSite(t, nil))
	if got := status(t, url+"/-/healthy", "", ""); got != 200 {
		t.Errorf("status %d, want 200", got)
	}
	if err := stop(); err != nil {
		t.Errorf("Serve = %v, want nil when its context ends", err)
	}
}

func TestServeWithBasicAuth(t *testing.T) {
	defer goleak.VerifyNone(t)
	file := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(file, []byte(anna), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (Config{"127.0.0.1:0", "http://localhost", file}).Validate(); err != nil {
		t.Fatalf("Validate: %v", err)
	}
	url, stop := serve(t, file, newSite(t, nil))
	if got := status(t, url+"/", "", ""); got != 401 {
		t.Errorf("without a password: %d, want 401", got)
	}
	if got := status(t, url+"/", "anna", "secret"); got != 200 {
		t.Errorf("with the password: %d, want 200", got)
	}
	if err := stop(); err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestServeRefusesABadFile(t *testing.T) {
	defer goleak.VerifyNone(t)
	var listen net.ListenConfig
	l, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), l, http.NotFoundHandler(), filepath.Join(t.TempDir(), "none.yml"), nil); err == nil {
		t.Error("a missing file is no fault")
	}
	dial := net.Dialer{Timeout: time.Second}
	if conn, err := dial.DialContext(t.Context(), "tcp", l.Addr().String()); err == nil {
		conn.Close()
		t.Error("the listener is still open")
	}
}
