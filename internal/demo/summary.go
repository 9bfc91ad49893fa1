package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/inbox"
)

// Summary is what happened in a demo; its JSON is what `demo --json` prints.
type Summary struct {
	Pages              []Page      `json:"pages"`
	FaultToPageSeconds *float64    `json:"fault_to_page_seconds"` // from the bad release to Slack's ok; null: no page
	Resolved           bool        `json:"resolved"`              // the page of share was marked resolved
	Objectives         []Objective `json:"objectives"`
	Samples            uint64      `json:"samples"` // stored since the server started
	Spans              uint64      `json:"spans"`   // received since the server started
	Requests           int64       `json:"requests"`
	Failed             int64       `json:"failed"`
}

// Page is one message of the local Slack that began an incident.
type Page struct {
	At       time.Time `json:"at"`
	Text     string    `json:"text"`
	Service  string    `json:"service"`
	Severity string    `json:"severity"`
	Playbook bool      `json:"playbook"` // its thread holds the playbook
	Resolved bool      `json:"resolved"`
}

// Objective is how one objective stood at the end.
type Objective struct {
	ID              string  `json:"id"`
	State           string  `json:"state"`
	BudgetRemaining float64 `json:"budget_remaining"`
	Good            float64 `json:"good"`
	Total           float64 `json:"total"`
}

// summarize reads the pages from the local Slack and the objectives from the engine.
func (d *demo) summarize(ctx context.Context) (Summary, error) {
	s := Summary{Pages: []Page{}, Objectives: []Objective{}, Samples: d.app.Samples(), Spans: d.app.Spans(), Requests: d.load.sent.Load(), Failed: d.load.failed.Load()}
	messages := d.messages(ctx)
	for _, m := range messages {
		if m.ThreadTS != "" && m.ThreadTS != m.TS || m.Deleted {
			continue
		}
		if p := page(m, messages); p.Severity != "" { // else it is for those who are not engineers
			s.Pages = append(s.Pages, p)
		}
	}
	broke := d.began.Add(d.story.BreakAt)
	for _, p := range s.Pages {
		if p.Service != "share" || p.At.Before(broke) || s.FaultToPageSeconds != nil {
			continue
		}
		delay := p.At.Sub(broke).Seconds()
		s.FaultToPageSeconds = &delay
		s.Resolved = p.Resolved
	}
	for _, st := range d.app.Statuses() {
		s.Objectives = append(s.Objectives, Objective{
			ID: st.Objective.ID, State: string(st.State), BudgetRemaining: st.BudgetRemaining, Good: st.Good, Total: st.Total,
		})
	}
	return s, nil
}

// page is what the local Slack holds of one incident.
func page(m inbox.Message, all []inbox.Message) Page {
	p := Page{At: m.Posted, Text: m.Text, Resolved: strings.HasPrefix(m.Text, "✅")}
	// The second line of a page's fallback text is "service · objective · severity · since".
	if lines := strings.SplitN(m.Text, "\n", 3); len(lines) > 1 {
		if about := strings.Split(lines[1], " · "); len(about) > 2 {
			p.Service, p.Severity = about[0], about[2]
		}
	}
	for _, reply := range all {
		if reply.ThreadTS == m.TS && strings.Contains(string(reply.Blocks), "Mitigate") {
			p.Playbook = true
		}
	}
	return p
}

// Print writes the summary for people.
func (s Summary) Print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d requests, %d failed; %d samples stored, %d spans counted.\n", s.Requests, s.Failed, s.Samples, s.Spans)
	if s.FaultToPageSeconds != nil {
		fmt.Fprintf(&b, "From the bad release to the page: %.1f s. ", *s.FaultToPageSeconds)
		if s.Resolved {
			b.WriteString("Resolved after the rollback.")
		} else {
			b.WriteString("Not resolved yet.")
		}
		b.WriteString("\n")
	} else {
		b.WriteString("share was not paged: the story needs about 80 s to get there.\n")
	}
	for _, p := range s.Pages {
		fmt.Fprintf(&b, "  %s  %s\n", p.At.Format(time.TimeOnly), firstLine(p.Text))
	}
	b.WriteString("\n")
	for _, o := range s.Objectives {
		fmt.Fprintf(&b, "  %-32s %-10s %6.1f %% of the budget left\n", o.ID, o.State, 100*o.BudgetRemaining)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
