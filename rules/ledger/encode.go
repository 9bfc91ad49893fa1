package ledger

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// ErrCorrupt is returned for bytes that are no ledger of this version.
var ErrCorrupt = errors.New("ledger bytes are corrupt")

// Append appends the ledger to dst: a fixed layout of little-endian words, which
// [Decode] reads.
func (l *Ledger) Append(dst []byte) []byte {
	le := binary.LittleEndian
	words := []int64{l.sealed, l.newest, l.latest, l.first, l.last, l.frontier, int64(len(l.levels))}
	for _, w := range words {
		dst = le.AppendUint64(dst, uint64(w))
	}
	dst = appendCell(dst, l.base)
	dst = appendCell(dst, l.all)
	for _, c := range l.head {
		dst = appendCell(dst, c)
	}
	for _, lv := range l.levels {
		dst = le.AppendUint64(dst, uint64(lv.res))
		dst = le.AppendUint64(dst, uint64(lv.n))
		for i, s := range lv.sums {
			dst = le.AppendUint64(dst, math.Float64bits(s[0]))
			dst = le.AppendUint64(dst, math.Float64bits(s[1]))
			dst = le.AppendUint32(dst, lv.seen[i])
		}
	}
	dst = le.AppendUint64(dst, uint64(len(l.marks)))
	for _, m := range l.marks {
		dst = appendCell(le.AppendUint64(dst, uint64(m.Time)), m.Cell)
	}
	return dst
}

func appendCell(dst []byte, c Cell) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint64(dst, math.Float64bits(c.Bad))
	dst = le.AppendUint64(dst, math.Float64bits(c.Total))
	return le.AppendUint64(dst, uint64(c.Seen))
}

// Decode reads a ledger for the given period from the front of src and returns
// what follows it. A ledger of another period is ErrCorrupt: its sizes differ.
func Decode(src []byte, period time.Duration) (*Ledger, []byte, error) {
	r := reader{src: src}
	l := New(period)
	l.sealed, l.newest, l.latest = r.word(), r.word(), r.word()
	l.first, l.last, l.frontier = r.word(), r.word(), r.word()
	if r.word() != int64(len(l.levels)) {
		return nil, nil, ErrCorrupt
	}
	l.base, l.all = r.cell(), r.cell()
	for i := range l.head {
		l.head[i] = r.cell()
	}
	for i := range l.levels {
		lv := &l.levels[i]
		if r.word() != lv.res || r.word() != lv.n {
			return nil, nil, ErrCorrupt
		}
		for j := range lv.sums {
			lv.sums[j] = [2]float64{r.float(), r.float()}
			lv.seen[j] = r.half()
		}
	}
	for n := r.word(); n > 0 && !r.short; n-- {
		l.SetMark(r.word(), r.cell())
	}
	ok := l.sealed >= 0 && l.newest >= 0 && l.sealed < 1<<40 && l.newest <= l.sealed+headSeconds
	if r.short || !ok {
		return nil, nil, ErrCorrupt
	}
	return l, r.src, nil
}

type reader struct {
	src   []byte
	short bool
}

func (r *reader) word() int64 {
	if len(r.src) < 8 {
		r.short = true
		return 0
	}
	w := binary.LittleEndian.Uint64(r.src)
	r.src = r.src[8:]
	return int64(w)
}

func (r *reader) half() uint32 {
	if len(r.src) < 4 {
		r.short = true
		return 0
	}
	w := binary.LittleEndian.Uint32(r.src)
	r.src = r.src[4:]
	return w
}

func (r *reader) float() float64 { return math.Float64frombits(uint64(r.word())) }

func (r *reader) cell() Cell { return Cell{r.float(), r.float(), r.word()} }
