package lint

import (
	"strings"
)

// Names of checks; docs/check.md says what each is about.
const (
	checkPromise  = "promise"
	checkNoEffect = "no_effect"
	checkSame     = "same"
	checkOwner    = "owner"
)

// words checks what is said for people.
func (l *linter) words(s *subject) {
	if s.Promise == "" || s.Promise == s.Service+" keeps "+s.SLO {
		l.warn(s, checkPromise, "it promises nothing in plain language, so pages and reports can only show its name: add promise, for example %q", "Sharing a post works")
	}
	for _, note := range s.Notes {
		f := Parse(checkNoEffect, Warning, note)
		f.Objective = s.ID
		if !strings.Contains(f.Sentence, "remove") {
			f.Sentence += "; remove it"
		}
		l.findings = append(l.findings, f)
	}
	if s.NoOwner != "" && s.Team != "" {
		l.warn(s, checkOwner, "no_owner is given although it is owned by %s: remove no_owner", s.Team)
	}
}

// same finds objectives that promise the same of the same events.
func (l *linter) same() {
	first := map[string]*subject{}
	for _, s := range l.subjects {
		key := s.events()
		if key == "" {
			continue
		}
		other := first[key]
		if other == nil {
			first[key] = s
			continue
		}
		what := "remove one of them"
		if other.Period != s.Period {
			what = "keep one and add the other period to its also_over"
		}
		l.warn(s, checkSame, "it promises %s of exactly the events that %s counts (%s:%d): %s", percent(s.Target), other.ID, other.File, other.Line, what)
	}
}

// events identifies what an objective counts and how much of it is promised.
func (s *subject) events() string {
	if len(s.queries) == 0 {
		return ""
	}
	parts := []string{percent(s.Target), s.Budgeting.String(), strings.Join(s.GroupBy, ",")}
	for _, q := range s.queries {
		parts = append(parts, q.key, q.expr.String())
	}
	return strings.Join(parts, "\n")
}
