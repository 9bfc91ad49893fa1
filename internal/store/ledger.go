package store

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	// LedgerRetention covers a year's report with a month to spare.
	LedgerRetention = 400 * 24 * time.Hour
	// ledgerBlock is the span of the smallest block. Slices are few, and the history
	// of a new objective is written in one go, block by block: at the 2 h of the
	// metrics a month of it would become 336 tiny files.
	ledgerBlock = 12 * time.Hour
)

var (
	_ storage.Appendable = (*Ledger)(nil)
	_ storage.Queryable  = (*Ledger)(nil)
)

// Ledger is the TSDB of the slices. It takes samples of any age within its
// retention, in any order: the history of a new objective is written while the
// others are current. It cannot change a sample that it has. It is safe for
// concurrent use.
type Ledger struct {
	db         *tsdb.DB
	unregister func()
}

// OpenLedger opens the ledger in dir. Its metrics carry the prefix
// watchtower_ledger_. logger and reg may be nil.
func OpenLedger(dir string, logger *slog.Logger, reg prometheus.Registerer) (*Ledger, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	o := tsdbOptions(LedgerRetention, LedgerRetention)
	o.MinBlockDuration = ledgerBlock.Milliseconds()
	o.MaxBlockDuration = max(o.MaxBlockDuration, o.MinBlockDuration)
	o.StripeSize = 1024 // a lock for each of some thousand series is plenty
	registry := prometheus.NewRegistry()
	db, err := openTSDB(dir, logger.With("component", "ledger"), prometheus.WrapRegistererWithPrefix("watchtower_ledger_", registry), o, nil)
	if err != nil {
		return nil, err
	}
	l := &Ledger{db: db}
	if l.unregister, err = export(reg, registry); err != nil {
		_ = db.Close() // nothing was written
		return nil, fmt.Errorf("export the metrics of the ledger: %w", err)
	}
	return l, nil
}

// Appender implements storage.Appendable.
func (l *Ledger) Appender(ctx context.Context) storage.Appender { return l.db.Appender(ctx) }

// Querier implements storage.Queryable.
func (l *Ledger) Querier(mint, maxt int64) (storage.Querier, error) { return l.db.Querier(mint, maxt) }

// ChunkQuerier implements storage.ChunkQueryable.
func (l *Ledger) ChunkQuerier(mint, maxt int64) (storage.ChunkQuerier, error) {
	return l.db.ChunkQuerier(mint, maxt)
}

// Close stops compaction and closes the files.
func (l *Ledger) Close() error {
	l.unregister()
	if err := l.db.Close(); err != nil {
		return fmt.Errorf("close ledger: %w", err)
	}
	return nil
}
