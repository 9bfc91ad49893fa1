package grafana_test

import (
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commoncfg "github.com/prometheus/common/config"

	"github.com/watchtower-hub/watchtower/dashboards/grafana"
	"github.com/watchtower-hub/watchtower/dashboards/grafana/grafanatest"
)

// What Grafana refuses is said in a sentence that tells what to do, and no error
// holds the token.
func TestRefusals(t *testing.T) {
	const echo = `{"message":"bad token ` + grafanatest.Token + `"}`
	for name, c := range map[string]struct {
		token   string
		prepare func(*grafanatest.Server)
		want    []string
	}{
		"no token":  {"", nil, []string{"Grafana wants a token", "token_file", "GRAFANA_TOKEN"}},
		"bad token": {"glsa_other", nil, []string{"Grafana does not take the token", "Service accounts", "Invalid API key"}},
		"token sent back": {
			grafanatest.Token,
			func(g *grafanatest.Server) { g.Break("GET /api/folders", http.StatusUnauthorized, nil, echo) },
			[]string{"bad token <token>"},
		},
		"may not read folders":    {"reader", func(g *grafanatest.Server) { g.Allow("reader", "dashboards:read") }, []string{"needs folders:read", "role Editor"}},
		"may not read dashboards": {"reader", func(g *grafanatest.Server) { g.Allow("reader", "folders:read") }, []string{"needs dashboards:read"}},
		"may not make folders": {
			"reader", func(g *grafanatest.Server) { g.Allow("reader", "folders:read", "dashboards:read") },
			[]string{`make the folder "Watchtower"`, "needs folders:create"},
		},
		"may not write": {
			"reader", func(g *grafanatest.Server) { g.Allow("reader", "folders:read", "dashboards:read", "folders:create") },
			[]string{"needs dashboards:write"},
		},
		"may not write in this folder": {
			"team", func(g *grafanatest.Server) { g.AllowFolders("team", "another") },
			[]string{"the right to edit the folder", "Access denied to save dashboard"},
		},
		"two folders of that name": {
			grafanatest.Token,
			func(g *grafanatest.Server) {
				g.MakeFolder(folder)
				g.MakeFolder(folder)
			},
			[]string{`2 folders called "Watchtower"`, "dashboards.grafana.folder"},
		},
		"title taken": {
			grafanatest.Token,
			func(g *grafanatest.Server) {
				g.UniqueTitles = true
				uid := g.MakeFolder(folder)
				g.Edit("other", "tom", "", func(d map[string]any) { d["title"] = "Service share" })
				g.Move("other", uid)
			},
			[]string{"another dashboard of this title", "rename or remove that one"},
		},
		"login page": {
			grafanatest.Token,
			func(g *grafanatest.Server) { g.Break("GET /api/health", http.StatusOK, nil, "<html>Sign in</html>") },
			[]string{"did not answer with JSON", "login page"},
		},
		"not a Grafana": {
			grafanatest.Token, func(g *grafanatest.Server) { g.Break("GET /api/health", http.StatusOK, nil, `{"status":"up"}`) },
			[]string{"does not answer as Grafana does"},
		},
		"wrong path": {
			grafanatest.Token, func(g *grafanatest.Server) {
				g.Break("GET /api/health", http.StatusNotFound, nil, "404 page not found")
			},
			[]string{"answered 404", "with its path if it has one"},
		},
		"history in an unknown form": {
			grafanatest.Token,
			func(g *grafanatest.Server) {
				g.Edit("wt-svc-share", "tom", "", func(map[string]any) {})
				g.Break("GET /api/dashboards/uid/wt-svc-share/versions", http.StatusOK, nil, `{"items":[]}`)
			},
			[]string{"the history of wt-svc-share cannot be read"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t)
			if c.prepare != nil {
				c.prepare(g)
			}
			text := attempt(t, g, c.token)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q does not say %q", text, want)
				}
			}
			if strings.Contains(text, grafanatest.Token) || c.token != "" && strings.Contains(text, "Bearer") {
				t.Errorf("%q holds the token", text)
			}
		})
	}
}

// attempt pushes and returns all that went wrong.
func attempt(t *testing.T, g *grafanatest.Server, token string) string {
	t.Helper()
	c := client(t, g, token)
	ds := boards(t, 0.99, "share")
	plan, err := c.Compare(t.Context(), folder, ds)
	if err != nil {
		return err.Error()
	}
	done, err := c.Push(t.Context(), plan, ds, grafana.PushOptions{})
	text := strings.Join(outcomes(done), "\n")
	if err != nil {
		text += "\n" + err.Error()
	}
	return text
}

func TestPluginsDashboard(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	push(t, c, boards(t, 0.99, "share"), grafana.PushOptions{})
	g.Plugin("wt-svc-share", "Redis")
	got := push(t, c, boards(t, 0.999, "share"), grafana.PushOptions{})
	if !strings.Contains(got[1], "a plugin of Grafana owns this dashboard") {
		t.Errorf("got %q", got)
	}
}

