package inbox

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)} }

func openDB(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return db
}

// desk is an inbox with a real client.
type desk struct {
	*Inbox
	client *slack.Client
	url    string
	clock  *clock
}

// open starts an inbox without rates on a database of its own, unless the options say otherwise.
func open(tb testing.TB, change ...func(*Options)) desk {
	tb.Helper()
	c := newClock()
	opts := Options{Now: c.now, Unlimited: true, Location: time.UTC}
	for _, f := range change {
		f(&opts)
	}
	if opts.DB == nil {
		opts.DB = openDB(tb, filepath.Join(tb.TempDir(), "state.db"))
	}
	box, err := New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	tb.Cleanup(server.Close)
	tb.Cleanup(box.Close)
	tb.Cleanup(server.Client().CloseIdleConnections)
	return desk{
		Inbox: box, url: server.URL, clock: c,
		client: slack.New("xoxb-local", slack.OptionAPIURL(server.URL+"/inbox/api/"), slack.OptionHTTPClient(server.Client())),
	}
}

// post posts and returns the channel's ID and the message's ts.
func (d desk) post(tb testing.TB, channel string, options ...slack.MsgOption) (string, string) {
	tb.Helper()
	id, ts, err := d.client.PostMessageContext(tb.Context(), channel, options...)
	if err != nil {
		var refused slack.SlackErrorResponse
		errors.As(err, &refused)
		tb.Fatalf("post to %s: %v %v", channel, err, refused.ResponseMetadata.Messages)
	}
	return id, ts
}

func (d desk) messages(tb testing.TB, channel string) []Message {
	tb.Helper()
	all, err := d.Messages(context.Background(), channel)
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func saying(s string) slack.MsgOption { return slack.MsgOptionText(s, false) }

func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, false)
}

func plain(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, true, false)
}

func button(id, label, url string) *slack.ButtonBlockElement {
	b := slack.NewButtonBlockElement(id, "", plain(label))
	b.URL = url
	return b
}

func readAll(tb testing.TB, resp *http.Response) string {
	tb.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return string(body)
}
