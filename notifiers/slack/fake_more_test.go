package slack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// fakeFile is an uploaded file.
type fakeFile struct {
	name, title, alt string
	content          []byte
	channel, thread  string
	complete         bool
	processed        time.Time // until then no message may show it
}

// answerMore is the part of the fake for files, forms, and who may press.
func (f *fakeSlack) answerMore(method string, form url.Values) map[string]any {
	switch method {
	case "files.getUploadURLExternal":
		id := fmt.Sprintf("F0FILE%d", len(f.files))
		if f.files == nil {
			f.files = map[string]*fakeFile{}
		}
		f.files[id] = &fakeFile{name: form.Get("filename"), alt: form.Get("alt_txt")}
		return map[string]any{"ok": true, "upload_url": "http://slack.test/api/upload-" + id, "file_id": id}
	case "files.completeUploadExternal":
		var list []struct{ ID, Title string }
		if err := json.Unmarshal([]byte(form.Get("files")), &list); err != nil || len(list) != 1 || f.files[list[0].ID] == nil {
			return refused("invalid_arguments")
		}
		file := f.files[list[0].ID]
		file.title, file.channel, file.thread, file.complete = list[0].Title, form.Get("channel_id"), form.Get("thread_ts"), true
		return map[string]any{"ok": true, "files": []any{map[string]any{"id": list[0].ID, "title": file.title}}}
	case "views.open":
		f.views = append(f.views, form)
		return map[string]any{"ok": true, "view": map[string]any{"id": fmt.Sprintf("V%d", len(f.views))}}
	case "chat.postEphemeral":
		f.whispers = append(f.whispers, form)
		return map[string]any{"ok": true, "message_ts": "1.1"}
	case "users.info":
		return map[string]any{"ok": true, "user": map[string]any{"id": form.Get("user"), "name": "u", "profile": map[string]any{"display_name": "name of " + form.Get("user")}}}
	case "usergroups.users.list":
		users, ok := f.groups[form.Get("usergroup")]
		if !ok {
			return refused("missing_scope")
		}
		return map[string]any{"ok": true, "users": users}
	}
	return refused("unknown_method")
}

// receive takes the bytes of an upload.
func (f *fakeSlack) receive(id string, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	part, _, err := r.FormFile("file")
	if err != nil {
		panic(err)
	}
	f.files[id].content, _ = io.ReadAll(part)
}

// uploaded lists complete files.
func (f *fakeSlack) uploaded() []fakeFile {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []fakeFile
	for _, file := range f.files {
		if file.complete {
			out = append(out, *file)
		}
	}
	return out
}

// heard are the texts that only one person saw.
func (f *fakeSlack) heard() (out []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.whispers {
		out = append(out, w.Get("user")+": "+strings.TrimSpace(w.Get("text")))
	}
	return out
}
