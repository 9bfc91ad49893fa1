package rules

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// A births file is the magic line, then records of one size, in little endian: the
// stable hash of the series' labels, the time of the sample, its start time, both in
// Unix milliseconds, and a CRC-32C of the three. Records are appended as counters
// begin; now and then the file is written anew without the old ones, and renamed.
const (
	birthsMagic  = "watchtower-births-1\n"
	birthsSuffix = ".births"
	birthSize    = 28
	maxBirths    = 1_000_000
	// birthsGrowth is how many records may come before the file is tidied.
	birthsGrowth = 10_000
	// birthsCompared is with how many of its series a birth is compared; one that
	// comes twice does no harm.
	birthsCompared = 100
)

// birth says that a sample at a time belongs to a life of its counter that began at
// start.
type birth struct {
	at, start int64
}

// births remembers when counters began. The store keeps no start times, so without
// this memory a sample read from it would count less than it did when it arrived:
// a first sample as a baseline, a reset that the value hides as an increase. Safe
// for concurrent use; a nil one remembers nothing.
type births struct {
	path   string
	logger *slog.Logger
	// limit is how many are remembered; the oldest go first.
	limit int

	mu sync.Mutex
	// known holds the births of each series in order of their samples; n counts all.
	known map[uint64][]birth
	n     int
	// size is how much of the file is sound; 0: it must be written anew. kept is how
	// many records it had when it was written last.
	size int64
	kept int
	// opened is set once the file of the last run has been read; nothing is written
	// before.
	opened bool
}

// newBirths returns the births kept beside a snapshot, nil if there is none.
func newBirths(snapPath string, logger *slog.Logger) *births {
	if snapPath == "" {
		return nil
	}
	return &births{path: snapPath + birthsSuffix, logger: logger, limit: maxBirths, known: map[uint64][]birth{}}
}

// open reads what the last run left and forgets what is older than oldest. A file
// that cannot be read or kept costs only the memory of it.
func (b *births) open(oldest int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	data, err := os.ReadFile(b.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.logger.Error("when counters began is not known: their first samples may not count again", "path", b.path, "err", err)
	}
	if lost := b.parse(data); lost > 0 {
		b.logger.Warn("a part of the births file is damaged and ignored: first samples of some counters may not count again",
			"path", b.path, "bytes", lost, "births", b.n)
	}
	b.opened = true
	b.rewrite(oldest)
}

// parse takes over the records of a file and returns how many bytes are damaged.
func (b *births) parse(data []byte) int {
	if len(data) == 0 {
		return 0
	}
	body, found := bytes.CutPrefix(data, []byte(birthsMagic))
	if !found {
		return len(data)
	}
	lost := len(body) % birthSize
	for rec := range slices.Chunk(body[:len(body)-lost], birthSize) {
		if crc32.Checksum(rec[:24], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(rec[24:]) {
			lost += birthSize
			continue
		}
		at, start := binary.LittleEndian.Uint64(rec[8:]), binary.LittleEndian.Uint64(rec[16:])
		b.add(binary.LittleEndian.Uint64(rec), birth{int64(at), int64(start)})
	}
	return lost
}

func appendBirth(dst []byte, series uint64, of birth) []byte {
	from := len(dst)
	for _, v := range []uint64{series, uint64(of.at), uint64(of.start)} {
		dst = binary.LittleEndian.AppendUint64(dst, v)
	}
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[from:], crc32.MakeTable(crc32.Castagnoli)))
}

// add remembers a birth and tells whether it is news. One for each start is enough.
// The lock is held.
func (b *births) add(series uint64, of birth) bool {
	list := b.known[series]
	for _, other := range list[max(0, len(list)-birthsCompared):] {
		if other.start == of.start {
			return false
		}
	}
	i, _ := slices.BinarySearchFunc(list, of, byTime)
	b.known[series] = slices.Insert(list, i, of)
	b.n++
	return true
}

func byTime(x, y birth) int {
	return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.start, y.start))
}

