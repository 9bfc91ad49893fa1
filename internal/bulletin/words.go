package bulletin

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// maxLines is how many promises a bulletin lists.
const maxLines = 8

// begun says that promises do not hold.
func begun(list []*Incident, now, next time.Time) Text {
	var t Text
	n := 0
	for _, in := range list {
		for _, p := range in.Broken {
			if n++; n <= maxLines {
				t.Lines = append(t.Lines, "• "+p.name()+": since "+clock(in.OpenedAt, now)+" "+p.HowMany()+".")
			}
		}
	}
	const paged = "The people on call have been paged."
	if n == 1 {
		in, p := list[0], list[0].Broken[0]
		t = Text{
			Headline: "🔴 " + p.name() + " does not hold at the moment",
			Lines:    []string{"Since " + clock(in.OpenedAt, now) + " " + p.HowMany() + "." + p.meaning()},
		}
	} else {
		t.Headline = fmt.Sprintf("🔴 %d promises do not hold at the moment", n)
		t.more(n)
	}
	t.Lines = append(t.Lines, paged+" "+nextUpdate(next, now))
	return t
}

func (t *Text) more(n int) {
	if n > maxLines {
		t.Lines = append(t.Lines, fmt.Sprintf("• and %d more", n-maxLines))
	}
}

// owned says that somebody has it.
func (in *Incident) owned() Text {
	t := Text{Headline: "👤 " + in.Owner + " is working on it"}
	if in.Spokesman != "" && in.Spokesman != in.Owner {
		t.Lines = append(t.Lines, in.Spokesman+" answers your questions.")
	}
	return t
}

// still says that it goes on.
func (in *Incident) still(now, next time.Time) Text {
	t := Text{Headline: "🔴 After " + lasting(now.Sub(in.OpenedAt)) + " it is still so"}
	for i, p := range in.Broken {
		if i < maxLines {
			t.Lines = append(t.Lines, "• "+p.name()+": "+p.HowMany()+".")
		}
	}
	t.more(len(in.Broken))
	who := "Nobody has taken it yet: more people are called."
	if in.Owner != "" {
		who = in.Owner + " is working on it."
	}
	t.Lines = append(t.Lines, who+" "+nextUpdate(next, now))
	return t
}

// over says that promises hold again.
func (in *Incident) over() Text {
	t := Text{Headline: "✅ " + in.names() + " again, since " + clock(in.ResolvedAt, in.ResolvedAt)}
	for i, p := range in.Broken {
		if i < maxLines {
			t.Lines = append(t.Lines, p.cost(in, len(in.Broken) > 1))
		}
	}
	t.more(len(in.Broken))
	return t
}

// names are the promises with their verb: “A” holds, “A” and “B” hold, 3 promises hold.
func (in *Incident) names() string {
	switch len(in.Broken) {
	case 1:
		return in.Broken[0].name() + " holds"
	case 2:
		return in.Broken[0].name() + " and " + in.Broken[1].name() + " hold"
	default:
		return fmt.Sprintf("%d promises hold", len(in.Broken))
	}
}

// afterwards is a bulletin once some of its incidents are over, or all.
func afterwards(list []*Incident, all bool, now time.Time) Text {
	var t Text
	n, open := 0, 0
	for _, in := range list {
		for _, p := range in.Broken {
			line := "✅ " + p.cost(in, true)
			if in.ResolvedAt.IsZero() {
				open++
				line = "🔴 " + p.name() + ": since " + clock(in.OpenedAt, now) + " " + p.HowMany() + "."
			}
			if n++; n <= maxLines {
				t.Lines = append(t.Lines, line)
			}
		}
	}
	t.more(n)
	switch {
	case all && n == 1:
		in, p := list[0], list[0].Broken[0]
		t = Text{Headline: "✅ " + p.name() + " holds again", Lines: []string{p.cost(in, false)}}
	case all:
		t.Headline = fmt.Sprintf("✅ %d promises hold again", n)
	default:
		t.Headline = fmt.Sprintf("🔴 %d of %d promises do not hold at the moment", open, n)
	}
	return t
}

// cost is what it has cost that the promise did not hold.
func (p Promise) cost(in *Incident, named bool) string { //nolint:revive // The caller has named it, or not.
	s := "It did not hold for "
	if named {
		s = p.name() + " did not hold for "
	}
	s += lasting(in.ResolvedAt.Sub(in.OpenedAt))
	switch {
	case p.Bad <= 0:
		return s + "."
	case p.Slow:
		return s + fmt.Sprintf("; about %s of %s attempts took too long.", About(p.Bad), About(p.Total))
	default:
		return s + fmt.Sprintf("; about %s of %s attempts failed.", About(p.Bad), About(p.Total))
	}
}

func (p Promise) name() string { return "“" + strings.TrimSuffix(p.Text, ".") + "”" }

func (p Promise) meaning() string {
	m := strings.TrimSpace(p.Meaning)
	if m == "" {
		return ""
	}
	return " " + strings.TrimSuffix(m, ".") + "."
}

// HowMany says how many attempts fail, in the way people count.
func (p Promise) HowMany() string {
	fail, fails := "fail", "fails"
	if p.Slow {
		fail, fails = "take too long", "takes too long"
	}
	switch n := math.Round(1 / p.Ratio); {
	case math.IsNaN(p.Ratio) || p.Ratio <= 0:
		return "some attempts " + fail
	case p.Ratio > 0.9:
		return "nearly all attempts " + fail
	case n < 2:
		return "most attempts " + fail
	default:
		return "about 1 in " + humanize.Comma(int64(n)) + " attempts " + fails
	}
}

// About is a count to two digits: more would claim to know who they were.
func About(n int64) string {
	unit := int64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return humanize.Comma((n + unit/2) / unit * unit)
}

func nextUpdate(next, now time.Time) string { return "Next update by " + clock(next, now) + "." }

// clock is a time of day, with its date where that is not now's.
func clock(t, now time.Time) string {
	if t.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return t.UTC().Format("15:04 UTC")
	}
	return t.UTC().Format("2 Jan 15:04 UTC")
}

// lasting is a length of time in minutes, hours and minutes, or days and hours.
func lasting(d time.Duration) string {
	minutes := max(1, int(math.Round(d.Minutes())))
	switch {
	case minutes < 60:
		return counted(minutes, "minute")
	case minutes < 24*60:
		return pair(minutes/60, "hour", minutes%60, "minute")
	default:
		return pair(minutes/60/24, "day", minutes/60%24, "hour")
	}
}

func pair(a int, unit string, b int, smaller string) string {
	if b == 0 {
		return counted(a, unit)
	}
	return counted(a, unit) + " and " + counted(b, smaller)
}

func counted(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
