//go:build integration

package collectors

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/rules/kits"
)

// The kits whose metrics come from receivers that are built in declare what those
// write, and their panels show it.
func TestKitsOfReceivers(t *testing.T) {
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	defer partner.Close()
	memcached := realMemcached(t)
	db := openStore(t)
	start(t, Options{Store: db, Config: parse(t, fmt.Sprintf(`
otlp: {grpc: "", http: ""}
otelcol:
  receivers:
    memcached: {endpoint: %q, collection_interval: 200ms, initial_delay: 0s}
    http_check:
      targets:
        - {endpoint: %q, interval: 200ms}
        - {endpoint: "http://127.0.0.1:1", interval: 200ms}
`, memcached, partner.URL))})
	for name, reasons := range map[string][]string{
		"memcached":  nil,
		"thirdparty": {"once a check has failed"},
	} {
		found, err := kits.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		wanted := slices.Clone(found[0].Metrics)
		for _, o := range found[0].Optional {
			if slices.Contains(reasons, o.Reason) {
				wanted = append(wanted, o.Metrics...)
			}
		}
		for _, metric := range wanted {
			eventually(t, metric+" is stored three times", func() bool {
				ask(t, memcached)
				return slices.ContainsFunc(values(stored(t, db, selector(metric)...)), func(samples []sample) bool { return len(samples) > 2 })
			})
		}
		drawn(t, db, found[0], wanted)
	}
}

func values(series map[string][]sample) [][]sample {
	var all [][]sample
	for _, samples := range series {
		all = append(all, samples)
	}
	return all
}

// realMemcached runs the program until the test ends.
func realMemcached(t *testing.T) string {
	t.Helper()
	name, err := exec.LookPath("memcached")
	if err != nil {
		t.Fatalf("%v: scripts/install-test-programs installs it", err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, "-l", "127.0.0.1", "-p", port, "-U", "0", "-u", "nobody")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // It was killed.
	})
	eventually(t, "memcached answers", func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		return err == nil && conn.Close() == nil
	})
	return address
}

// ask has memcached answer what it has, and miss what it has not.
func ask(t *testing.T, address string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "set a 0 0 1\r\n1\r\nget a\r\nget b\r\nquit\r\n"); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 256)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return // It hung up after quit.
		}
	}
}

// drawn demands that every panel whose metrics are there shows numbers.
func drawn(t *testing.T, db *tsdb.DB, k kits.Kit, there []string) {
	t.Helper()
	files, err := k.Files("backend")
	if err != nil {
		t.Fatal(err)
	}
	board, err := dashboards.ParseExtra(k.Name, files["boards/kit-"+k.Name+".yaml"])
	if err != nil {
		t.Fatal(err)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	for _, p := range board.Panels {
		for _, q := range p.Queries {
			expr := strings.ReplaceAll(q.Expr, "$__rate_interval", "1m")
			if slices.ContainsFunc(names(t, expr), func(name string) bool { return !slices.Contains(there, name) }) {
				continue
			}
			query, err := engine.NewInstantQuery(t.Context(), db, nil, expr, time.Now())
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
}

// names are the metrics that a query asks for.
func names(t *testing.T, expr string) []string {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if v, ok := node.(*parser.VectorSelector); ok {
			found = append(found, v.Name)
		}
		return nil
	})
	return found
}
