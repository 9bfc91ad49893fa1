package rules

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// maxValueShown bounds the length of a value in a sentence, maxAlsoShown how many
// labels are told that say the same.
const maxValueShown, maxAlsoShown = 80, 3

// Sentences say what was found, for a page. The values of labels in them come from
// telemetry: escape them as its medium demands.
func (w Where) Sentences() []string {
	var out []string
	switch {
	case w.Reason != "":
		out = append(out, "It is not known where it fails: "+sentence(w.Reason))
	case w.Even:
		out = append(out, fmt.Sprintf("The failed %s are spread like the traffic: no label stands out.", w.Unit))
	}
	for _, c := range w.Culprits {
		out = append(out, c.sentence(w.Unit))
	}
	return append(out, w.kindsSentence()...)
}

func (c Culprit) sentence(unit string) string {
	part, traffic := shareText(c.BadShare), shareText(c.TrafficShare)
	if c.Values > 1 {
		return fmt.Sprintf("%s of the failed %s come from %d of the %d values of %s, which get %s of the traffic; %s is the worst.",
			part, unit, c.Values, c.Known, inWords(c.Label), traffic, LabelValue{c.Label, c.Value})
	}
	what := LabelValue{c.Label, c.Value}.String()
	if len(c.Also) > 0 {
		var also []string
		for _, l := range c.Also[:min(len(c.Also), maxAlsoShown)] {
			also = append(also, l.String())
		}
		what += " (" + strings.Join(also, ", ") + ")"
	}
	all, gets := []string{what}, "which gets"
	for _, l := range c.And {
		all = append(all, l.String())
		gets = "which together get"
	}
	what = strings.Join(all, " and ")
	return fmt.Sprintf("%s of the failed %s have %s, %s %s of the traffic.", part, unit, what, gets, traffic)
}

func (w Where) kindsSentence() []string {
	if len(w.Kinds) == 0 {
		return nil
	}
	of := " of the failed " + w.Unit
	var said []string
	for _, c := range w.Kinds {
		said = append(said, fmt.Sprintf("%s%s have %s", shareText(c.BadShare), of, LabelValue{c.Label, c.Value}))
		of = ""
	}
	return []string{strings.Join(said, ", ") + "."}
}

// String writes a label as PromQL does, without quotes where none are needed:
// route=/v1/share. A missing label is "no route".
func (l LabelValue) String() string {
	if l.Value == "" {
		return "no " + inWords(l.Label)
	}
	return inWords(l.Label) + "=" + inWords(l.Value)
}

// inWords cuts a text of telemetry to a length that people read, and quotes what would
// disturb a sentence.
func inWords(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if r := []rune(s); len(r) > maxValueShown {
		s = string(r[:maxValueShown-1]) + "…"
	}
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(` ",()`, r) }) {
		return strconv.Quote(s)
	}
	return s
}

// shareText writes a part of all in whole percents; what is not all is never "100%",
// and what is not nothing never "0%".
func shareText(ratio float64) string {
	switch p := math.Round(ratio * 100); {
	case ratio >= 1-1e-9:
		return "100%"
	case p >= 100:
		return "over 99%"
	case ratio <= 1e-9:
		return "0%"
	case p < 1:
		return "under 1%"
	default:
		return fmt.Sprintf("%.0f%%", p)
	}
}
