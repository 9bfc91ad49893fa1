package playbooks

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A playbook that can be used is used; what does not work in it is said with its line.
func TestInspect(t *testing.T) {
	dir := t.TempDir()
	const head = "---\nid: mine\ntitle: T\nowner: O\n---\n"
	write(t, dir, "other.md", "---\nid: other\ntitle: T\nowner: O\n---\n\n## Who is asked?\n\n## Check\n\n## Check\n\ntext\n")
	write(t, dir, "img/map of it.png", "")
	for _, c := range []struct {
		name, body string
		want       []string // without the file's name
	}{
		{"links that lead somewhere", `## A heading
See [a](other.md), [b](./other.md#who-is-asked), [c](other.md#check-1), [d](#a-heading), [e](other.md#), [f][ref],
![g](img/map%20of%20it.png), [h](img/map%20of%20it.png?raw=1#x), [i](https://gone.example/x.md), [j](//gone.example),
[k](/playbooks), [l](mailto:a@b.example), [m](https://grafana.example/d/$service?from=$x), [n](api-latency.md#check),
[o](<$place>), <https://gone.example>, ` + "`[p](gone.md)`\n\n```\n[q](gone.md)\n```\n\n[ref]: other.md#check\n", nil},
		{"links that do not", `See [a](gone.md)
and ![b](img/gone.png) and [c](other.md#who),
[d](#gone) or [e][ref]. [f]()

[ref]: other.md#ref

1. Deep:
   - [g](<sub/gone.md#x>)
   [h](http://[bad) [i](:bad:)
`, []string{
			"6: the link to gone.md leads nowhere: there is no playbook gone",
			"7: the link to img/gone.png leads nowhere: there is no file DIR/img/gone.png",
			"7: the link to other.md#who leads nowhere: playbook other has no heading #who",
			"8: the link to #gone leads nowhere: this playbook has no heading #gone",
			"8: the link to other.md#ref leads nowhere: playbook other has no heading #ref",
			"8: the link to nothing leads nowhere: write its target",
			"13: the link to sub/gone.md#x leads nowhere: there is no file DIR/sub/gone.md",
			"14: the link to http://[bad leads nowhere: it is not an address",
			"14: the link to :bad: leads nowhere: it is not an address",
		}},
		{"queries that can be asked", fence("topk(5, sum by (route) (rate(x{service=\"$service\", pod=~\"$service-.*\"}[5m])))") +
			fence("rate(x[$window])") + fence("x > $limit") + fence("sum by ($label) (x)\n# and\n/ 2") + "```sh\nrate(\n```\n", nil},
		{"queries that cannot", fence("sum(rate(x[5m])") + "\n1. a\n   ```promql\n   sum by (a) (\n     rate(x)\n   )\n   ```\n" + fence("") + fence("a b"), []string{
			"7: the query cannot be read: unclosed left parenthesis",
			"13: the query cannot be read: expected type range vector in call to function \"rate\", got instant vector",
			"16: the query is empty: write one, or remove the block",
			"20: the query cannot be read: unexpected identifier \"b\"",
		}},
		{"a block that is never closed", "1. a\n   ```sh\n   b\n2. c\n", []string{"7: this code block is never closed: write ``` on a line of its own after it"}},
		{"too many queries", strings.Repeat(fence("a"), maxQueries+1), []string{"102: there are 33 queries and a page asks the first 32: split the playbook, or drop the info string promql where no answer is needed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, dir, "mine.md", head+c.body)
			lib, err := Load([]string{dir})
			if _, ok := lib.Find("mine"); !ok {
				t.Error("the playbook is not usable")
			}
			var got []string
			if err != nil {
				file := filepath.Join(dir, "mine.md") + ":"
				for l := range strings.SplitSeq(err.Error(), "\n") {
					got = append(got, strings.ReplaceAll(strings.TrimPrefix(l, file), dir, "DIR"))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("faults differ (-want +got):\n%s", diff)
			}
		})
	}
}

// Every heading's anchor in the page is one that links may have, and no other.
func TestAnchorsAreThoseOfThePage(t *testing.T) {
	p := Playbook{Body: "# One *two* `three`\n\nFour & five\n===\n\n## One two three\n\n- ## In a list\n\n```\n## not\n```\n\n## Ünïcode?\n"}
	html := string(p.HTML())
	anchors := partsOf(p.Body).anchors
	for a := range anchors {
		if !strings.Contains(html, ` id="`+a+`"`) {
			t.Errorf("#%s is not in the page", a)
		}
	}
	if n := strings.Count(html, " id="); n != len(anchors) || n != 5 {
		t.Errorf("the page has %d anchors, %v are known:\n%s", n, anchors, html)
	}
}
