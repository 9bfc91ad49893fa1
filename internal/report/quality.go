package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Quality is what the pages of a period were worth. An alert that nobody acts on is one to change or to delete.
type Quality struct {
	Pages        int `json:"pages"`
	Acknowledged int `json:"acknowledged"`
	ActedOn      int `json:"acted_on"` // Somebody did more than acknowledge it.
	Silenced     int `json:"silenced"`
	Flapping     int `json:"flapping"` // Began again within half an hour of its end.
	Brief        int `json:"brief"`    // Over within five minutes, and nobody had acknowledged it.
	// Noisy are the alerts that paged most without anybody acting on one of their pages.
	Noisy []Noisy `json:"noisy,omitempty"`
}

// Noisy is something that paged, and that nobody acted on.
type Noisy struct {
	Title string `json:"title"`
	Team  string `json:"team,omitempty"`
	Pages int    `json:"pages"`
	// Needed tells that a promise that it was about was broken: the page was right, and reached nobody who could act.
	Needed bool `json:"needed"`
}

const (
	// flapsWithin is how soon after its end an incident that begins again is the same trouble: Alertmanager's own
	// repetition, and any look into it, takes longer.
	flapsWithin = 30 * time.Minute
	// briefly is how short an incident is that was over before anybody could have looked.
	briefly = 5 * time.Minute
	// mostNoisy is how many noisy alerts a report names, which paged so often at least.
	mostNoisy, noisyFrom = 3, 2
)

// qualityOf judges the pages that began in a period, by the promises that were broken in it; nil if there was none.
func qualityOf(list []Incident, p Period, missed []string) *Quality {
	var q Quality
	ended := map[string]time.Time{} // by group
	unheeded := map[string]*Noisy{}
	acted := map[string]bool{}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Incident) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.Number, b.Number))
	})
	for _, in := range list {
		if !in.Pages {
			continue
		}
		group := cmp.Or(in.Group, in.Title)
		last := ended[group]
		if !in.ResolvedAt.IsZero() {
			ended[group] = in.ResolvedAt
		}
		if !p.began(in) {
			continue
		}
		q.add(in)
		if !last.IsZero() && in.OpenedAt.Sub(last) < flapsWithin {
			q.Flapping++
		}
		acted[group] = acted[group] || in.ActedOn
		if unheeded[group] == nil {
			unheeded[group] = &Noisy{Title: oneLine(in.Title), Team: in.Team}
		}
		unheeded[group].Pages++
		if slices.ContainsFunc(missed, in.about) {
			unheeded[group].Needed = true
		}
	}
	if q.Pages == 0 {
		return nil
	}
	for group, n := range unheeded {
		if n.Pages >= noisyFrom && !acted[group] {
			q.Noisy = append(q.Noisy, *n)
		}
	}
	slices.SortFunc(q.Noisy, func(a, b Noisy) int { return cmp.Or(cmp.Compare(b.Pages, a.Pages), strings.Compare(a.Title, b.Title)) })
	q.Noisy = q.Noisy[:min(mostNoisy, len(q.Noisy))]
	return &q
}

func (q *Quality) add(in Incident) {
	q.Pages++
	for _, c := range []struct {
		is bool
		n  *int
	}{
		{!in.AcknowledgedAt.IsZero(), &q.Acknowledged},
		{in.ActedOn, &q.ActedOn},
		{in.Silenced, &q.Silenced},
		{!in.ResolvedAt.IsZero() && in.ResolvedAt.Sub(in.OpenedAt) < briefly && in.AcknowledgedAt.IsZero(), &q.Brief},
	} {
		if c.is {
			*c.n++
		}
	}
}

// Words says it in sentences: "Of 6 pages 5 were acknowledged and 4 acted on. 1 was silenced.".
func (q Quality) Words() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Of %s %s acknowledged and %s acted on.", count(q.Pages, "page"), were0(q.Acknowledged), noneOr(q.ActedOn))
	for _, c := range []struct {
		n         int
		one, more string
	}{
		{q.Silenced, "1 was silenced", "%d were silenced"},
		{q.Flapping, "1 came back within half an hour", "%d came back within half an hour"},
		{q.Brief, "1 was over within five minutes, before anybody had it", "%d were over within five minutes, before anybody had them"},
	} {
		switch {
		case c.n == 1:
			b.WriteString(" " + c.one + ".")
		case c.n > 1:
			fmt.Fprintf(&b, " "+c.more+".", c.n)
		}
	}
	return b.String()
}

// Words says what to do about it.
func (n Noisy) Words() string {
	if n.Needed {
		return fmt.Sprintf("%s (%s): nobody acted on it, although the promise was broken; see whether it reaches somebody who can act, and whether its playbook helps.", n.Title, count(n.Pages, "page"))
	}
	return fmt.Sprintf("%s (%s): nobody acted on it; change its threshold, make it a ticket, or give it a playbook that helps.", n.Title, count(n.Pages, "page"))
}

func were0(n int) string {
	if n == 0 {
		return "none was"
	}
	return fmt.Sprintf("%d %s", n, were(n))
}

func noneOr(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// count writes a number with its noun: "1 page", "3 pages".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
