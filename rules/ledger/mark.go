package ledger

import "slices"

// Mark is a bookmark: everything counted at times up to and including Time. The
// pyramid knows an old edge only to a few percent of its window; a mark stays exact
// whatever is counted later, at any time.
type Mark struct {
	Time int64
	Cell
}

// SetMark sets a mark at t to what was counted until then: c. A mark at t that is
// there already is replaced.
func (l *Ledger) SetMark(t int64, c Cell) {
	i, found := l.findMark(t)
	if found {
		l.marks[i].Cell = c
		return
	}
	l.marks = slices.Insert(l.marks, i, Mark{t, c})
}

// Marked returns the mark at t.
func (l *Ledger) Marked(t int64) (Cell, bool) {
	i, found := l.findMark(t)
	if !found {
		return Cell{}, false
	}
	return l.marks[i].Cell, true
}

// KeepMarks forgets the marks at times that wanted says false for.
func (l *Ledger) KeepMarks(wanted func(t int64) bool) {
	l.marks = slices.DeleteFunc(l.marks, func(m Mark) bool { return !wanted(m.Time) })
}

func (l *Ledger) findMark(t int64) (int, bool) {
	return slices.BinarySearchFunc(l.marks, t, func(m Mark, t int64) int {
		switch {
		case m.Time < t:
			return -1
		case m.Time > t:
			return 1
		}
		return 0
	})
}

// addMarks counts events at t in the marks at and after it.
func (l *Ledger) addMarks(t int64, bad, total float64) {
	for i := len(l.marks) - 1; i >= 0 && l.marks[i].Time >= t; i-- {
		l.marks[i].Bad += bad
		l.marks[i].Total += total
	}
}

// coverMarks counts the seen time (from, to] in the marks after its beginning.
func (l *Ledger) coverMarks(from, to int64) {
	for i := len(l.marks) - 1; i >= 0 && l.marks[i].Time > from; i-- {
		l.marks[i].Seen += min(to, l.marks[i].Time) - from
	}
}
