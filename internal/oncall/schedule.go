package oncall

import (
	"slices"
	"time"
)

// piece is a stretch of time in which the answer is the same: a user and why it is
// that one, or nobody.
type piece struct {
	span
	user *User
	why  string
}

// cut shortens the piece to what it has in common with s.
func (p *piece) cut(s span) { p.from, p.to = max(p.from, s.from), min(p.to, s.to) }

func (p piece) sameAs(q piece) bool { return p.user == q.user && p.why == q.why }

// layer answers for an instant with the piece around it. The piece need not be as
// long as it could be, but it holds t, and it is true all along.
type layer interface{ at(t int64) piece }

var (
	_ layer = (*rotation)(nil)
	_ layer = claims(nil)
)

// schedule is a stack of layers, of which the last that claims an instant wins.
type schedule struct {
	id       string
	line     int
	loc      *time.Location
	layers   []layer
	overlaps []Overlap
	missing  []string // calendars that were never read
}

// horizon is how far from an instant a shift's ends, or the next shift, are looked
// for.
const horizon = 366 * day

func (s *schedule) at(t int64) piece {
	p := piece{span: span{never, forever}}
	for _, l := range slices.Backward(s.layers) {
		q := l.at(t)
		p.cut(q.span)
		if q.user != nil {
			p.user, p.why = q.user, q.why
			break
		}
	}
	return p
}

// around is the piece at t, as long as it is within the horizon.
func (s *schedule) around(t int64) piece {
	p := s.ahead(s.at(t), t+horizon)
	for p.from > t-horizon {
		q := s.at(p.from - 1)
		if !q.sameAs(p) {
			return p
		}
		p.from = q.from
	}
	p.from = never
	return p
}

// ahead lengthens a piece at its end. If that lies beyond the limit it is forever.
func (s *schedule) ahead(p piece, limit int64) piece {
	for p.to < limit {
		q := s.at(p.to)
		if !q.sameAs(p) {
			return p
		}
		p.to = q.to
	}
	p.to = forever
	return p
}

// next is the first piece after p that brings another user, or the same one after a
// gap.
func (s *schedule) next(p piece, limit int64) (piece, bool) {
	for p.to < limit {
		q := s.ahead(s.at(p.to), limit)
		q.from = p.to
		if q.user != nil && q.user != p.user {
			return q, true
		}
		p = q
	}
	return p, false
}

// pieces tile [from, to): each begins where the one before ends, and two neighbors
// differ.
func (s *schedule) pieces(from, to int64) []piece {
	var out []piece
	for t := from; t < to; {
		p := s.at(t)
		p.cut(span{t, to})
		t = p.to
		if n := len(out); n > 0 && out[n-1].sameAs(p) {
			out[n-1].to = p.to
			continue
		}
		out = append(out, p)
	}
	return out
}
