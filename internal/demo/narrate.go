package demo

import (
	"context"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/inbox"
)

// moment is something the story says when it happens.
type moment struct {
	at   time.Duration
	text string
}

// moments are the turns of the story, in order.
func (s Story) moments() []moment {
	return []moment{
		{0, "A calm evening: a few requests a second."},
		{s.RampAt, "A famous account shares the app. Traffic begins to climb."},
		{s.PeakAt, "Ten times the traffic. feed fails a little (1 in 100): too little for the classic alert, too much for so many people."},
		{s.BreakAt, "A bad release of share goes out to half of its traffic: 40 in 100 shares fail."},
		{s.HealAt, "The release of share is rolled back."},
		{s.CoolAt, "The crowd moves on."},
		{s.EndAt, "Calm again. The server keeps running: look around, then press Ctrl-C."},
	}
}

// narrate tells the story and every page as it reaches Slack, until ctx ends.
func (d *demo) narrate(ctx context.Context) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	told := map[string]string{} // message → what was said of it
	for next := d.story.moments(); ; {
		for len(next) > 0 && d.since() >= next[0].at {
			d.say(next[0].text)
			next = next[1:]
		}
		for _, m := range d.messages(ctx) {
			if m.ThreadTS != "" && m.ThreadTS != m.TS {
				continue
			}
			if line := firstLine(m.Text); told[m.TS] != line {
				told[m.TS] = line
				d.say("   Slack: " + line)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// say tells one thing with the time of the story before it.
func (d *demo) say(text string) {
	d.tell("%5s  %s", d.since().Round(time.Second), text)
}

// messages are all messages of the local Slack, oldest first.
func (d *demo) messages(ctx context.Context) []inbox.Message {
	channels, err := d.app.Inbox().Channels(ctx)
	if err != nil {
		return nil
	}
	var all []inbox.Message
	for _, c := range channels {
		messages, err := d.app.Inbox().Messages(ctx, c.ID)
		if err != nil {
			continue
		}
		all = append(all, messages...)
	}
	return all
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