func TestRepeatsWhatMayPass(t *testing.T) {
	for name, c := range map[string]struct {
		status, times int
		header        http.Header
		ok            bool
		least         time.Duration
	}{
		"asked too often":              {status: http.StatusTooManyRequests, times: 1, header: http.Header{"Retry-After": {"1"}}, ok: true, least: time.Second},
		"asked too often, for good":    {status: http.StatusTooManyRequests, times: 9},
		"a proxy without a Grafana":    {status: http.StatusBadGateway, times: 3, ok: true},
		"a proxy without one for good": {status: http.StatusServiceUnavailable, times: 9},
		"a bad request":                {status: http.StatusBadRequest, times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := start(t)
			for range c.times {
				g.Break("GET /api/health", c.status, c.header, "{}")
			}
			began := time.Now()
			_, err := client(t, g, grafanatest.Token).Health(t.Context())
			if (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
			if spent := time.Since(began); spent < c.least {
				t.Errorf("it asked again after %s, want %s", spent, c.least)
			}
			want := 1
			if c.ok {
				want = c.times + 1
			} else if c.status != http.StatusBadRequest {
				want = 4
			}
			if got := len(g.Requests()); got != want {
				t.Errorf("it asked %d times, want %d", got, want)
			}
			var fault *grafana.RefusalError
			if !c.ok && (!errors.As(err, &fault) || fault.Status != c.status) {
				t.Errorf("the error is %v, want a fault with status %d", err, c.status)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	g.Close()
	if _, err := c.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "reach Grafana at "+g.URL) || strings.Contains(err.Error(), grafanatest.Token) {
		t.Errorf("got %v", err)
	}
}

// A Grafana with a certificate of its own is trusted when its authority is named.
func TestOwnCertificate(t *testing.T) {
	g, der := grafanatest.NewTLS()
	t.Cleanup(g.Close)
	c := client(t, g, grafanatest.Token)
	if _, err := c.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "dashboards.grafana.http_config.tls_config.ca_file") {
		t.Errorf("an unknown certificate: got %v", err)
	}
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	conf := commoncfg.DefaultHTTPClientConfig
	conf.TLSConfig.CAFile = authority
	trusting, err := grafana.New(grafana.Options{URL: g.URL, Token: grafanatest.Token, HTTP: conf})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := trusting.Health(t.Context()); err != nil || h.Version != "12.2.0" {
		t.Errorf("with the authority: %+v, %v", h, err)
	}
	conf.TLSConfig.CAFile = filepath.Join(t.TempDir(), "absent.pem")
	if _, err := grafana.New(grafana.Options{URL: g.URL, HTTP: conf}); err == nil || !strings.Contains(err.Error(), "http_config") {
		t.Errorf("an absent authority: got %v", err)
	}
}

func TestPushDataSource(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	sources := grafana.DataSources("https://watchtower.example/", 10*time.Second)
	pushed := func(dry bool) string {
		t.Helper()
		var got []string
		for _, s := range sources {
			outcome, err := c.PushDataSource(t.Context(), s, dry)
			if err != nil {
				return err.Error()
			}
			got = append(got, string(outcome))
		}
		return strings.Join(got, " ")
	}
	for _, want := range []struct {
		dry bool
		say string
	}{{true, "added added"}, {false, "added added"}, {false, "unchanged unchanged"}} {
		if got := pushed(want.dry); got != want.say {
			t.Errorf("got %s, want %s", got, want.say)
		}
	}
	metrics := g.DataSource("watchtower")
	settings, _ := metrics["jsonData"].(map[string]any)
	want := map[string]any{
		"httpMethod": "POST", "prometheusType": "Prometheus", "prometheusVersion": "2.50.1", "timeInterval": "10s", "manageAlerts": true,
		"alertmanagerUid": "watchtower-alerts",
	}
	if diff := cmp.Diff(want, settings); diff != "" || metrics["url"] != "https://watchtower.example" {
		t.Errorf("url %v, settings differ:\n%s", metrics["url"], diff)
	}
	// What somebody set beside stays when the address changes.
	settings["exemplarTraceIdDestinations"] = "tempo"
	g.SetDataSource("watchtower", map[string]any{"basicAuth": true, "jsonData": settings})
	if got := pushed(false); got != "unchanged unchanged" {
		t.Errorf("a setting of somebody: %s", got)
	}
	sources = grafana.DataSources("https://new.example", 0)
	if got := pushed(false); got != "changed changed" {
		t.Errorf("a new address: %s", got)
	}
	metrics = g.DataSource("watchtower")
	settings, _ = metrics["jsonData"].(map[string]any)
	if basic, _ := metrics["basicAuth"].(bool); !basic || metrics["url"] != "https://new.example" || settings["exemplarTraceIdDestinations"] != "tempo" || settings["timeInterval"] != "15s" {
		t.Errorf("got %v", metrics)
	}
	g.SetDataSource("watchtower", map[string]any{"readOnly": true, "url": "http://old"})
	if got := pushed(false); !strings.Contains(got, "reads it from a file (provisioning)") {
		t.Errorf("a provisioned one: %s", got)
	}
}

func TestPushDataSourceIsRefused(t *testing.T) {
	g := start(t)
	g.Allow("reader", "datasources:read")
	source := grafana.DataSources("http://w", 0)[0]
	_, err := client(t, g, "reader").PushDataSource(t.Context(), source, false)
	if err == nil || !strings.Contains(err.Error(), "needs datasources:create") {
		t.Errorf("got %v", err)
	}
	g.SetDataSource("mine", map[string]any{"name": "Watchtower"})
	_, err = client(t, g, grafanatest.Token).PushDataSource(t.Context(), source, false)
	if err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("got %v", err)
	}
}
