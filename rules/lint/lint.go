package lint

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Severity tells faults and warnings apart.
type Severity string

// The severities of findings.
const (
	// Fault keeps an objective, or a file, from working as it is written.
	Fault Severity = "fault"
	// Warning is worth a look; what is written works.
	Warning Severity = "warning"
)

// Finding is one thing to change.
type Finding struct {
	// File and Line say where; both are empty when no file is at fault.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Objective is the ID of the objective it is about; "" for other findings.
	Objective string   `json:"objective,omitempty"`
	Severity  Severity `json:"severity"`
	// Check names what was checked, for machines; docs/check.md lists all names.
	Check string `json:"check"`
	// Sentence says what is wrong and what to change.
	Sentence string `json:"sentence"`
}

// String writes the finding on one line, as editors and people read it.
func (f Finding) String() string {
	s := f.Sentence
	if f.Objective != "" {
		s = "objective " + f.Objective + ": " + s
	}
	if f.Severity == Warning {
		s = "warning: " + s
	}
	if f.File != "" {
		s = f.File + ":" + strconv.Itoa(max(f.Line, 1)) + ": " + s
	}
	return s
}

// Sort orders findings by file and line; on one line faults come first. Findings that
// say the same are kept once.
func Sort(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Objective, b.Objective))
	})
	return slices.Compact(findings)
}

// Count returns how many findings are faults and how many warnings.
func Count(findings []Finding) (faults, warnings int) {
	for _, f := range findings {
		if f.Severity == Fault {
			faults++
		}
	}
	return faults, len(findings) - faults
}

// position matches what other readers put before their sentences.
var position = regexp.MustCompile(`^([^\n]*?[^\s:]):(\d+): ((?s:.*))$`)

// Parse takes a text of the form "file:line: sentence" apart; any other is a finding
// without a place.
func Parse(check string, severity Severity, text string) Finding {
	f := Finding{Check: check, Severity: severity, Sentence: text}
	if m := position.FindStringSubmatch(text); m != nil {
		f.File, f.Sentence = m[1], m[3]
		f.Line, _ = strconv.Atoi(m[2])
	}
	return f
}

// Facts are what is known beside the objectives. What is zero is not known, and what
// depends on it is not checked.
type Facts struct {
	// Jobs are the scrape intervals of the jobs that are scraped, by name.
	Jobs map[string]time.Duration
	// OTLP is how often metrics arrive that are pushed, if their senders keep the
	// default; 0 when none are received.
	OTLP time.Duration
	// Retention is how long raw samples are kept, and Ledger how long counts are. Keep
	// is where the former is written, "file:line".
	Retention, Ledger time.Duration
	Keep              Place
	// Store is what a server holds; nil when none was asked.
	Store *Store
}

// Place is a line of a file.
type Place struct {
	File string
	Line int
}

// Check returns what is wrong with the objectives, ordered by file and line.
func Check(objectives []rules.Objective, facts Facts) []Finding {
	l := &linter{facts: facts}
	for _, o := range objectives {
		s := newSubject(o)
		l.subjects = append(l.subjects, s)
		l.reach(s)
		l.arrivals(s)
		l.words(s)
		l.promql(s)
		if facts.Store != nil {
			l.stored(s)
			l.traffic(s)
		}
	}
	l.same()
	l.retention()
	return Sort(l.findings)
}

// linter gathers findings.
type linter struct {
	facts    Facts
	subjects []*subject
	findings []Finding
}

// fault adds a fault of an objective.
func (l *linter) fault(s *subject, check, format string, args ...any) {
	l.add(s, check, Fault, fmt.Sprintf(format, args...))
}

// warn adds a warning about an objective.
func (l *linter) warn(s *subject, check, format string, args ...any) {
	l.add(s, check, Warning, fmt.Sprintf(format, args...))
}

func (l *linter) add(s *subject, check string, severity Severity, sentence string) {
	l.findings = append(l.findings, Finding{
		File: s.File, Line: s.Line, Objective: s.ID, Severity: severity, Check: check, Sentence: sentence,
	})
}
