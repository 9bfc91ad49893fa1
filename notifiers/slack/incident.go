package slack

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// state is where an incident stands.
type state string

const (
	firing   state = "firing"
	resolved state = "resolved"
)

// incident is everything a page is built from: an alert group as Alertmanager
// handed it over, what the slack_config says about it, and its playbook. It is
// kept as JSON in the outbox's memory, to finish the page after a restart.
type incident struct {
	Receiver    string            `json:"receiver"`
	GroupLabels map[string]string `json:"group_labels,omitempty"`
	Alerts      []alert           `json:"alerts"`
	// Unlisted counts alerts that were dropped from Alerts to keep the memory small;
	// Fires are the IDs of all that fire, if some were dropped.
	Unlisted int       `json:"unlisted,omitempty"`
	Fires    []string  `json:"fires,omitempty"`
	Custom   custom    `json:"custom"`
	Playbook *playbook `json:"playbook,omitempty"`
	// NoPlaybook says that one was looked for in vain.
	NoPlaybook  bool   `json:"no_playbook,omitempty"`
	ExternalURL string `json:"external_url,omitempty"`
	// Where says, in plain sentences, which labels carry the errors.
	Where    []string `json:"where,omitempty"`
	Picture  picture  `json:"picture,omitzero"`
	OnCall   duty     `json:"on_call,omitzero"`
	Handling handling `json:"handling,omitzero"`
	// Assigned have the roles that nobody has taken, as the playbook says.
	Assigned map[string]Shift `json:"assigned,omitempty"`
	// Record is the id of the incident's record, which the buttons carry; empty:
	// nobody would answer a button, so there are none.
	Record string `json:"record,omitempty"`
	// At is the time of the notification.
	At time.Time `json:"at"`
	// Unseen says that nobody saw it resolve: it was found resolved later.
	Unseen bool `json:"unseen,omitempty"`
}

