package inbox

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // so that image knows it
	_ "image/jpeg" // so that image knows it
	_ "image/png"  // so that image knows it
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// How large files may be, in bytes. Slack's own bounds are higher.
const (
	maxFile    = 20 << 20
	maxFiles   = 200 << 20 // all together
	maxSnippet = 1 << 20
	maxFileAlt = 1000 // characters
)

// filesGetUploadURL announces a file.
func (b *Inbox) filesGetUploadURL(ctx context.Context, c call) (map[string]any, error) {
	size, err := strconv.ParseInt(c.args["length"], 10, 64)
	name := path.Base(strings.TrimSpace(c.args["filename"]))
	switch {
	case err != nil && c.args["length"] != "":
		return nil, refuse("invalid_arguments")
	case size <= 0 || c.args["filename"] == "":
		return nil, refuse("missing_argument")
	case size > maxFile:
		return nil, refuse("file_upload_size_restricted")
	case c.args["snippet_type"] != "" && size > maxSnippet:
		return nil, refuse("snippet_too_large")
	case utf8.RuneCountInString(c.args["alt_txt"]) > maxFileAlt:
		return nil, refuse("alt_txt_too_large")
	}
	f := file{
		id: newID("F0"), name: name, title: name, alt: c.args["alt_txt"], snippet: c.args["snippet_type"] != "", size: size, made: stampOf(b.now()),
	}
	token := rand.Text()
	if err := b.archive.beginFile(ctx, f, token); err != nil {
		return nil, err
	}
	return map[string]any{"upload_url": c.here + "/inbox/upload/" + token, "file_id": f.id}, nil
}

// serveUpload takes the bytes of a file, as they are or as the first file of a form. Faults of the method upload_url apply.
func (b *Inbox) serveUpload(w http.ResponseWriter, r *http.Request) {
	fault := b.faults.take("upload_url")
	if !fault.pass(w, r) {
		return
	}
	f, err := b.archive.upload(r.Context(), r.PathValue("token"))
	if errors.Is(err, errNoFile) {
		http.Error(w, "There is no upload under this address, or it is complete.", http.StatusNotFound)
		return
	}
	var body []byte
	if err == nil {
		r.Body = http.MaxBytesReader(w, r.Body, maxFile+64<<10) // What surrounds the file in a form comes on top.
		body, err = uploaded(r)
	}
	if err == nil && int64(len(body)) != f.size {
		http.Error(w, fmt.Sprintf("These are %d bytes; %d were announced.", len(body), f.size), http.StatusBadRequest)
		return
	}
	if err == nil {
		f.kind = sniff(body)
		err = b.archive.fillFile(r.Context(), f, body, stampOf(b.now()))
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "A file has 20 MB at most.", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		b.logger.Error("inbox upload broke", "err", err)
		http.Error(w, "The file could not be kept.", http.StatusInternalServerError)
		return
	}
	if fault.Performed {
		fault.answer(w)
		return
	}
	fmt.Fprintf(w, "OK - %d", len(body))
}

func uploaded(r *http.Request) ([]byte, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		return io.ReadAll(r.Body)
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		p, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if p.FileName() != "" {
			return io.ReadAll(p)
		}
	}
}

// sniff says what a file is by its bytes: one of four kinds of image, text, or something that is only downloaded.
func sniff(body []byte) string {
	kind, _, _ := mime.ParseMediaType(http.DetectContentType(body))
	switch {
	case kind == "image/png" || kind == "image/jpeg" || kind == "image/gif" || kind == "image/webp":
		return kind
	case strings.HasPrefix(kind, "text/") && utf8.Valid(body):
		return "text/plain"
	case kind == "application/pdf" || kind == "application/zip":
		return kind
	}
	return "application/octet-stream"
}

