package playbooks

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The sections that a page, Slack and the web show. Section takes any name.
const (
	Impact      = "Impact"
	Check       = "Check"
	Mitigate    = "Mitigate"
	Escalate    = "Escalate"
	Communicate = "Communicate"
)

// Label is the label (or annotation) by which an alert names its playbook outright.
const Label = "playbook"

// regexpPrefix marks a value in a Match as a regular expression.
const regexpPrefix = "=~"

// Playbook is what to do about one kind of failure. It is a value: nothing in
// it changes after it was read, and it is safe for concurrent use.
type Playbook struct {
	// ID names the playbook in links, labels and URLs: a-z, 0-9 and dashes.
	ID string
	// Title says what is broken, in a few words.
	Title string
	// Owner is the team that keeps the playbook true.
	Owner string
	// Match lists the sets of labels it is for; one of them has to match. None:
	// it is found by its ID alone.
	Match []Match
	// Reviewed is the day somebody last followed it, in UTC; zero when it was never said.
	Reviewed time.Time
	// Roles name who has a role in an incident until somebody takes it: by the role, a
	// user, a team, or on_call or next_on_call of the team that the alert is for.
	Roles map[string]string
	// Body is the Markdown after the front matter, with \n line ends.
	Body string
	// Source is the file it was read from, for messages.
	Source string
	// Builtin says that it belongs to the embedded library.
	Builtin bool

	standsIn bool           // in place of an embedded one, with the same match
	keys     map[string]int // line of Source on which the front matter gives a key
	bodyLine int            // line of Source on which Body begins
	hash     string         // of the text before Fill; "" when it was not filled
	written  string         // Body before Fill; "" when that is Body
	plain    string         // Body before Evaluate; "" when that is Body
	answers  []answer       // of the queries in plain, in their order; nil before Evaluate
}

// Line is the line of Source on which the front matter gives this key, 1 when it
// does not.
func (p Playbook) Line(key string) int { return max(1, p.keys[key]) }

// unanswered is the text as Fill left it.
func (p Playbook) unanswered() string { return cmp.Or(p.plain, p.Body) }

// asWritten is the text before Fill.
func (p Playbook) asWritten() string { return cmp.Or(p.written, p.unanswered()) }

// Match is a set of labels, each with the value it must have. A value that
// begins with "=~" is a regular expression for the whole label value.
type Match map[string]string

// String writes the set as PromQL writes label matchers: {service="share", slo=~"latency.*"}.
func (m Match) String() string {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
		if expr, ok := strings.CutPrefix(m[name], regexpPrefix); ok {
			b.WriteString(regexpPrefix + strconv.Quote(expr))
			continue
		}
		b.WriteString("=" + strconv.Quote(m[name]))
	}
	b.WriteByte('}')
	return b.String()
}

// Hash is the SHA-256 of what a reader sees (id, title, owner, body), in hex.
// An incident keeps it, so that it is known later which text was followed.
func (p Playbook) Hash() string {
	if p.hash != "" {
		return p.hash
	}
	h := sha256.New()
	for _, part := range []string{p.ID, p.Title, p.Owner, p.asWritten()} {
		// A hash never returns an error. The length keeps "ab"+"c" apart from "a"+"bc".
		_, _ = h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

var (
	// placeholder is a label's name with a dollar before it, as in $service.
	placeholder = regexp.MustCompile(`\$[a-zA-Z_][a-zA-Z0-9_]*`)
	// plainValue is what may be put into a command that somebody will paste into a shell.
	plainValue = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.:/@-]*$`)
)

// Fill puts the alert's label values in the place of $service, $slo and the
// like, so that queries and commands are ready to use. A name that is not among
// the labels stays, and so does one whose value could do harm in a shell or a
// query: only letters, digits and _ . : / @ - are put in. The Hash stays that of
// the playbook as it was written.
func (p Playbook) Fill(labels map[string]string) Playbook {
	p.hash, p.written = p.Hash(), p.asWritten()
	filled := placeholder.ReplaceAllStringFunc(p.unanswered(), func(name string) string {
		if value := labels[name[1:]]; plainValue.MatchString(value) {
			return value
		}
		return name
	})
	if p.answers == nil {
		p.Body = filled
		return p
	}
	p.plain = filled
	p.Body = withAnswers(splitLines(filled), p.answers)
	return p
}
