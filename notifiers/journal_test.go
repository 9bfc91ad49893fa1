package notifiers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// record is the first notification of a group.
func record(tb testing.TB, group string) []byte {
	tb.Helper()
	return recordAt(tb, group, 1)
}

func recordAt(tb testing.TB, group string, at int64) []byte {
	tb.Helper()
	var b bytes.Buffer
	_, err := protodelim.MarshalTo(&b, &nflogpb.MeshEntry{
		Entry:     &nflogpb.Entry{GroupKey: []byte(group), Receiver: &nflogpb.Receiver{GroupName: "slack"}, Timestamp: timestamppb.New(time.Unix(at, 0))},
		ExpiresAt: timestamppb.New(time.Unix(at+1000, 0)),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func open(t *testing.T, path string) *journal {
	t.Helper()
	j, err := openJournal(path, readNotification, newLogger(&logged{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.close() })
	return j
}

func wantFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", filepath.Base(path), got, want)
	}
}

func TestJournalCutsOffWhatACrashLeft(t *testing.T) {
	a, b := record(t, "a"), record(t, "b")
	whole := append(bytes.Clone(a), b...)
	for name, tail := range map[string][]byte{
		"half a record": b[:len(b)/2],
		"half a length": {0xff},
		"zeros":         make([]byte, 512),
		"garbage":       {3, 0xff, 0xff, 0xff, 1, 2},
		"huge length":   {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1},
		"no receiver":   {2, 0x0a, 0x00},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "nflog")
			damaged := append(bytes.Clone(whole), tail...)
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			j := open(t, path)
			wantFile(t, path, whole)
			wantFile(t, path+".damaged", damaged)
			c := record(t, "c")
			j.add(c)
			if err := j.flush(); err != nil {
				t.Fatal(err)
			}
			wantFile(t, path, append(bytes.Clone(whole), c...))
		})
	}
}

func TestJournalKeepsRecordsItCannotWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nflog")
	j := open(t, path)
	writable := j.file
	readOnly, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	j.file = readOnly
	j.add(record(t, "a"))
	if err := j.flush(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("flush to a file that cannot be written: %v", err)
	}
	j.file = writable
	j.add(record(t, "b"))
	if err := j.flush(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, append(record(t, "a"), record(t, "b")...))
}

func TestJournalCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nflog")
	j := open(t, path)
	j.add(record(t, "a"))
	if err := j.flush(); err != nil {
		t.Fatal(err)
	}
	j.add(record(t, "b"))
	refused := errors.New("no snapshot today")
	if _, err := j.compact(func(w io.Writer) (int64, error) { w.Write([]byte("half")); return 0, refused }); !errors.Is(err, refused) {
		t.Errorf("compact: %v, want %v", err, refused)
	}
	wantFile(t, path, record(t, "a"))
	snapshot := append(record(t, "a"), record(t, "b")...)
	n, err := j.compact(func(w io.Writer) (int64, error) { return io.Copy(w, bytes.NewReader(snapshot)) })
	if err != nil || n != int64(len(snapshot)) {
		t.Fatalf("compact: %d, %v", n, err)
	}
	j.add(record(t, "c"))
	if err := errors.Join(j.close(), j.close()); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, append(snapshot, record(t, "c")...))
	j.add(record(t, "d"))
	if err := j.flush(); err == nil {
		t.Error("flush after close: no error")
	}
	if _, err := j.compact(func(io.Writer) (int64, error) { return 0, nil }); err == nil {
		t.Error("compact after close: no error")
	}
}

func TestJournalFlushCoversRecordsOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nflog")
	j := open(t, path)
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for n := range 10 {
				j.add(record(t, fmt.Sprint(w, "/", n)))
				if err := j.flush(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	groups := map[string]bool{}
	end := eachRecord(text, readNotification, func(_ []byte, h heading) { groups[h.key] = true })
	if len(groups) != 80 || end != len(text) {
		t.Errorf("%d groups in %d of %d bytes, want 80 in all", len(groups), end, len(text))
	}
}

func TestJournalDropsWhatIsNotNewer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nflog")
	j := open(t, path)
	first, second := recordAt(t, "a", 5), recordAt(t, "a", 7)
	j.add(first)
	// Peers repeat what they know, several records at a time.
	j.add(append(append(bytes.Clone(first), record(t, "b")...), recordAt(t, "a", 4)...))
	want := append(bytes.Clone(first), record(t, "b")...)
	if err := j.flush(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, want)
	if err := j.close(); err != nil {
		t.Fatal(err)
	}

	j = open(t, path)
	j.add(first)
	j.add(second)
	j.add(first)
	if err := j.flush(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, append(want, second...))

	// What has expired is not remembered for ever.
	j.add(recordAt(t, "c", time.Now().Unix()))
	if _, err := j.compact(func(io.Writer) (int64, error) { return 0, nil }); err != nil {
		t.Fatal(err)
	}
	if got := sortedKeys(j.newest); len(got) != 1 || !strings.HasPrefix(got[0], "c:") {
		t.Errorf("remembered: %q, want only c", got)
	}
}

func FuzzEachRecord(f *testing.F) {
	f.Add(append(record(f, "a"), record(f, "b")...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	ignore := func([]byte, heading) {}
	f.Fuzz(func(t *testing.T, text []byte) {
		var seen []byte
		n := eachRecord(text, readNotification, func(record []byte, _ heading) { seen = append(seen, record...) })
		if n < 0 || n > len(text) || !bytes.Equal(seen, text[:n]) {
			t.Fatalf("%d of %d bytes are complete, %d were seen", n, len(text), len(seen))
		}
		if eachRecord(text[:n], readNotification, ignore) != n {
			t.Errorf("the complete part of %q is not complete", text)
		}
		_ = eachRecord(text, readSilence, ignore)
	})
}
