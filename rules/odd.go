package rules

import "slices"

const (
	// remembered is how many times of samples are kept for each series, to tell a
	// sample that is sent twice from one that is late.
	remembered = 32
	// fallen is what the falls of a counter must reach to be told of: two for each
	// fall, less one for each rise.
	fallen = 20
)

// remember notes the time of a sample that is counted.
func (s *source) remember(t int64) {
	s.times[s.next%remembered] = uint32(t)
	s.next++
}

// remembers tells whether a sample of this time was counted lately. The bits that are
// kept repeat after 49 days, longer than any sample may be late.
func (s *source) remembers(t int64) bool { return slices.Contains(s.times[:], uint32(t)) }

// fell follows how often a counter goes backwards. Each fall counts its whole value,
// as a restart would; of a gauge, or of two senders that report the same series, that
// makes numbers which mean nothing, so it is told. The lock is held.
func (tr *track) fell(s *source, fell bool) {
	switch {
	case fell:
		s.falls = min(s.falls+2, 2*fallen)
	default:
		s.falls--
	}
	switch {
	case s.falls >= fallen && tr.backwards == nil:
		tr.backwards = s
	case s.falls == 0 && tr.backwards == s:
		tr.backwards = nil
	}
}
