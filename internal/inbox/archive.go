package inbox

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	errNoChannel = errors.New("no such channel")
	errNoMessage = errors.New("no such message")
)

// stamp is a message's ts in microseconds since 1970. Zero is no time at all.
type stamp int64

func stampOf(t time.Time) stamp { return stamp(t.UnixMicro()) }

func (s stamp) time() time.Time { return time.UnixMicro(int64(s)) }

// String writes a stamp as Slack does: 1700000000.000100. Zero is empty.
func (s stamp) String() string {
	if s == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%06d", s/1e6, s%1e6)
}

// parseStamp reads 1700000000.000100 and 1700000000; more than six decimals are cut.
func parseStamp(s string) (stamp, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseUint(whole, 10, 40)
	if err != nil {
		return 0, false
	}
	fraction = (fraction + "000000")[:6]
	micros, err := strconv.ParseUint(fraction, 10, 20)
	if err != nil {
		return 0, false
	}
	return stamp(seconds*1e6 + micros), true
}

// state is what the header of a message says about its incident; see stateOf.
type state string

// channel is a row of inbox_channels.
type channel struct {
	id, name        string
	created, latest stamp
	firing          int
}

func (c channel) direct() bool { return strings.HasPrefix(c.name, "@") }

// message is a row of inbox_messages.
type message struct {
	channel     string
	ts          stamp
	thread      stamp // 0: not a reply
	broadcast   bool
	username    string // empty: the bot's own
	icon        string
	text        string
	blocks      string // JSON, as attachments and metadata; empty: none
	attachments string
	metadata    string
	state       state
	ephemeral   string
	edited      stamp
	edits       int
	deleted     stamp
	about       stamp  // an answer for one person: the message that was clicked
	files       string // a JSON array of IDs, empty: none
}

func (m message) public(reactions []Reaction) Message {
	p := Message{
		Channel: m.channel, TS: m.ts.String(), ThreadTS: m.thread.String(), Broadcast: m.broadcast,
		Text: m.text, Blocks: []byte(m.blocks), Attachments: []byte(m.attachments), Metadata: []byte(m.metadata),
		User: m.author(), Ephemeral: m.ephemeral, Posted: m.ts.time(), Edits: m.edits, Deleted: m.deleted != 0,
		Reactions: reactions, Files: m.fileIDs(), icon: m.icon,
	}
	if m.edited != 0 {
		p.Edited = m.edited.time()
	}
	return p
}

func (m message) author() string {
	if m.username != "" {
		return m.username
	}
	return botName
}

// version is what a message said before an edit.
type version struct {
	written stamp
	text    string
}

// archive keeps channels and messages in SQLite. Every write is one transaction that begins with a write,
// so that two writers queue for the lock instead of failing.
type archive struct {
	db   *sql.DB
	room int64 // bytes that all files together may take
}

