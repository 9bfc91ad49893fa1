package rules

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// A snapshot file is the magic line; a byte that is 1 if nothing was counted after
// it was taken; the time; then for each objective the length of its part, as a
// varint, and the part, and for a grouped one such a part with its groups; at the end a CRC-32C of all before it. It is written beside
// its place and renamed, so that it is there whole or not at all.
const snapshotMagic = "watchtower-snapshot-6\n"

var errSnapshot = errors.New("the snapshot is damaged or of another version")

// snapshot holds the parts of the last run's objectives, still encoded.
type snapshot struct {
	at    int64
	clean bool
	parts map[string][]byte
}

// savedTrack is one objective out of a snapshot.
type savedTrack struct {
	id         string
	generation string
	remembers  time.Duration
	at         int64
	clean      bool
	since      int64
	persisted  int64
	polledLast int64
	every      int64
	alerts     map[string]alertState
	sources    []savedSource
	parked     map[uint64]parked
	slicer     *slicer
	ledger     *ledger.Ledger
}

type savedSource struct {
	lset    labels.Labels
	counter ledger.Counter
	counted float64
}

// writeSnapshot saves all objectives that count. clean promises that no sample is
// counted after it.
func (e *Engine) writeSnapshot(path string, now int64, clean byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("create snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	if err := e.writeParts(w, now, clean); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := finish(f, w, sum); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("put snapshot in place: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // the rename itself; not every file system can
		_ = dir.Close()
	}
	return nil
}

func finish(f *os.File, w *bufio.Writer, sum hash.Hash32) error {
	if err := w.Flush(); err != nil {
		return err
	}
	if _, err := f.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32())); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

