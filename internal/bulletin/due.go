package bulletin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// apart is how long after a bulletin the next one may come: what begins meanwhile shares
// it, so that a storm does not become one of messages.
const apart = time.Minute

// Stage is a point in an incident at which people are told.
type Stage string

// The stages. An update by hand comes at none in particular.
const (
	Began  Stage = "began"
	Owned  Stage = "owned" // somebody has it
	Still  Stage = "still" // nothing was said for a while
	ByHand Stage = "by_hand"
	Over   Stage = "over"
)

// Incident is what has to be known of one. It is about promises to users: one that
// breaks none is nobody's business but the engineers'.
type Incident struct {
	ID                   string
	Broken               []Promise
	OpenedAt, ResolvedAt time.Time // ResolvedAt is zero before
	// Owner has acknowledged it, at OwnedAt; "" nobody. Spokesman is who communicates.
	Owner     string
	OwnedAt   time.Time
	Spokesman string
	Told      []Told
}

// Promise is what does not hold.
type Promise struct {
	Objective string // its ID
	// Text is the promise itself, Meaning what it costs people that it does not hold.
	Text, Meaning string
	// Slow says that attempts take too long and do not fail.
	Slow bool
	// Ratio is the share of attempts that fail now, 0 to 1; 0 if it is not known.
	Ratio float64
	// Bad and Total count attempts during the incident; 0 if they are not known.
	Bad, Total int64
}

// Told is what was told of an incident.
type Told struct {
	Stage Stage
	At    time.Time
	// Message is the ID of the bulletin; of Began.
	Message string
}

// Update is something to tell.
type Update struct {
	// ID is the same whoever finds it due.
	ID    string
	Stage Stage
	// At is since when it is due.
	At time.Time
	// Incidents are the IDs of those it is about: one, or several of a bulletin.
	Incidents []string
	// Message is the bulletin to which it belongs; "": it is one.
	Message string
	Text    Text
	// Aloud: who does not follow the thread is to see it too.
	Aloud bool
	// Instead is what the bulletin says from now on, nil: what it said.
	Instead *Text
}

// Text is a headline and lines in plain text.
type Text struct {
	Headline string
	Lines    []string
}

// String is the text on one line.
func (t Text) String() string { return strings.Join(append([]string{t.Headline}, t.Lines...), " ") }

// Due returns what is to be told, and when to ask again if nothing happens; zero: only
// when something has. An update follows after every without one. The incidents are those
// that are open and those that ended lately; their order does not matter.
func Due(incidents []Incident, every time.Duration, now time.Time) (due []Update, next time.Time) {
	d := desk{every: every, now: now, all: slices.Clone(incidents)}
	slices.SortFunc(d.all, func(a, b Incident) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), strings.Compare(a.ID, b.ID))
	})
	d.prolong()
	d.bulletin()
	for i := range d.all {
		d.follow(&d.all[i])
	}
	return d.due, d.next
}

// desk is where updates are written.
type desk struct {
	all   []Incident // the oldest first
	every time.Duration
	now   time.Time
	due   []Update
	next  time.Time
}

func (d *desk) ask(at time.Time) {
	if d.next.IsZero() || at.Before(d.next) {
		d.next = at
	}
}

// prolong has an incident last as long as another one that began meanwhile is about the
// same promise: alerts that go to two receivers are two incidents, and people care for
// the promise.
func (d *desk) prolong() {
	for i := range d.all {
		in := &d.all[i]
		promises := map[string]bool{}
		in.mark(promises)
		for j := range d.all {
			other := &d.all[j]
			if in.ResolvedAt.IsZero() || i == j || other.OpenedAt.After(in.ResolvedAt) || !other.about(promises) {
				continue
			}
			if other.ResolvedAt.IsZero() {
				in.ResolvedAt = time.Time{}
			} else {
				in.ResolvedAt = later(in.ResolvedAt, other.ResolvedAt)
			}
		}
	}
}

