package slack

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// lasting says a duration as a person would: "1 hour 5 minutes".
func lasting(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d < time.Minute:
		return plural(int(d/time.Second), "second")
	}
	d = d.Round(time.Minute)
	days, hours, minutes := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60
	var parts []string
	for _, part := range []struct {
		n    int
		noun string
	}{{days, "day"}, {hours, "hour"}, {minutes, "minute"}} {
		if part.n > 0 {
			parts = append(parts, plural(part.n, part.noun))
		}
	}
	return strings.Join(parts[:min(2, len(parts))], " ")
}

// clock is a time in the reader's own zone, as far as Slack knows it.
func clock(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s>", t.Unix(), utc(t))
}

// shortUTC leaves the date out where it is no news.
func shortUTC(t, now time.Time) string {
	if late(now, t) < 12*time.Hour {
		return t.UTC().Format("15:04 UTC")
	}
	return utc(t)
}

func utc(t time.Time) string { return t.UTC().Format("2 Jan 15:04 UTC") }

// name says which alert of its group this is: "HostDown on web-1:9100", or
// "web-1:9100" where all of them are HostDown.
func (a *alert) name(shared map[string]string) string {
	where := a.where(shared)
	title := a.Labels["alertname"]
	switch {
	case where == "":
		return cmp.Or(title, "Alert")
	case title == "" || shared["alertname"] != "":
		return where
	}
	return title + " on " + where
}

// where tells an alert from those it shares the given labels with.
func (a *alert) where(shared map[string]string) string {
	for _, label := range places() {
		if v := a.Labels[label]; v != "" && shared[label] == "" {
			return v
		}
	}
	var rest []string
	for _, k := range slices.Sorted(maps.Keys(a.Labels)) {
		if shared[k] == "" && k != "alertname" && len(rest) < 3 {
			rest = append(rest, k+"="+a.Labels[k])
		}
	}
	return strings.Join(rest, ", ")
}

// places are the labels that say where, the most telling first.
func places() []string {
	return []string{"instance", "pod", "host", "hostname", "node", "container", "device", "route", "endpoint", "service", "job"}
}

// says is what the alert's author wrote about it, in one line.
func (a *alert) says() string { return says(a.Annotations) }

func says(annotations map[string]string) string {
	for _, k := range []string{"summary", "message", "title", "description"} {
		if s := oneLine(annotations[k]); s != "" {
			return s
		}
	}
	return ""
}

// headline is what is broken, in the words of whoever wrote the alert.
func (in *incident) headline() string {
	if s := oneLine(in.Custom.Title); s != "" {
		return s
	}
	list := in.subject()
	if s := says(common(list, annotationsOf)); s != "" && len(list) > 0 {
		return sentenceless(s)
	}
	labels := common(list, labelsOf)
	n := len(list) + in.Unlisted
	if labels["alertname"] == "" && n > 1 && list[0].says() != "" {
		return fmt.Sprintf("%s, and %s", sentenceless(list[0].says()), plural(n-1, "more alert"))
	}
	title := cmp.Or(labels["alertname"], pairs(in.GroupLabels, ", "), pairs(labels, ", "), "Alerts")
	if n != 1 {
		return fmt.Sprintf("%s: %s", title, plural(n, "alert"))
	}
	for _, k := range places() {
		if v := labels[k]; v != "" {
			return title + " on " + v
		}
	}
	return title
}

// sentenceless drops the full stop: a header is no sentence.
func sentenceless(s string) string {
	if strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "..") && strings.Count(s, ". ") == 0 {
		return strings.TrimSuffix(s, ".")
	}
	return s
}

func pairs(set map[string]string, sep string) string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(set)) {
		out = append(out, k+"="+set[k])
	}
	return strings.Join(out, sep)
}

