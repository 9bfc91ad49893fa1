package collectors

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

func TestWithoutSecrets(t *testing.T) {
	for address, want := range map[string]string{
		"http://10.0.3.9:8080/metrics":                                     "http://10.0.3.9:8080/metrics",
		"https://ana:hunter2@share.example.org/metrics":                    "https://share.example.org/metrics",
		"http://probe:9115/probe?target=https://a:b@x.org&module=http_2xx": "http://probe:9115/probe?module=http_2xx&target=…",
		"http://x/metrics?token=hunter2&match[]=up#hunter2":                "http://x/metrics?match%5B%5D=…&token=…",
		"http://share.example.org/metrics?":                                "http://share.example.org/metrics",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := withoutSecrets(u); got != want {
			t.Errorf("%s is shown as %s, want %s", address, got, want)
		}
	}
}

func TestErrorWithoutSecrets(t *testing.T) {
	for want, err := range map[string]error{
		"connection refused":                           &url.Error{Op: "Get", URL: "http://ana:hunter2@x/?token=hunter2", Err: errors.New("connection refused")},
		"server returned HTTP status 401 Unauthorized": errors.New("server returned HTTP status 401 Unauthorized"),
		`Get "http://x/m?token=…": EOF`:                errors.New(`Get "http://ana:hunter2@x/m?token=hunter2": EOF`),
		"proxy: https://proxy.example.org: no":         fmt.Errorf("proxy: %w", errors.New("https://u:hunter2@proxy.example.org: no")),
		"redirected to … and http://x/m: not found":    errors.New("redirected to http://x:hunter2%zz/, and http://x/m: not found"),
	} {
		if got := errorWithoutSecrets(err); got != want {
			t.Errorf("%q is said as %q, want %q", err, got, want)
		}
	}
}

// Every job tells what was stored of it, whatever its samples call themselves, and targets that fail are named without what
// they were asked with.
func TestStatusOfScrapes(t *testing.T) {
	fine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("posts_total{job=\"somebody else\"} 3\nlikes_total{job=\"somebody else\"} 4\n"))
	}))
	defer fine.Close()
	shut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer shut.Close()
	cfg := parse(t, fmt.Sprintf(`
otlp: {grpc: "127.0.0.1:0"}
global: {scrape_interval: 100ms}
scrape_configs:
  - {job_name: share, honor_labels: true, static_configs: [{targets: [%q]}]}
  - {job_name: media, params: {token: [hunter2]}, static_configs: [{targets: [%q]}]}
`, strings.TrimPrefix(fine.URL, "http://"), strings.TrimPrefix(shut.URL, "http://")))
	cfg.OTLP.HTTP = ""
	c := start(t, Options{Config: cfg, Store: openStore(t)})

	var status Status
	eventually(t, "both jobs were scraped", func() bool {
		status = c.Status()
		return len(status.Jobs) == 2 && status.Jobs[1].Samples > 0 && status.FailingCount == 1
	})
	if media := status.Jobs[0]; media.Name != "media" || media.Down != 1 || status.Jobs[1].Name != "share" || status.Jobs[1].Samples < 7 {
		t.Errorf("the jobs are %+v", status.Jobs)
	}
	if f := status.Failing[0]; f.Job != "media" || f.URL != shut.URL+"/metrics?token=…" || f.Error != "server returned HTTP status 401 Unauthorized" || f.LastScrape.IsZero() {
		t.Errorf("the target that fails is %+v", f)
	}
}

// A scrape that is rolled back was not stored.
func TestCountedScrape(t *testing.T) {
	got := map[string]int{}
	store := counted{openStore(t), func(job string, samples int) { got[job] += samples }}
	for _, commit := range []bool{false, true} {
		app := store.AppenderV2(t.Context())
		for _, name := range []string{"a", "b"} {
			if _, err := app.Append(0, labels.FromStrings("__name__", name, "job", "share"), 0, 1, 1, nil, nil, storage.AOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		end := app.Rollback
		if commit {
			end = app.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
	}
	if got["share"] != 2 || len(got) != 1 {
		t.Errorf("it counted %v", got)
	}
}