// filesComplete makes uploads visible and shares them: as one message in each channel.
func (b *Inbox) filesComplete(ctx context.Context, c call) (map[string]any, error) {
	var wanted []struct{ ID, Title string }
	if err := json.Unmarshal([]byte(c.args["files"]), &wanted); err != nil || len(wanted) == 0 {
		return nil, refuse("invalid_arguments")
	}
	m, to, err := b.sharing(ctx, c)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, f := range wanted {
		err := b.archive.completeFile(ctx, f.ID, f.Title, stampOf(b.now()))
		if errors.Is(err, errNoFile) {
			return nil, refuse("file_not_found")
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, f.ID)
	}
	if m.files, err = idList(ids); err != nil {
		return nil, err
	}
	for _, ch := range to {
		shared := m
		shared.channel = ch.id
		if shared.thread, err = b.threadOf(ctx, ch, c.args["thread_ts"]); err != nil {
			return nil, err
		}
		if err := b.archive.insert(ctx, &shared, b.now()); err != nil {
			return nil, err
		}
		if err := b.archive.shareFiles(ctx, ids, shared); err != nil {
			return nil, err
		}
	}
	b.changes.publish()
	files := make([]object, 0, len(ids))
	for _, id := range ids {
		f, err := b.archive.file(ctx, id)
		if err != nil {
			return nil, err
		}
		w, err := b.wireFile(ctx, f, c.base)
		if err != nil {
			return nil, err
		}
		files = append(files, w)
	}
	return map[string]any{"files": files}, nil
}

// sharing is the message that files are shared with, and where.
func (b *Inbox) sharing(ctx context.Context, c call) (message, []channel, error) {
	var to []channel
	for id := range strings.SplitSeq(c.args["channel_id"]+","+c.args["channels"], ",") {
		if id = strings.TrimSpace(id); id == "" {
			continue
		}
		ch, err := b.channelOf(ctx, id)
		if isUser(id) {
			ch, err = b.destination(ctx, id)
		}
		if err != nil {
			return message{}, nil, err
		}
		to = append(to, ch)
	}
	args := map[string]string{"text": c.args["initial_comment"]}
	if blocks := c.args["blocks"]; blocks != "" && args["text"] == "" {
		args["blocks"] = blocks
	}
	m, err := b.contentOf(ctx, call{args: args}, message{files: "[]"})
	return m, to, err
}

func (b *Inbox) filesInfo(ctx context.Context, c call) (map[string]any, error) {
	f, err := b.archive.file(ctx, c.args["file"])
	switch {
	case errors.Is(err, errNoFile):
		return nil, refuse("file_not_found")
	case err != nil:
		return nil, err
	case f.deleted != 0:
		return nil, refuse("file_deleted")
	}
	w, err := b.wireFile(ctx, f, c.base)
	if err != nil {
		return nil, err
	}
	return map[string]any{"file": w, "comments": []any{}, "response_metadata": map[string]any{"next_cursor": ""}}, nil
}

func (b *Inbox) filesDelete(ctx context.Context, c call) (map[string]any, error) {
	err := b.archive.deleteFile(ctx, c.args["file"], stampOf(b.now()))
	if errors.Is(err, errNoFile) {
		return nil, refuse("file_not_found")
	}
	if err != nil {
		return nil, err
	}
	b.changes.publish()
	return map[string]any{}, nil
}

// wireFile writes a file as Slack does.
func (b *Inbox) wireFile(ctx context.Context, f file, base string) (object, error) {
	if f.deleted != 0 {
		return object{"id": f.id, "mode": "tombstone"}, nil
	}
	shares, err := b.archive.shares(ctx, f.id)
	if err != nil {
		return nil, err
	}
	channels, direct, public := []string{}, []string{}, map[string][]object{}
	for _, s := range shares {
		one := object{"ts": s.ts.String(), "channel_name": s.channel}
		if s.thread != 0 {
			one["thread_ts"] = s.thread.String()
		}
		public[s.channel] = append(public[s.channel], one)
		if len(public[s.channel]) > 1 {
			continue
		}
		if strings.HasPrefix(s.channel, "D") {
			direct = append(direct, s.channel)
		} else {
			channels = append(channels, s.channel)
		}
	}
	extension := strings.TrimPrefix(path.Ext(f.name), ".")
	w := object{
		"id": f.id, "created": f.made.time().Unix(), "timestamp": f.made.time().Unix(), "name": f.name, "title": f.title, "mimetype": f.kind,
		"filetype": cmp.Or(extension, "text"), "pretty_type": strings.ToUpper(extension), "user": botUser, "user_team": teamID,
		"mode": "hosted", "editable": f.snippet, "is_external": false, "size": f.size, "is_public": len(channels) > 0, "alt_txt": f.alt,
		"url_private": base + f.path(), "url_private_download": base + f.path() + "?download=1", "permalink": base + f.path(),
		"channels": channels, "ims": direct, "groups": []string{}, "shares": object{"public": public},
	}
	if f.snippet {
		w["mode"] = "snippet"
	}
	if f.text() {
		w["preview"] = f.preview
	}
	return w, b.measure(ctx, f, w)
}

