//go:build integration

package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// standards are axe's names of the rules that pages keep: WCAG 2.0 and 2.1 up to level AA,
// and what is good practice beyond. No rule is left out.
func standards() []string {
	return []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"}
}

// installer is the script that brings axe, as seen from this package.
const installer = "../../scripts/install-test-programs"

// script is axe's source. It is no part of the repository.
var script = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(here), installer))
	if err != nil {
		return "", fmt.Errorf("read which version of axe is wanted: %w", err)
	}
	version := regexp.MustCompile(`(?m)^axe_version=(\S+)$`).FindSubmatch(text)
	if version == nil {
		return "", fmt.Errorf("%s names no axe_version", installer)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find axe: %w", err)
	}
	source, err := os.ReadFile(filepath.Join(cache, "watchtower-test", "axe-core-"+string(version[1]), "axe.min.js"))
	if err != nil {
		return "", fmt.Errorf("axe-core %s, which looks for barriers in pages, is not installed: run scripts/install-test-programs (%w)", version[1], err)
	}
	return string(source), nil
})

// violation is one rule that a page breaks, as axe tells it.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		Target         []any
		FailureSummary string
	}
}

func (v violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s, %d times", v.ID, v.Impact, v.Help, len(v.Nodes))
	for _, n := range v.Nodes[:min(5, len(v.Nodes))] {
		fmt.Fprintf(&b, "\n\t%v: %s", n.Target, short(n.FailureSummary))
	}
	return b.String()
}

// violations runs axe in the page that is open. The debugger brings it there: the page's
// own policy, which forbids scripts of others, stays as it is.
func violations(ctx context.Context, t *testing.T) []violation {
	t.Helper()
	source, err := script()
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](source)); err != nil {
		t.Fatalf("bring axe into the page: %v", err)
	}
	tags, err := json.Marshal(standards())
	if err != nil {
		t.Fatal(err)
	}
	return Ask[[]violation](ctx, t, `axe.run(document, {runOnly: {type: "tag", values: `+string(tags)+`}, resultTypes: ["violations"]}).then(r => r.violations)`)
}
