package report

import (
	"fmt"
	"time"
)

// WeekName returns the ISO 8601 name of the week that holds at, in at's own time zone: "2026-W47".
func WeekName(at time.Time) string {
	year, week := at.ISOWeek()
	return fmt.Sprintf("%04d-W%02d", year, week)
}

// Week returns the week that spec names, from Monday midnight to the next in zone (nil means UTC). An empty spec is the last
// week that is over at now. A week in which clocks change is an hour shorter or longer. The error is a sentence for the
// person who wrote spec.
func Week(spec string, now time.Time, zone *time.Location) (from, to time.Time, err error) {
	if zone == nil {
		zone = time.UTC
	}
	now = now.In(zone)
	if spec == "" {
		to = monday(now, 0)
		return monday(now, -1), to, nil
	}
	year, week, ok := parseWeek(spec)
	if !ok {
		return from, to, fmt.Errorf("%q is not a week; write it as year and week, such as %s", spec, WeekName(now.AddDate(0, 0, -7)))
	}
	// The fourth of January is always in week one.
	first := time.Date(year, time.January, 4, 12, 0, 0, 0, zone)
	from, to = monday(first, week-1), monday(first, week)
	if y, w := from.ISOWeek(); y != year || w != week {
		return time.Time{}, time.Time{}, fmt.Errorf("%04d has no week %d; its last one is %04d-W52", year, week, year)
	}
	if from.After(now) {
		return time.Time{}, time.Time{}, fmt.Errorf("week %s has not begun; it starts on %s", spec, from.Format("Monday 2 January 2006"))
	}
	return from, to, nil
}

// monday returns the midnight that begins the week of at, or the one so many weeks later.
func monday(at time.Time, weeks int) time.Time {
	sinceMonday := (int(at.Weekday()) + 6) % 7
	midnight := time.Date(at.Year(), at.Month(), at.Day()-sinceMonday+7*weeks, 0, 0, 0, 0, at.Location())
	if midnight.Weekday() == time.Sunday {
		// The clocks skip this midnight: the day begins when they have.
		return midnight.Add(time.Hour)
	}
	return midnight
}

// parseWeek reads exactly four digits, "-W" and two digits.
func parseWeek(spec string) (year, week int, ok bool) {
	if len(spec) != len("2026-W47") || spec[4:6] != "-W" {
		return 0, 0, false
	}
	for i, c := range []byte(spec) {
		digit := int(c) - '0'
		switch {
		case i == 4 || i == 5:
			continue
		case digit < 0 || digit > 9:
			return 0, 0, false
		case i < 4:
			year = 10*year + digit
		default:
			week = 10*week + digit
		}
	}
	return year, week, year >= 1 && week >= 1 && week <= 53
}