// migrations bring the tables from one version to the next. Append; never change one that was released.
func migrations() []string {
	return []string{
		`CREATE TABLE inbox_channels (
			id         TEXT   NOT NULL PRIMARY KEY,
			name       TEXT   NOT NULL UNIQUE,
			created_us BIGINT NOT NULL,
			last_us    BIGINT NOT NULL
		);
		CREATE TABLE inbox_messages (
			channel_id  TEXT    NOT NULL REFERENCES inbox_channels (id),
			ts_us       BIGINT  NOT NULL,
			thread_us   BIGINT  NOT NULL,
			broadcast   INTEGER NOT NULL,
			username    TEXT    NOT NULL,
			icon        TEXT    NOT NULL,
			body        TEXT    NOT NULL,
			blocks      TEXT    NOT NULL,
			attachments TEXT    NOT NULL,
			metadata    TEXT    NOT NULL,
			state       TEXT    NOT NULL,
			ephemeral   TEXT    NOT NULL,
			edited_us   BIGINT  NOT NULL,
			edits       INTEGER NOT NULL,
			deleted_us  BIGINT  NOT NULL,
			PRIMARY KEY (channel_id, ts_us)
		);
		CREATE INDEX inbox_messages_by_thread ON inbox_messages (channel_id, thread_us, ts_us);
		CREATE INDEX inbox_messages_by_state ON inbox_messages (channel_id, state);
		CREATE TABLE inbox_versions (
			channel_id TEXT    NOT NULL,
			ts_us      BIGINT  NOT NULL,
			edit       INTEGER NOT NULL,
			written_us BIGINT  NOT NULL,
			body       TEXT    NOT NULL,
			PRIMARY KEY (channel_id, ts_us, edit)
		);
		CREATE TABLE inbox_reactions (
			channel_id TEXT   NOT NULL,
			ts_us      BIGINT NOT NULL,
			name       TEXT   NOT NULL,
			user_id    TEXT   NOT NULL,
			at_us      BIGINT NOT NULL,
			PRIMARY KEY (channel_id, ts_us, name, user_id)
		);`,
		`CREATE TABLE inbox_responses (
			token      TEXT    NOT NULL PRIMARY KEY,
			channel_id TEXT    NOT NULL,
			ts_us      BIGINT  NOT NULL,
			user_id    TEXT    NOT NULL,
			made_us    BIGINT  NOT NULL,
			uses       INTEGER NOT NULL
		);
		ALTER TABLE inbox_messages ADD COLUMN about_us BIGINT NOT NULL DEFAULT 0;
		ALTER TABLE inbox_messages ADD COLUMN files TEXT NOT NULL DEFAULT '';`,
		`CREATE TABLE inbox_files (
			id           TEXT    NOT NULL PRIMARY KEY,
			token        TEXT    NOT NULL UNIQUE,
			name         TEXT    NOT NULL,
			title        TEXT    NOT NULL,
			kind         TEXT    NOT NULL,
			alt          TEXT    NOT NULL,
			snippet      INTEGER NOT NULL,
			size         BIGINT  NOT NULL,
			made_us      BIGINT  NOT NULL,
			completed_us BIGINT  NOT NULL,
			deleted_us   BIGINT  NOT NULL,
			kept         INTEGER NOT NULL,
			body         BLOB    NOT NULL
		);
		CREATE TABLE inbox_shares (
			file_id    TEXT   NOT NULL,
			channel_id TEXT   NOT NULL,
			ts_us      BIGINT NOT NULL,
			thread_us  BIGINT NOT NULL,
			PRIMARY KEY (file_id, channel_id, ts_us)
		);`,
		`CREATE INDEX inbox_messages_by_listener ON inbox_messages (ephemeral, channel_id, ts_us) WHERE ephemeral <> '';`,
	}
}

func (a archive) migrate(ctx context.Context) error {
	return a.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS inbox_schema (version INTEGER NOT NULL)`); err != nil {
			return err
		}
		var have int
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM inbox_schema`).Scan(&have); err != nil {
			return err
		}
		steps := migrations()
		if have > len(steps) {
			return fmt.Errorf("its tables are of version %d and this program knows only %d: run a newer program", have, len(steps))
		}
		for i, step := range steps[have:] {
			if _, err := tx.ExecContext(ctx, step); err != nil {
				return fmt.Errorf("migrate to version %d: %w", have+i+1, err)
			}
		}
		if have < len(steps) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO inbox_schema (version) VALUES (?)`, len(steps)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a archive) write(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// channelName strips what people write around a channel's name. The name of a direct message is @ and the user's ID, as it is.
func channelName(s string) string {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "@") {
		return s
	}
	return strings.ToLower(strings.TrimPrefix(s, "#"))
}

// channelID is a function of the name, so that it stays the same when the database is lost.
func channelID(name string) string {
	prefix := "C0"
	if strings.HasPrefix(name, "@") {
		prefix = "D0"
	}
	return hashedID(prefix, name)
}

func hashedID(prefix, name string) string {
	sum := sha256.Sum256([]byte(name))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:9]
}

var idForm = regexp.MustCompile(`^[CDG][0-9A-Z]{8,}$`)

func looksLikeID(s string) bool { return idForm.MatchString(s) }

// find returns the channel of that ID or name, without what channels counts.
func (a archive) find(ctx context.Context, nameOrID string) (channel, error) {
	var c channel
	err := a.db.QueryRowContext(ctx, `SELECT id, name, created_us FROM inbox_channels WHERE id = ? OR name = ?`,
		nameOrID, channelName(nameOrID)).Scan(&c.id, &c.name, &c.created)
	if errors.Is(err, sql.ErrNoRows) {
		return channel{}, errNoChannel
	}
	return c, err
}

// channels returns every channel with its newest message and how many of its pages are firing.
func (a archive) channels(ctx context.Context) ([]channel, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT c.id, c.name, c.created_us,
		COALESCE((SELECT m.ts_us FROM inbox_messages m WHERE m.channel_id = c.id AND m.deleted_us = 0 ORDER BY m.ts_us DESC LIMIT 1), 0),
		(SELECT COUNT(*) FROM inbox_messages m
			WHERE m.channel_id = c.id AND m.state = ? AND m.thread_us = 0 AND m.deleted_us = 0 AND m.ephemeral = '')
		FROM inbox_channels c ORDER BY c.name`, firing)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []channel
	for rows.Next() {
		var c channel
		if err := rows.Scan(&c.id, &c.name, &c.created, &c.latest, &c.firing); err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	return found, rows.Err()
}