// howBad is the sentence with the numbers: what fails, how fast the budget
// goes, what is left of it. It is plain text; "" when the alert carries none.
func (in *incident) howBad() string {
	a := common(in.subject(), annotationsOf)
	description := strings.TrimSpace(a["description"])
	if description == "" && strings.TrimSpace(a["summary"]) != "" {
		description = strings.TrimSpace(a["message"])
	}
	if s := oneLine(description); s == says(a) && in.Custom.Title == "" && rawSize(s) < maxHeader-20 {
		description = "" // the header says it
	}
	numbers := in.numbers(a)
	if in.blind() {
		numbers = "" // they are old, and look as if all were well
	}
	// Our own rules put the numbers into the description; others may not.
	if numbers == "" || strings.Contains(description, a["error_ratio"]) {
		return description
	}
	return strings.TrimSpace(numbers + "\n" + description)
}

// blind reports that all that fires says that telemetry is missing.
func (in *incident) blind() bool {
	list := in.alerts(firing)
	for i := range list {
		if !strings.HasSuffix(list[i].Labels["alertname"], "TelemetryLost") {
			return false
		}
	}
	return len(list) > 0
}

// numbers words the annotations error_ratio, burn_rate, objective,
// budget_remaining and budget_gone.
func (in *incident) numbers(a map[string]string) string {
	if a["error_ratio"] == "" {
		return ""
	}
	s := a["error_ratio"] + " of events fail"
	if a["burn_rate"] != "" {
		s += ", " + a["burn_rate"] + " as many as the promise allows"
	}
	s += "."
	switch gone := a["budget_gone"]; {
	case gone == "already spent":
		s += " The error budget is already spent."
	case a["budget_remaining"] != "" && gone != "":
		s += " " + a["budget_remaining"] + " of the error budget is left; at this rate it is gone " + gone + "."
	case a["budget_remaining"] != "":
		s += " " + a["budget_remaining"] + " of the error budget is left."
	}
	return s
}

// facts are the label–value pairs under the header, in mrkdwn.
func (in *incident) facts() []string {
	list := in.subject()
	labels, annotations := common(list, labelsOf), common(list, annotationsOf)
	var out []string
	add := func(name, value string) {
		if value = oneLine(value); value != "" {
			out = append(out, "*"+name+"*\n"+escaped(value, maxField-size(name)-3))
		}
	}
	add("Service", labels["service"])
	objective := labels["slo"]
	if promise := annotations["objective"]; promise != "" {
		objective = strings.TrimPrefix(objective+", "+promise, ", ")
	}
	add("Objective", objective)
	if labels["service"] == "" && labels["slo"] == "" {
		for _, k := range places()[:9] {
			if labels[k] != "" && len(out) == 0 {
				add(strings.ToUpper(k[:1])+k[1:], labels[k])
			}
		}
	}
	add("Severity", labels["severity"])
	add("Team", labels["team"])
	return append(out, in.when())
}

func (in *incident) when() string {
	since := in.since()
	if in.state() == firing {
		return "*Since*\n" + clock(since)
	}
	until := in.until()
	if in.Unseen {
		return fmt.Sprintf("*Since*\n%s; was over by %s", clock(since), clock(until))
	}
	return fmt.Sprintf("*Lasted*\n%s, %s – %s", lasting(until.Sub(since)), clock(since), clock(until))
}

// otherLabels are the shared labels that nothing else on the page shows.
func (in *incident) otherLabels() []string {
	labels := common(in.subject(), labelsOf)
	for _, shown := range []string{"service", "slo", "severity", "team", "sloth_id", "sloth_service", "sloth_slo", "sloth_severity", "owner", "playbook"} {
		delete(labels, shown)
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, code(k+"="+labels[k], 200))
	}
	return out
}

// line is one alert in a list.
func (a *alert) line(shared map[string]string) string {
	s := "• *" + escaped(oneLine(a.name(shared)), 200) + "*"
	if text := a.says(); text != "" {
		s += ": " + escaped(text, 300)
	}
	return s
}
