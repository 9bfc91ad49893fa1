package playbooks

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse(t *testing.T) {
	p := parseFile(t, "testdata/share-errors.md")
	p.Body = strings.SplitAfter(p.Body, "\n")[0]
	if p.Line("reviewed") != 5 || p.Line("nothing") != 1 {
		t.Errorf("the front matter's keys are on %v", p.keys)
	}
	p.keys = nil
	want := Playbook{
		ID:       "share-errors",
		Title:    "Sharing a post fails",
		Owner:    "team-share",
		Match:    []Match{{"service": "share", "slo": "availability"}, {"alertname": "=~Share.*Errors"}},
		Reviewed: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC),
		Body:     "Read by whoever is on call for **share**.\n",
		Source:   "testdata/share-errors.md",
		bodyLine: 11,
	}
	if diff := cmp.Diff(want, p, cmpopts.EquateComparable(), cmp.AllowUnexported(Playbook{})); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func TestParseTakes(t *testing.T) {
	for name, content := range map[string]string{
		"windows line ends and a byte order mark": "\ufeff---\r\nid: a\r\ntitle: b\r\nowner: c\r\n---\r\ntext\r\n",
		"one set of labels":                       "---\nid: a\ntitle: b\nowner: c\nmatch: {service: share}\n---\ntext\n",
		"a quoted date":                           "---\nid: a\ntitle: b\nowner: c\nreviewed: \"2026-01-31\"\n---\ntext\n",
		"numbers as labels":                       "---\nid: a\ntitle: b\nowner: c\nmatch: {code: 500}\n---\ntext\n",
		"a rule in the text":                      "---\nid: a\ntitle: b\nowner: c\n---\ntext\n\n---\nmore\n",
	} {
		if _, err := Parse("a.md", []byte(content)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every fault of a file is said at once, with the line to go to and what to do.
func TestParseFaults(t *testing.T) {
	const good = "---\nid: a\ntitle: b\nowner: c\n"
	for _, c := range []struct{ name, content, want string }{
		{"nothing", "", "a.md:1: a playbook begins with front matter: write --- on the first line, then id, title and owner, then --- again"},
		{"no front matter", "# Hello\n", "a.md:1: a playbook begins with front matter: write --- on the first line, then id, title and owner, then --- again"},
		{"never closed", "---\nid: a\ntext\n", "a.md:1: the front matter is never closed: write --- on a line of its own after it"},
		{"empty", "---\n---\ntext\n", "a.md:1: the front matter is empty: give at least id, title and owner"},
		{"comment alone", "---\n# x\n---\ntext\n", "a.md:1: the front matter is empty: give at least id, title and owner"},
		{"a list", "---\n- id\n---\ntext\n", "a.md:2: the front matter is not a list of keys: write id, title and owner, each as key: value"},
		{"bad YAML", "---\nid: a\ntitle: b: c\n---\ntext\n", "a.md:3: the front matter is not valid YAML: mapping values are not allowed in this context"},
		{"everything wrong", "---\nid: Share Errors\ntitel: x\nreviewed: 02.11.2026\nowner:\n---\ntext\n", `a.md:2: id "Share Errors" is not usable in links: use a-z, 0-9 and single dashes, at most 64 of them
a.md:3: unknown key "titel"; known are id, title, owner, match, roles and reviewed
a.md:4: reviewed must be a day written as 2026-11-02
a.md:5: owner is empty: it names the team that keeps the playbook true
a.md:1: title is missing: it says what is broken, like Sharing a post fails`},
		{"nothing required", "---\nreviewed: 2026-01-01\n---\ntext\n", `a.md:1: id is missing: it names the playbook in links and labels, like share-errors
a.md:1: title is missing: it says what is broken, like Sharing a post fails
a.md:1: owner is missing: it names the team that keeps the playbook true`},
		{"twice", good + "owner: d\n---\ntext\n", "a.md:5: owner is given twice, first on line 4; keep one"},
		{"not text", "---\nid: [a]\ntitle: {b: c}\nowner: |\n  two\n  lines\n---\ntext\n", `a.md:2: id must be text, not a list
a.md:3: title must be text, not a set of keys
a.md:4: owner must be one line without tabs`},
		{"an alias", "---\nid: &x a\ntitle: *x\nowner: c\n---\ntext\n", "a.md:3: title must be text, not an alias"},
		{"a day that is none", good + "reviewed: 2026-02-30\n---\ntext\n", "a.md:5: reviewed must be a day written as 2026-11-02"},
		{"bad regular expression", good + "match:\n  - {service: share}\n  - {slo: \"=~(a\"}\n---\ntext\n", "a.md:7: label slo: \"(a\" is not a regular expression: missing closing ): `(a`"},
		{"an expression that leaves its brackets", good + "match: {slo: \"=~a)|(b\"}\n---\ntext\n", "a.md:5: label slo: \"a)|(b\" is not a regular expression: unexpected ): `a)|(b`"},
		{"match of other kinds", good + "match: share\n---\ntext\n", "a.md:5: match must name labels and their values, like {service: share, slo: availability}"},
		{"match of nothing", good + "match: []\n---\ntext\n", "a.md:5: match is an empty list: give at least one set of labels, or leave match out"},
		{"match of empty sets", good + "match: [{}]\n---\ntext\n", "a.md:5: match must name labels and their values, like {service: share, slo: availability}"},
		{"bad labels", good + "match:\n  service: [feed, share]\n  slo: \"\"\n  team: \"!=x\"\n  bad name: x\n  service: y\n  a: =~\n---\ntext\n", `a.md:6: label service must have one value, not a list; for several use a regular expression like "=~feed|share"
a.md:7: label slo has no value; an absent label never matches
a.md:8: label team is matched by negation, which playbooks do not offer; write what it is for
a.md:9: "bad name" is not a label name
a.md:11: label a has no value; an absent label never matches`},
		{"label twice", good + "match: {a: x, a: y}\n---\ntext\n", "a.md:5: label a is given twice in one set; write two sets as a list"},
		{"no text", good + "---\n\n \n", "a.md:5: there is no text after the front matter: write what to check and how to mitigate"},
		{"not UTF-8", good + "---\n\xff\n", "a.md:6: the text is not UTF-8; save the file as UTF-8"},
		{"a zero byte", good + "---\n\x00\n", "a.md:6: there is a zero byte in the text; remove it"},
		{"too large", good + "---\n" + strings.Repeat("x", maxFile), "a.md:1: the file has 65568 bytes; a playbook may have 65536"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("a.md", []byte(c.content))
			if err == nil {
				t.Fatal("no fault was found")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("faults differ (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("---\nid: a\ntitle: b\nowner: c\nmatch: [{a: \"=~b\"}]\nreviewed: 2026-01-01\n---\n## Impact\n\ntext\n\n## Check\n\n1. a\n   ```sh\n   b\n   ```\n"))
	f.Add([]byte("---\nid: &a [*a]\n---\n"))
	f.Add([]byte("---\n? - a\n: b\n---\n~~~\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := Parse("f.md", content)
		if err != nil {
			for l := range strings.SplitSeq(err.Error(), "\n") {
				if strings.HasPrefix(l, "f.md:0") {
					t.Errorf("a fault without a line: %s", l)
				}
			}
			return
		}
		if !validID(p.ID) || p.Title == "" || p.Owner == "" || isBlank(p.Body) {
			t.Errorf("taken, but not usable: %+v", p)
		}
		if _, err := newCandidate(p); err != nil {
			t.Errorf("taken, but cannot be matched: %v", err)
		}
		_ = p.Summary()
		_ = p.HTML()
		_ = queryFaults(p)
		_ = partsOf(p.Body)
		_ = p.Hash()
		_ = p.Section(Check)
		for _, step := range firstSteps(p, 3) {
			if isBlank(step) {
				t.Errorf("an empty step in %q", p.Body)
			}
		}
		for _, piece := range p.Fill(map[string]string{"service": "x"}).SlackMarkdown("http://x") {
			if n := slackSize(splitLines(piece)); n > slackLimit+1 {
				t.Errorf("a piece of %d characters", n)
			}
		}
	})
}

func TestRoles(t *testing.T) {
	const begin, end = "---\nid: a\ntitle: T\nowner: O\nroles:", "\n---\nDo it.\n"
	p, err := Parse("a.md", []byte(begin+" {commander: on_call, communications: comms}"+end))
	if err != nil || p.Roles[RoleCommander] != "on_call" || p.Roles[RoleCommunications] != "comms" {
		t.Fatalf("%v, %v", p.Roles, err)
	}
	for text, want := range map[string]string{
		" on_call":                      "a.md:5: roles must be names with who has them",
		"\n  king: on_call":             `a.md:6: unknown role "king"; known are commander and communications`,
		"\n  commander: [a]":            "a.md:6: roles.commander must be text",
		"\n  commander:":                "a.md:6: roles.commander is empty",
		" {commander: a, commander: b}": "a.md:5:",
	} {
		if _, err := Parse("a.md", []byte(begin+text+end)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
