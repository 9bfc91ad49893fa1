package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/internal/store"
)

// TestOnCallReadsOverridesOfTheServer: what a server stored is part of the answer, and
// a database that cannot be read is told.
func TestOnCallReadsOverridesOfTheServer(t *testing.T) {
	dir := t.TempDir()
	config, file := filepath.Join(dir, "watchtower.yaml"), filepath.Join(dir, "oncall.yaml")
	for path, text := range map[string]string{
		config: "data_dir: data\nnotifiers: {oncall: oncall.yaml}\n",
		file:   "users: {ann: {}, bob: {}}\nteams: {t: {schedule: s}}\nschedules: {s: {timezone: UTC, layers: [{name: l, users: [ann]}]}}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	state := filepath.Join(dir, "data", "state.db")
	db, err := store.OpenState(state)
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := oncall.Open(t.Context(), oncall.Options{Path: file, DB: db})
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour)
	if _, err := keeper.Add(t.Context(), oncall.Override{Schedule: "s", User: "bob", From: soon, To: soon.Add(2 * time.Hour), Author: "ann", Reason: "cinema"}); err != nil {
		t.Fatal(err)
	}
	ask := func(want ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if status := run(t.Context(), []string{"oncall", "now", "--config", config, "--at", "+2h"}, &out, &errs); status != 0 {
			t.Errorf("status %d: %s", status, &errs)
		}
		for _, w := range want {
			if !strings.Contains(out.String()+errs.String(), w) {
				t.Errorf("%s%slacks %q", &out, &errs, w)
			}
		}
	}
	ask("bob", "override by ann: cinema")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state, []byte("this is no database, whatever its name says, and it is long enough to be read as one"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{state + "-wal", state + "-shm"} {
		_ = os.Remove(name)
	}
	ask("ann", "warning: overrides made while the server runs are left out: ", "is not a usable SQLite database")
}
