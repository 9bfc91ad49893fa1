package kits

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of docs/kits.md anew")

const (
	docs  = "../../docs/kits.md"
	begin = "<!-- kits -->\n"
	end   = "<!-- end -->"
)

// tables are what docs/kits.md tells of every kit.
func tables(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("\n| kit | for | metrics from |\n| --- | --- | --- |\n")
	for _, k := range all(t) {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", k.Name, anchor(k.Title), k.Title, k.Receiver.Source())
	}
	for _, k := range all(t) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\nMetrics: %s\n\n", k.Title, flat(k.About), flat(k.Receiver.About))
		b.WriteString("| alert | soft | hard | what it means | playbook |\n| --- | --- | --- | --- | --- |\n")
		for _, a := range k.Alerts {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | [%s](../playbooks/library/%s.md) |\n", a.Name, a.String(a.Soft), a.String(a.Hard), flat(a.Description), a.Playbook, a.Playbook)
		}
		if objectives := objectives(t, k); len(objectives) > 0 {
			b.WriteString("\n| objective | promise | target |\n| --- | --- | --- |\n")
			for _, o := range objectives {
				fmt.Fprintf(&b, "| `%s` | %s: %s | %s %% |\n", o.SLO, o.Promise, o.Description, number(o.Target*100))
			}
		}
	}
	return b.String() + "\n"
}

// anchor is that of a heading.
func anchor(title string) string {
	return strings.ReplaceAll(strings.ToLower(title), " ", "-")
}

// The thresholds that people read are the ones that are written.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	told, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the tables", docs)
	}
	want := tables(t)
	if *update {
		if err := os.WriteFile(docs, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("%s differs from the kits (-want +got); go test -update writes it anew:\n%s", docs, diff)
	}
}
