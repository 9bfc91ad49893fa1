package incidents

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The keys of Event.Data that this package writes and reads.
const (
	DataGroupKey    = "group_key"   // of Opened
	DataNumber      = "number"      // of Opened
	DataReceiver    = "receiver"    // of Opened, Notified and NotNotified
	DataIntegration = "integration" // of Notified and NotNotified: "slack[0]"
	DataFingerprint = "fingerprint" // of Fired and Ended: which alert
	DataStartsAt    = "starts_at"   // of Fired and Ended, RFC 3339
	DataObjective   = "objective"   // of Fired: its ID
	DataPlaybook    = "playbook"    // of Fired: its ID
	DataLabel       = "label."      // of Fired: with a label's name behind it
	DataRole        = "role"        // of RoleTaken
	DataName        = "name"        // of RoleTaken: who has it, if that is not By
	DataNameID      = "name_id"     // of RoleTaken: Slack's ID of that person
	DataImpact      = "impact."     // of Resolved: with an objective's ID behind it, JSON
	DataService     = "service"     // of Deployed, empty: all
	DataLink        = "link"        // of Deployed
	DataTags        = "tags"        // of Deployed, separated by commas
)

// Fold returns what events add up to, with the events in order. It depends on the set
// of events alone: neither order nor repetition change it. Its ID is that of the first
// Opened event; without one nothing is known but what the others say.
func Fold(events []Event) Incident {
	f := folding{alerts: map[string]map[string]bool{}}
	for _, e := range ordered(events) {
		f.add(e)
	}
	return f.incident()
}

// ordered sorts events by time and leaves out those that are there already.
func ordered(events []Event) []Event {
	out := slices.Clone(events)
	slices.SortStableFunc(out, func(a, b Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(rank(a.Kind), rank(b.Kind)), strings.Compare(a.ID, b.ID))
	})
	seen := make(map[string]bool, len(out))
	return slices.DeleteFunc(out, func(e Event) bool {
		known := seen[e.ID]
		seen[e.ID] = true
		return known
	})
}

// rank orders what happened at the same time.
func rank(k Kind) int {
	switch k {
	case Opened:
		return 0
	case Fired:
		return 1
	case Ended:
		return 3
	case Resolved:
		return 4
	default:
		return 2
	}
}

// folding is an incident while its events are added up.
type folding struct {
	in     Incident
	opened bool
	// alerts are the times that each alert began, and whether it ended.
	alerts  map[string]map[string]bool
	urgency int
	acked   bool
}

func (f *folding) add(e Event) {
	in := &f.in
	switch e.Kind {
	case Opened:
		if f.opened {
			return // A peer opened it too: nothing more has happened.
		}
		f.open(e)
	case Fired:
		if fired := f.fire(e); !fired {
			return
		}
	case Ended:
		if ended := f.end(e); !ended {
			return
		}
	case Acknowledged, TakenOver:
		f.acked = true
		in.Owner, in.OwnerID = e.By, e.ByID
		if in.AcknowledgedAt.IsZero() {
			in.AcknowledgedAt = e.At
		}
	case AckTimedOut:
		f.acked = false
		in.Owner, in.OwnerID = "", ""
	case RoleTaken:
		if role := e.Data[DataRole]; role != "" {
			if in.Roles == nil {
				in.Roles = map[string]string{}
			}
			in.Roles[role] = cmp.Or(e.Data[DataName], e.By)
		}
	case Resolved:
		if !in.ResolvedAt.IsZero() {
			return
		}
		in.ResolvedAt, in.Impact = e.At, impactOf(e)
	default: // The others change nothing.
	}
	in.Events = append(in.Events, e)
}

// open takes what the incident is about from its first event.
func (f *folding) open(e Event) {
	f.opened = true
	f.in.ID, f.in.OpenedAt = e.Incident, e.At
	f.in.GroupKey, f.in.Receiver = e.Data[DataGroupKey], e.Data[DataReceiver]
	f.in.Number = e.number()
}

// maxNumber is far above what an installation counts up to.
const maxNumber = 1 << 40

// number is the number that an Opened event claims, 0 if there is none.
func (e *Event) number() int64 {
	n, err := strconv.ParseInt(e.Data[DataNumber], 10, 64)
	if err != nil || n < 1 || n > maxNumber {
		return 0
	}
	return n
}

func (f *folding) alert(fingerprint string) map[string]bool {
	starts := f.alerts[fingerprint]
	if starts == nil {
		starts = map[string]bool{}
		f.alerts[fingerprint] = starts
	}
	return starts
}

// fires tells whether an alert has begun and not ended. Peers may have seen it begin
// at different moments; it is one alert.
func fires(starts map[string]bool) bool {
	for _, ended := range starts {
		if !ended {
			return true
		}
	}
	return false
}

// end returns whether an alert has ended that fired until then.
func (f *folding) end(e Event) bool {
	starts := f.alert(e.Data[DataFingerprint])
	before := fires(starts)
	starts[e.Data[DataStartsAt]] = true
	return before && !fires(starts)
}

// fire returns whether an alert has begun that did not fire until then.
func (f *folding) fire(e Event) bool {
	in := &f.in
	starts := f.alert(e.Data[DataFingerprint])
	before := fires(starts)
	if !starts[e.Data[DataStartsAt]] {
		starts[e.Data[DataStartsAt]] = false
	}
	labels := map[string]string{}
	for k, v := range e.Data {
		if name, ok := strings.CutPrefix(k, DataLabel); ok {
			labels[name] = v
		}
	}
	if in.Title == "" {
		in.Title, in.Labels = cmp.Or(e.Text, labels["alertname"], "An alert without a name"), maps.Clone(labels)
	}
	for k, v := range in.Labels {
		if labels[k] != v {
			delete(in.Labels, k)
		}
	}
	if u := Urgency(labels["severity"]); in.Severity == "" || u > f.urgency {
		in.Severity, f.urgency = labels["severity"], u
	}
	if o := e.Data[DataObjective]; o != "" && !slices.Contains(in.Objectives, o) {
		in.Objectives = append(in.Objectives, o)
	}
	in.Service, in.Team = cmp.Or(in.Service, labels["service"]), cmp.Or(in.Team, labels["team"])
	in.Playbook = cmp.Or(in.Playbook, e.Data[DataPlaybook])
	return !before
}

// Urgent is the urgency of what pages.
const Urgent = 3

// Urgency ranks severities: Urgent for those that page, 2 for those that wait for the
// morning, 1 for others, 0 for none.
func Urgency(severity string) int {
	switch strings.ToLower(severity) {
	case "":
		return 0
	case "page", "critical":
		return Urgent
	case "ticket", "warning":
		return 2
	default:
		return 1
	}
}

func (f *folding) incident() Incident {
	in := f.in
	slices.Sort(in.Objectives)
	in.Alerts = len(f.alerts)
	for _, starts := range f.alerts {
		if fires(starts) {
			in.Firing++
		}
	}
	in.State = StateTriggered
	switch {
	case !in.ResolvedAt.IsZero():
		in.State, in.Firing = StateResolved, 0
	case f.acked:
		in.State = StateAcknowledged
	}
	return in
}

// impactOf reads the final figures from the event that resolves.
func impactOf(e Event) []Impact {
	var out []Impact
	for _, k := range slices.Sorted(maps.Keys(e.Data)) {
		if id, ok := strings.CutPrefix(k, DataImpact); ok {
			impact := Impact{Objective: id}
			if json.Unmarshal([]byte(e.Data[k]), &impact) == nil {
				impact.Objective = id
				out = append(out, impact)
			}
		}
	}
	return out
}

// millis is a time as events have it.
func millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
