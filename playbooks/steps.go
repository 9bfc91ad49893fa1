package playbooks

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// Step is one thing to do.
type Step struct {
	// ID stays the same for as long as the step's text does, as it was written,
	// whatever happens to the text around it. It is unique in its playbook.
	ID string
	// Section is Check or Mitigate; "" where the playbook has neither.
	Section string
	// Text is Markdown without the step's number, for a small screen.
	Text string
}

// Steps returns what Check and then Mitigate say to do; where the body has neither
// section, the steps of the body. Where Evaluate has answered a query, the answer
// stands in the query's place: a line, or a line for each of several values. Links
// to playbooks become their text, since a step may be shown anywhere.
func (p Playbook) Steps() []Step {
	lines, written := splitLines(p.unanswered()), splitLines(p.asWritten())
	if len(lines) != len(written) {
		written = lines // somebody changed Body after Fill
	}
	// What is a step is said by the text as written: no label's value makes another one.
	steps := findSteps(written)
	blocks := map[int]asked{}
	for i, b := range queryBlocks(written) {
		if i < len(p.answers) {
			blocks[b.first] = asked{b, p.answers[i]}
		}
	}
	out := make([]Step, 0, len(steps))
	times := map[string]int{}
	for _, s := range steps {
		sum := sha256.Sum256([]byte(s.text(written)))
		id := hex.EncodeToString(sum[:6])
		if times[id]++; times[id] > 1 {
			id += "-" + strconv.Itoa(times[id])
		}
		out = append(out, Step{ID: id, Section: s.section, Text: onPhone(s.answered(lines, blocks))})
	}
	return out
}

// First chooses at most n of the steps, in their order. The first of Mitigate always
// has a place among them: it is the quickest way to help.
func First(steps []Step, n int) []Step {
	n = max(0, min(n, len(steps)))
	fix := slices.IndexFunc(steps, func(s Step) bool { return s.Section == Mitigate })
	if n > 1 && fix >= n {
		return append(slices.Clone(steps[:n-1]), steps[fix])
	}
	return steps[:n]
}

// found is a step in the lines it was found in.
type found struct {
	item

	section string
}

func findSteps(lines []line) []found {
	var steps []found
	take := func(name string, from, to int) {
		for _, it := range items(lines, from, to) {
			steps = append(steps, found{it, name})
		}
	}
	for _, name := range []string{Check, Mitigate} {
		from, to := sectionOf(lines, name)
		take(name, from, to)
	}
	if len(steps) == 0 {
		take("", 0, len(lines))
	}
	return steps
}

// asked is a query and its answer.
type asked struct {
	block

	answer answer
}

// answered is the step's text with answers in the place of its queries, which are
// known by their first lines.
func (s found) answered(lines []line, queries map[int]asked) string {
	var out []string
	for i := s.first; i < s.end; i++ {
		q, ok := queries[i]
		if !ok {
			out = append(out, s.cut(lines[i], i))
			continue
		}
		for _, l := range q.answer.lines {
			out = append(out, cutIndent(q.indent(), s.width)+l)
		}
		i = q.last
		if i+1 < s.end && goesOn(lines[i+1]) {
			out = append(out, "")
		}
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}

// onPhone makes a step fit to stand among others: no link that leads nowhere there,
// and no code block that would swallow what comes next.
func onPhone(md string) string {
	md = rewriteLinks(md, "", func(string) string { return "" })
	open := ""
	for _, l := range splitLines(md) {
		switch {
		case l.opens != "":
			open = l.opens
		case open != "" && closesFence(l.text, fenceMark(open)):
			open = ""
		}
	}
	if open != "" {
		md += "\n" + closing(open)
	}
	return md
}
