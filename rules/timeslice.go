package rules

import (
	"context"
	"encoding/binary"
	"math"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// slicer turns events into slices of time, for objectives whose target is a share of
// slices: each slice that ended becomes one event of the ledger, at its end. A slice
// without events is none. It keeps the events of late, so that a late sample judges
// its slice anew. Times are Unix milliseconds; a slice, like a cell, is what happened
// after its beginning and up to its end.
type slicer struct {
	// length is that of a slice, width that of a cell: a slice on disk. per is how many
	// cells a slice has.
	length, width, per int64
	// target is the ratio of good events that makes a slice good; 0: a slice counts by
	// its ratio.
	target float64
	// cells are the latest bad and total events, that which ends at i·width in place i
	// modulo their number; newest is the latest i.
	cells  [][2]float64
	newest int64
	// judged is what the ledger has of each slice, by its number likewise, up to the
	// slice closed. Slices from open on are to be judged.
	judged       [][2]float32
	closed, open int64
}

// maxLate is how late a sample may be to count; the cells reach as far back.
const maxLate = 4*60*60*1000 + 5*60*1000

// newSlicer returns the slicer of an objective, nil if events count by themselves.
func newSlicer(o Objective) *slicer {
	b := o.Budgeting
	if b.Slice <= 0 || b.Method != Timeslices && b.Method != RatioTimeslices {
		return nil
	}
	s := &slicer{length: b.Slice.Milliseconds(), width: sliceWidth(o.Period) * 1000}
	s.per = s.length / s.width
	if b.Method == Timeslices {
		s.target = b.SliceTarget
	}
	s.allocate(maxLate)
	return s
}

// allocate makes empty room for so many milliseconds and one more slice.
func (s *slicer) allocate(ms int64) {
	slices := ms/s.length + 3
	s.judged = make([][2]float32, slices)
	s.cells = make([][2]float64, slices*s.per)
}

// place returns the number of the slice, or the cell, that t lies in.
func place(t, length int64) int64 { return (t + length - 1) / length }

// ahead tells whether t lies beyond the cells: slices that it pushes out must be
// judged before.
func (s *slicer) ahead(t int64) bool { return s.newest > 0 && place(t, s.width) > s.newest }

// add counts events; it tells whether their slice is still known.
func (s *slicer) add(t int64, bad, total float64) bool {
	i, k := place(t, s.width), place(t, s.length)
	if s.newest == 0 {
		s.newest, s.open, s.closed = i, k, k-1
	}
	s.advance(i)
	if !s.holds(k) {
		return false
	}
	c := &s.cells[i%int64(len(s.cells))]
	c[0] += bad
	c[1] += total
	s.open = min(s.open, k)
	return true
}

// advance moves on to cell i.
func (s *slicer) advance(i int64) {
	for j := max(s.newest+1, i-int64(len(s.cells))+1); j <= i; j++ {
		s.cells[j%int64(len(s.cells))] = [2]float64{}
	}
	s.newest = max(s.newest, i)
}

// holds tells whether all cells of a slice are there.
func (s *slicer) holds(k int64) bool { return (k-1)*s.per+1 > s.newest-int64(len(s.cells)) }

// cell returns the events of the cell that ends at t.
func (s *slicer) cell(t int64) (bad, total float64) {
	i := t / s.width
	if i > s.newest || i <= s.newest-int64(len(s.cells)) {
		return 0, 0
	}
	c := s.cells[i%int64(len(s.cells))]
	return c[0], c[1]
}

// close judges the slices that ended by until, and those that late samples changed,
// and hands on what that adds to the ledger.
func (s *slicer) close(until int64, add func(t int64, bad, total float64)) {
	if s.newest == 0 || s.open*s.length > until {
		return
	}
	last := until / s.length
	// What lies after the newest cell is empty, and so is what was pushed out.
	for s.open <= last && s.open <= place(s.newest*s.width, s.length) {
		k := s.open
		s.open++
		s.reach(k)
		if !s.holds(k) {
			continue
		}
		var sum [2]float64
		for i := (k-1)*s.per + 1; i <= k*s.per && i <= s.newest; i++ {
			c := s.cells[i%int64(len(s.cells))]
			sum[0] += c[0]
			sum[1] += c[1]
		}
		was := &s.judged[k%int64(len(s.judged))]
		bad, total := s.verdict(sum[0], sum[1])
		// The ledger gets what is remembered, to the last bit.
		now := [2]float32{float32(bad), float32(total)}
		if now != *was {
			add(k*s.length, float64(now[0])-float64(was[0]), float64(now[1])-float64(was[1]))
			*was = now
		}
	}
	s.open = max(s.open, last+1)
}

// reach makes room for the judgement of slice k.
func (s *slicer) reach(k int64) {
	for j := max(s.closed, k-int64(len(s.judged))) + 1; j <= k; j++ {
		s.judged[j%int64(len(s.judged))] = [2]float32{}
	}
	s.closed = max(s.closed, k)
}

// verdict says what a slice with these events counts.
func (s *slicer) verdict(bad, total float64) (float64, float64) {
	switch ratio := bad / total; {
	case total < noEvents:
		return 0, 0
	case s.target == 0:
		return max(0, min(ratio, 1)), 1
	// A hair's breadth is rounding.
	case 1-ratio >= s.target-1e-9:
		return 0, 1
	}
	return 1, 1
}

// stretch makes room for all that a restore may count, from then until now, and
// settle takes it back.
func (s *slicer) stretch(from, now int64) {
	now += maxAhead
	if s.newest > 0 {
		from = min(from, (s.newest-int64(len(s.cells)))*s.width)
	}
	s.resize(now-from, place(now, s.width))
}

func (s *slicer) settle(now int64) {
	if int64(len(s.judged)) > maxLate/s.length+3 {
		s.resize(maxLate, max(place(now, s.width), 1))
	}
}

// resize keeps the latest of what there is.
func (s *slicer) resize(ms, newest int64) {
	old := *s
	s.allocate(ms)
	if old.newest == 0 {
		s.newest = newest
		s.closed = s.newest/s.per - int64(len(s.judged))
		s.open = s.closed + 1
		return
	}
	s.newest = max(newest, old.newest)
	for i := max(old.newest-int64(len(old.cells)), s.newest-int64(len(s.cells))) + 1; i <= old.newest; i++ {
		s.cells[i%int64(len(s.cells))] = old.cells[i%int64(len(old.cells))]
	}
	for k := max(old.closed-int64(len(old.judged)), old.closed-int64(len(s.judged))) + 1; k <= old.closed; k++ {
		s.judged[k%int64(len(s.judged))] = old.judged[k%int64(len(old.judged))]
	}
}

// truncate forgets everything after t, the end of a cell; the ledger has forgotten it
// too.
func (s *slicer) truncate(t int64) {
	for i := max(t/s.width, s.newest-int64(len(s.cells))) + 1; i <= s.newest; i++ {
		s.cells[i%int64(len(s.cells))] = [2]float64{}
	}
	first := t/s.length + 1
	for k := max(first, s.closed-int64(len(s.judged))+1); k <= s.closed; k++ {
		s.judged[k%int64(len(s.judged))] = [2]float32{}
	}
	s.open = min(s.open, first)
}

// append encodes the slicer; a nil one is one zero.
func (s *slicer) append(dst []byte) []byte {
	if s == nil {
		return binary.AppendUvarint(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.judged)))
	for _, v := range []int64{s.length, s.width, s.newest, s.closed, s.open} {
		dst = binary.AppendVarint(dst, v)
	}
	for _, c := range s.cells {
		for _, v := range c {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
	}
	for _, c := range s.judged {
		// As one number of 64 bits.
		dst = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(dst, math.Float32bits(c[0])), math.Float32bits(c[1]))
	}
	return dst
}

