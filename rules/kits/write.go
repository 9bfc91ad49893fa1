package kits

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// teamMark stands in kits where the owner's name goes.
const teamMark = "TEAM"

// Files are those of a kit, by path: objectives, if it has some, rules and
// panels. team owns its alerts.
func (k Kit) Files(team string) (map[string][]byte, error) {
	name := "kit-" + k.Name + ".yaml"
	files := map[string][]byte{"rules/" + name: k.rules(team)}
	board, err := k.boardFile()
	if err != nil {
		return nil, err
	}
	files["boards/"+name] = board
	if len(k.SLOs) == 0 {
		return files, nil
	}
	slos, err := k.slosFile(team)
	if err != nil {
		return nil, err
	}
	files["slos/"+name] = slos
	return files, nil
}

// head is the comment on top of every file.
func (k Kit) head(what string) string {
	return fmt.Sprintf("# %s: %s. Written by `watchtower init --kit %s`; it is yours to change.\n", k.Title, what, k.Name)
}

// rules writes the alerts as a Prometheus rule file.
func (k Kit) rules(team string) []byte {
	var b bytes.Buffer
	b.WriteString(k.head("when it is too full"))
	fmt.Fprintf(&b, "groups:\n  - name: kit-%s\n    rules:\n", k.Name)
	for _, a := range k.Alerts {
		for _, level := range []struct {
			severity string
			Level
		}{{"ticket", a.Soft}, {"page", a.Hard}} {
			fmt.Fprintf(&b, "      - alert: %s\n        expr: |-\n          (\n%s\n          ) %s %s\n",
				a.Name, indented(a.Expr, 12), a.Fires.operator(), number(level.At))
			if level.For > 0 {
				fmt.Fprintf(&b, "        for: %s\n", level.For)
			}
			fmt.Fprintf(&b, "        labels: {severity: %s, team: %s, service: %s, component: %s, playbook: %s}\n",
				level.severity, quoted(team), k.Service, k.Name, a.Playbook)
			fmt.Fprintf(&b, "        annotations:\n          summary: %s\n          description: %s\n",
				strconv.Quote(flat(a.Summary)), strconv.Quote(flat(a.Description)))
		}
	}
	return b.Bytes()
}

// operator compares an expression with a threshold.
func (s Side) operator() string {
	if s == Below {
		return "<"
	}
	return ">="
}

func (k Kit) boardFile() ([]byte, error) {
	root := yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{word("board"), &k.Board, word("panels"), &k.Panels}}
	body, err := encode(&root)
	if err != nil {
		return nil, fmt.Errorf("write the board of kit %s: %w", k.Name, err)
	}
	return append([]byte(k.head("what to look at")), body...), nil
}

func (k Kit) slosFile(team string) ([]byte, error) {
	list := yaml.Node{Kind: yaml.SequenceNode}
	for i := range k.SLOs {
		list.Content = append(list.Content, &k.SLOs[i])
	}
	labels := yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: []*yaml.Node{
		word("team"), word(teamMark),
	}}
	root := yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
		word("version"), word("prometheus/v1"), word("service"), word(k.Service), word("labels"), &labels, word("slos"), &list,
	}}
	body, err := encode(&root)
	if err != nil {
		return nil, fmt.Errorf("write the objectives of kit %s: %w", k.Name, err)
	}
	return append([]byte(k.head("what is promised")), bytes.ReplaceAll(body, []byte("team: "+teamMark), []byte("team: "+quoted(team)))...), nil
}

func word(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func encode(node *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, err
	}
	return b.Bytes(), encoder.Close()
}

// quoted writes a word for YAML, with quotes where it needs them.
func quoted(s string) string {
	b, err := yaml.Marshal(s)
	if err != nil || strings.ContainsAny(s, ",[]{}\n") {
		return strconv.Quote(s)
	}
	return strings.TrimSpace(string(b))
}

// indented puts every line behind n spaces.
func indented(text string, n int) string {
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+pad)
}

// flat puts words on one line.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// size writes bytes in powers of 1024.
func size(v float64) string {
	for _, unit := range []struct {
		name string
		of   float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if v >= unit.of {
			return number(v/unit.of) + " " + unit.name
		}
	}
	return number(v) + " B"
}
