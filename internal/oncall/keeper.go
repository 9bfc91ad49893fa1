package oncall

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what Open needs.
type Options struct {
	// Path is the file; required.
	Path string
	// Cache is a folder for the last good text of calendars behind addresses, so that
	// a start without network knows them. "" keeps nothing.
	Cache string
	// DB keeps overrides made at run time; its tables are made. nil: there are none.
	DB      *sql.DB
	Fetcher Fetcher
	// Logger is for calendars that cannot be read; nil logs nothing.
	Logger *slog.Logger
}

// Keeper keeps a Roster current: with calendars that change behind their addresses,
// with overrides, and with the file when it is told to read it again. Safe for
// concurrent use.
type Keeper struct {
	opts   Options
	disk   *disk // nil: no overrides
	roster atomic.Pointer[Roster]
	wake   chan struct{} // tells Run that what is due has changed
	peers  sharing

	// mu is held over reads of the database and the making of a roster too, so that
	// the roster that stands is of the newest of everything.
	mu     sync.Mutex
	files  files
	remote map[address]*remote
	made   time.Time // when the roster was
	owed   bool      // a peer told of an override that the roster does not have yet
}

// Open reads the file and all it names. Its error joins every fault, each as
// "file:line: sentence"; a calendar that cannot be fetched is none of them: see
// Keeper.Calendars. It fetches nothing: Refresh does, and Run goes on doing so.
func Open(ctx context.Context, o Options) (*Keeper, error) {
	if o.Path == "" {
		return nil, errors.New("open on-call: no path given")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{opts: o, wake: make(chan struct{}, 1), remote: map[address]*remote{}}
	if o.DB != nil {
		k.disk = &disk{o.DB}
		if err := k.disk.migrate(ctx); err != nil {
			return nil, err
		}
	}
	if err := k.Reload(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// Roster is who is on call as it is known now. It stays as it is: ask again for a
// newer one.
func (k *Keeper) Roster() *Roster { return k.roster.Load() }

// Around is the roster as it holds around another time than now: events of calendars
// are followed there. Overrides are part of it, also those that are over.
func (k *Keeper) Around(ctx context.Context, t time.Time) (*Roster, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.makeLocked(ctx, t)
}

// Reload reads the file again, and the calendar files it names. On an error, which
// joins every fault, the roster stays as it was.
func (k *Keeper) Reload(ctx context.Context) error {
	f, err := readFiles(k.opts.Path)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.files
	k.files = f
	k.meetLocked()
	if err := k.remakeLocked(ctx); err != nil {
		if before.plan != nil {
			k.files = before
			k.meetLocked()
		}
		return err
	}
	select {
	case k.wake <- struct{}{}:
	default: // It is awake already.
	}
	return nil
}

// remakeLocked puts a roster of the newest of everything into force.
func (k *Keeper) remakeLocked(ctx context.Context) error {
	now := time.Now()
	r, err := k.makeLocked(ctx, now)
	if err != nil {
		return err
	}
	k.made = now
	k.roster.Store(r)
	return k.keepTold(ctx, now)
}

func (k *Keeper) makeLocked(ctx context.Context, around time.Time) (*Roster, error) {
	var stored []Override
	if k.disk != nil {
		var err error
		if stored, err = k.disk.standing(ctx, around.Add(-time.Duration(expanded)*time.Second)); err != nil {
			return nil, err
		}
	}
	for _, src := range k.files.plan.sources() {
		if r := k.remote[src.address]; r != nil && r.calendar != nil {
			k.files.calendars[src.key()] = r.calendar
		}
	}
	return k.files.roster(stored, around), nil
}

// errNoDatabase is what overrides meet without one.
var errNoDatabase = fmt.Errorf("%w: overrides cannot be kept here, because no database is open", ErrRefused)

// Add stores an override, which holds from then on, and returns it as it is kept. Of
// overrides that overlap the one that was made last wins. An error that wraps
// ErrRefused says what is wrong with it.
func (k *Keeper) Add(ctx context.Context, o Override) (Override, error) {
	if k.disk == nil {
		return Override{}, errNoDatabase
	}
	now := time.Now()
	o.ID, o.RemovedAt, o.RemovedBy, o.RemovedWhy = 0, time.Time{}, "", ""
	o.From, o.To = o.From.UTC().Truncate(time.Second), o.To.UTC().Truncate(time.Second)
	o.Author, o.Reason, o.CreatedAt = flat(o.Author), flat(o.Reason), now.UTC().Truncate(time.Millisecond)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := o.check(k.Roster(), now); err != nil {
		return Override{}, err
	}
	o, err := k.disk.add(ctx, o, now)
	if err != nil {
		return Override{}, fmt.Errorf("add an override: %w", err)
	}
	k.broadcast(o)
	return o, k.remakeLocked(ctx)
}

// Remove ends an override from now on, also for the time that is past, and returns it.
// by says who decided that, and why is for those who ask.
func (k *Keeper) Remove(ctx context.Context, id int64, by, why string) (Override, error) {
	if k.disk == nil {
		return Override{}, errNoDatabase
	}
	by, why = flat(by), flat(why)
	switch {
	case by == "":
		return Override{}, fmt.Errorf("%w: say who removes it", ErrRefused)
	case len(by) > maxWords || len(why) > maxWords:
		return Override{}, fmt.Errorf("%w: author and reason may have %d bytes each", ErrRefused, maxWords)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	o, err := k.disk.remove(ctx, Override{ID: id, RemovedAt: time.Now(), RemovedBy: by, RemovedWhy: why})
	if err != nil {
		return Override{}, fmt.Errorf("remove an override: %w", err)
	}
	k.broadcast(o)
	return o, k.remakeLocked(ctx)
}

// List returns the stored overrides that are not over at an instant, in the order in
// which they were made; those that were removed too, marked as such.
func (k *Keeper) List(ctx context.Context, since time.Time) ([]Override, error) {
	if k.disk == nil {
		return nil, nil
	}
	return k.disk.list(ctx, `WHERE ends_at > ?`, since.UnixMilli())
}
