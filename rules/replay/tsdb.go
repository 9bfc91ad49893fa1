package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// walAttempts is how often the log of a running server is read: its last record may be
// half written at any one time.
const walAttempts = 3

// Directory is the history in the directory of a Prometheus TSDB, opened for reading
// only. The server it belongs to may run: blocks and the write-ahead log are read as
// they are, nothing is locked, changed or removed. It is the state of the time of
// opening.
type Directory struct {
	Stored

	db      *tsdb.DBReadOnly
	querier storage.Querier
}

var _ Source = (*Directory)(nil)

// OpenTSDB opens the directory of a TSDB: that which holds its blocks and wal.
func OpenTSDB(dir string) (*Directory, error) {
	blocks, _ := filepath.Glob(filepath.Join(dir, "*", "meta.json"))
	if _, err := os.Stat(filepath.Join(dir, "wal")); err != nil && len(blocks) == 0 {
		if _, err := os.Stat(dir); err != nil {
			return nil, fmt.Errorf("open the TSDB: %w", err)
		}
		return nil, fmt.Errorf("%s is not the directory of a TSDB: it holds neither a block nor a wal (a Watchtower keeps its own in data_dir/metrics)", dir)
	}
	var err error
	for range walAttempts {
		var d *Directory
		if d, err = openTSDB(dir, os.TempDir()); errors.Is(err, syscall.EXDEV) {
			// Chunks are linked, which works within a file system only.
			d, err = openTSDB(dir, filepath.Dir(filepath.Clean(dir)))
		}
		if err == nil {
			return d, nil
		}
	}
	return nil, fmt.Errorf("open the TSDB %s: %w", dir, err)
}

func openTSDB(dir, sandbox string) (*Directory, error) {
	db, err := tsdb.OpenDBReadOnly(dir, sandbox, nil)
	if err != nil {
		return nil, err
	}
	// Each querier reads the log anew, so there is one for all.
	q, err := db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Directory{Stored{Store: shared{q}}, db, q}, nil
}

// Close releases the files.
func (d *Directory) Close() error { return errors.Join(d.querier.Close(), d.db.Close()) }

// shared gives everybody the same querier and closes it for nobody. What it selects may
// reach beyond the time asked for.
type shared struct{ q storage.Querier }

func (s shared) Querier(from, to int64) (storage.Querier, error) { return window{s.q, from, to}, nil }

// window is a shared querier as seen by one of its users.
type window struct {
	storage.Querier

	from, to int64
}

func (w window) Close() error { return nil }

// Select tells the time that is wanted, so that nothing else is read.
func (w window) Select(ctx context.Context, sorted bool, hints *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	if hints == nil {
		hints = &storage.SelectHints{Start: w.from, End: w.to}
	}
	return w.Querier.Select(ctx, sorted, hints, ms...)
}