// slicer decodes a slicer, but for its target.
func (r *snapReader) slicer() *slicer {
	n := r.uint()
	if n == 0 {
		return nil
	}
	s := &slicer{length: r.int(), width: r.int(), newest: r.int(), closed: r.int(), open: r.int()}
	if s.width <= 0 || s.length < s.width || s.length%s.width != 0 || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	s.per = s.length / s.width
	if per := uint64(s.per); per > uint64(len(r.b)) || n*(per*16+8) > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	s.judged, s.cells = make([][2]float32, n), make([][2]float64, n*uint64(s.per))
	for i := range s.cells {
		s.cells[i] = [2]float64{r.float(), r.float()}
	}
	for i := range s.judged {
		both := math.Float64bits(r.float())
		s.judged[i] = [2]float32{math.Float32frombits(uint32(both)), math.Float32frombits(uint32(both >> 32))}
	}
	return s
}

// add counts events of the objective. The lock is held.
func (tr *track) add(t int64, bad, total float64) {
	s := tr.slicer
	if s == nil {
		tr.ledger.Add(t, bad, total)
		return
	}
	if s.ahead(t) && !tr.restoring {
		s.close(t, tr.ledger.Add)
	}
	if !s.add(t, bad, total) && total != 0 {
		tr.refused["too_late_for_their_slices"]++
	}
}

