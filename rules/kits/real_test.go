//go:build integration

package kits

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/util/teststorage"
)

// patience is how long a program may take to begin.
const patience = 60 * time.Second

// program is a real one that a test talks to.
type program struct {
	name string
	args []string
	env  []string
	// as is the user to run it as; nil is the test's.
	as *syscall.Credential
	// stop is the signal that ends it; SIGINT when 0.
	stop syscall.Signal
}

// located finds a program where Debian puts it.
func located(t *testing.T, name string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err != nil { // Not everybody's PATH has the administrator's programs.
		found, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		t.Fatalf("%v: scripts/install-test-programs installs it", err)
	}
	return found
}

// start runs a program until the test ends.
func start(t *testing.T, p program) {
	t.Helper()
	cmd := p.command(context.Background(), t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // It was told to end.
		close(done)
	}()
	signal := p.stop
	if signal == 0 {
		signal = syscall.SIGINT
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, signal) // It may have ended by itself.
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-done
		}
	})
}

func (p program) command(ctx context.Context, t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, located(t, p.name), p.args...) //nolint:gosec // The tests name the programs.
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Dir = os.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: p.as}
	cmd.Stderr = t.Output()
	return cmd
}

// do runs a program to its end.
func do(t *testing.T, p program) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := p.command(ctx, t)
	cmd.Stdout = t.Output()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v", p.name, p.args, err)
	}
}

// freePort is one on the loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// eventually waits until check gives no error.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within %s: %s: %v", patience, what, err)
		}
	}
}

func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(body), err
}

// answering waits for a metric on a page of metrics.
func answering(t *testing.T, url, metric string) {
	t.Helper()
	eventually(t, metric+" at "+url, func() error {
		body, err := get(t.Context(), url)
		if err == nil && !strings.Contains("\n"+body, "\n"+metric) {
			err = fmt.Errorf("there is no %s", metric)
		}
		return err
	})
}

// look is what a kit says against what a component says: pages are scraped three
// times, which a store takes for a minute apart, with traffic in between.
type look struct {
	kit   string
	pages []string
	// traffic makes the component work.
	traffic func()
	// with are the reasons of optional metrics that this set-up has.
	with []string
}

func (l look) at(t *testing.T) {
	t.Helper()
	k := find1(t, l.kit)
	store := teststorage.New(t)
	seen := map[string]bool{}
	var now int64
	for range 3 {
		if l.traffic != nil {
			l.traffic()
		}
		app := store.Appender(t.Context())
		for _, page := range l.pages {
			body, err := get(t.Context(), page)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range series(t, body) {
				seen[s.labels.Get(model.MetricNameLabel)] = true
				if _, err := app.Append(0, labels.NewBuilder(s.labels).Set("instance", page).Labels(), now, s.value); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
		now += time.Minute.Milliseconds()
	}
	wanted := slices.Clone(k.Metrics)
	for _, o := range k.Optional {
		if slices.Contains(l.with, o.Reason) {
			wanted = append(wanted, o.Metrics...)
		}
	}
	for _, name := range wanted {
		if !seen[name] {
			t.Errorf("%s declares %s, and it is not there", k.Name, name)
		}
	}
	l.panels(t, k, store, wanted, time.UnixMilli(now-time.Minute.Milliseconds()))
}

// panels demands that every panel whose metrics are there shows numbers.
func (l look) panels(t *testing.T, k Kit, store *teststorage.TestStorage, there []string, at time.Time) {
	t.Helper()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	drawn := 0
	for _, p := range board(t, k).Panels {
		for _, q := range p.Queries {
			if slices.ContainsFunc(metrics(t, q.Expr), func(name string) bool { return !slices.Contains(there, name) }) {
				continue
			}
			drawn++
			expr := strings.ReplaceAll(q.Expr, "$__rate_interval", "5m")
			query, err := engine.NewInstantQuery(t.Context(), store, nil, expr, at)
			if err != nil {
				t.Fatal(err)
			}
			vector, err := query.Exec(t.Context()).Vector()
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			if !slices.ContainsFunc(vector, func(s promql.Sample) bool { return !math.IsNaN(s.F) && !math.IsInf(s.F, 0) }) {
				t.Errorf("%s: %q shows nothing: %s\n%v", k.Name, p.Title, q.Expr, vector)
			}
			query.Close()
		}
	}
	if drawn < 5 {
		t.Errorf("only %d queries of %s could be asked", drawn, k.Name)
	}
}

// scraped is one series of a page of metrics.
type scraped struct {
	labels labels.Labels
	value  float64
}

func series(t *testing.T, body string) []scraped {
	t.Helper()
	var out []scraped
	parser := textparse.NewPromParser([]byte(body), labels.NewSymbolTable(), false)
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var s scraped
		_, _, s.value = parser.Series()
		parser.Labels(&s.labels)
		out = append(out, s)
	}
}
