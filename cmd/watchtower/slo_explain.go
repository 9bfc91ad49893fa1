package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/web"
)

func newSLOExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Say how an objective is counted, what feeds it, and the numbers behind every window now",
		Example: `  watchtower slo explain share-share-availability
  watchtower slo explain share-share-availability --json`,
		Args: cobra.ExactArgs(1),
	}
	client := urlFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print the server's JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var answer json.RawMessage
		path := "/api/watchtower/v1/objectives/" + url.PathEscape(args[0]) + "/explain"
		if err := client().getJSON(cmd.Context(), path, &answer); err != nil {
			return err
		}
		if *asJSON {
			return writeIndented(cmd.OutOrStdout(), answer)
		}
		var x web.Explanation
		if err := json.Unmarshal(answer, &x); err != nil {
			return fmt.Errorf("read the explanation: %w", err)
		}
		_, err := io.WriteString(cmd.OutOrStdout(), explain(x, time.Now()))
		return err
	}
	return cmd
}

// explainWidth is how many columns an explanation takes at most, but for what cannot be
// broken.
const explainWidth = 100

// explanation is the text as it grows.
type explanation struct{ strings.Builder }

// explain writes an explanation for people who know Prometheus.
func explain(x web.Explanation, now time.Time) string {
	var e explanation
	e.head(x)
	e.counted(x)
	e.windows(x)
	if len(x.Budget) > 0 {
		e.title("The error budget, step by step")
		for i, step := range x.Budget {
			e.wrap(fmt.Sprintf("  %d. ", i+1), step)
		}
	}
	e.history(x)
	e.series(x, now)
	return e.String()
}

func (e *explanation) title(s string) { fmt.Fprintf(e, "\n%s\n", strings.ToUpper(s)) }

// wrap writes text in lines, the first after lead, the others below it.
func (e *explanation) wrap(lead, text string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(lead))
	line := lead
	for word := range strings.FieldsSeq(text) {
		if strings.TrimSpace(line) != strings.TrimSpace(lead) && utf8.RuneCountInString(line)+utf8.RuneCountInString(word) > explainWidth {
			fmt.Fprintln(e, strings.TrimRight(line, " "))
			line = indent
		}
		line += word + " "
	}
	fmt.Fprintln(e, strings.TrimRight(line, " "))
}

func (e *explanation) head(x web.Explanation) {
	o := x.Objective
	about := []string{percent(&o.Target) + " over " + over(o.Period)}
	if o.Team != "" {
		about = append(about, "team "+o.Team)
	}
	if x.Written != "" {
		about = append(about, "written in "+x.Written)
	}
	fmt.Fprintf(e, "%s\n%s: %s\n", o.Promise, o.ID, strings.Join(about, ", "))
	if o.Parent != "" {
		fmt.Fprintf(e, "A group of %s.\n", o.Parent)
	}
	if p := o.Restoring; p != nil {
		e.wrap("", "\nIt is being restored: "+p.Text+". There are figures when that is done.")
		return
	}
	said := strings.ToUpper(o.State[:1]) + strings.ReplaceAll(o.State[1:], "_", " ") + "."
	if o.State != "unknown" { // Else the situation is what is said below, of how it is counted.
		said += " " + o.Situation
	}
	if o.Consequence != "" {
		said += " " + o.Consequence
	}
	e.wrap("", said)
}

// counted says what is counted and how.
func (e *explanation) counted(x web.Explanation) {
	e.title("How it is counted")
	reason := x.Objective.Reason
	if reason != "" {
		reason = strings.ToUpper(reason[:1]) + reason[1:] + "."
	}
	if x.Every != nil {
		reason += fmt.Sprintf(" A sample arrives every %s.", brief(*x.Every))
	}
	e.wrap("  ", reason)
	for i, expr := range x.Expressions {
		name := "all events"
		switch {
		case len(x.Expressions) == 1:
			name = "error ratio"
		case i == 0:
			name = "bad events"
		}
		e.wrap(fmt.Sprintf("  %-11s  ", name), expr)
	}
	if len(x.Terms) > 0 {
		e.wrap("  ", "Each event of these selectors counts so many times as bad and so many times among all:")
		w := tabwriter.NewWriter(e, 0, 4, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "   bad\tall\tseries\t  selector")
		for _, t := range x.Terms {
			fmt.Fprintf(w, "   %s\t%s\t%d\t  %s\n", figure(t.Bad), figure(t.Total), t.Series, t.Selector)
		}
		_ = w.Flush() // into memory
	}
	if len(x.Groups) > 0 {
		e.wrap("  ", fmt.Sprintf("It has %d groups, each an objective with this name after a colon: %s", len(x.Groups), strings.Join(firstOf(x.Groups, x.Objective.ID+":", 10), ", ")))
	}
}

