package postmortem

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Layout says how a document is written.
type Layout struct {
	// Zone of all times; nil is UTC.
	Zone *time.Location
	// Now is when it is written: an incident that goes on has lasted until then.
	Now time.Time
	// Picture is the burn chart: the name of a file beside the document, which is shown,
	// or an address, which is linked. "" is none.
	Picture string
	// Alt is the picture in words.
	Alt string
}

// document is a post-mortem in the making.
type document struct {
	strings.Builder

	in Incident
	Layout
}

// Markdown writes the post-mortem as GitHub-flavored Markdown. Names and notes that
// others chose are escaped: they cannot break a table, form a link, carry HTML or
// mention anybody.
func (in Incident) Markdown(l Layout) string {
	l.Zone = cmp.Or(l.Zone, time.UTC)
	d := &document{in: in, Layout: l}
	d.head()
	d.impact()
	d.timeline()
	d.playbook()
	d.factors()
	d.notes()
	d.followUps()
	d.roles()
	return d.String()
}

func (d *document) line(format string, args ...any) { fmt.Fprintf(d, format+"\n", args...) }

func (d *document) heading(s string) { d.line("\n## %s\n", s) }

func (d *document) head() {
	in := d.in
	d.line("# Incident %d: %s\n", in.Number, escape(cmp.Or(in.Title, "an incident without a title")))
	var facts []string
	for _, f := range []struct{ name, value string }{{"severity", in.Severity}, {"service", in.Service}, {"team", in.Team}, {"state", string(in.State)}} {
		if f.value != "" {
			facts = append(facts, "**"+f.name+"** "+escape(f.value))
		}
	}
	if target(in.URL) != "" {
		facts = append(facts, link("its page", in.URL))
	}
	d.line("%s\n", strings.Join(facts, " · "))
	d.line("%s", escape(in.Summary(d.Now, d.Zone)))
}

// dated is a time with its day: "Thu 19 Nov 2026, 13:59 UTC".
func dated(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("Mon 2 Jan 2006, 15:04 MST")
}

func (d *document) impact() {
	d.heading("Impact")
	in := d.in
	if in.ResolvedAt.IsZero() {
		d.line("- **Duration**: %s so far, since %s", Lasting(in.Lasted(d.Now)), dated(in.OpenedAt, d.Zone))
	} else {
		from, to := dated(in.OpenedAt, d.Zone), dated(in.ResolvedAt, d.Zone)
		if day, clock, _ := strings.Cut(to, ", "); strings.HasPrefix(from, day) {
			to = clock
		}
		d.line("- **Duration**: %s, from %s to %s", Lasting(in.Lasted(d.Now)), from, to)
	}
	for _, n := range in.Noticed(d.Zone) {
		d.line("- **%s**: %s", n.What, escape(n.Words))
	}
	if len(in.Impacts) == 0 {
		d.line("- **Cost**: these alerts are about no objective, so nothing was counted.")
		return
	}
	d.line("\n| Promise | Failed | Of | In words | Budget spent | Budget left now |")
	d.line("| --- | ---: | ---: | --- | ---: | ---: |")
	for _, i := range in.Impacts {
		if i.Problem != "" {
			d.line("| %s | – | – | %s | – | – |", escape(cmp.Or(i.Promise, i.Objective)), escape(i.Problem))
			continue
		}
		d.line("| %s | %s | %s | %s | %s | %s |", escape(cmp.Or(i.Promise, i.Objective)), Count(i.Bad), Count(i.Total), escape(i.Words), escape(i.SpentWords()), escape(i.LeftWords()))
	}
	d.picture()
}

func (d *document) picture() {
	switch {
	case d.Picture == "":
	case target(d.Picture) != "":
		d.line("\n%s", link("Burn rate and error ratio as a picture", d.Picture))
	default:
		d.line("\n![%s](%s)", escape(cmp.Or(d.Alt, "Burn rate and error ratio over the incident")), d.Picture)
	}
}

func (d *document) timeline() {
	d.heading("Timeline")
	if len(d.in.Events) == 0 {
		d.line("Nothing was written down.")
		return
	}
	d.line("Times are in %s.\n", escape(d.Zone.String()))
	d.line("| Time | What | Who | Details |")
	d.line("| --- | --- | --- | --- |")
	day := ""
	for _, e := range d.in.Events {
		at := e.At.In(d.Zone)
		if today := at.Format("Mon 2 Jan 2006"); today != day {
			day = today
			d.line("| **%s** | | | |", day)
		}
		d.line("| %s | %s | %s | %s |", at.Format("15:04:05"), escape(e.Kind.Words()), escape(e.Who()), escape(e.Detail()))
	}
}

func (d *document) playbook() {
	d.heading("Playbook")
	p := d.in.Playbook
	if p == nil {
		d.line("No playbook matched these alerts.")
	} else {
		d.line("What %s said, and what was done:", link(cmp.Or(p.Title, p.ID), p.URL))
	}
	section := ""
	for i, s := range d.in.Progress() {
		if s.Gone {
			s.Section = "No longer in the playbook"
		}
		if i == 0 || s.Section != section {
			d.WriteByte('\n')
			if section = s.Section; section != "" {
				d.line("**%s**\n", escape(section))
			}
		}
		if s.Done.IsZero() {
			d.line("- [ ] %s", prose(Prose(s.Text)))
			continue
		}
		d.line("- [x] %s (%s, %s)", prose(Prose(s.Text)), escape(cmp.Or(s.By, "somebody")), s.Done.In(d.Zone).Format("15:04"))
	}
}

func (d *document) factors() {
	d.heading("What stood out")
	found := d.in.Findings()
	if len(found) == 0 {
		d.line("Nothing: no label value had more than its share of the failures, as far as is known, and no deploy was told.")
	}
	for _, f := range found {
		d.line("- %s", escape(f))
	}
	d.heading("Contributing factors")
	d.line("_What had to come together for this to happen, and for it to last this long? Conditions, not people; one a line._")
	d.line("\n-")
}

func (d *document) notes() {
	notes := slices.DeleteFunc(d.in.Of(Noted), func(e Event) bool {
		_, todo := isFollowUp(e.Detail())
		return todo // it is among the follow-ups
	})
	d.heading("Notes")
	if len(notes) == 0 {
		d.line("None.")
	}
	for _, n := range notes {
		d.line("- %s, %s: %s", n.At.In(d.Zone).Format("15:04"), escape(n.Who()), escape(n.Detail()))
	}
}

func (d *document) followUps() {
	d.heading("Follow-ups")
	all := d.in.FollowUps(d.Now)
	for _, f := range all {
		d.line("- [ ] %s", escape(f))
	}
	if len(all) == 0 {
		d.line("None yet.")
	}
}

func (d *document) roles() {
	d.heading("Roles")
	if d.in.Owner == "" && len(d.in.Roles) == 0 {
		d.line("Nobody took a role.")
		return
	}
	if d.in.Owner != "" {
		d.line("- **Owner**: %s", escape(d.in.Owner))
	}
	for _, r := range d.in.Roles {
		d.line("- **%s**: %s", escape(r.Title()), escape(r.Who))
	}
}
