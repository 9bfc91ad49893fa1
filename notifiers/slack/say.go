package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Word is something to be said in a channel that belongs to no page.
type Word struct {
	// ID names it: said twice, it can be found.
	ID string
	// Channel is a name or an ID, Thread the ts of a message there that it follows.
	Channel, Thread string
	// Headline, Lines and Table are plain text. The first row of the table is its head;
	// Instead are lines that say the same, for a Slack that takes no table.
	Headline string
	Lines    []string
	Table    [][]string
	Instead  []string
	// Aloud shows what is said in a thread in the channel too.
	Aloud bool
	// Since says that it may have been said since then: it is looked for first. Zero: it
	// was not.
	Since time.Time
}

// maxHeadline is how long a headline may be: a few sentences.
const maxHeadline = 1000

// message is how a Word looks.
func (w *Word) message() message {
	c := newComposer(escaped(oneLine(w.Headline), maxFallback))
	c.section("*"+escaped(oneLine(w.Headline), maxHeadline)+"*", maxSection)
	c.section(cutMrkdwn(paragraph(w.Lines), maxSection), maxSection)
	if len(w.Table) > 0 && !c.table(w.Table) {
		c.section(cutMrkdwn(paragraph(w.Instead), maxSection), maxSection)
	}
	return c.message()
}

// JSON is the message as Slack's chat.postMessage takes it, without its channel.
func (w *Word) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(w.message()); err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return b.Bytes(), nil
}

// withoutTable is the Word with its lines instead.
func (w *Word) withoutTable() message {
	other := *w
	other.Table, other.Lines = nil, append(append([]string{}, w.Lines...), w.Instead...)
	return other.message()
}

// paragraph is plain text line by line.
func paragraph(lines []string) string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = escape(oneLine(line))
	}
	return strings.Join(out, "\n")
}

// Say says something and returns where. What Slack took and we have forgotten, because
// this process or the network died meanwhile, is found by its ID and not said again,
// where the history can be read.
func (s *Slack) Say(ctx context.Context, w Word) (channelID, ts string, err error) {
	at := place{channel: w.Channel, threadTS: w.Thread}
	if !w.Since.IsZero() {
		hit, ok, f := s.own().find(ctx, at, w.ID, w.Since)
		if ok {
			return hit.channelID, hit.ts, nil
		}
		if f != nil {
			s.logger.Warn("it is not known whether this was said before, and it is said again", "channel", w.Channel, "text", w.Headline, "err", f)
		}
	}
	got, f := s.own().send(ctx, at, post{id: w.ID, msg: w.message(), broadcast: w.Aloud})
	if f != nil && f.verdict == tooRich && len(w.Table) > 0 {
		got, f = s.own().send(ctx, at, post{id: w.ID, msg: w.withoutTable(), broadcast: w.Aloud})
	}
	if f != nil {
		return "", "", fmt.Errorf("slack channel %q: %w", w.Channel, f)
	}
	return got.channelID, got.ts, nil
}

// Said returns where something was said since w.Since, by its ID; "" if it was not. The error says why that is not known.
func (s *Slack) Said(ctx context.Context, w Word) (ts string, err error) {
	hit, ok, f := s.own().find(ctx, place{channel: w.Channel, threadTS: w.Thread}, w.ID, w.Since)
	switch {
	case ok:
		return hit.ts, nil
	case f != nil:
		return "", fmt.Errorf("slack channel %q: %w", w.Channel, f)
	default:
		return "", nil
	}
}

// Rewrite replaces what was said before, at the ts that Say returned.
func (s *Slack) Rewrite(ctx context.Context, ts string, w Word) error {
	if _, f := s.own().edit(ctx, place{channel: w.Channel, ts: ts}, post{id: w.ID, msg: w.message()}); f != nil {
		return fmt.Errorf("slack channel %q: %w", w.Channel, f)
	}
	return nil
}

// maxAttached bounds a file that is attached.
const maxAttached = 10 << 20

// Attachment is a file in the thread of what was said before.
type Attachment struct {
	// Channel is an ID, Thread a ts, as Say returned them.
	Channel, Thread string
	Name, Title     string
	// Alt says what a picture shows; "" for what is none.
	Alt     string
	Content []byte
}

// Attach adds a file to a thread.
func (s *Slack) Attach(ctx context.Context, a Attachment) error {
	if len(a.Content) > maxAttached {
		return fmt.Errorf("%s is too large to attach: %d bytes", a.Name, len(a.Content))
	}
	at := place{channel: a.Channel, threadTS: a.Thread}
	if _, f := s.own().upload(ctx, at, &file{Name: a.Name, Title: a.Title, Alt: a.Alt, Content: a.Content}); f != nil {
		return fmt.Errorf("attach %s: %w", a.Name, f)
	}
	return nil
}