// alert is one alert of the group. Its texts are clean.
type alert struct {
	ID          string            `json:"id"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    time.Time         `json:"starts_at"`
	EndsAt      time.Time         `json:"ends_at,omitzero"`
	Resolved    bool              `json:"resolved,omitempty"`
	URL         string            `json:"url,omitempty"`
}

// playbook is the playbook as it was when the incident began: it stays the same
// for the whole incident, whatever happens to the file.
type playbook struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Owner   string `json:"owner"`
	Hash    string `json:"hash,omitempty"` // of the text as it was written
	Summary string `json:"summary"`
	// Steps are the checklist, with the answers to its queries.
	Steps []playbooks.Step `json:"steps"`
	// Body is the whole text in Markdown, labels filled in, queries not answered.
	Body string   `json:"body,omitempty"`
	Text []string `json:"-"` // for the thread: Markdown with the answers
	// Edited says that the file has changed since.
	Edited bool `json:"edited,omitempty"`
}

// picture is the chart of the incident: a file that Slack has, and its words.
type picture struct {
	FileID string `json:"file_id,omitempty"`
	Alt    string `json:"alt,omitempty"`
	Tries  int    `json:"tries,omitempty"` // how often Slack has refused to show it
}

// duty is who is on call, and who is next.
type duty struct {
	Now  *Shift `json:"now,omitempty"`
	Next *Shift `json:"next,omitempty"`
}

// custom holds the templates of a slack_config that its author wrote, executed.
// Title, Fallback and the labels of links are plain text; the rest is mrkdwn.
type custom struct {
	Title    string   `json:"title,omitempty"`
	Text     string   `json:"text,omitempty"`
	Fallback string   `json:"fallback,omitempty"`
	Opening  []string `json:"opening,omitempty"` // message_text, pretext
	Fields   []string `json:"fields,omitempty"`
	Footer   string   `json:"footer,omitempty"`
	ImageURL string   `json:"image_url,omitempty"`
	Links    []anchor `json:"links,omitempty"`
	// Mentions are whom the author's texts ping.
	Mentions []string `json:"mentions,omitempty"`
}

// anchor is a link with its text.
type anchor struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// maxKept is how many alerts of a group the memory keeps.
const maxKept = 100

// state of the whole group: it fires while one alert of it does.
func (in *incident) state() state {
	for i := range in.Alerts {
		if !in.Alerts[i].Resolved {
			return firing
		}
	}
	return resolved
}

// alerts lists those that fire, or those that do not, in the order of their start.
func (in *incident) alerts(want state) []alert {
	var list []alert
	for _, a := range in.Alerts {
		if a.Resolved == (want == resolved) {
			list = append(list, a)
		}
	}
	slices.SortStableFunc(list, func(a, b alert) int { return a.StartsAt.Compare(b.StartsAt) })
	return list
}

// subject is the alerts the page speaks of: those that fire; when none does, all.
func (in *incident) subject() []alert {
	if list := in.alerts(firing); len(list) > 0 {
		return list
	}
	return in.alerts(resolved)
}

// firingIDs identifies what fires, sorted.
func (in *incident) firingIDs() []string {
	if len(in.Fires) > 0 {
		return in.Fires
	}
	ids := []string{}
	for i := range in.Alerts {
		if !in.Alerts[i].Resolved {
			ids = append(ids, in.Alerts[i].ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// since is when the first of the alerts began.
func (in *incident) since() time.Time {
	var first time.Time
	for _, a := range in.subject() {
		if first.IsZero() || a.StartsAt.Before(first) {
			first = a.StartsAt
		}
	}
	return first
}

// until is when the last alert ended, not later than the notification.
func (in *incident) until() time.Time {
	var last time.Time
	for i := range in.Alerts {
		if end := in.Alerts[i].EndsAt; end.After(last) {
			last = end
		}
	}
	if last.IsZero() || last.After(in.At) {
		return in.At
	}
	return last
}

// ended is the incident after everything in it resolved at the given time
// without a notification.
func (in *incident) ended(at time.Time) incident {
	out := *in
	out.At, out.Unseen, out.Fires = at, true, nil
	out.Alerts = slices.Clone(in.Alerts)
	for i := range out.Alerts {
		if !out.Alerts[i].Resolved {
			out.Alerts[i].Resolved, out.Alerts[i].EndsAt = true, at
		}
	}
	return out
}

// kept is the incident as it is remembered.
func (in *incident) kept() incident {
	out := *in
	if len(out.Alerts) > maxKept {
		list := append(out.alerts(firing), out.alerts(resolved)...)
		out.Unlisted += len(list) - maxKept
		out.Fires = in.firingIDs()
		out.Alerts = list[:maxKept]
	}
	return out
}

// inherit takes over what the incident keeps over its life: the playbook it began
// with, what people did, and the evidence, unless there is newer.
func (in *incident) inherit(old *incident) {
	if old.Playbook != nil {
		if in.Playbook == nil || in.Playbook.Hash != old.Playbook.Hash {
			edited := in.Playbook != nil && in.Playbook.ID == old.Playbook.ID
			pinned := *old.Playbook
			pinned.Edited = pinned.Edited || edited
			in.Playbook = &pinned
		}
		in.NoPlaybook = false
		in.Assigned = old.Assigned
	}
	in.Handling, in.Picture, in.Record = old.Handling, old.Picture, old.Record
	if len(in.Where) == 0 {
		in.Where = old.Where
	}
}

// common returns the pairs that all the alerts share.
func common(list []alert, pick func(*alert) map[string]string) map[string]string {
	if len(list) == 0 {
		return nil
	}
	shared := maps.Clone(pick(&list[0]))
	for i := range list[1:] {
		other := pick(&list[i+1])
		maps.DeleteFunc(shared, func(k, v string) bool { return other[k] != v })
	}
	return shared
}

func labelsOf(a *alert) map[string]string      { return a.Labels }
func annotationsOf(a *alert) map[string]string { return a.Annotations }

// cleanMap copies a label set as clean text.
func cleanMap(set model.LabelSet) map[string]string {
	out := make(map[string]string, len(set))
	for k, v := range set {
		out[clean(string(k))] = clean(string(v))
	}
	return out
}

// webURL returns the URL where a browser can open it and Slack takes it, else "".
func webURL(s string) string {
	const longest = 1500 // Slack takes 3,000; the message has to hold several.
	s = strings.TrimSpace(s)
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	if s = u.String(); size(s) > longest {
		return ""
	}
	return s
}

// mentionsIn finds whom a mrkdwn text pings.
func mentionsIn(texts ...string) []string {
	mention := regexp.MustCompile(`<(?:@[UW][A-Z0-9]+|!subteam\^[A-Z0-9]+|!here|!channel|!everyone)(?:\|[^<>|]{0,80})?>`)
	var found []string
	for _, s := range texts {
		for _, m := range mention.FindAllString(s, -1) {
			if !slices.Contains(found, m) && len(found) < 20 {
				found = append(found, m)
			}
		}
	}
	return found
}
