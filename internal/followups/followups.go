// Package followups makes issues of what a post-mortem leaves to do. People edit the
// document first; then each item of its checklist that is open becomes an issue of
// GitHub or Jira, or a card of Trello, and the item gets its link.
//
//	written, err := followups.Export(ctx, text, tracker, save)
//
// It imports no other package of ours: what it reads is Markdown.
package followups

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"strings"
)

// Issue is one thing to do. Both are plain text.
type Issue struct{ Title, Body string }

// Made is where an issue is found: what people call it, and its page.
type Made struct{ Name, URL string }

// Tracker makes an issue.
type Tracker func(ctx context.Context, i Issue) (Made, error)

var (
	heading = regexp.MustCompile(`^(#{1,6}) +(.*?)\s*$`)
	item    = regexp.MustCompile(`^(\s*[-*+] +\[ \] +)(.*?)\s*$`)
	fence   = regexp.MustCompile("^\\s*(?:(`{3,})[^`]*|(~{3,}).*)$")
	page    = regexp.MustCompile(`\[its page\]\((https?://[^)\s]+)\)`)
	escaped = regexp.MustCompile(`\\([[:punct:]])`)
)

// section is the heading above the checklist, exported what stands behind an item that is
// an issue: people write links there too, and see no comment.
const (
	section  = "Follow-ups"
	exported = "<!-- exported -->"
)

// open are the lines of items that are to become issues.
func open(lines []string) []int {
	var out []int
	level, code := 0, "" // of the section's heading, 0 outside of it; and the fence of the code around
	for i, line := range lines {
		if m := fence.FindStringSubmatch(line); m != nil {
			code = within(code, m[1]+m[2])
			continue
		}
		if code != "" {
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			switch depth := len(m[1]); {
			case m[2] == section:
				level = depth
			case depth <= level:
				level = 0
			}
			continue
		}
		if m := item.FindStringSubmatch(line); level > 0 && m != nil && m[2] != "" && !strings.HasSuffix(m[2], exported) {
			out = append(out, i)
		}
	}
	return out
}

// within is the fence of the code behind another fence: code ends with one of its own
// kind that is no shorter.
func within(code, next string) string {
	switch {
	case code == "":
		return next
	case next[0] == code[0] && len(next) >= len(code):
		return ""
	default:
		return code
	}
}

// Unticked is what a post-mortem leaves to do, and nobody has ticked off.
type Unticked struct {
	Title string
	// URL is where it is tracked, "" where it is not.
	URL string
	// Of is the title of the document, Page the address of the incident's page; both may be empty.
	Of, Page string
}

var tracked = regexp.MustCompile(`^(.*?)\s*\(\[[^\]]*\]\((https?://[^)\s]+)\)\)\s*$`)

// Open are the items of a post-mortem's checklist that are not ticked off, those that are tracked elsewhere too.
func Open(document string) []Unticked {
	written := strings.Split(document, "\n")
	lines := make([]string, len(written))
	var doc Unticked
	for i, line := range written {
		lines[i] = strings.TrimSuffix(strings.TrimRight(line, " \t\r"), exported)
		if m := heading.FindStringSubmatch(line); m != nil && strings.HasPrefix(line, "# ") && doc.Of == "" {
			doc.Of = plain(m[2])
		}
		if m := page.FindStringSubmatch(line); m != nil && doc.Page == "" {
			doc.Page = m[1]
		}
	}
	var out []Unticked
	for _, i := range open(lines) {
		one := doc
		one.Title = item.FindStringSubmatch(lines[i])[2]
		if m := tracked.FindStringSubmatch(one.Title); m != nil && lines[i] != strings.TrimRight(written[i], " \t\r") {
			one.Title, one.URL = m[1], m[2]
		}
		one.Title = plain(one.Title)
		out = append(out, one)
	}
	return out
}

// Items are the titles of what Export would make.
func Items(document string) []string {
	lines := strings.Split(document, "\n")
	var out []string
	for _, i := range open(lines) {
		out = append(out, plain(item.FindStringSubmatch(lines[i])[2]))
	}
	return out
}

// Export makes an issue of every open item below the heading Follow-ups that has none.
// After each, save gets the document with the link behind the item, so that what was
// made is not made again after an error. It returns what was made until then.
func Export(ctx context.Context, document string, track Tracker, save func(document string) error) ([]Made, error) {
	lines := strings.Split(document, "\n")
	body := about(lines)
	var all []Made
	for _, i := range open(lines) {
		title := plain(item.FindStringSubmatch(lines[i])[2])
		made, err := track(ctx, Issue{Title: title, Body: body})
		if err != nil {
			return all, fmt.Errorf("%q: %w", title, err)
		}
		all = append(all, made)
		lines[i] = strings.TrimRight(lines[i], " \t\r") + " ([" + made.Name + "](" + made.URL + ")) " + exported
		if err := save(strings.Join(lines, "\n")); err != nil {
			return all, fmt.Errorf("%s was made, and its link could not be written down: %w", made.URL, err)
		}
	}
	return all, nil
}

// about says which incident a follow-up is of.
func about(lines []string) string {
	body, link := "A follow-up of an incident.", ""
	for _, line := range lines {
		if m := heading.FindStringSubmatch(line); m != nil && strings.HasPrefix(line, "# ") {
			body = "A follow-up of: " + plain(m[2])
		}
		if m := page.FindStringSubmatch(line); m != nil && link == "" {
			link = "\n\n" + m[1]
		}
	}
	return body + link
}

// plain takes the escapes from a line of Markdown. The invisible signs that keep names
// from being mentioned stay: issues mention too.
func plain(s string) string {
	return strings.TrimSpace(html.UnescapeString(escaped.ReplaceAllString(s, "$1")))
}
