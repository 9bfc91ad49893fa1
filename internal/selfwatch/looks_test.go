package selfwatch

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

func TestWritableFindsADatabaseThatTakesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	look := Writable(db)
	for range 3 {
		if ok, _, why := look(t.Context()); !ok {
			t.Fatalf("a database that works: %s", why)
		}
	}
	var rows int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM selfwatch_writes").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows (%v), want one, however often it looks", rows, err)
	}

	if _, err := db.ExecContext(t.Context(), "DROP TABLE selfwatch_writes"); err != nil {
		t.Fatal(err)
	}
	if ok, _, why := look(t.Context()); ok || !strings.HasPrefix(why, "state.db cannot be written: ") {
		t.Errorf("a table that is gone: %v %q", ok, why)
	}

	readOnly, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	if ok, _, why := Writable(readOnly)(t.Context()); ok || !strings.Contains(why, "readonly") {
		t.Errorf("a database that is read-only: %v %q", ok, why)
	}
}

func TestRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last time.Time
		look := Recent(func() time.Time { return last }, 10*time.Second, "nothing is stored")
		expect := func(want bool) {
			t.Helper()
			ok, since, why := look(t.Context())
			if ok != want || !want && (!since.Equal(last) || why != "nothing is stored") {
				t.Errorf("%v %s %q, want %v", ok, since, why, want)
			}
		}
		time.Sleep(time.Hour)
		expect(true) // a quiet installation
		last = time.Now()
		time.Sleep(10 * time.Second)
		expect(true)
		time.Sleep(time.Nanosecond)
		expect(false)
		last = time.Now()
		expect(true)
	})
}

func TestPassing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there []string
		look := Passing(func() []string { return there }, 30*time.Second, "it stays")
		begun := time.Now()
		expect := func(want bool, since time.Duration) {
			t.Helper()
			ok, at, _ := look(t.Context())
			if ok != want || !want && at.Sub(begun) != since {
				t.Errorf("at %s: %v since %s, want %v since %s", time.Since(begun), ok, at.Sub(begun), want, since)
			}
			time.Sleep(10 * time.Second)
		}
		expect(true, 0)
		there = []string{"a"}
		expect(true, 0) // met at 10 s
		there = []string{"b", "a"}
		expect(true, 0)
		expect(true, 0)
		there = []string{"b"} // a has passed
		expect(true, 0)
		expect(true, 0)
		expect(false, 20*time.Second)
		there = nil
		expect(true, 0)
		there = []string{"b"} // it counts anew
		expect(true, 0)
	})
}
