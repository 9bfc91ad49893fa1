package escalation

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Policy says who is called, and when, until somebody acknowledges.
type Policy struct {
	Name string
	// Match are sets of labels, of which an incident has to have one. Without any the
	// policy is only for those teams that name it.
	Match []Match
	// Repeat is how many times the steps are gone through again. A round begins Every
	// after the one before.
	Repeat int
	Every  time.Duration
	// AckTimeout is how long an acknowledgement counts; 0: until the end.
	AckTimeout time.Duration
	// Steps in the order of After.
	Steps []Step
	// Line is where the policy begins in its file.
	Line int
}

// Step notifies somebody.
type Step struct {
	// After is counted from the beginning of the round.
	After  time.Duration
	Notify Target
	If     Condition
	// Line is where the step stands in its file.
	Line int
}

// Means is how a step reaches somebody.
type Means string

// The means.
const (
	Channel       Means = "channel"        // everybody in the channel of the page
	OnCall        Means = "on_call"        // whoever is on call for the team, in the thread
	DirectMessage Means = "direct_message" // the same by a message of their own
	NextOnCall    Means = "next_on_call"   // whoever is on call after that, in the thread
	UserGroup     Means = "user_group"     // a group of Slack
	User          Means = "user"           // somebody of the file
	Team          Means = "team"           // whoever is on call for another team
	Receiver      Means = "receiver"       // a receiver of alertmanager.yml
)

// Target is whom a step notifies. Name is the ID of the group in Slack, of the user or
// of the team, or the name of the receiver; the other means have none.
type Target struct {
	Means Means
	Name  string
}

// String is how a file may write it.
func (t Target) String() string {
	if t.Name == "" {
		return string(t.Means)
	}
	return string(t.Means) + " " + t.Name
}

// Condition is what has to hold when a step is due, all of it. The zero Condition
// always holds.
type Condition struct {
	// Severity are the severities of incidents for which it holds; none: any.
	Severity []string
	// Hours is the time of day at which it holds; nil: any.
	Hours *Hours
	// MoreThan alerts of the incident have begun Within so long; -1: any number.
	MoreThan int
	Within   time.Duration
	// BudgetExhausted holds when an objective of the incident has no budget left.
	BudgetExhausted bool
}

// Always is the condition that always holds.
func Always() Condition { return Condition{MoreThan: -1} }

// Hours are the times of day [From, To) on the clocks of a zone; they end on the next
// day if To is not after From.
type Hours struct {
	From, To time.Duration
	Zone     *time.Location
}

// Hold tells whether clocks read one of the hours at an instant.
func (h Hours) Hold(t time.Time) bool {
	clock := t.In(h.Zone)
	reading := time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute + time.Duration(clock.Second())*time.Second
	if h.From < h.To {
		return h.From <= reading && reading < h.To
	}
	return reading >= h.From || reading < h.To
}

func (h Hours) String() string {
	of := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60) }
	return of(h.From) + "-" + of(h.To) + " " + h.Zone.String()
}

// unmet says why the condition does not hold for an incident at an instant; "" if it
// does.
func (c Condition) unmet(in Incident, at time.Time) string {
	switch {
	case len(c.Severity) > 0 && !slices.Contains(c.Severity, in.Severity):
		return fmt.Sprintf("its severity is %q, not %s", in.Severity, strings.Join(c.Severity, " or "))
	case c.Hours != nil && !c.Hours.Hold(at):
		return "it was not within the hours " + c.Hours.String()
	case c.BudgetExhausted && !in.BudgetExhausted:
		return "its error budget is not exhausted"
	case c.MoreThan < 0:
		return ""
	}
	n := 0
	for _, began := range in.Alerts {
		if began.After(at.Add(-c.Within)) && !began.After(at) {
			n++
		}
	}
	if n > c.MoreThan {
		return ""
	}
	return fmt.Sprintf("%d of its alerts began within %s, not more than %d", n, Words(c.Within), c.MoreThan)
}

// Match is a set of labels, each with the value it must have. A value that begins with
// "=~" is a regular expression for the whole value. A label that is absent or empty
// does not match.
type Match map[string]Value

// Value is what a label must be.
type Value struct {
	Text    string
	Pattern *regexp.Regexp // nil: it is the text
}

const patternPrefix = "=~"

// ParseValue reads a value of a Match.
func ParseValue(s string) (Value, error) {
	raw, isPattern := strings.CutPrefix(s, patternPrefix)
	if !isPattern {
		return Value{Text: s}, nil
	}
	if _, err := regexp.Compile(raw); err != nil { // alone: a)|(b would be taken inside our brackets
		return Value{}, fmt.Errorf("%q is no regular expression: %s", raw, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	pattern, err := regexp.Compile(`^(?s:` + raw + `)$`)
	if err != nil {
		return Value{}, fmt.Errorf("%q is no regular expression: %w", raw, err)
	}
	return Value{Text: s, Pattern: pattern}, nil
}

func (v Value) holds(s string) bool {
	switch {
	case s == "":
		return false
	case v.Pattern != nil:
		return v.Pattern.MatchString(s)
	}
	return s == v.Text
}

// Rank says how specific a match is: the one with more labels first, then the one with
// more plain values. The zero Rank is no match.
type Rank struct{ Labels, Plain int }

// Above tells whether r is more specific.
func (r Rank) Above(other Rank) bool {
	if r.Labels != other.Labels {
		return r.Labels > other.Labels
	}
	return r.Plain > other.Plain
}

// Fits returns how specifically the policy is meant for labels.
func (p Policy) Fits(labels map[string]string) Rank {
	var best Rank
	for _, set := range p.Match {
		r := Rank{Labels: len(set)}
		for name, value := range set {
			if !value.holds(labels[name]) {
				r = Rank{}
				break
			}
			if value.Pattern == nil {
				r.Plain++
			}
		}
		if r.Above(best) {
			best = r
		}
	}
	return best
}

// Words writes a duration as people do: 5m, 1h30m.
func Words(d time.Duration) string {
	s := d.Round(time.Second).String()
	s = strings.TrimSuffix(s, "0s")
	if s == "" {
		return "0s"
	}
	if last := s[len(s)-1]; last >= '0' && last <= '9' { // it was 10s, 20s …
		return s + "0s"
	}
	if rest, ok := strings.CutSuffix(s, "h0m"); ok {
		return rest + "h"
	}
	return s
}

// key names a step within its round: what it does, and not its place, so that a step
// that is added to a policy while an incident is open makes no other come again.
func (p Policy) key(step int) string {
	s := p.Steps[step]
	key := strings.ReplaceAll(s.Notify.String(), " ", ":") + "@" + Words(s.After)
	same := 0
	for _, earlier := range p.Steps[:step] {
		if earlier.After == s.After && earlier.Notify == s.Notify {
			same++
		}
	}
	if same > 0 {
		key += "#" + strconv.Itoa(same+1)
	}
	return key
}
