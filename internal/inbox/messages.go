package inbox

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

// keptVersions is how many earlier versions of one message are kept; the count of its edits is not limited.
const keptVersions = 50

// insert gives the message its ts, later than every other of its channel, and keeps it.
func (a archive) insert(ctx context.Context, m *message, at time.Time) error {
	return a.write(ctx, func(tx *sql.Tx) error {
		now := stampOf(at)
		err := tx.QueryRowContext(ctx,
			`UPDATE inbox_channels SET last_us = CASE WHEN last_us >= ? THEN last_us + 1 ELSE ? END WHERE id = ? RETURNING last_us`,
			now, now, m.channel).Scan(&m.ts)
		if errors.Is(err, sql.ErrNoRows) {
			return errNoChannel
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO inbox_messages (channel_id, ts_us, thread_us, broadcast, username, icon, body, blocks,
			attachments, metadata, state, ephemeral, edited_us, edits, deleted_us, about_us, files)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?)`,
			m.channel, m.ts, m.thread, m.broadcast, m.username, m.icon, m.text, m.blocks, m.attachments, m.metadata, m.state, m.ephemeral,
			m.about, m.files)
		return err
	})
}

// update replaces what a message says and keeps what it said before.
func (a archive) update(ctx context.Context, m message, at stamp) error {
	return a.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO inbox_versions (channel_id, ts_us, edit, written_us, body)
			SELECT channel_id, ts_us, edits, CASE WHEN edited_us = 0 THEN ts_us ELSE edited_us END, body
			FROM inbox_messages WHERE channel_id = ? AND ts_us = ? AND deleted_us = 0`, m.channel, m.ts)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM inbox_versions WHERE channel_id = ? AND ts_us = ? AND edit <=
			(SELECT MAX(edit) FROM inbox_versions WHERE channel_id = ? AND ts_us = ?) - ?`, m.channel, m.ts, m.channel, m.ts, keptVersions)
		if err != nil {
			return err
		}
		return changed(tx.ExecContext(ctx, `UPDATE inbox_messages SET body = ?, blocks = ?, attachments = ?, metadata = ?, state = ?,
			broadcast = ?, edited_us = ?, edits = edits + 1 WHERE channel_id = ? AND ts_us = ? AND deleted_us = 0`,
			m.text, m.blocks, m.attachments, m.metadata, m.state, m.broadcast, at, m.channel, m.ts))
	})
}

func (a archive) remove(ctx context.Context, channelID string, ts, at stamp) error {
	return changed(a.db.ExecContext(ctx,
		`UPDATE inbox_messages SET deleted_us = ? WHERE channel_id = ? AND ts_us = ? AND deleted_us = 0`, at, channelID, ts))
}

// changed says errNoMessage when a statement found no row.
func changed(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return errNoMessage
}

// message returns one message. A deleted one counts as gone.
func (a archive) message(ctx context.Context, channelID string, ts stamp) (message, error) {
	return scanMessage(a.db.QueryRowContext(ctx, selectMessage+` AND ts_us = ? AND deleted_us = 0`, channelID, ts))
}

// parent returns the message whose thread ts belongs to, be it the parent or a reply. A deleted parent
// stands as long as it has replies.
func (a archive) parent(ctx context.Context, channelID string, ts stamp) (message, error) {
	m, err := scanMessage(a.db.QueryRowContext(ctx, selectMessage+` AND ts_us = ? AND ephemeral = ''`+stands, channelID, ts))
	if err != nil || m.thread == 0 {
		return m, err
	}
	return scanMessage(a.db.QueryRowContext(ctx, selectMessage+` AND ts_us = ? AND ephemeral = ''`+stands, channelID, m.thread))
}

// interval is a stretch of a channel, both ends included.
type interval struct{ from, to stamp }

func span(messages []message) interval {
	if len(messages) == 0 {
		return interval{from: 1}
	}
	i := interval{from: messages[0].ts, to: messages[0].ts}
	for _, m := range messages {
		i.from, i.to = min(i.from, m.ts), max(i.to, m.ts)
	}
	return i
}

// reactions returns who reacted how to the messages of an interval.
func (a archive) reactions(ctx context.Context, channelID string, in interval) (map[stamp][]Reaction, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT ts_us, name, user_id FROM inbox_reactions
		WHERE channel_id = ? AND ts_us BETWEEN ? AND ? ORDER BY ts_us, at_us, name, user_id`, channelID, in.from, in.to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[stamp][]Reaction{}
	for rows.Next() {
		var ts stamp
		var name, user string
		if err := rows.Scan(&ts, &name, &user); err != nil {
			return nil, err
		}
		found[ts] = withReaction(found[ts], name, user)
	}
	return found, rows.Err()
}

func withReaction(have []Reaction, name, user string) []Reaction {
	for i := range have {
		if have[i].Name == name {
			have[i].Users = append(have[i].Users, user)
			return have
		}
	}
	return append(have, Reaction{Name: name, Users: []string{user}})
}

// react adds a reaction and says whether it is new.
func (a archive) react(ctx context.Context, m message, name string, at stamp) (bool, error) {
	return affected(a.db.ExecContext(ctx, `INSERT INTO inbox_reactions (channel_id, ts_us, name, user_id, at_us) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, m.channel, m.ts, name, botUser, at))
}

// unreact takes a reaction back and says whether it was there.
func (a archive) unreact(ctx context.Context, m message, name string) (bool, error) {
	return affected(a.db.ExecContext(ctx, `DELETE FROM inbox_reactions WHERE channel_id = ? AND ts_us = ? AND name = ? AND user_id = ?`,
		m.channel, m.ts, name, botUser))
}

func affected(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// answers returns what a person alone was told about the messages of an interval, or in their threads, oldest first.
func (a archive) answers(ctx context.Context, channelID, user string, in interval) ([]message, error) {
	rows, err := a.db.QueryContext(ctx, selectMessage+` AND ephemeral = ? AND deleted_us = 0
		AND (about_us BETWEEN ? AND ? OR about_us = 0 AND thread_us BETWEEN ? AND ?) ORDER BY ts_us`,
		channelID, user, max(in.from, 1), in.to, max(in.from, 1), in.to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []message
	for rows.Next() {
		m, err := scanMessage(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	return found, rows.Err()
}

// listeners returns who was ever told something in private.
func (a archive) listeners(ctx context.Context) ([]string, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT DISTINCT ephemeral FROM inbox_messages WHERE ephemeral <> '' ORDER BY ephemeral`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		found = append(found, id)
	}
	return found, rows.Err()
}

// versions returns what the messages of an interval said before, oldest first.
func (a archive) versions(ctx context.Context, channelID string, in interval) (map[stamp][]version, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT ts_us, written_us, body FROM inbox_versions
		WHERE channel_id = ? AND ts_us BETWEEN ? AND ? ORDER BY ts_us, edit`, channelID, in.from, in.to)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[stamp][]version{}
	for rows.Next() {
		var ts stamp
		var v version
		if err := rows.Scan(&ts, &v.written, &v.text); err != nil {
			return nil, err
		}
		found[ts] = append(found[ts], v)
	}
	return found, rows.Err()
}

// replies returns the replies to these messages, by parent, oldest first.
func (a archive) replies(ctx context.Context, parents []message) (map[stamp][]message, error) {
	found := map[stamp][]message{}
	if len(parents) == 0 {
		return found, nil
	}
	args := []any{parents[0].channel}
	for _, p := range parents {
		args = append(args, p.ts)
	}
	query := selectMessage + ` AND deleted_us = 0 AND thread_us IN (?` + strings.Repeat(`, ?`, len(parents)-1) + `) ORDER BY ts_us`
	rows, err := a.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		m, err := scanMessage(rows)
		if err != nil {
			return nil, err
		}
		found[m.thread] = append(found[m.thread], m)
	}
	return found, rows.Err()
}
