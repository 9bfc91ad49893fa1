package oncall

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// toldFor is how long after its end peers still tell each other of an override: a
	// roster may be asked about a time that is past.
	toldFor = 7 * 24 * time.Hour
	// maxTold bounds what peers tell when they meet, and what waits to be taken in.
	maxTold = 5000
)

// sharing is what a Keeper needs to have the overrides of its peers. The zero value tells
// nobody.
type sharing struct {
	told atomic.Pointer[[]Override] // what a peer is told when it comes

	mu    sync.Mutex
	send  func([]byte)
	heard []Override // not taken in yet
}

// Share has every override that is made or removed here told by broadcast. Call it before
// anybody makes one.
func (k *Keeper) Share(broadcast func([]byte)) {
	k.peers.mu.Lock()
	defer k.peers.mu.Unlock()
	k.peers.send = broadcast
}

// broadcast tells peers of an override.
func (k *Keeper) broadcast(o Override) {
	k.peers.mu.Lock()
	send := k.peers.send
	k.peers.mu.Unlock()
	if send == nil {
		return
	}
	b, err := json.Marshal([]Override{o})
	if err != nil {
		k.opts.Logger.Error("peers were not told of an override", "err", err)
		return
	}
	send(b)
}

// MarshalBinary implements Alertmanager's cluster.State: all overrides that are not long
// over, those that were removed too.
func (k *Keeper) MarshalBinary() ([]byte, error) {
	told := k.peers.told.Load()
	if told == nil {
		return []byte("[]"), nil
	}
	return json.Marshal((*told)[max(0, len(*told)-maxTold):])
}

// Merge implements Alertmanager's cluster.State. Run takes in what is new.
func (k *Keeper) Merge(b []byte) error {
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	var list []Override
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("a peer sent overrides that cannot be read: %w", err)
	}
	k.peers.mu.Lock()
	defer k.peers.mu.Unlock()
	defer func() {
		select {
		case k.wake <- struct{}{}:
		default: // It is awake already.
		}
	}()
	if len(k.peers.heard)+len(list) > maxTold {
		return errors.New("too many overrides of peers wait to be taken in: more are refused until they meet again")
	}
	k.peers.heard = append(k.peers.heard, list...)
	return nil
}

// takeIn stores what peers told.
func (k *Keeper) takeIn(ctx context.Context) error {
	k.peers.mu.Lock()
	heard := k.peers.heard
	k.peers.heard = nil
	k.peers.mu.Unlock()
	if k.disk == nil || len(heard) == 0 && !k.owed {
		return nil
	}
	heard = slices.DeleteFunc(heard, func(o Override) bool { return !o.sound() })
	k.mu.Lock()
	defer k.mu.Unlock()
	changed, err := k.disk.merge(ctx, heard)
	if err != nil {
		k.peers.mu.Lock()
		k.peers.heard = append(heard, k.peers.heard...)
		k.peers.mu.Unlock()
		return fmt.Errorf("store overrides of a peer: %w", err)
	}
	if !changed && !k.owed {
		return nil
	}
	err = k.remakeLocked(ctx)
	k.owed = err != nil
	return err
}

// sound tells whether an override can be one, whoever says so.
func (o Override) sound() bool {
	return o.Schedule != "" && o.User != "" && o.Author != "" && !o.CreatedAt.IsZero() && o.To.After(o.From) && o.To.Sub(o.From) <= maxOverride &&
		max(len(o.Author), len(o.Reason), len(o.RemovedBy), len(o.RemovedWhy), len(o.Schedule), len(o.User)) <= maxWords
}

// keepTold remembers what peers are told. The caller holds mu.
func (k *Keeper) keepTold(ctx context.Context, now time.Time) error {
	if k.disk == nil {
		return nil
	}
	list, err := k.disk.list(ctx, `WHERE ends_at > ?`, now.Add(-toldFor).UnixMilli())
	if err != nil {
		return err
	}
	k.peers.told.Store(&list)
	return nil
}

// merge adds overrides that are unknown, and removes those that were removed elsewhere. It
// returns whether anything is new. What is the same everywhere is who made it when, for
// whom and for which time; IDs are each instance's own.
func (d disk) merge(ctx context.Context, list []Override) (changed bool, err error) {
	err = d.write(ctx, func(tx *sql.Tx) error {
		for _, o := range list {
			is, err := d.mergeOne(ctx, tx, o)
			if err != nil {
				return err
			}
			changed = changed || is
		}
		return nil
	})
	return changed, err
}

func (d disk) mergeOne(ctx context.Context, tx *sql.Tx, o Override) (changed bool, err error) {
	removed := int64(0)
	if !o.RemovedAt.IsZero() {
		removed = o.RemovedAt.UnixMilli()
	}
	identity := []any{o.Schedule, o.User, o.From.UnixMilli(), o.To.UnixMilli(), o.Author, o.CreatedAt.UnixMilli()}
	result, err := tx.ExecContext(ctx, `INSERT INTO oncall_overrides
		(id, schedule, person, begins_at, ends_at, author, created_at, reason, removed_at, removed_by, removed_why)
		SELECT (SELECT COALESCE(MAX(id), 0) + 1 FROM oncall_overrides), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
		WHERE NOT EXISTS (SELECT 1 FROM oncall_overrides
			WHERE schedule = ? AND person = ? AND begins_at = ? AND ends_at = ? AND author = ? AND created_at = ?)`,
		append(append(slices.Clone(identity), o.Reason, removed, o.RemovedBy, o.RemovedWhy), identity...)...)
	if err != nil {
		return false, err
	}
	added, err := result.RowsAffected()
	if err != nil || added > 0 || removed == 0 {
		return added > 0, err
	}
	result, err = tx.ExecContext(ctx, `UPDATE oncall_overrides SET removed_at = ?, removed_by = ?, removed_why = ?
		WHERE removed_at = 0 AND schedule = ? AND person = ? AND begins_at = ? AND ends_at = ? AND author = ? AND created_at = ?`,
		append([]any{removed, o.RemovedBy, o.RemovedWhy}, identity...)...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