// closeSlices judges what has ended. The lock is held.
func (tr *track) closeSlices(now int64) {
	if tr.slicer != nil {
		tr.slicer.close(now, tr.ledger.Add)
	}
}

// into returns how a restore counts events: into the bulk, or, to be judged, into
// slices.
func (tr *track) into(b *ledger.Bulk) func(t int64, bad, total float64) {
	if tr.slicer == nil {
		return b.Add
	}
	return func(t int64, bad, total float64) { tr.slicer.add(t, bad, total) }
}

// judgeInto judges all slices that ended by now into the bulk of a restore.
func (tr *track) judgeInto(b *ledger.Bulk, now int64) {
	if tr.slicer != nil {
		tr.slicer.close(now, b.Add)
	}
}

// raw gives a slice of the ledger the events of the disk: those that count, before
// they are judged. The lock is held.
func (tr *track) raw(s slice) slice {
	if tr.slicer != nil {
		s.Bad, s.Total = tr.slicer.cell(s.end)
	}
	return s
}

// sheet sums the events of slices in a stretch of time.
type sheet struct {
	*slicer

	first int64
	sums  [][2]float64
}

// sheet prepares for the slices that end in (from, to].
func (s *slicer) sheet(from, to int64) sheet {
	return sheet{s, from / s.length, make([][2]float64, max(0, to/s.length-from/s.length))}
}

// begin is the beginning of the first slice.
func (s sheet) begin() int64 { return s.first * s.length }

func (s sheet) add(end int64, bad, total float64) {
	if k := place(end, s.length) - 1 - s.first; k >= 0 && k < int64(len(s.sums)) {
		s.sums[k][0] += bad
		s.sums[k][1] += total
	}
}

// each hands on the slices as they count.
func (s sheet) each(f func(slice)) {
	for k, sum := range s.sums {
		if bad, total := s.verdict(sum[0], sum[1]); total > 0 {
			f(slice{(s.first + int64(k) + 1) * s.length, ledger.Cell{Bad: bad, Total: total}})
		}
	}
}

// eachCounted calls f for what an objective has on disk in (from, to], as its ledger
// counts it: the seen time of each slice on disk, and either its events or those of
// the slices of time that ended by until. What is not on disk yet of the latter comes
// from memory.
func (e *Engine) eachCounted(ctx context.Context, tr *track, span [3]int64, f func(slice)) error {
	from, to, until := span[0], span[1], span[2]
	if tr.slicer == nil {
		return e.eachSlice(ctx, tr.id, from, to, f)
	}
	sheet := tr.slicer.sheet(from, until)
	err := e.eachSlice(ctx, tr.id, min(from, sheet.begin()), to, func(s slice) {
		sheet.add(s.end, s.Bad, s.Total)
		if s.end > from && s.Seen > 0 {
			f(slice{s.end, ledger.Cell{Seen: s.Seen}})
		}
	})
	tr.mu.Lock()
	width := tr.slicer.width
	for end := max(to, sheet.begin())/width*width + width; end <= until; end += width {
		bad, total := tr.slicer.cell(end)
		sheet.add(end, bad, total)
	}
	tr.mu.Unlock()
	sheet.each(f)
	return err
}

// reason says how slices are judged, "" for an objective that counts events.
func (b Budgeting) reason() string {
	switch b.Method {
	case Timeslices:
		return "each slice of " + span(b.Slice) + " counts once: as good if at least " + percent(b.SliceTarget) + " of its events are, not at all if it has none"
	case RatioTimeslices:
		return "each slice of " + span(b.Slice) + " counts by its own ratio, however many events it has, and not at all if it has none"
	default:
		return ""
	}
}

// steps returns what was polled for a step until at: as one slice, or, for slices of
// time, as many as there are in it, the latest first.
func (tr *track) steps(at, step int64, of ledger.Cell) []slice {
	if tr.slicer == nil || step <= tr.slicer.width {
		return []slice{{at, of}}
	}
	var out []slice
	for hi := at; hi > at-step; {
		lo := max(at-step, (hi-1)/tr.slicer.width*tr.slicer.width)
		part := float64(hi-lo) / float64(step)
		out = append(out, slice{hi, ledger.Cell{Bad: of.Bad * part, Total: of.Total * part, Seen: hi - lo}})
		hi = lo
	}
	return out
}

// stretch makes room for what a restore may count.
func (tr *track) stretch(from, now int64) {
	if tr.slicer != nil {
		tr.slicer.stretch(from, now)
	}
}
