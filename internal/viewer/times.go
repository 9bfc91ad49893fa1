package viewer

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// window is the time that a page shows.
type window struct {
	from, to time.Time
	// rawFrom and rawTo are how they were written: "now-6h".
	rawFrom, rawTo string
}

// live tells whether the window moves with the clock.
func (w window) live() bool { return strings.HasPrefix(w.rawTo, "now") }

const (
	defaultFrom, defaultTo = "now-6h", "now"
	longestWindow          = 400 * 24 * time.Hour
	shortestWindow         = 10 * time.Second
)

// windowOf reads the time that is asked for, else that of the board. What cannot be read
// is said, and the board's time is shown.
func windowOf(c content, q url.Values, now time.Time, zone *time.Location) (w window, fault string) {
	own := window{rawFrom: orElse(c.from, defaultFrom), rawTo: orElse(c.to, defaultTo)}
	if err := own.read(now, zone); err != nil {
		own = window{rawFrom: defaultFrom, rawTo: defaultTo}
		_ = own.read(now, zone) // known to be readable
	}
	asked := window{rawFrom: strings.TrimSpace(q.Get("from")), rawTo: strings.TrimSpace(q.Get("to"))}
	if asked.rawFrom == "" && asked.rawTo == "" {
		return own, ""
	}
	asked.rawFrom, asked.rawTo = orElse(asked.rawFrom, own.rawFrom), orElse(asked.rawTo, "now")
	if err := asked.read(now, zone); err != nil {
		return own, "This time cannot be shown: " + err.Error() + ". What is shown is the usual time of this dashboard."
	}
	asked.rawFrom, asked.rawTo = legible(asked.rawFrom, asked.from), legible(asked.rawTo, asked.to)
	return asked, ""
}

// legible returns how a time is shown in a field: as it was written, unless that was a
// number that nobody can read.
func legible(written string, t time.Time) string {
	if _, err := strconv.ParseInt(written, 10, 64); err != nil {
		return written
	}
	return t.Format("2006-01-02 15:04:05")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (w *window) read(now time.Time, zone *time.Location) error {
	var err error
	if w.from, err = (clock{now.In(zone), first}).parse(w.rawFrom); err != nil {
		return err
	}
	if w.to, err = (clock{now.In(zone), last}).parse(w.rawTo); err != nil {
		return err
	}
	switch length := w.to.Sub(w.from); {
	case length < shortestWindow:
		return errors.New("it has to end at least 10 s after it begins")
	case length > longestWindow:
		return errors.New("it is longer than 400 days")
	}
	return nil
}

// relative is a time as now-6h/d has it: so long ago, and then the beginning (or the end)
// of the day.
var relative = regexp.MustCompile(`^now(?:([-+])(\d{1,6})([smhdwMy]))?(?:/([smhdwMy]))?$`)

// clock reads times as people write them, on the clock of the present's location.
type clock struct {
	now time.Time
	end end
}

// end is which moment of a rounded time is meant: of now/d, the first of the day or the last.
type end int

const (
	first end = iota
	last
)

// parse reads a time: relative, a date, RFC 3339, or milliseconds since 1970.
func (c clock) parse(s string) (time.Time, error) {
	zone := c.now.Location()
	if m := relative.FindStringSubmatch(s); m != nil {
		return c.relative(m), nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 && n < 1e14 {
		if n < 1e11 { // seconds
			n *= 1000
		}
		return time.UnixMilli(n).In(zone), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.In(zone), nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time; write it as now-6h or 2026-11-28 14:00", shorten(s, 40))
}

// relative returns the time that the parts of relative tell.
func (c clock) relative(m []string) time.Time {
	t := c.now
	if m[1] != "" {
		n, _ := strconv.Atoi(m[2]) // six digits
		if m[1] == "-" {
			n = -n
		}
		t = addUnit(t, n, m[3])
	}
	if m[4] == "" {
		return t
	}
	t = floorUnit(t, m[4])
	if c.end == last {
		t = addUnit(t, 1, m[4]).Add(-time.Millisecond)
	}
	return t
}

func addUnit(t time.Time, n int, unit string) time.Time {
	switch unit {
	case "s":
		return t.Add(time.Duration(n) * time.Second)
	case "m":
		return t.Add(time.Duration(n) * time.Minute)
	case "h":
		return t.Add(time.Duration(n) * time.Hour)
	case "d":
		return t.AddDate(0, 0, n)
	case "w":
		return t.AddDate(0, 0, 7*n)
	case "M":
		return t.AddDate(0, n, 0)
	default:
		return t.AddDate(n, 0, 0)
	}
}

func floorUnit(t time.Time, unit string) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	switch unit {
	case "s":
	case "m":
		second = 0
	case "h":
		minute, second = 0, 0
	case "d":
		hour, minute, second = 0, 0, 0
	case "w":
		day -= (int(t.Weekday()) + 6) % 7
		hour, minute, second = 0, 0, 0
	case "M":
		day, hour, minute, second = 1, 0, 0, 0
	default:
		month, day, hour, minute, second = 1, 1, 0, 0, 0
	}
	return time.Date(year, month, day, hour, minute, second, 0, t.Location())
}

// parseDuration reads "30s", "5m", "1h", "7d".
func parseDuration(s string) (time.Duration, error) {
	s = strings.TrimPrefix(strings.TrimSpace(s), ">")
	if n := len(s); n > 1 {
		if count, err := strconv.Atoi(s[:n-1]); err == nil && count >= 0 && count < 1e6 {
			switch s[n-1] {
			case 'd':
				return time.Duration(count) * 24 * time.Hour, nil
			case 'w':
				return time.Duration(count) * 7 * 24 * time.Hour, nil
			}
		}
	}
	return time.ParseDuration(s)
}

// steps are the steps that people count time in.
func steps() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day,
	}
}

// stepFor returns how far apart points are, so that there are at most so many.
func stepFor(length time.Duration, most int) time.Duration {
	all := steps()
	for _, s := range all {
		if length/s <= time.Duration(most) {
			return s
		}
	}
	return all[len(all)-1]
}

// shorten cuts a text to so many characters.
func shorten(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