// measure adds how large an image is, where that is known.
func (b *Inbox) measure(ctx context.Context, f file, w object) error {
	if !f.image() {
		return nil
	}
	body, err := b.archive.bytes(ctx, f.id)
	if err != nil {
		return err
	}
	if config, _, err := image.DecodeConfig(bytes.NewReader(body)); err == nil {
		w["original_w"], w["original_h"] = config.Width, config.Height
	}
	return nil
}

// wireFiles adds to a message as Slack writes it the files that were shared with it.
func (b *Inbox) wireFiles(ctx context.Context, w map[string]any, m message, base string) error {
	ids := m.fileIDs()
	if len(ids) == 0 || m.deleted != 0 {
		return nil
	}
	files := make([]object, 0, len(ids))
	for _, id := range ids {
		f, err := b.archive.file(ctx, id)
		if err != nil {
			return fmt.Errorf("read file %s: %w", id, err)
		}
		one, err := b.wireFile(ctx, f, base)
		if err != nil {
			return err
		}
		files = append(files, one)
	}
	w["files"], w["upload"] = files, true
	if w["subtype"] == nil {
		w["subtype"] = "file_share"
	}
	return nil
}

// shownFile says whether an image block may show a file: an image that is complete, and has been for Options.FileDelay.
func (b *Inbox) shownFile(ctx context.Context) func(id, address string) bool {
	return func(id, address string) bool {
		ok, err := b.archive.showFile(ctx, cmp.Or(id, fileIDOf(address)), stampOf(b.now().Add(-b.fileDelay)))
		if err != nil {
			b.logger.Error("inbox file broke", "err", err)
		}
		return ok
	}
}

// fileIDOf takes the ID out of a file's url_private or permalink.
func fileIDOf(address string) string {
	_, rest, _ := strings.Cut(address, "/inbox/files/")
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// pathName is a file's name as the last part of a path.
func pathName(name string) string {
	if name == "." || name == ".." || name == "/" {
		return "file"
	}
	return url.PathEscape(name)
}

// serveFile serves a file so that nothing in it runs: images and text are shown, anything else is downloaded.
func (b *Inbox) serveFile(w http.ResponseWriter, r *http.Request) {
	f, err := b.archive.file(r.Context(), r.PathValue("id"))
	var body []byte
	if err == nil {
		body, err = b.archive.bytes(r.Context(), f.id)
	}
	if errors.Is(err, errNoFile) {
		http.Error(w, "There is no such file, or it was deleted.", http.StatusNotFound)
		return
	}
	if err != nil {
		b.logger.Error("inbox file broke", "err", err)
		http.Error(w, "The file could not be read. The log says why.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, max-age=86400")
	h.Set("Referrer-Policy", "no-referrer")
	how := "attachment"
	switch {
	case f.image():
		how = "inline"
		h.Set("Content-Type", f.kind)
	case f.text():
		how = "inline"
		h.Set("Content-Type", "text/plain; charset=utf-8")
	default:
		h.Set("Content-Type", "application/octet-stream")
	}
	if r.URL.Query().Has("download") {
		how = "attachment"
	}
	h.Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": f.name}))
	http.ServeContent(w, r, "", f.completed.time(), bytes.NewReader(body))
}
