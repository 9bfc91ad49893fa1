package slack

import (
	"bytes"
	"context"
	"time"

	slackapi "github.com/slack-go/slack"
)

// maxPicture bounds a picture: it is kept in the database until Slack has it.
const maxPicture = 2 << 20

// file is something to upload to Slack.
type file struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Alt     string `json:"alt,omitempty"`
	Content []byte `json:"content"`
}

// file is the picture that was found, nil without one.
func (f *findings) file() *file {
	if len(f.Picture) == 0 {
		return nil
	}
	return &file{Name: "incident.png", Title: "Around the start of the incident", Alt: f.Alt, Content: f.Picture}
}

// upload sends a file in Slack's three steps: ask for an address, send the bytes,
// say where it belongs. Without a place it belongs to nobody until a message shows
// it. It returns the file's ID.
func (w *workspace) upload(ctx context.Context, at place, f *file) (string, *fault) {
	var id string
	trouble := w.call(ctx, func(ctx context.Context, api *slackapi.Client) error {
		summary, err := api.UploadFileContext(ctx, slackapi.UploadFileParameters{
			Reader: bytes.NewReader(f.Content), FileSize: len(f.Content), Filename: f.Name, Title: f.Title,
			AltTxt: cut(f.Alt, maxFileAlt), Channel: at.channel, ThreadTimestamp: at.threadTS,
		})
		if err == nil {
			id = summary.ID
		}
		return err
	})
	return id, trouble
}

// picture queues the evidence of an incident for upload, once for each. The caller
// holds mu.
func (o *outbox) picture(rec *record, f *file) {
	if f == nil || rec.closed || rec.memory.Digest != "" || rec.memory.Incident.Picture.FileID != "" || rec.memory.Incident.state() != firing {
		return
	}
	for _, r := range rec.thread {
		if r.kind == kindPicture {
			return
		}
	}
	o.enqueue(rec, &row{kind: kindPicture, createdAt: time.Now(), payload: payload{File: f}})
}

// settlePicture shows an uploaded picture in the page, unless it is over.
func (o *outbox) settlePicture(r *row, fileID string) {
	rec := r.rec
	shown := picture{FileID: fileID, Alt: r.payload.File.Alt, Tries: r.payload.Tries}
	o.settleThread(r)
	if rec.closed || rec.state != firing || rec.memory.Digest != "" {
		return
	}
	rec.memory.Incident.Picture = shown
	in := rec.memory.Incident
	o.revise(rec, &in, false)
}

// settleUnseen is for a page whose picture Slack refuses: it needs a moment with
// every file. The page does not wait for it: it goes out without, and the picture
// comes again a little later.
func (o *outbox) settleUnseen(r *row, now time.Time) {
	rec := r.rec
	refused := rec.memory.Incident.Picture
	rec.memory.Incident.Picture = picture{}
	in := rec.memory.Incident
	root, _ := in.page()
	r.payload.Root, r.payload.Picture = &root, false
	o.keep(r)
	if refused.Tries++; refused.Tries > maxPictureTries {
		o.logger.Warn("slack does not show the picture of a page, the page stays without", "channel", rec.channel)
		return
	}
	o.enqueue(rec, &row{
		kind: kindPicture, createdAt: now, nextAt: now.Add(pictureWait << (refused.Tries - 1)),
		payload: payload{File: &file{Name: "incident.png", Alt: refused.Alt}, FileID: refused.FileID, Tries: refused.Tries},
	})
}
