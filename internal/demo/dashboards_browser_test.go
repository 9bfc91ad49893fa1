//go:build integration

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/internal/browsertest"
	"github.com/watchtower-hub/watchtower/rules"
)

// With -screenshots DIR the pictures that docs/viewer.md shows are taken anew, which
// takes as long as the story: go test -tags integration ./internal/demo -screenshots ../../docs/images.
var screenshots = flag.String("screenshots", "", "folder to write pictures of dashboards to")

// told is what a demo tells, for another goroutine to read.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (w *told) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

var _ io.Writer = (*told)(nil)

func (w *told) find(re *regexp.Regexp) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := re.FindStringSubmatch(w.text.String()); m != nil {
		return m[1]
	}
	return ""
}

// startDemo runs a demo until the test ends and returns where it is and what it tells.
func startDemo(t *testing.T) (address string, tells *told) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tells = &told{}
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, Options{Listen: "127.0.0.1:0", Version: "test", Logger: slog.New(slog.DiscardHandler), Tell: tells, Now: time.Now})
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the demo ended: %v", err)
		}
	})
	until(t, time.Minute, "the demo says where it is", func() bool {
		address = tells.find(regexp.MustCompile(`objectives +(http\S+)/\n`))
		return address != ""
	})
	return address, tells
}

// until waits for something that a real server does in its own time.
func until(t *testing.T, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	status, body := ask(t, address)
	if status != http.StatusOK {
		t.Fatalf("%s answers %d", address, status)
	}
	return body
}

func ask(t *testing.T, address string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	return resp.StatusCode, string(text)
}

var (
	boardPath  = regexp.MustCompile(`href="(/dashboards/[^"?]+)"`)
	panelBlock = regexp.MustCompile(`(?s)<article class="cell.*?</article>`)
	panelTitle = regexp.MustCompile(`<h3><a [^>]*>([^<]*)</a>`)
)

// lacking lists the panels of all dashboards that show no data or have something to say.
func lacking(t *testing.T, address string, paths []string) []string {
	t.Helper()
	var all []string
	for _, path := range paths {
		for _, panel := range panelBlock.FindAllString(fetch(t, address+path), -1) {
			title := panelTitle.FindStringSubmatch(panel)[1]
			if strings.Contains(panel, `class="warn"`) || strings.Contains(panel, `class="empty"`) {
				all = append(all, path+": "+title)
			}
		}
	}
	return all
}

// unanswered are the queries of all dashboards that find nothing.
func unanswered(t *testing.T, address string) []string {
	t.Helper()
	objectives, err := rules.ReadObjectives([]string{"files/slos/*.yaml"}, "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := dashboards.Build(dashboards.Input{Objectives: objectives})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range all {
		var board struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(d.JSON, &board); err != nil {
			t.Fatal(err)
		}
		for _, p := range board.Panels {
			for _, q := range p.Targets {
				query := url.Values{"query": {dashboards.Interpolate(q.Expr, nil)}}
				if answer := fetch(t, address+"/api/v1/query?"+query.Encode()); !strings.Contains(answer, `"value":[`) {
					out = append(out, d.Title+": "+p.Title+": "+q.Expr)
				}
			}
		}
	}
	return out
}

// TestDemoInABrowser opens what one demo has: each dashboard, then each page.
func TestDemoInABrowser(t *testing.T) {
	address, tells := startDemo(t)
	t.Run("EveryDashboardShowsData", func(t *testing.T) { everyDashboardShowsData(t, address, tells) })
	t.Run("EveryPageIsForEverybody", func(t *testing.T) { walk(t, address) })
}

// everyDashboardShowsData opens every dashboard that the demo has, on a desk and on a
// phone: each panel shows data, and the browser has nothing to say.
func everyDashboardShowsData(t *testing.T, address string, tells *told) {
	t.Helper()
	var paths []string
	for _, m := range boardPath.FindAllStringSubmatch(fetch(t, address+"/dashboards"), -1) {
		paths = append(paths, m[1])
	}
	if len(paths) < 5 {
		t.Fatalf("there are the dashboards %v, want at least an overview and four services", paths)
	}
	var missing []string
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(time.Second) {
		if missing = append(lacking(t, address, paths), unanswered(t, address)...); len(missing) == 0 {
			break
		}
	}
	if len(missing) > 0 {
		t.Fatalf("these panels never show data:\n%s", strings.Join(missing, "\n"))
	}
	if *screenshots != "" {
		until(t, 5*time.Minute, "the incident ends", func() bool { return tells.find(regexp.MustCompile(`(Resolved: )`)) != "" })
	}
	for _, width := range []int64{1280, 390} {
		ctx := browsertest.Open(t, browsertest.Window{Width: width})
		for _, path := range paths {
			look(ctx, t, address, path, width)
		}
		if *screenshots != "" {
			shoot(ctx, t, address, width)
		}
	}
}

// look opens a dashboard and checks what is seen of it.
func look(ctx context.Context, t *testing.T, address, path string, width int64) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(address+path)); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	blank, err := chromedp.Run(ctx, chromedp.Evaluate[string](`[...document.querySelectorAll("article.cell")].filter(e => !e.querySelector(".plot, .stat, .dial, .bar, tbody td, .words") || e.querySelector(".empty, .warn")).map(e => e.querySelector("h3").innerText).join("\n")`))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for title := range strings.SplitSeq(blank, "\n") {
		if title != "" {
			t.Errorf("%s at %d pixels: panel %q shows no data", path, width, title)
		}
	}
	for what, condition := range map[string]string{
		"there are no panels":       `document.querySelectorAll("article.cell").length > 3`,
		"a drawing is empty":        `[...document.querySelectorAll(".plot")].every(e => e.querySelector(".line, .dot, .column, .cell") && e.getBoundingClientRect().height > 20)`,
		"it says no data":           `![...document.querySelectorAll(".stat, td")].some(e => /no data|NaN/i.test(e.innerText))`,
		"it is wider than the page": `document.documentElement.scrollWidth <= innerWidth`,
	} {
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition)); err != nil || !ok {
			t.Errorf("%s at %d pixels: %s (%v)", path, width, what, err)
		}
	}
}

// shoot takes the pictures for the documents.
func shoot(ctx context.Context, t *testing.T, address string, width int64) {
	t.Helper()
	pages := map[string]string{"dashboards-live": "/dashboards/wt-live?from=now-5m&to=now", "dashboards-promise": "/dashboards/wt-slo-share-share-availability?from=now-5m&to=now", "dashboards-overview": "/dashboards/wt-overview?from=now-5m&to=now", "dashboards-service": "/dashboards/wt-svc-share?from=now-5m&to=now"}
	if width < 700 {
		pages = map[string]string{"dashboards-phone": "/dashboards/wt-svc-share?from=now-5m&to=now"}
	}
	for name, path := range pages {
		if err := chromedp.Do(ctx, chromedp.Navigate(address+path)); err != nil {
			t.Fatal(err)
		}
		picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), picture, 0o644); err != nil {
			t.Fatal(fmt.Errorf("keep a picture: %w", err))
		}
	}
}
