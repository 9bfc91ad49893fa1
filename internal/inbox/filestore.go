package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

var errNoFile = errors.New("no such file")

// file is a row of inbox_files, without its bytes.
type file struct {
	id, name, title string
	kind            string // sniffed content type; empty: nothing was uploaded yet
	alt             string
	snippet         bool
	size            int64
	made, completed stamp // completed 0: the upload is not complete
	deleted         stamp
	preview         string // the beginning of a text
}

func (f file) image() bool { return strings.HasPrefix(f.kind, "image/") }
func (f file) text() bool  { return strings.HasPrefix(f.kind, "text/") }

// path is where the page and apps read the file.
func (f file) path() string { return "/inbox/files/" + f.id + "/" + pathName(f.name) }

// previewLines is how much of a text is shown at once.
const previewLines = 10

func fileViewOf(f file) fileView {
	v := fileView{Name: f.name, Title: f.title, Alt: f.alt, Href: f.path(), Kind: "other", Size: sizeOf(f.size)}
	switch {
	case f.id == "" || f.deleted != 0:
		return fileView{Kind: "gone"}
	case f.image():
		v.Kind = "image"
		if v.Alt == "" {
			v.Alt = f.title
		}
	case f.text():
		v.Kind = "text"
		lines := strings.SplitAfterN(clean(f.preview), "\n", previewLines+1)
		v.Cut = len(lines) > previewLines || int64(len(f.preview)) < f.size
		v.Preview = strings.Join(lines[:min(len(lines), previewLines)], "")
	}
	return v
}

// sizeOf says how large something is, to two digits or so.
func sizeOf(bytes int64) string {
	switch {
	case bytes < 1000:
		return fmt.Sprintf("%d bytes", bytes)
	case bytes < 1_000_000:
		return fmt.Sprintf("%d kB", (bytes+500)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

// share is a message that a file was shared with.
type share struct {
	channel    string
	ts, thread stamp
}

const fileColumns = `id, name, title, kind, alt, snippet, size, made_us, completed_us, deleted_us,
	CASE WHEN kind LIKE 'text/%' THEN CAST(SUBSTR(body, 1, 4000) AS TEXT) ELSE '' END`

func scanFile(row interface{ Scan(...any) error }) (file, error) {
	var f file
	err := row.Scan(&f.id, &f.name, &f.title, &f.kind, &f.alt, &f.snippet, &f.size, &f.made, &f.completed, &f.deleted, &f.preview)
	if errors.Is(err, sql.ErrNoRows) {
		return file{}, errNoFile
	}
	f.preview = strings.ToValidUTF8(f.preview, "") // It may end within a character.
	return f, err
}

// beginFile keeps that a file will come, and forgets those that never came.
func (a archive) beginFile(ctx context.Context, f file, token string) error {
	return a.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM inbox_files WHERE completed_us = 0 AND made_us < ?`, f.made-stamp(24*time.Hour.Microseconds()))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO inbox_files (id, token, name, title, kind, alt, snippet, size, made_us, completed_us, deleted_us, kept, body)
			VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, 0, 0, 0, x'')`, f.id, token, f.name, f.title, f.alt, f.snippet, f.size, f.made)
		return err
	})
}

// upload is the file that a token's upload belongs to.
func (a archive) upload(ctx context.Context, token string) (file, error) {
	return scanFile(a.db.QueryRowContext(ctx, `SELECT `+fileColumns+` FROM inbox_files WHERE token = ? AND completed_us = 0`, token))
}

// fillFile keeps what was uploaded. Beyond the bound of all files the oldest lose their bytes: first those that nothing shows.
func (a archive) fillFile(ctx context.Context, f file, body []byte, at stamp) error {
	return a.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE inbox_files SET kind = ?, size = ?, body = ? WHERE id = ?`, f.kind, len(body), body, f.id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE inbox_files SET deleted_us = ?, body = x'' WHERE id IN (
			SELECT id FROM (SELECT id, SUM(size) OVER (ORDER BY id = ? DESC, kept DESC, made_us DESC, id ROWS UNBOUNDED PRECEDING) AS sum
				FROM inbox_files WHERE deleted_us = 0 AND kind <> '') WHERE sum > ?)`, at, f.id, a.room)
		return err
	})
}

