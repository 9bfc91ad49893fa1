package inbox

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/slack-go/slack"
)

func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	first := open(t, func(o *Options) { o.DB = openDB(t, path) })
	play(t, first)
	before := first.messages(t, "oncall")
	first.archive.db.Close()

	second := open(t, func(o *Options) { o.DB = openDB(t, path) })
	second.clock.pass(-1000) // Even a clock that went back gives later ts.
	if diff := cmp.Diff(before, second.messages(t, "oncall"), cmpopts.IgnoreUnexported(Message{})); diff != "" {
		t.Errorf("messages after a restart (-want +got):\n%s", diff)
	}
	if len(before) != 7 || before[0].Edits != 2 || len(before[0].Reactions) != 1 {
		t.Errorf("the messages are not those of the play: %+v", before)
	}
	id, ts := second.post(t, "oncall", saying("again"))
	if id != before[0].Channel || ts <= before[len(before)-1].TS {
		t.Errorf("posted as %s %s after %s %s", id, ts, before[0].Channel, before[len(before)-1].TS)
	}
	if _, _, _, err := second.client.UpdateMessageContext(t.Context(), id, before[0].TS, saying("edited after a restart")); err != nil {
		t.Error(err)
	}
}

// The child of TestKill posts until it is killed and prints the ts of what was acknowledged.
func TestKillChild(t *testing.T) {
	path := os.Getenv("INBOX_TEST_DATABASE")
	if path == "" {
		t.Skip("runs as the child of TestKill only")
	}
	d := open(t, func(o *Options) { o.DB, o.Now = openDB(t, path), nil })
	for {
		_, ts := d.post(t, "oncall", saying("hello"))
		fmt.Println("posted", ts)
	}
}

// What was acknowledged is there after kill -9.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	child := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0], "-test.run=^TestKillChild$", "-test.timeout=60s")
	child.Env = append(os.Environ(), "INBOX_TEST_DATABASE="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if ts, ok := strings.CutPrefix(lines.Text(), "posted "); ok {
			acknowledged = append(acknowledged, ts)
		}
		if len(acknowledged) == 20 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(acknowledged) < 20 {
		t.Fatalf("the child was not killed: %v after %d messages", err, len(acknowledged))
	}
	d := open(t, func(o *Options) { o.DB = openDB(t, path) })
	there := map[string]bool{}
	for _, m := range d.messages(t, "oncall") {
		there[m.TS] = true
	}
	for _, ts := range acknowledged {
		if !there[ts] {
			t.Errorf("message %s was acknowledged and is lost", ts)
		}
	}
}

// Tables of the first version are brought up to date, and keep what they hold.
func TestOlderTables(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "state.db"))
	for _, statement := range []string{
		migrations()[0],
		`CREATE TABLE inbox_schema (version INTEGER NOT NULL)`,
		`INSERT INTO inbox_schema (version) VALUES (1)`,
		`INSERT INTO inbox_channels VALUES ('C0OLDONCALL', 'oncall', 1, 1700000000000000)`,
		`INSERT INTO inbox_messages VALUES ('C0OLDONCALL', 1700000000000000, 0, 0, '', '', 'before', '', '', '', '', '', 0, 0, 0)`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, func(o *Options) { o.DB = db })
	d.upload(t, slack.UploadFileParameters{Filename: "x.txt", Channel: "C0OLDONCALL"}, []byte("hello"))
	if got := d.messages(t, "oncall"); len(got) != 2 || got[0].Text != "before" || len(got[1].Files) != 1 {
		t.Errorf("after the migration: %+v", got)
	}
}

func TestNewerTables(t *testing.T) {
	db := openDB(t, filepath.Join(t.TempDir(), "state.db"))
	open(t, func(o *Options) { o.DB = db })
	if _, err := db.ExecContext(t.Context(), `INSERT INTO inbox_schema (version) VALUES (99)`); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{DB: db}); err == nil || !strings.Contains(err.Error(), "run a newer program") {
		t.Errorf("tables of the future: %v", err)
	}
}