func (e *Engine) writeParts(w io.Writer, now int64, clean byte) error {
	head := binary.AppendVarint(append([]byte(snapshotMagic), clean), now)
	if _, err := w.Write(head); err != nil {
		return err
	}
	var part []byte
	write := func() error {
		_, err := w.Write(binary.AppendUvarint(nil, uint64(len(part))))
		if err == nil {
			_, err = w.Write(part)
		}
		return err
	}
	for _, tr := range e.all() {
		tr.mu.Lock()
		restoring := tr.restoring
		if !restoring {
			part = tr.append(part[:0])
		}
		tr.mu.Unlock()
		if restoring {
			continue
		}
		if err := write(); err != nil {
			return err
		}
		if part = e.appendGroup(part[:0], tr); len(part) == 0 {
			continue
		}
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// append encodes the objective. The lock is held.
func (tr *track) append(dst []byte) []byte {
	dst = appendText(dst, tr.id)
	dst = appendText(dst, tr.generation)
	for _, v := range []int64{int64(tr.remembers), tr.since, tr.persisted, tr.polled.last, tr.every} {
		dst = binary.AppendVarint(dst, v)
	}
	dst = binary.AppendUvarint(dst, uint64(len(tr.alerts)))
	for i, a := range tr.alerts {
		dst = appendText(dst, tr.judge.alerts[i].key)
		firing := int64(0)
		if a.firing {
			firing = 1
		}
		if a.held {
			firing |= 2
		}
		for _, v := range []int64{firing, a.activeAt, a.quietSince, a.resolvedAt, a.lastSent} {
			dst = binary.AppendVarint(dst, v)
		}
	}
	n := 0
	for _, list := range tr.sources {
		for _, s := range list {
			if s.counter.LastTime > 0 {
				n++
			}
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for _, list := range tr.sources {
		for _, s := range list {
			if s.counter.LastTime > 0 {
				dst = s.append(dst)
			}
		}
	}
	return tr.ledger.Append(tr.slicer.append(tr.appendParked(dst)))
}

func (s *source) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(s.lset.Len()))
	s.lset.Range(func(l labels.Label) { dst = appendText(appendText(dst, l.Name), l.Value) })
	return appendCounter(dst, &s.counter, s.counted)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// readSnapshot reads a snapshot file. None is there after a first start.
func readSnapshot(path string) (*snapshot, error) {
	b, err := os.ReadFile(path)
	switch {
	case path == "" || errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // no snapshot is no fault, and a nil one has no parts
	case err != nil:
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	return parseSnapshot(b)
}

func parseSnapshot(b []byte) (*snapshot, error) {
	if len(b) < len(snapshotMagic)+5 || !bytes.HasPrefix(b, []byte(snapshotMagic)) {
		return nil, errSnapshot
	}
	end := len(b) - 4
	if crc32.Checksum(b[:end], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, errSnapshot
	}
	r := snapReader{b: b[len(snapshotMagic)+1 : end]}
	s := &snapshot{clean: b[len(snapshotMagic)] == 1, at: r.int(), parts: map[string][]byte{}}
	for len(r.b) > 0 && !r.bad {
		part := r.bytes()
		id := snapReader{b: part}
		s.parts[id.text()] = part
	}
	if r.bad {
		return nil, errSnapshot
	}
	return s, nil
}

// track decodes the part of an objective, nil if there is none. It may be of another
// generation.
func (s *snapshot) track(tr *track) *savedTrack {
	if s == nil || s.parts[tr.id] == nil {
		return nil
	}
	return decodeTrack(s, s.parts[tr.id])
}

func decodeTrack(s *snapshot, part []byte) *savedTrack {
	r := snapReader{b: part}
	t := &savedTrack{
		id: r.text(), generation: r.text(), remembers: time.Duration(r.int()), at: s.at, clean: s.clean,
		since: r.int(), persisted: r.int(), polledLast: r.int(), every: r.int(),
	}
	if t.remembers <= 0 || t.remembers > slicesKept {
		return nil
	}
	t.alerts = map[string]alertState{}
	for n := r.uint(); n > 0 && !r.bad; n-- {
		key, bits := r.text(), r.int()
		t.alerts[key] = alertState{firing: bits&1 > 0, held: bits&2 > 0, activeAt: r.int(), quietSince: r.int(), resolvedAt: r.int(), lastSent: r.int()}
	}
	b := labels.NewScratchBuilder(0)
	for n := r.uint(); n > 0 && !r.bad; n-- {
		b.Reset()
		for k := r.uint(); k > 0 && !r.bad; k-- {
			b.Add(r.text(), r.text())
		}
		b.Sort()
		src := savedSource{lset: b.Labels()}
		src.counter, src.counted = r.counter()
		t.sources = append(t.sources, src)
	}
	t.parked, t.slicer = r.parked(), r.slicer()
	l, rest, err := ledger.Decode(r.b, t.remembers)
	if r.bad || err != nil || len(rest) > 0 {
		return nil
	}
	t.ledger = l
	return t
}

// adopt takes over what a snapshot saved.
func (tr *track) adopt(s *savedTrack) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.ledger = s.ledger
	for i, rule := range tr.judge.alerts {
		tr.alerts[i] = s.alerts[rule.key]
	}
	tr.parked = s.parked
	if tr.slicer != nil && s.slicer != nil {
		s.slicer.target = tr.slicer.target
		tr.slicer = s.slicer
	}
	tr.since, tr.persisted, tr.polled.last, tr.every = s.since, s.persisted, s.polledLast, s.every
	for _, saved := range s.sources {
		if src := tr.source(saved.lset); src != nil {
			src.counter, src.counted = saved.counter, saved.counted
		}
	}
}

// snapReader reads the fields of a snapshot; bad is set when they end early.
type snapReader struct {
	b   []byte
	bad bool
}

func (r *snapReader) int() int64 {
	v, n := binary.Varint(r.b)
	return v * r.skip(n)
}

func (r *snapReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	return v * uint64(r.skip(n))
}

// skip moves on by n bytes and returns 1, or 0 if there are none.
func (r *snapReader) skip(n int) int64 {
	if n <= 0 || n > len(r.b) {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return 1
}

func (r *snapReader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *snapReader) text() string { return string(r.bytes()) }

func (r *snapReader) float() float64 {
	if len(r.b) < 8 {
		r.bad, r.b = true, nil
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
	r.b = r.b[8:]
	return v
}