// firstOf returns the first of a list without their prefix, and says how many there are besides.
func firstOf(all []string, prefix string, most int) []string {
	var out []string
	for _, s := range all[:min(most, len(all))] {
		out = append(out, strings.TrimPrefix(s, prefix))
	}
	if len(all) > most {
		out = append(out, fmt.Sprintf("and %d more", len(all)-most))
	}
	return out
}

// windows shows the numbers behind each pair, and what follows from them.
func (e *explanation) windows(x web.Explanation) {
	if len(x.Windows) > 0 {
		e.title("When it alerts")
		e.wrap("  ", "A pair of windows fires when both burn at its rate or more. The burn rate is bad events over those the objective allows among as many.")
	}
	for _, p := range x.Windows {
		fmt.Fprintf(e, "\n  %s, %s and %s: fires at a burn rate of %s\n", p.Severity, p.Long.Length, p.Short.Length, figure(p.Threshold))
		w := tabwriter.NewWriter(e, 0, 4, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "    window\tbad\tall\tallowed\terror ratio\tburn rate\tseen\t")
		for _, n := range []web.WindowNumbers{p.Long, p.Short} {
			seen := percent(&n.Coverage)
			if n.Corrected > 0 {
				seen += ", less " + brief(n.Corrected) + " corrected"
			}
			ratio, burn := percent(&n.Ratio), figure(n.Burn)
			if n.Total <= 0 {
				ratio, burn = "-", "-" // No events are not no errors.
			}
			fmt.Fprintf(w, "    %s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", n.Length, figure(n.Bad), figure(n.Total), figure(n.Allowed), ratio, burn, seen)
		}
		_ = w.Flush() // into memory
		e.wrap("    ", p.Why)
	}
	for _, d := range x.Dropped {
		e.wrap("  Left out: ", d)
	}
}

// history tells of edits and corrections.
func (e *explanation) history(x web.Explanation) {
	if len(x.Generations) < 2 && len(x.Corrections) == 0 {
		return
	}
	e.title("What people decided")
	for i, g := range x.Generations {
		since := "At first"
		if i > 0 {
			since = "Since " + clock(g.From)
		}
		counts := ""
		if g.Recounted {
			counts = ", counting other events"
		}
		fmt.Fprintf(e, "  %s the target is %s%s.\n", since, percent(&g.Target), counts)
	}
	for _, c := range x.Corrections {
		e.wrap("  ", fmt.Sprintf("Correction %d (%s): %s to %s, by %s: %s", c.ID, strings.ReplaceAll(c.State, "_", " "), clock(c.From), clock(c.To), c.Author, c.Reason))
	}
}

// series lists what feeds the objective.
func (e *explanation) series(x web.Explanation, now time.Time) {
	if len(x.Series) == 0 {
		return
	}
	title := "Series that feed it"
	if x.SeriesCount > len(x.Series) {
		title += fmt.Sprintf(" (the first %d of %d)", len(x.Series), x.SeriesCount)
	}
	e.title(title)
	e.wrap("  ", "Counted is what a series has added since the server began to watch it; late samples came after newer ones and were counted again in order.")
	for _, s := range x.Series {
		seen := "never seen"
		if s.LastSeen != nil {
			seen = "last seen " + brief(max(0, now.Sub(*s.LastSeen).Seconds())) + " ago"
		}
		every := ""
		if s.Interval != nil {
			every = ", every " + brief(*s.Interval)
		}
		fmt.Fprintf(e, "\n")
		e.wrap("  ", s.Labels)
		e.wrap("    ", fmt.Sprintf("%s%s, value %s, counted %s, %d resets, %d late", seen, every, figure(s.Last), figure(s.Counted), s.Resets, s.Late))
	}
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// brief writes a number of seconds with its unit.
func brief(seconds float64) string {
	if seconds >= 10 {
		seconds = math.Round(seconds)
	}
	d := time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond)
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// figure writes a number as people do: 41,000, 14.4, 0.29.
func figure(v float64) string {
	if math.Abs(v) < 100 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	s := strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
