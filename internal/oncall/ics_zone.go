package oncall

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// zone finds the time zone that a calendar means by a TZID. The time zone database
// knows most of them, some behind a prefix of the program that wrote the calendar;
// others, such as "W. Europe Standard Time", are what the calendar itself says of
// their offsets.
func (x *expansion) zone(id string) (*time.Location, error) {
	if loc, ok := x.zones[id]; ok {
		return loc, nil
	}
	loc, err := x.findZone(id)
	if err != nil {
		return nil, err
	}
	x.zones[id] = loc
	return loc, nil
}

func (x *expansion) findZone(id string) (*time.Location, error) {
	definition := x.calendar.zones[id]
	names := []string{id}
	if definition != nil {
		p, _ := definition.get("X-LIC-LOCATION")
		names = append(names, p.value)
	}
	for rest, found := id, true; found; {
		if _, rest, found = strings.Cut(rest, "/"); found && strings.Contains(rest, "/") {
			names = append(names, rest)
		}
	}
	for _, name := range names {
		if len(name) > 100 {
			continue
		}
		if loc, err := loadZone(name); err == nil {
			return loc, nil
		}
	}
	if definition == nil {
		return nil, fmt.Errorf("there is no time zone %q, and the calendar does not define it", shown(id))
	}
	loc, err := x.defined(definition)
	if err != nil {
		return nil, fmt.Errorf("time zone %q, defined on line %d: %w", shown(id), definition.line, err)
	}
	return loc, nil
}

// change is a change of a zone's offset.
type change struct{ at, from, to int64 }

// defined makes a zone of a calendar's VTIMEZONE.
func (x *expansion) defined(definition *component) (*time.Location, error) {
	var changes []change
	for _, part := range definition.parts {
		if part.name != "STANDARD" && part.name != "DAYLIGHT" {
			continue
		}
		if part.fault != nil {
			return nil, part.fault
		}
		from, err := offsetOf(part, "TZOFFSETFROM")
		if err != nil {
			return nil, err
		}
		to, err := offsetOf(part, "TZOFFSETTO")
		if err != nil {
			return nil, err
		}
		start, _ := part.get("DTSTART")
		begin, err := parseStamp(start.value)
		if err != nil {
			return nil, lineFault(part.line, "DTSTART: %w", err)
		}
		// Its times are on the clocks before the change.
		walls := []int64{begin.wall}
		if rule, ok := part.get("RRULE"); ok {
			walls, err = x.repeat(rule, sinceEpoch(begin.wall), never, time.FixedZone("", int(from)))
			if err != nil {
				return nil, err
			}
		}
		for _, p := range part.props {
			if p.name != "RDATE" {
				continue
			}
			for word := range strings.SplitSeq(p.value, ",") {
				s, err := parseStamp(word)
				if err != nil {
					return nil, lineFault(p.line, "RDATE: %w", err)
				}
				walls = append(walls, s.wall)
			}
		}
		for _, wall := range walls {
			changes = append(changes, change{wall - from, from, to})
		}
	}
	if len(changes) == 0 {
		return nil, fmt.Errorf("it has no offsets")
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	changes = slices.CompactFunc(changes, func(a, b change) bool { return a.at == b.at })
	return zoneOf(changes)
}

// sinceEpoch moves a date before 1970 to 1970: some programs begin their zones in
// 1601, and four centuries of changes are nobody's business here.
func sinceEpoch(wall int64) int64 {
	if wall >= 0 {
		return wall
	}
	_, month, d := time.Unix(wall, 0).UTC().Date()
	return civil(1970, month, d) + mod(wall, day)
}

func offsetOf(part *component, name string) (int64, error) {
	p, ok := part.get(name)
	if !ok {
		return 0, lineFault(part.line, "%s is missing", name)
	}
	digits := strings.TrimLeft(p.value, "+-")
	n, err := strconv.ParseUint(digits, 10, 32)
	if len(p.value) != len(digits)+1 || err != nil || (len(digits) != 4 && len(digits) != 6) {
		return 0, lineFault(p.line, "%s %q is no offset such as +0100", name, shown(p.value))
	}
	v := int64(n)
	if len(digits) == 4 {
		v *= 100
	}
	offset := v/10000*hour + v/100%100*minute + v%100
	if offset >= 18*hour {
		return 0, lineFault(p.line, "%s %q is longer than any offset", name, shown(p.value))
	}
	if p.value[0] == '-' {
		offset = -offset
	}
	return offset, nil
}

// zoneOf writes changes of an offset in the format of time zone files (RFC 8536,
// version 2), which is how a *time.Location is made.
func zoneOf(changes []change) (*time.Location, error) {
	// The first type is what holds before the first change.
	offsets := []int64{changes[0].from}
	var times, types []byte
	for _, c := range changes {
		i := slices.Index(offsets[1:], c.to) + 1
		if i == 0 {
			i = len(offsets)
			offsets = append(offsets, c.to)
		}
		if i > 255 {
			return nil, fmt.Errorf("it has more than 255 offsets")
		}
		times = binary.BigEndian.AppendUint64(times, uint64(c.at))
		types = append(types, byte(i))
	}
	header := func(changes, offsets, names int) []byte {
		b := append([]byte("TZif2"), make([]byte, 15)...)
		for _, n := range []int{0, 0, 0, changes, offsets, names} {
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
		return b
	}
	data := header(0, 0, 0) // Nothing for readers of version 1.
	data = append(data, header(len(changes), len(offsets), 1)...)
	data = append(append(data, times...), types...)
	for _, offset := range offsets {
		data = binary.BigEndian.AppendUint32(data, uint32(int32(offset)))
		data = append(data, 0, 0)
	}
	data = append(data, 0, '\n', '\n') // One empty name, and no rule for later.
	return time.LoadLocationFromTZData("calendar", data)
}