// bulletin tells of all incidents that nobody was told of.
func (d *desk) bulletin() {
	var fresh []*Incident
	var last, since time.Time
	known := map[string]bool{} // objectives of which people know already
	for i := range d.all {
		in := &d.all[i]
		if t, told := in.told(Began); told {
			last = later(last, t.At)
			if _, over := in.told(Over); in.ResolvedAt.IsZero() && !over {
				in.mark(known)
			}
		}
	}
	for i := range d.all {
		in := &d.all[i]
		if _, told := in.told(Began); told || !in.ResolvedAt.IsZero() || !in.news(known) {
			continue
		}
		in.mark(known)
		fresh = append(fresh, in)
		if since.IsZero() {
			since = in.OpenedAt
		}
	}
	if len(fresh) == 0 {
		return
	}
	if at := last.Add(apart); !last.IsZero() {
		since = later(since, at)
	}
	if since.After(d.now) {
		d.ask(since)
		return
	}
	ids := make([]string, len(fresh))
	for i, in := range fresh {
		ids[i] = in.ID
	}
	d.due = append(d.due, Update{
		ID: string(Began) + "/" + ids[0], Stage: Began, At: since, Incidents: ids,
		Text: begun(fresh, d.now, d.now.Add(d.every)),
	})
}

// follow tells how an incident goes on of which people know.
func (d *desk) follow(in *Incident) {
	first, told := in.told(Began)
	if _, over := in.told(Over); !told || over {
		return
	}
	u := Update{Incidents: []string{in.ID}, Message: first.Message}
	if !in.ResolvedAt.IsZero() {
		u.Stage, u.At, u.Text = Over, in.ResolvedAt, in.over()
		instead, all := d.overview(first.Message)
		u.Instead, u.Aloud = &instead, all && d.last(in, first.Message)
		d.add(u)
		return
	}
	if _, told := in.told(Owned); in.Owner != "" && !told {
		u.Stage, u.At, u.Text = Owned, later(in.OwnedAt, first.At), in.owned()
		d.add(u)
		return
	}
	last, n := first.At, 0
	for _, t := range in.Told {
		last = later(last, t.At)
		if t.Stage == Still {
			n++
		}
	}
	at := last.Add(d.every)
	if at.After(d.now) {
		d.ask(at)
		return
	}
	u.Stage, u.At, u.Text = Still, at, in.still(d.now, d.now.Add(d.every))
	d.addNth(u, n)
}

func (d *desk) add(u Update) { d.addNth(u, 0) }

func (d *desk) addNth(u Update, n int) {
	u.ID = string(u.Stage) + "/" + u.Incidents[0]
	if n > 0 {
		u.ID += "/" + strconv.Itoa(n)
	}
	d.due = append(d.due, u)
}

// overview is how all incidents of a bulletin are now, and whether all are over.
func (d *desk) overview(message string) (t Text, over bool) {
	var list []*Incident
	over = true
	for i := range d.all {
		if first, told := d.all[i].told(Began); told && first.Message == message {
			list = append(list, &d.all[i])
			over = over && !d.all[i].ResolvedAt.IsZero()
		}
	}
	return afterwards(list, over, d.now), over
}

// last tells whether an incident is the last of a bulletin whose end is to be told.
func (d *desk) last(in *Incident, message string) bool {
	for i := len(d.all) - 1; i >= 0; i-- {
		other := &d.all[i]
		if first, told := other.told(Began); !told || first.Message != message {
			continue
		}
		if _, over := other.told(Over); !over {
			return other == in
		}
	}
	return false
}

func (in *Incident) told(s Stage) (Told, bool) {
	for _, t := range in.Told {
		if t.Stage == s {
			return t, true
		}
	}
	return Told{}, false
}

func (in *Incident) about(promises map[string]bool) bool {
	return slices.ContainsFunc(in.Broken, func(p Promise) bool { return promises[p.Objective] })
}

// news tells whether an incident is about something of which people do not know.
func (in *Incident) news(known map[string]bool) bool {
	return slices.ContainsFunc(in.Broken, func(p Promise) bool { return !known[p.Objective] })
}

func (in *Incident) mark(known map[string]bool) {
	for _, p := range in.Broken {
		known[p.Objective] = true
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