// create returns the channel of that name, which it makes if there is none.
func (a archive) create(ctx context.Context, name string, at time.Time) (channel, error) {
	_, err := a.db.ExecContext(ctx,
		`INSERT INTO inbox_channels (id, name, created_us, last_us) VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING`,
		channelID(name), name, at.UnixMicro())
	if err != nil {
		return channel{}, fmt.Errorf("create channel %s: %w", name, err)
	}
	return a.find(ctx, name)
}

// selection says which messages of a channel are wanted.
type selection struct {
	after, before stamp // both bounds are outside; before 0 is no bound
	where         string
	thread        stamp  // for inThread
	reader        string // for readBy
	newest        int    // only so many, the newest first; 0: all
	first         int    // only so many, from the oldest; 0: all
}

// Conditions of a selection.
const (
	inStream = ` AND (thread_us = 0 OR broadcast = 1)`
	inThread = ` AND thread_us = ?`
	readBy   = ` AND (ephemeral = '' OR ephemeral = ?)`
	visible  = ` AND deleted_us = 0 AND ephemeral = ''`
	// stands is a message that is there, or whose place is kept because of its replies.
	stands = ` AND (deleted_us = 0 OR EXISTS (SELECT 1 FROM inbox_messages r
		WHERE r.channel_id = inbox_messages.channel_id AND r.thread_us = inbox_messages.ts_us AND r.deleted_us = 0))`
)

const selectMessage = `SELECT channel_id, ts_us, thread_us, broadcast, username, icon, body, blocks, attachments, metadata,
	state, ephemeral, edited_us, edits, deleted_us, about_us, files FROM inbox_messages WHERE channel_id = ?`

func scanMessage(row interface{ Scan(...any) error }) (message, error) {
	var m message
	err := row.Scan(&m.channel, &m.ts, &m.thread, &m.broadcast, &m.username, &m.icon, &m.text, &m.blocks, &m.attachments, &m.metadata,
		&m.state, &m.ephemeral, &m.edited, &m.edits, &m.deleted, &m.about, &m.files)
	if errors.Is(err, sql.ErrNoRows) {
		return message{}, errNoMessage
	}
	return m, err
}

// messages returns what is selected, oldest first unless newest is set.
func (a archive) messages(ctx context.Context, channelID string, s selection) ([]message, error) {
	before := s.before
	if before == 0 {
		before = math.MaxInt64
	}
	query, args := selectMessage+` AND ts_us > ? AND ts_us < ?`+s.where, []any{channelID, s.after, before}
	if strings.Contains(s.where, inThread) {
		args = append(args, s.thread)
	}
	if strings.Contains(s.where, readBy) {
		args = append(args, s.reader)
	}
	order := ` ORDER BY ts_us`
	switch {
	case s.newest > 0:
		order, args = order+` DESC LIMIT ?`, append(args, s.newest)
	case s.first > 0:
		order, args = order+` LIMIT ?`, append(args, s.first)
	}
	rows, err := a.db.QueryContext(ctx, query+order, args...)
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
