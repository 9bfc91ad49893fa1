package oncall

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

func database(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "state.db")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestStoredOverrides(t *testing.T) {
	db := database(t)
	path := in(t, "timezone: UTC\nlayers: [{name: l, users: [alex]}]")
	k, err := Open(t.Context(), Options{Path: path, DB: db})
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now().Truncate(time.Hour).Add(time.Hour)
	add := func(user string, from, to time.Time) Override {
		t.Helper()
		o, err := k.Add(t.Context(), Override{Schedule: "primary", User: user, From: from, To: to, Author: " ana\n", Reason: "dentist"})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	before := k.Roster()
	first := add("sam", from, from.Add(3*time.Hour))
	second := add("kim", from.Add(time.Hour), from.Add(2*time.Hour))
	if first.ID != 1 || second.ID != 2 || first.Author != "ana" || first.CreatedAt.IsZero() {
		t.Errorf("%+v %+v", first, second)
	}
	who := func(k *Keeper, h int) string { return onCall(k, from.Add(time.Duration(h)*time.Hour)) }
	if got := who(k, -1) + who(k, 0) + who(k, 1) + who(k, 2) + who(k, 3); got != "alexsamkimsamalex" {
		t.Errorf("%s: the override made last wins, within its time", got)
	}
	if s, _ := before.At("backend", from); s.User.ID != "alex" {
		t.Error("a roster that was handed out has changed")
	}
	if s, _ := k.Roster().At("backend", from); s.Why != "override by ana: dentist" {
		t.Errorf("why: %q", s.Why)
	}
	if o := k.Roster().Overlaps("backend", from, from.Add(time.Hour*9)); len(o) != 1 || o[0].Winner.User.ID != "kim" || o[0].To.Sub(o[0].From) != time.Hour {
		t.Errorf("overlaps %+v", o)
	}

	// They outlive a restart, and can be taken back.
	if k, err = Open(t.Context(), Options{Path: path, DB: db}); err != nil {
		t.Fatal(err)
	}
	if got := who(k, 1); got != "kim" {
		t.Errorf("after a restart %s is on call", got)
	}
	removed, err := k.Remove(t.Context(), 2, "sam", "I can do it")
	if err != nil || removed.RemovedBy != "sam" || removed.RemovedWhy != "I can do it" || removed.RemovedAt.IsZero() || removed.User != "kim" || who(k, 1) != "sam" {
		t.Errorf("removed %+v, %v, and %s is on call", removed, err, who(k, 1))
	}
	list, err := k.List(t.Context(), time.Now())
	if err != nil || len(list) != 2 || !list[0].RemovedAt.IsZero() || list[1] != removed || list[0] != first {
		t.Errorf("list %+v, %v", list, err)
	}
	if list, err = k.List(t.Context(), from.Add(3*time.Hour)); err != nil || len(list) != 0 {
		t.Errorf("what is over is listed: %+v, %v", list, err)
	}
	if third := add("kim", from, from.Add(time.Hour)); third.ID != 3 {
		t.Errorf("an ID comes again: %d", third.ID)
	}

	// The file has changed: what no longer fits is told and not followed.
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "  kim: {}\n", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := fmt.Sprint(k.Roster().Warnings()); !strings.Contains(w, `the stored override 3 puts "kim" on call, who is no longer among the users`) || who(k, 0) != "sam" {
		t.Errorf("%s; %s is on call", w, who(k, 0))
	}
}

func TestRefusedOverrides(t *testing.T) {
	db := database(t)
	path := in(t, "timezone: UTC\nlayers: [{name: l, users: [alex]}]")
	k, err := Open(t.Context(), Options{Path: path, DB: db})
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour)
	refused := func(change func(*Override), want string) {
		t.Helper()
		o := Override{Schedule: "primary", User: "alex", From: soon, To: soon.Add(time.Hour), Author: "ana"}
		change(&o)
		if _, err := k.Add(t.Context(), o); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	refused(func(o *Override) { o.Schedule = "backend" }, `there is no schedule "backend": there is primary`)
	refused(func(o *Override) { o.User = "ana" }, `there is no user "ana": there is alex, kim and sam`)
	refused(func(o *Override) { o.To = o.From }, "which is not after its beginning")
	refused(func(o *Override) { o.To = o.From.AddDate(2, 0, 0) }, "it lasts more than a year")
	refused(func(o *Override) { o.From, o.To = soon.AddDate(0, 0, -2), soon.AddDate(0, 0, -1) }, "it is over already")
	refused(func(o *Override) { o.Author = " \x1b " }, "say who makes it")
	refused(func(o *Override) { o.Reason = strings.Repeat("x", maxWords+1) }, "500 bytes each")
	for _, c := range []struct {
		id            int64
		by, why, want string
	}{{9, "ana", "", "there is no override 9 that holds"}, {9, "", "", "say who removes it"}, {9, "ana", strings.Repeat("x", maxWords+1), "500 bytes"}} {
		if _, err := k.Remove(t.Context(), c.id, c.by, c.why); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	alone, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	_, err = alone.Add(t.Context(), Override{})
	_, other := alone.Remove(t.Context(), 1, "ana", "")
	if list, none := alone.List(t.Context(), soon); !errors.Is(err, ErrRefused) || !errors.Is(other, ErrRefused) || none != nil || list != nil {
		t.Errorf("without a database: %v, %v, %v", err, other, none)
	}
}

// TestDatabaseGone: what cannot be read again leaves everything as it was.
func TestDatabaseGone(t *testing.T) {
	db := database(t)
	path := in(t, "timezone: UTC\nlayers: [{name: l, users: [alex]}]")
	k, err := Open(t.Context(), Options{Path: path, DB: db})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(in(t, remoteSchedule))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Reload(t.Context()); err == nil || len(k.Calendars()) != 0 || onCall(k, time.Now()) != "alex" {
		t.Errorf("reload: %v, %+v", err, k.Calendars())
	}
	soon := time.Now().Add(time.Hour)
	if _, err := k.Add(t.Context(), Override{Schedule: "primary", User: "sam", From: soon, To: soon.Add(time.Hour), Author: "ana"}); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("add: %v", err)
	}
	if _, err := k.Remove(t.Context(), 1, "ana", ""); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("remove: %v", err)
	}
}

func TestMigrations(t *testing.T) {
	db := database(t)
	for range 2 {
		if err := (disk{db}).migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO oncall_schema (version) VALUES (99)`); err != nil {
		t.Fatal(err)
	}
	if err := (disk{db}).migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "use the newer program") {
		t.Errorf("tables of a newer program: %v", err)
	}
	if slices.Contains(migrations(), "") {
		t.Error("a migration does nothing")
	}
}
