package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
)

// previewRecord is the record that the buttons of a preview name: there is none.
const previewRecord = "preview"

var errPreview = errors.New("this is a preview: the button works, and there is no incident to change")

// Preview is the page that alerts would produce.
type Preview struct {
	Receiver string `json:"receiver"`
	Channel  string `json:"channel"`
	// Text is what a lock screen shows, Blocks the message in Block Kit.
	Text   string          `json:"text"`
	Blocks json.RawMessage `json:"blocks"`
	// Thread are the messages below, Files the names of the files among them.
	Thread []PreviewReply `json:"thread,omitempty"`
	Files  []string       `json:"files,omitempty"`
	// Picture are the words of the picture, "" without one.
	Picture string `json:"picture,omitempty"`
	// PostedTo is the ID of the channel, once it was posted.
	PostedTo string `json:"posted_to,omitempty"`

	thread   []part
	look     look
	picture  *file
	incident incident
	to       *workspace
}

// PreviewReply is a message in the thread of a page.
type PreviewReply struct {
	Text   string          `json:"text"`
	Blocks json.RawMessage `json:"blocks,omitempty"`
}

// Preview builds the page of alerts for a slack_config as Notify would, with
// evidence as far as there is any, and opens no incident. ctx carries what
// Alertmanager's pipeline puts into it.
func (s *Slack) Preview(ctx context.Context, conf *amconfig.SlackConfig, receiver string, tmpl *template.Template, alerts []*amalert.Alert) (*Preview, error) {
	made, err := s.Notifier(conf, receiver, 0, tmpl)
	if err != nil {
		return nil, err
	}
	n, ok := made.(*notifier)
	if !ok {
		return nil, errors.New("an incoming webhook shows Alertmanager's own message, which cannot be previewed: it has no thread, no buttons and no edits")
	}
	groupKey, _ := notify.GroupKey(ctx)
	req := n.request(ctx, groupKey, alerts)
	in := req.incident
	p := &Preview{Receiver: receiver, Channel: req.channel, look: req.look, to: n.workspace}
	if in.state() == firing {
		ctx, cancel := context.WithTimeout(ctx, evidenceLate)
		defer cancel()
		f := s.look(ctx, &in)
		f.add(&in)
		p.picture, p.Picture = f.file(), f.Alt
	}
	if req.interactive {
		in.Record = previewRecord
	}
	in.Custom.Opening = append([]string{"_This is a preview: nothing is wrong, and nobody has to do anything._"}, in.Custom.Opening...)
	p.incident = in
	p.build()
	return p, nil
}

func (p *Preview) build() {
	root, over := p.incident.page()
	p.Text, p.Blocks = root.Text, root.Blocks
	p.thread, p.Thread, p.Files = p.incident.threadOf(over), nil, nil
	for _, part := range p.thread {
		if part.File != nil {
			p.Files = append(p.Files, part.File.Name)
			continue
		}
		p.Thread = append(p.Thread, PreviewReply{Text: part.Text, Blocks: part.Blocks})
	}
}

// Post sends a preview to the channel; "" is the one that the page would go to. It
// keeps no record: the message is nobody's incident.
func (s *Slack) Post(ctx context.Context, p *Preview, channel string) error {
	if channel != "" {
		p.Channel = channel
	}
	root := message{Text: p.Text, Blocks: p.Blocks}
	at, f := p.to.send(ctx, place{channel: p.Channel}, post{id: newID(), msg: root, look: p.look})
	if f != nil {
		return fmt.Errorf("post the preview to %s: %w", p.Channel, f)
	}
	p.PostedTo = at.channelID
	below := place{channel: at.channelID, threadTS: at.ts}
	for _, part := range p.thread {
		if part.File != nil {
			_, f = p.to.upload(ctx, below, part.File)
		} else {
			_, f = p.to.send(ctx, below, post{id: newID(), msg: part.message, look: p.look})
		}
		if f != nil {
			return fmt.Errorf("post the preview's thread to %s: %w", p.Channel, f)
		}
	}
	return s.postPicture(ctx, p, place{channel: at.channelID, ts: at.ts})
}

// postPicture uploads the picture and shows it in the message, once Slack has
// processed it.
func (s *Slack) postPicture(ctx context.Context, p *Preview, at place) error {
	if p.picture == nil {
		return nil
	}
	id, f := p.to.upload(ctx, place{}, p.picture)
	if f != nil {
		return fmt.Errorf("upload the preview's picture: %w", f)
	}
	p.incident.Picture = picture{FileID: id, Alt: p.picture.Alt}
	p.build()
	for try := 0; ; try++ {
		_, f := p.to.edit(ctx, at, post{id: newID(), msg: message{Text: p.Text, Blocks: p.Blocks}})
		if f == nil {
			return nil
		}
		if try == maxPictureTries {
			return fmt.Errorf("show the picture in the preview: %w", f)
		}
		wait := time.NewTimer(pictureWait << try)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return fmt.Errorf("show the picture in the preview: %w", ctx.Err())
		}
	}
}

// String is the preview as a person reads it in a terminal.
func (p *Preview) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "receiver %s, channel %s\n\n", p.Receiver, p.Channel)
	b.WriteString(inPlain(p.Text, p.Blocks))
	for i, m := range p.Thread {
		fmt.Fprintf(&b, "\n──── in the thread, %d ────\n%s", i+1, inPlain(m.Text, m.Blocks))
	}
	for _, name := range p.Files {
		fmt.Fprintf(&b, "\n──── in the thread, file %s ────\n", name)
	}
	if p.Picture != "" {
		fmt.Fprintf(&b, "\n──── picture ────\n%s\n", p.Picture)
	}
	return b.String()
}
