package web

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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
	if err := (Config{Listen: "127.0.0.1:0", ExternalURL: "http://localhost", ConfigFile: file, Viewers: []string{"anna"}}).Validate(); err != nil {
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

// selfSigned writes a certificate for 127.0.0.1 and its key into dir and returns what trusts it.
func selfSigned(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: certificate}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})) {
		t.Fatal("the certificate is not taken")
	}
	return pool
}

// Over TLS: who has no password sees nothing, a viewer the plain pages, and everybody else everything.
func TestServeViewersOverTLS(t *testing.T) {
	dir := t.TempDir()
	pool := selfSigned(t, dir)
	file := filepath.Join(dir, "web.yml")
	hash := strings.TrimSuffix(strings.TrimPrefix(anna, "basic_auth_users: {anna: "), "}\n")
	text := "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\nbasic_auth_users: {anna: " + hash + ", marketing: " + hash + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Config{Listen: "127.0.0.1:0", ExternalURL: "https://127.0.0.1", ConfigFile: file, Viewers: []string{"marketing"}}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	plain, stop := serve(t, file, newSite(t, func(o *Options) { o.Viewers = c.Viewers }))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}}
	defer client.CloseIdleConnections()
	ask := func(method, path, user, password string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, strings.Replace(plain, "http:", "https:", 1)+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for _, test := range []struct {
		method, path, user, password string
		want                         int
		says                         string
	}{
		{"GET", "/", "", "", 401, ""},
		{"GET", "/assets/app.css", "", "", 401, ""},
		{"GET", "/", "marketing", "wrong", 401, ""},
		{"GET", "/", "Marketing", "secret", 401, ""},
		{"GET", "/", "marketing", "secret", 200, "Something does not work at the moment."},
		{"GET", "/-/healthy", "marketing", "secret", 200, "healthy"},
		{"GET", "/status", "marketing", "secret", 403, "plain pages alone"},
		{"GET", "/api/watchtower/v1/objectives", "marketing", "secret", 403, `"error": "Your account sees the plain pages alone`},
		{"POST", "/-/reload", "marketing", "secret", 403, ""},
		{"GET", "/", "anna", "secret", 200, "Burn rate"},
		{"GET", "/status", "anna", "secret", 200, "Scrape targets"},
	} {
		if got, body := ask(test.method, test.path, test.user, test.password); got != test.want || !strings.Contains(body, test.says) {
			t.Errorf("%s %s as %q: %d, want %d saying %q:\n%s", test.method, test.path, test.user, got, test.want, test.says, body)
		}
	}
	if got := status(t, plain+"/-/healthy", "anna", "secret"); got != http.StatusBadRequest {
		t.Errorf("without TLS: %d, want 400", got)
	}
	if err := stop(); err != nil {
		t.Errorf("Serve = %v", err)
	}
}
