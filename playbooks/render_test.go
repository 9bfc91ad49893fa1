package playbooks

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update writes it anew:\n%s", file, diff)
	}
}

func parseFile(t *testing.T, file string) Playbook {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(file, content)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// One document shows everything that a reader of a page, of the web or of Slack gets.
func TestRenderGolden(t *testing.T) {
	p := parseFile(t, "testdata/share-errors.md")
	var b strings.Builder
	fmt.Fprintf(&b, "== identity\n%s | %s | %s | %s\n", p.ID, p.Title, p.Owner, p.Reviewed.Format("2 Jan 2006"))
	for _, m := range p.Match {
		fmt.Fprintf(&b, "%s\n", m)
	}
	fmt.Fprintf(&b, "== summary\n%s\n", p.Summary())
	for i, step := range firstSteps(p, 100) {
		fmt.Fprintf(&b, "== step %d\n%s\n", i+1, step)
	}
	for _, name := range []string{Mitigate, "escalate", Communicate} {
		fmt.Fprintf(&b, "== section %s\n%s\n", name, p.Section(name))
	}
	fmt.Fprintf(&b, "== html\n%s", p.HTML())
	filled := p.Fill(map[string]string{"service": "share", "unknown": "x; rm -rf /"})
	for i, piece := range filled.SlackMarkdown("https://watchtower.example/") {
		fmt.Fprintf(&b, "== slack, filled, message %d\n%s\n", i+1, piece)
	}
	golden(t, "share-errors.golden.txt", b.String())
}

func TestSummaryFallsBack(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"## Impact\n\nBad.\n", "Bad."},
		{"## Impact\n\n- only a list\n", "The title"},
		{"## Impact\n\n## Check\n\nFirst text.\n", "First text."},
		{"Intro `code` & more\n", "Intro code & more"},
		{"", "The title"},
	} {
		if got := (Playbook{Title: "The title", Body: c.body}).Summary(); got != c.want {
			t.Errorf("Summary of %q is %q, want %q", c.body, got, c.want)
		}
	}
}

// firstSteps are the texts of what First chooses.
func firstSteps(p Playbook, n int) (texts []string) {
	for _, s := range First(p.Steps(), n) {
		texts = append(texts, s.Text)
	}
	return texts
}

func TestFirstSteps(t *testing.T) {
	for _, c := range []struct {
		name, body string
		n          int
		want       []string
	}{
		{"check before mitigate", "## Mitigate\n1. c\n## Check\n1. a\n2. b\n", 3, []string{"a", "b", "c"}},
		{"as many as asked", "## Check\n1. a\n2. b\n", 1, []string{"a"}},
		{"none asked", "## Check\n1. a\n", -1, []string{}},
		{"bullets where nothing is numbered", "## Check\n- a\n- b\n", 5, []string{"a", "b"}},
		{"no sections", "Do this:\n\n1. a\n1. b\n", 5, []string{"a", "b"}},
		{"numbers in text are not steps", "## Check\n1.5 seconds\n2 things\n1. a\n", 5, []string{"a"}},
		{"lazy line", "## Check\n1. a\nand more\n\nnot that\n", 5, []string{"a\nand more"}},
		{"fence at the margin ends the list", "## Check\n1. a\n```sh\n1. no\n```\n2. b\n", 5, []string{"a", "b"}},
		{"empty item", "## Check\n1.\n2. b\n", 5, []string{"b"}},
		{"nothing", "text\n", 5, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := firstSteps(Playbook{Body: c.body}, c.n)
			if diff := cmp.Diff(c.want, append([]string{}, got...)); diff != "" {
				t.Errorf("steps differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHTMLIsSafe(t *testing.T) {
	body := "<script>x</script>\n\n[a](javascript:alert(1)) ![i](data:text/html;base64,x) <img src=x onerror=y>\n\n<a href=\"x\">\n"
	got := string(Playbook{Body: body}.HTML())
	for _, bad := range []string{"<script", "javascript:", "data:text", "onerror", "<img src=x", "<a href=\"x\">"} {
		if strings.Contains(got, bad) {
			t.Errorf("HTML contains %s:\n%s", bad, got)
		}
	}
}

func TestHash(t *testing.T) {
	p := Playbook{ID: "a", Title: "b", Owner: "c", Body: "d", Source: "x"}
	same := p
	same.Source, same.Builtin, same.bodyLine = "y", true, 7
	if p.Hash() != same.Hash() || len(p.Hash()) != 64 {
		t.Errorf("the hash has to depend on what is read alone: %s and %s", p.Hash(), same.Hash())
	}
	p.Body = "restart $service"
	if filled := p.Fill(map[string]string{"service": "share"}); filled.Body != "restart share" || filled.Hash() != p.Hash() {
		t.Errorf("filled it is %+v with hash %s, want that of the text as written", filled, filled.Hash())
	}
	for _, other := range []Playbook{
		{ID: "ab", Title: "", Owner: "c", Body: "d"},
		{ID: "a", Title: "b", Owner: "c", Body: "e"},
	} {
		if other.Hash() == p.Hash() {
			t.Errorf("%+v has the hash of %+v", other, p)
		}
	}
}
