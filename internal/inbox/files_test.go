package inbox

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

// picture draws a PNG.
func picture(tb testing.TB, width, height int) []byte {
	tb.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			img.Set(x, y, color.RGBA{R: 200, G: uint8(255 * x / width), B: uint8(255 * y / height), A: 255})
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// upload shares a file as slack-go does it, in three calls.
func (d desk) upload(tb testing.TB, p slack.UploadFileParameters, content []byte) string {
	tb.Helper()
	p.Reader, p.FileSize = bytes.NewReader(content), len(content)
	f, err := d.client.UploadFileContext(tb.Context(), p)
	if err != nil {
		tb.Fatal(err)
	}
	return f.ID
}

// fetched is what came back for a file.
type fetched struct {
	status int
	header http.Header
	body   string
}

// fetch reads what is under an address of the inbox.
func (d desk) fetch(tb testing.TB, path string) fetched {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, d.url+path, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer resp.Body.Close()
	return fetched{status: resp.StatusCode, header: resp.Header, body: readAll(tb, resp)}
}

func TestUpload(t *testing.T) {
	d := open(t)
	channel, ts := d.post(t, "oncall", saying("share is broken"))
	chart := picture(t, 60, 40)
	id := d.upload(t, slack.UploadFileParameters{Filename: "burn.png", Title: "Burn", AltTxt: "The budget burns", Channel: channel, ThreadTimestamp: ts, InitialComment: "See:"}, chart)
	all := d.messages(t, channel)
	if m := all[1]; m.ThreadTS != ts || m.Text != "See:" || len(m.Files) != 1 || m.Files[0] != id {
		t.Errorf("the message with the file: %+v", m)
	}
	f, _, _, err := d.client.GetFileInfoContext(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "burn.png" || f.Title != "Burn" || f.Mimetype != "image/png" || f.AltTxt != "The budget burns" || f.Size != len(chart) || f.OriginalW != 60 || f.OriginalH != 40 {
		t.Errorf("files.info: %+v", f)
	}
	if s := f.Shares.Public[channel]; len(s) != 1 || s[0].Ts != all[1].TS || s[0].ThreadTs != ts {
		t.Errorf("its shares: %+v", f.Shares)
	}
	var got bytes.Buffer
	if err := d.client.GetFileContext(t.Context(), f.URLPrivateDownload, &got); err != nil || !bytes.Equal(got.Bytes(), chart) {
		t.Errorf("downloaded %d bytes, %v", got.Len(), err)
	}
	msgs, _, _, err := d.client.GetConversationRepliesContext(t.Context(), &slack.GetConversationRepliesParameters{ChannelID: channel, Timestamp: ts})
	if err != nil || len(msgs) != 2 || len(msgs[1].Files) != 1 || msgs[1].Files[0].ID != id || msgs[1].SubType != "file_share" {
		t.Errorf("the thread: %+v, %v", msgs, err)
	}
	if err := d.client.DeleteFileContext(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := d.client.GetFileInfoContext(t.Context(), id, 0, 0); word(err) != "file_deleted" {
		t.Errorf("files.info of a deleted file: %v", err)
	}
	if err := d.client.DeleteFileContext(t.Context(), id); word(err) != "file_not_found" {
		t.Errorf("deleted twice: %v", err)
	}
	if got := d.fetch(t, "/inbox/files/"+id+"/burn.png"); got.status != http.StatusNotFound {
		t.Errorf("the bytes of a deleted file: %d", got.status)
	}
}

// Files hold what strangers wrote: nothing in them runs, whatever they call themselves.
func TestHostileFiles(t *testing.T) {
	d := open(t)
	for name, c := range map[string]struct{ content, kind, how string }{
		"page.html":      {"<html><script>alert(1)</script></html>", "text/plain; charset=utf-8", "inline"},
		"fake.png":       {"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "text/plain; charset=utf-8", "inline"},
		"log.txt":        {"2026-11-23 ERROR no route", "text/plain; charset=utf-8", "inline"},
		"x\"\n.pdf":      {"%PDF-1.4 x", "application/octet-stream", "attachment"},
		"binary":         {"\x7fELF\x00\x01", "application/octet-stream", "attachment"},
		"../../etc/page": {"\xff\xfe<\x00h\x00", "application/octet-stream", "attachment"},
		"photo.txt":      {string(picture(t, 2, 2)), "image/png", "inline"},
	} {
		id := d.upload(t, slack.UploadFileParameters{Filename: name}, []byte(c.content))
		got := d.fetch(t, "/inbox/files/"+id+"/x")
		h := got.header
		if got.status != http.StatusOK || got.body != c.content || h.Get("Content-Type") != c.kind || !strings.HasPrefix(h.Get("Content-Disposition"), c.how) ||
			!strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: %d %v", name, got.status, h)
		}
	}
}

func TestUploadRefused(t *testing.T) {
	d := open(t)
	announce := func(p slack.GetUploadURLExternalParameters) string {
		_, err := d.client.GetUploadURLExternalContext(t.Context(), p)
		return word(err)
	}
	for want, p := range map[string]slack.GetUploadURLExternalParameters{
		"file_upload_size_restricted": {FileName: "x", FileSize: maxFile + 1},
		"alt_txt_too_large":           {FileName: "x", FileSize: 1, AltTxt: strings.Repeat("x", 1001)},
		"snippet_too_large":           {FileName: "x", FileSize: maxSnippet + 1, SnippetType: "text"},
		"missing_argument":            {FileName: "x", FileSize: -1},
	} {
		if got := announce(p); got != want {
			t.Errorf("%+v: %q, want %q", p, got, want)
		}
	}
	complete := func(id, channel string) string {
		_, err := d.client.CompleteUploadExternalContext(t.Context(), slack.CompleteUploadExternalParameters{Files: []slack.FileSummary{{ID: id}}, Channel: channel})
		return word(err)
	}
	u, err := d.client.GetUploadURLExternalContext(t.Context(), slack.GetUploadURLExternalParameters{FileName: "x.txt", FileSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	post := func(address, kind, body string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer http.DefaultClient.CloseIdleConnections()
		resp.Body.Close()
		return resp.StatusCode
	}
	if got := complete(u.FileID, ""); got != "file_not_found" {
		t.Errorf("complete before the upload: %q", got)
	}
	d.Fail("upload_url", Broken(500))
	for _, c := range []struct {
		address, kind, body string
		want                int
	}{
		{u.UploadURL, "text/plain", "hello", 500},
		{u.UploadURL, "text/plain", "four", 400},
		{u.UploadURL, "text/plain", strings.Repeat("x", maxFile+100<<10), 413},
		{u.UploadURL, "multipart/form-data; boundary=x", "--x--", 400},
		{u.UploadURL + "x", "text/plain", "hello", 404},
		{u.UploadURL, "text/plain", "hello", 200},
	} {
		if got := post(c.address, c.kind, c.body); got != c.want {
			t.Errorf("post %d bytes: %d, want %d", len(c.body), got, c.want)
		}
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	w.WriteField("other", "field")
	part, _ := w.CreateFormFile("anything", "x.txt")
	part.Write([]byte("again"))
	w.Close()
	if got := post(u.UploadURL, w.FormDataContentType(), form.String()); got != 200 {
		t.Errorf("as a form: %d", got)
	}
	if got := complete(u.FileID, "C0NOTHING"); got != "channel_not_found" {
		t.Errorf("complete to nowhere: %q", got)
	}
	if got := complete(u.FileID, ""); got != "" {
		t.Errorf("complete: %q", got)
	}
	if got := complete(u.FileID, ""); got != "file_not_found" {
		t.Errorf("complete again: %q", got)
	}
	if got := post(u.UploadURL, "text/plain", "later"); got != 404 {
		t.Errorf("upload after it is complete: %d", got)
	}
}

// An image block shows a file once Slack has processed it.
func TestSlackFile(t *testing.T) {
	d := open(t, func(o *Options) { o.FileDelay = 5 * time.Second })
	id := d.upload(t, slack.UploadFileParameters{Filename: "burn.png"}, picture(t, 4, 4))
	text := d.upload(t, slack.UploadFileParameters{Filename: "x.txt"}, []byte("hello"))
	show := func(f slack.SlackFileObject) error {
		_, _, err := d.client.PostMessageContext(t.Context(), "oncall", saying("x"), slack.MsgOptionBlocks(slack.NewImageBlockSlackFile(&f, "The budget", "", nil)))
		return err
	}
	refused := func(err error) bool {
		var e slack.SlackErrorResponse
		return errors.As(err, &e) && e.Err == "invalid_blocks" && strings.Contains(strings.Join(e.ResponseMetadata.Messages, ""), "invalid slack file [json-pointer:/blocks/0/slack_file]")
	}
	d.clock.pass(5*time.Second - time.Millisecond)
	if err := show(slack.SlackFileObject{ID: id}); !refused(err) {
		t.Errorf("too soon: %v", err)
	}
	d.clock.pass(time.Millisecond)
	if err := show(slack.SlackFileObject{ID: id}); err != nil {
		t.Errorf("by ID: %v", err)
	}
	f, _, _, err := d.client.GetFileInfoContext(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{f.URLPrivate, f.Permalink} {
		if err := show(slack.SlackFileObject{URL: address}); err != nil {
			t.Errorf("by %s: %v", address, err)
		}
	}
	for name, f := range map[string]slack.SlackFileObject{"unknown": {ID: "F0NOTHING"}, "text": {ID: text}, "elsewhere": {URL: "https://x.example/" + id}, "nothing": {}} {
		if err := show(f); !refused(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	contains(t, d.get(t, "/inbox/oncall").page, `<img src="/inbox/files/`+id+`/image" alt="The budget"`)
}

// When all files together are too large, the oldest go: first those that nothing shows.
func TestFilesAreBounded(t *testing.T) {
	d := open(t)
	d.archive.room = 1000
	channel, _ := d.post(t, "oncall", saying("x"))
	big := bytes.Repeat([]byte("x"), 100)
	shared := d.upload(t, slack.UploadFileParameters{Filename: "shared.txt", Channel: channel}, big)
	d.clock.pass(time.Second)
	var rest []string
	for range 10 {
		rest = append(rest, d.upload(t, slack.UploadFileParameters{Filename: "loose.txt"}, big))
		d.clock.pass(time.Second)
	}
	there := func(id string) bool {
		_, _, _, err := d.client.GetFileInfoContext(t.Context(), id, 0, 0)
		return err == nil
	}
	if !there(shared) || there(rest[0]) || !there(rest[1]) || !there(rest[len(rest)-1]) {
		t.Errorf("there are: the shared one %v, the first %v, the second %v, the last %v", there(shared), there(rest[0]), there(rest[1]), there(rest[len(rest)-1]))
	}
}