// note remembers that a sample's start time mattered, on disk at once.
func (b *births) note(lset labels.Labels, in sample) {
	if b == nil {
		return
	}
	series, of := labels.StableHash(lset), birth{in.t, in.start}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n >= 2*b.limit || !b.add(series, of) || !b.opened || b.size == 0 {
		return
	}
	f, err := os.OpenFile(b.path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(appendBirth(nil, series, of), b.size)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		b.logger.Error("when a counter began is not on disk yet: tried again soon", "path", b.path, "err", err)
		b.size = 0
		return
	}
	b.size += birthSize
}

// tidy writes the file anew, without what is older than oldest, when it has grown or
// could not be written.
func (b *births) tidy(oldest int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opened && (b.size == 0 || b.n > b.limit || b.n >= 2*b.kept+birthsGrowth) {
		b.rewrite(oldest)
	}
}

// rewrite forgets the old and puts a whole new file in place. The lock is held.
func (b *births) rewrite(oldest int64) {
	b.forget(oldest)
	out := make([]byte, 0, len(birthsMagic)+b.n*birthSize)
	out = append(out, birthsMagic...)
	for series, list := range b.known {
		for _, of := range list {
			out = appendBirth(out, series, of)
		}
	}
	if err := replaceFile(b.path, out); err != nil {
		b.logger.Error("when counters began is not on disk yet: tried again soon", "path", b.path, "err", err)
		b.size = 0
		return
	}
	b.size, b.kept = int64(len(out)), b.n
}

// forget drops what is older than oldest, and more if there are too many. The lock
// is held.
func (b *births) forget(oldest int64) {
	if b.n > b.limit {
		times := make([]int64, 0, b.n)
		for _, list := range b.known {
			for _, of := range list {
				times = append(times, of.at)
			}
		}
		slices.Sort(times)
		oldest = max(oldest, times[b.n-b.limit*3/4])
		b.logger.Warn("too many counters began: the oldest births are forgotten", "births", b.n, "limit", b.limit)
	}
	b.n = 0
	for series, list := range b.known {
		list = slices.DeleteFunc(list, func(of birth) bool { return of.at < oldest })
		b.known[series] = list
		b.n += len(list)
		if len(list) == 0 {
			delete(b.known, series)
		}
	}
}

// replaceFile puts a file in place as a whole.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("create births file: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return fmt.Errorf("write births file: %w", err)
	}
	if err = errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write births file: %w", err)
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("put births file in place: %w", err)
	}
	return nil
}

// lives are the births of one series in order of their samples.
type lives []birth

// of returns the births of a series.
func (b *births) of(lset labels.Labels) lives {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n == 0 {
		return nil
	}
	return slices.Clone(b.known[labels.StableHash(lset)])
}

// before returns when a sample of the same life was counted before this one, 0 if it
// is not known.
func (b *births) before(lset labels.Labels, in sample) int64 {
	for _, of := range b.of(lset) {
		if of.start == in.start && of.at < in.t {
			return of.at
		}
	}
	return 0
}

// start returns the start time of a sample: its own, else what is remembered. A
// birth holds for its sample and for earlier ones, that came late, back to its start.
// Later ones need none: to them it would say what the birth has said.
func (l lives) start(in sample) int64 {
	if in.start != 0 || len(l) == 0 {
		return in.start
	}
	i, _ := slices.BinarySearchFunc(l, birth{at: in.t}, byTime)
	if i < len(l) && (l[i].at == in.t || l[i].start < in.t) {
		return l[i].start
	}
	return 0
}

// remind gives samples of a series that come from the store their start times.
func (b *births) remind(lset labels.Labels, from []sample) {
	l := b.of(lset)
	for i := range from {
		from[i].start = l.start(from[i])
	}
}

// horizon is the time before which no objective counts any more.
func (e *Engine) horizon() int64 {
	var longest time.Duration
	for _, tr := range e.all() {
		tr.mu.Lock()
		longest = max(longest, tr.remembers)
		tr.mu.Unlock()
	}
	return e.now().Add(-longest).UnixMilli() - farLookback
}
