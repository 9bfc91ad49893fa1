package kits

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Merge adds to a watchtower.yaml what brings the kits' metrics: jobs to
// collectors.scrape_configs and receivers to collectors.otelcol.receivers. What
// stands there stays as it is, to the letter; jobs and receivers whose name is
// taken are left out and named in kept. A place that is written on one line is a
// fault that says what to put there by hand.
func Merge(config []byte, kits []Kit) (merged []byte, kept []string, err error) {
	text := string(config)
	for _, k := range kits {
		parts, left, err := k.parts(text)
		if err != nil {
			return nil, nil, err
		}
		kept = append(kept, left...)
		for _, p := range parts {
			if text, err = insert(text, p.path, p.lines); err != nil {
				return nil, nil, fmt.Errorf("kit %s: %w", k.Name, err)
			}
		}
	}
	var whole yaml.Node
	if err := yaml.Unmarshal([]byte(text), &whole); err != nil {
		return nil, nil, fmt.Errorf("merge the kits: the file would no longer be YAML: %w", err)
	}
	return []byte(text), kept, nil
}

// part is a piece of configuration and the place of the list or mapping it belongs to.
type part struct {
	path  []string
	lines []string
}

// parts are what a kit adds to a configuration, and what it leaves as it is.
func (k Kit) parts(text string) (parts []part, kept []string, err error) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return nil, nil, fmt.Errorf("the configuration is not YAML: %w", err)
	}
	jobs := []string{"collectors", "scrape_configs"}
	receivers := []string{"collectors", "otelcol", "receivers"}
	taken := jobNames(find(&root, jobs))
	for _, job := range k.Receiver.ScrapeConfigs.Content {
		name := value(job, "job_name")
		if slices.Contains(taken, name) {
			kept = append(kept, "job "+name)
			continue
		}
		lines, err := block(&yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{job}})
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, part{jobs, lines})
	}
	wanted := find(&k.Receiver.OTelCol, receivers[2:])
	there := find(&root, receivers)
	for i := 0; wanted != nil && i+1 < len(wanted.Content); i += 2 {
		key, body := wanted.Content[i], wanted.Content[i+1]
		if there != nil && find(there, []string{key.Value}) != nil {
			kept = append(kept, "receiver "+key.Value)
			continue
		}
		lines, err := block(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, body}})
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, part{receivers, lines})
	}
	return parts, kept, nil
}

func jobNames(list *yaml.Node) []string {
	var names []string
	if list != nil {
		for _, job := range list.Content {
			names = append(names, value(job, "job_name"))
		}
	}
	return names
}

// find follows keys; nil when one is missing.
func find(node *yaml.Node, path []string) *yaml.Node {
	if node.Kind == yaml.DocumentNode && len(node.Content) > 0 {
		node = node.Content[0]
	}
	for _, word := range path {
		next := -1
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == word {
				next = i + 1
			}
		}
		if next < 0 {
			return nil
		}
		node = node.Content[next]
	}
	return node
}

func value(node *yaml.Node, key string) string {
	if found := find(node, []string{key}); found != nil {
		return found.Value
	}
	return ""
}

// block writes a node as lines without indentation.
func block(node *yaml.Node) ([]string, error) {
	body, err := encode(node)
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimRight(string(body), "\n"), "\n"), nil
}

// insert puts lines at the beginning of the list or mapping at path, which is
// made where it is missing.
func insert(text string, path, lines []string) (string, error) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		return "", err
	}
	deep := len(path)
	for deep > 0 && find(&root, path[:deep]) == nil {
		deep--
	}
	rest := path[deep:]
	for _, key := range slices.Backward(rest) {
		lines = append([]string{key + ":"}, indent(lines, 2)...)
	}
	if deep == 0 {
		return strings.TrimRight(text, "\n") + "\n\n" + strings.Join(lines, "\n") + "\n", nil
	}
	return under(text, path[:deep], find(&root, path[:deep]), lines)
}

// under puts lines at the beginning of a node's children.
func under(text string, path []string, node *yaml.Node, lines []string) (string, error) {
	all := strings.Split(text, "\n")
	where := strings.Join(path, ".")
	byHand := errors.New(where + " is written on one line or by an alias: write it out over several, or put this there yourself:\n" + strings.Join(lines, "\n"))
	if len(node.Content) == 0 && node.Kind != yaml.AliasNode {
		// Nothing, [] or {}: it goes behind its key, on lines of its own.
		at := node.Line - 1
		key, _, found := strings.Cut(all[at], path[len(path)-1]+":")
		rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(all[at]), path[len(path)-1]+":"))
		comment := ""
		if i := strings.Index(rest, "#"); i >= 0 {
			rest, comment = strings.TrimSpace(rest[:i]), " "+rest[i:]
		}
		if !found || strings.TrimSpace(key) != "" || rest != "" && rest != "[]" && rest != "{}" {
			return "", byHand
		}
		all[at] = key + path[len(path)-1] + ":" + comment
		return strings.Join(slices.Insert(all, at+1, indent(lines, len(key)+2)...), "\n"), nil
	}
	if node.Kind == yaml.AliasNode || node.Style&yaml.FlowStyle != 0 {
		return "", byHand
	}
	// The node begins where its first child does, or the dash before that.
	return strings.Join(slices.Insert(all, node.Line-1, indent(lines, node.Column-1)...), "\n"), nil
}

func indent(lines []string, n int) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = strings.Repeat(" ", n) + line
	}
	return out
}