// completeFile makes an uploaded file one that can be seen.
func (a archive) completeFile(ctx context.Context, id, title string, at stamp) error {
	done, err := affected(a.db.ExecContext(ctx, `UPDATE inbox_files SET completed_us = ?, title = CASE WHEN ? = '' THEN title ELSE ? END
		WHERE id = ? AND completed_us = 0 AND deleted_us = 0 AND kind <> ''`, at, title, title, id))
	if err == nil && !done {
		return errNoFile
	}
	return err
}

// showFile says whether an image of that ID was complete by then, and marks it as shown.
func (a archive) showFile(ctx context.Context, id string, by stamp) (bool, error) {
	return affected(a.db.ExecContext(ctx, `UPDATE inbox_files SET kept = 1
		WHERE id = ? AND completed_us BETWEEN 1 AND ? AND deleted_us = 0 AND kind LIKE 'image/%'`, id, by))
}

// shareFiles ties files to the message they were shared with.
func (a archive) shareFiles(ctx context.Context, ids []string, m message) error {
	return a.write(ctx, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `UPDATE inbox_files SET kept = 1 WHERE id = ?`, id); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO inbox_shares (file_id, channel_id, ts_us, thread_us) VALUES (?, ?, ?, ?)`,
				id, m.channel, m.ts, m.thread); err != nil {
				return err
			}
		}
		return nil
	})
}

// file returns a file whose upload is complete. A deleted one is there, and says so.
func (a archive) file(ctx context.Context, id string) (file, error) {
	return scanFile(a.db.QueryRowContext(ctx, `SELECT `+fileColumns+` FROM inbox_files WHERE id = ? AND completed_us > 0`, id))
}

// filesOf returns the files of messages, by ID.
func (a archive) filesOf(ctx context.Context, messages []message) (map[string]file, error) {
	found := map[string]file{}
	for _, m := range messages {
		for _, id := range m.fileIDs() {
			f, err := a.file(ctx, id)
			if errors.Is(err, errNoFile) {
				continue
			}
			if err != nil {
				return nil, err
			}
			found[id] = f
		}
	}
	return found, nil
}

// bytes returns what a file holds.
func (a archive) bytes(ctx context.Context, id string) ([]byte, error) {
	var body []byte
	err := a.db.QueryRowContext(ctx, `SELECT body FROM inbox_files WHERE id = ? AND completed_us > 0 AND deleted_us = 0`, id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNoFile
	}
	return body, err
}

func (a archive) deleteFile(ctx context.Context, id string, at stamp) error {
	done, err := affected(a.db.ExecContext(ctx,
		`UPDATE inbox_files SET deleted_us = ?, body = x'' WHERE id = ? AND completed_us > 0 AND deleted_us = 0`, at, id))
	if err == nil && !done {
		return errNoFile
	}
	return err
}

func (a archive) shares(ctx context.Context, id string) ([]share, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT channel_id, ts_us, thread_us FROM inbox_shares WHERE file_id = ? ORDER BY channel_id, ts_us`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []share
	for rows.Next() {
		var s share
		if err := rows.Scan(&s.channel, &s.ts, &s.thread); err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	return found, rows.Err()
}

// fileIDs are the files that were shared with the message.
func (m message) fileIDs() []string {
	if m.files == "" {
		return nil
	}
	var ids []string
	// It was written by shared.
	_ = json.Unmarshal([]byte(m.files), &ids)
	return ids
}

func idList(ids []string) (string, error) {
	raw, err := json.Marshal(ids)
	if err != nil {
		return "", fmt.Errorf("list files: %w", err)
	}
	return string(raw), nil
}
