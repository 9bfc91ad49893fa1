package inbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// How often and how long an app may answer a click.
const (
	maxResponses = 5
	responseLife = 30 * time.Minute
)

// respondAddress makes the response_url of a click on a message.
func (b *Inbox) respondAddress(ctx context.Context, m message, user string) (string, error) {
	token := rand.Text()
	if err := b.archive.addResponse(ctx, token, m, user, stampOf(b.now())); err != nil {
		return "", fmt.Errorf("make response_url: %w", err)
	}
	return b.board.address(b.external) + "/inbox/respond/" + token, nil
}

// address is where the app reaches this inbox: as it last did.
func (d *switchboard) address(external string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reached != "" {
		return d.reached
	}
	return external
}

func (d *switchboard) reachedAt(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reached = address
}

// addResponse keeps a response_url's token and forgets those that have expired.
func (a archive) addResponse(ctx context.Context, token string, m message, user string, at stamp) error {
	return a.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM inbox_responses WHERE made_us < ?`, at-stamp(24*time.Hour.Microseconds())); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO inbox_responses (token, channel_id, ts_us, user_id, made_us, uses) VALUES (?, ?, ?, ?, ?, 0)`,
			token, m.channel, m.ts, user, at)
		return err
	})
}

// response is what a response_url's token stands for.
type response struct {
	channel string
	ts      stamp
	user    string
}

// useResponse counts a use of a token and returns what it stands for.
func (a archive) useResponse(ctx context.Context, token string, at stamp) (response, error) {
	var r response
	var made stamp
	var uses int
	err := a.db.QueryRowContext(ctx, `UPDATE inbox_responses SET uses = uses + 1 WHERE token = ?
		RETURNING channel_id, ts_us, user_id, made_us, uses`, token).Scan(&r.channel, &r.ts, &r.user, &made, &uses)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return r, refuse("invalid_url")
	case err != nil:
		return r, err
	case at-made > stamp(responseLife.Microseconds()):
		return r, refuse("expired_url")
	case uses > maxResponses:
		return r, refuse("used_url")
	}
	return r, nil
}

// serveRespond takes what an app answers to a click at its response_url. Faults of the method response_url apply.
func (b *Inbox) serveRespond(w http.ResponseWriter, r *http.Request) {
	fault := b.faults.take("response_url")
	if !fault.pass(w, r) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	args, err := readJSON(r.Body)
	if err != nil {
		answerRespond(w, err)
		return
	}
	if strings.HasPrefix(args["metadata"], `{"event_type":""`) { // Clients that have none to send say it so.
		delete(args, "metadata")
	}
	c := call{args: args, base: b.baseURL(r)}
	to, err := b.archive.useResponse(r.Context(), r.PathValue("token"), stampOf(b.now()))
	if err != nil {
		answerRespond(w, err)
		return
	}
	switch {
	case c.flag("delete_original"):
		err = b.archive.remove(r.Context(), to.channel, to.ts, stampOf(b.now()))
	case c.flag("replace_original"):
		err = b.replaceOriginal(r.Context(), c, to)
	default:
		err = b.postResponse(r.Context(), c, to)
	}
	if err == nil {
		b.changes.publish()
	}
	if err == nil && fault.Performed {
		fault.answer(w)
		return
	}
	answerRespond(w, notFound(err))
}

// answerRespond answers as Slack does at a response_url: 404 with a word for what it does not take.
func answerRespond(w http.ResponseWriter, err error) {
	var word slackError
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, map[string]any{"ok": true})
	case errors.As(err, &word) && strings.HasSuffix(word.word, "_url"):
		writeJSON(w, http.StatusNotFound, map[string]any{"ok": false, "error": word.word})
	default:
		answer(w, nil, err)
	}
}

func (b *Inbox) replaceOriginal(ctx context.Context, c call, to response) error {
	old, err := b.archive.message(ctx, to.channel, to.ts)
	if err != nil {
		return err
	}
	m := old
	m.text, m.blocks, m.attachments = "", "", "" // Unlike chat.update, this leaves nothing of what was there.
	if m, err = b.contentOf(ctx, c, m); err != nil {
		return err
	}
	m.edited = stampOf(b.now())
	return b.archive.update(ctx, m, m.edited)
}

// postResponse posts a new message: to the person who clicked, or to all. The former is shown at the message that was clicked.
func (b *Inbox) postResponse(ctx context.Context, c call, to response) error {
	m := message{channel: to.channel}
	if c.args["response_type"] != "in_channel" {
		m.ephemeral, m.about = to.user, to.ts
	}
	m, err := b.contentOf(ctx, c, m)
	if err != nil {
		return err
	}
	if m.thread, err = b.threadOf(ctx, channel{id: to.channel}, c.args["thread_ts"]); err != nil {
		return err
	}
	m.broadcast = m.thread != 0 && m.ephemeral == "" && c.flag("reply_broadcast")
	return b.archive.insert(ctx, &m, b.now())
}
