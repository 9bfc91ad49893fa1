package oncall

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// Bounds of the rules of a calendar. A rule of a calendar for people stays far below;
// one that was written to keep a program busy is refused before it is followed.
const (
	// maxSteps is how many days all rules of a calendar may look at together; a
	// million take some 0.1 s.
	maxSteps     = 10_000_000
	maxClaims    = 50_000 // occurrences within the window
	maxRule      = 1000   // bytes of a rule
	maxInterval  = 1000
	maxTimesADay = 24
)

var errSteps = errors.New("the rules of this calendar repeat too often, or since too long ago, to be followed: let them begin later")

// repeat follows a rule from a first reading of the clocks of loc to the end of the
// window, and returns the readings, of which those before since may be missing. The
// rule is followed on the wall clock: what repeats at 09:00 does so whatever clocks
// do.
func (x *expansion) repeat(rule property, first, since int64, loc *time.Location) ([]int64, error) {
	refuse := func(err error) ([]int64, error) { return nil, lineFault(rule.line, "RRULE: %w", err) }
	text := strings.ToUpper(rule.value)
	if len(text) > maxRule {
		return refuse(errors.New("it is too long"))
	}
	option, err := rrule.StrToROption(text)
	if err != nil {
		return refuse(err)
	}
	times := max(len(option.Byhour), 1) * max(len(option.Byminute), 1) * max(len(option.Bysecond), 1)
	switch {
	case option.Freq > rrule.DAILY:
		return refuse(errors.New("it repeats by the hour or faster: use events that repeat daily"))
	case times > maxTimesADay:
		return refuse(errors.New("it repeats more than 24 times a day"))
	case option.Interval > maxInterval || option.Interval < 0:
		return refuse(errors.New("its INTERVAL must be from 1 to 1000"))
	case len(option.Byeaster) > 0:
		return refuse(errors.New("BYEASTER is not part of the format"))
	}
	last := wallOf(loc, x.window.to)
	if !option.Until.IsZero() {
		last = min(last, untilWall(text, option.Until.Unix(), loc))
	}
	interval := int64(max(option.Interval, 1))
	if period := map[rrule.Frequency]int64{rrule.DAILY: day, rrule.WEEKLY: 7 * day}[option.Freq] * interval; period > 0 && option.Count == 0 && first < since {
		first += (since - first) / period * period
	}
	steps := max(last-first, 0)/day/interval + 366
	if !dense(option) {
		// What never happens is looked for until the year 9999.
		steps = (civil(10_000, time.January, 1)-first)/day/interval + 366
	}
	if x.steps += steps * int64(times); x.steps > maxSteps {
		return refuse(errSteps)
	}
	option.Dtstart, option.Until = time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
	walls, err := follow(*option)
	if err != nil {
		return refuse(err)
	}
	return walls, nil
}

// follow is the library's part. It indexes by what odd rules say, and panics at some.
func follow(option rrule.ROption) (walls []int64, err error) {
	defer func() {
		if recover() != nil {
			walls, err = nil, errors.New("it asks for days that no month or year has")
		}
	}()
	rule, err := rrule.NewRRule(option)
	if err != nil {
		return nil, err
	}
	for next := rule.Iterator(); ; {
		t, ok := next()
		if !ok {
			return walls, nil
		}
		walls = append(walls, t.Unix())
	}
}

// dense tells whether a rule is of a kind that surely happens again soon, so that
// following it ends soon after the last day of interest. What people write is: every
// Monday, the first Monday or the 15th of a month, a day of the year. A rule such as
// "every day that is the 30th of February" is not.
func dense(o *rrule.ROption) bool {
	within := func(list []int, limit int) bool {
		return !slices.ContainsFunc(list, func(n int) bool { return n > limit || n < -limit })
	}
	plain, few := true, true // days of the week: "Monday", or "the first to fourth Monday"
	for _, d := range o.Byweekday {
		plain = plain && d.N() == 0
		few = few && d.N() <= 4 && d.N() >= -4
	}
	if len(o.Byyearday) > 0 || len(o.Byweekno) > 0 || (len(o.Byweekday) > 0 && len(o.Bymonthday) > 0) {
		return false
	}
	switch o.Freq {
	case rrule.DAILY:
		return len(o.Bymonth)+len(o.Bymonthday)+len(o.Bysetpos) == 0 && (len(o.Byweekday) == 0 || o.Interval <= 1)
	case rrule.WEEKLY:
		return len(o.Bymonth)+len(o.Bymonthday)+len(o.Bysetpos) == 0
	case rrule.MONTHLY:
		first := len(o.Bysetpos) == 0 || (len(o.Byweekday) > 0 && plain && within(o.Bysetpos, 4))
		return len(o.Bymonth) == 0 && within(o.Bymonthday, 28) && few && first
	case rrule.YEARLY:
		return len(o.Bysetpos) == 0 && within(o.Bymonthday, 28) && few
	default:
		return false
	}
}

// untilWall is the last reading that UNTIL allows: a time in UTC is read on the clocks
// of loc, and a date alone is the whole day.
func untilWall(rule string, until int64, loc *time.Location) int64 {
	_, word, _ := strings.Cut(rule, "UNTIL=")
	word, _, _ = strings.Cut(word, ";")
	switch {
	case strings.HasSuffix(word, "Z"):
		return wallOf(loc, until)
	case !strings.Contains(word, "T"):
		return until + day - 1
	}
	return until
}
