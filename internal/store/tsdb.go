package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

// tsdbOptions are those of a Prometheus server with this retention.
func tsdbOptions(retention, outOfOrder time.Duration) *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.RetentionDuration = retention.Milliseconds()
	o.OutOfOrderTimeWindow = outOfOrder.Milliseconds()
	// As Prometheus: a block holds at most a tenth of the retention, and never more than 31 days.
	o.MaxBlockDuration = max(o.MinBlockDuration, min(31*24*time.Hour, retention/10).Milliseconds())
	o.WALCompression = compression.Snappy
	o.HeadChunksWriteQueueSize = 0
	return o
}

// openTSDB opens a TSDB and says in one sentence why it cannot.
func openTSDB(dir string, logger *slog.Logger, reg prometheus.Registerer, o *tsdb.Options, stats *tsdb.DBStats) (*tsdb.DB, error) {
	if err := probe(dir); err != nil {
		return nil, explain(dir, err)
	}
	db, err := tsdb.Open(dir, lockfileIsNormal(logger), reg, o, stats)
	if err != nil {
		return nil, explain(dir, err)
	}
	return db, nil
}

// probe finds out whether dir can be written to, before the TSDB fails half way.
func probe(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "probe-")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// explain turns an error of opening dir into a sentence that says what to do.
func explain(dir string, err error) error {
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return &openError{fmt.Sprintf("%s is in use by another process: stop that one, or set data_dir to another directory", dir), err}
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &openError{fmt.Sprintf("cannot write to %s: %v; give this user write access to it, or set data_dir to another directory", dir, cause(err)), err}
	case errors.Is(err, syscall.ENOSPC):
		return &openError{fmt.Sprintf("cannot write to %s: the disk is full", dir), err}
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return &openError{fmt.Sprintf("cannot use %s: a file is in the way of the directory; remove it, or set data_dir to another directory", dir), err}
	case errors.Is(err, fs.ErrNotExist) && !exists(dir):
		return &openError{fmt.Sprintf("cannot create %s: %v; set data_dir to another directory", dir, cause(err)), err}
	}
	reason := oneLine(err)
	if block, ok := damagedBlock(reason); ok {
		return &openError{fmt.Sprintf("%s is damaged: %s; to start without that block, move %s away", dir, reason, filepath.Join(dir, block)), err}
	}
	return &openError{fmt.Sprintf("cannot open %s: %s; restore it from a backup, or move it away to start with an empty one", dir, reason), err}
}

// openError is a sentence for the user that keeps its cause.
type openError struct {
	sentence string
	err      error
}

func (e *openError) Error() string { return e.sentence }
func (e *openError) Unwrap() error { return e.err }

// cause is the error number without the path, which the sentence names already.
func cause(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return errors.New(oneLine(err))
}

func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// damagedBlock finds the block that "corrupted block ULID: reason" speaks of.
func damagedBlock(reason string) (string, bool) {
	_, rest, ok := strings.Cut(reason, "corrupted block ")
	if !ok {
		return "", false
	}
	block, _, ok := strings.Cut(rest, ":")
	return block, ok
}
