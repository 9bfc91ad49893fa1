package notifiers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"github.com/prometheus/alertmanager/silence/silencepb"
	"google.golang.org/protobuf/proto"
)

var errJournalClosed = errors.New("it is closed")

// journal keeps a snapshot file of Alertmanager current. The file is a sequence of records, each preceded by its length
// as a varint, and a later record replaces an earlier one of the same key. So a change is appended to the last snapshot
// and the file stays one that Alertmanager itself reads. It is safe for concurrent use.
type journal struct {
	path string
	read reader

	mu   sync.Mutex // Before pendingMu. Held during I/O, hence never taken where records are made.
	file *os.File   // Nil when closed.
	size int64      // Of the complete records in file.

	pendingMu sync.Mutex
	pending   []byte
	// newest is the heading of the last record of each key, in the file or pending.
	newest map[string]heading
}

// heading is what a journal has to know of a record.
type heading struct {
	key string
	at  time.Time
	// expires is when the record has no meaning any more.
	expires time.Time
}

// reader returns the heading of a record, false if the record is not usable.
type reader func(record []byte) (heading, bool)

// openJournal opens or creates the file at path. What a crash left at its end is cut off, after a copy to path.damaged.
func openJournal(path string, read reader, logger *slog.Logger) (*journal, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	newest := map[string]heading{}
	good := eachRecord(text, read, func(_ []byte, h heading) { newest[h.key] = h })
	if good < len(text) {
		if err := os.WriteFile(path+".damaged", text, 0o600); err != nil {
			return nil, fmt.Errorf("keep a copy of the damaged %s: %w", path, err)
		}
		logger.Warn("the end of a file is damaged and was cut off", "file", path, "copy", path+".damaged",
			"kept_bytes", good, "lost_bytes", len(text)-good)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	j := &journal{path: path, read: read, file: f, size: int64(good), newest: newest}
	if err := j.rewindLocked(); err != nil {
		return nil, errors.Join(fmt.Errorf("repair %s: %w", path, err), f.Close())
	}
	return j, nil
}

// eachRecord calls do with every record of text, its length included, up to the first that is damaged or not usable, and
// returns where that one begins.
func eachRecord(text []byte, read reader, do func(record []byte, h heading)) int {
	good := 0
	for good < len(text) {
		n, k := binary.Uvarint(text[good:])
		if k <= 0 || n == 0 || n > uint64(len(text)-good-k) {
			break
		}
		end := good + k + int(n)
		h, ok := read(text[good+k : end])
		if !ok {
			break
		}
		do(text[good:end], h)
		good = end
	}
	return good
}

// readNotification is the reader of the notification log.
func readNotification(record []byte) (heading, bool) {
	var e nflogpb.MeshEntry
	if proto.Unmarshal(record, &e) != nil || e.GetEntry().GetReceiver() == nil || !e.GetExpiresAt().IsValid() {
		return heading{}, false
	}
	r := e.Entry.Receiver
	key := fmt.Sprintf("%s:%s/%s/%d", e.Entry.GroupKey, r.GroupName, r.Integration, r.Idx)
	return heading{key: key, at: e.Entry.Timestamp.AsTime(), expires: e.ExpiresAt.AsTime()}, true
}

// readSilence is the reader of silences.
func readSilence(record []byte) (heading, bool) {
	var s silencepb.MeshSilence
	if proto.Unmarshal(record, &s) != nil || s.GetSilence().GetId() == "" || !s.GetExpiresAt().IsValid() {
		return heading{}, false
	}
	return heading{key: s.Silence.Id, at: s.Silence.UpdatedAt.AsTime(), expires: s.ExpiresAt.AsTime()}, true
}

// add takes records, lengths included, for the next flush. One that is not newer than the last of its key is dropped, as
// the log that it belongs to does: peers repeat what they know, and an old record must not replace what came since. It
// does no I/O, so it may be called inside the lock of the log that made the records.
func (j *journal) add(records []byte) {
	j.pendingMu.Lock()
	defer j.pendingMu.Unlock()
	eachRecord(records, j.read, func(record []byte, h heading) {
		if last, ok := j.newest[h.key]; ok && !last.at.Before(h.at) {
			return
		}
		j.newest[h.key] = h
		j.pending = append(j.pending, record...)
	})
}

// forget drops the headings of records that have expired.
func (j *journal) forget(now time.Time) {
	j.pendingMu.Lock()
	defer j.pendingMu.Unlock()
	maps.DeleteFunc(j.newest, func(_ string, h heading) bool { return h.expires.Before(now) })
}

// take empties pending; restore puts back what could not be written.
func (j *journal) take() []byte {
	j.pendingMu.Lock()
	defer j.pendingMu.Unlock()
	records := j.pending
	j.pending = nil
	return records
}

func (j *journal) restore(records []byte) {
	j.pendingMu.Lock()
	defer j.pendingMu.Unlock()
	j.pending = append(records, j.pending...)
}

// flush returns once every record added before is on disk. After an error they are kept for the next flush.
func (j *journal) flush() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	records := j.take()
	if len(records) == 0 {
		return nil
	}
	if err := j.appendLocked(records); err != nil {
		j.restore(records)
		return fmt.Errorf("write %s: %w", j.path, err)
	}
	return nil
}

func (j *journal) appendLocked(records []byte) error {
	if j.file == nil {
		return errJournalClosed
	}
	_, err := j.file.Write(records)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return errors.Join(err, j.rewindLocked())
	}
	j.size += int64(len(records))
	return nil
}

// rewindLocked drops what follows the last complete record, so that a later one is not written behind half of another.
func (j *journal) rewindLocked() error {
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	_, err := j.file.Seek(j.size, io.SeekStart)
	return err
}

// compact replaces the file by a snapshot, atomically, and returns its size. The snapshot must hold every record added
// before the call.
func (j *journal) compact(snapshot func(io.Writer) (int64, error)) (int64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return 0, fmt.Errorf("write %s: %w", j.path, errJournalClosed)
	}
	records := j.take()
	next, err := os.OpenFile(j.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		j.restore(records)
		return 0, fmt.Errorf("write snapshot: %w", err)
	}
	size, err := snapshot(next)
	if err == nil {
		err = next.Sync()
	}
	if err == nil {
		err = os.Rename(next.Name(), j.path)
	}
	if err != nil {
		j.restore(records)
		return size, errors.Join(fmt.Errorf("write snapshot of %s: %w", j.path, err), next.Close())
	}
	previous := j.file
	j.file, j.size = next, size
	j.forget(time.Now())
	return size, errors.Join(previous.Close(), syncDirectory(j.path))
}

// close writes what is pending and closes the file. It may be called twice.
func (j *journal) close() error {
	err := j.flush()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err = errors.Join(err, j.file.Close())
	j.file = nil
	return err
}

// syncDirectory makes a rename durable.
func syncDirectory(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
