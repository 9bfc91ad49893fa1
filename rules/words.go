package rules

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// number writes a figure with as many digits as people read: 14.4, 1020, 0.003.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	case a >= 10:
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}

// percent writes a ratio: 0.032 is "3.2%".
func percent(ratio float64) string {
	p := ratio * 100
	switch a := math.Abs(p); {
	case a >= 99.9 && a < 100:
		return strconv.FormatFloat(math.Round(p*1e4)/1e4, 'f', -1, 64) + "%"
	case a >= 100:
		return strconv.FormatFloat(math.Round(p), 'f', -1, 64) + "%"
	case a >= 10:
		return strconv.FormatFloat(math.Round(p*10)/10, 'f', -1, 64) + "%"
	case a >= 0.01:
		return strconv.FormatFloat(math.Round(p*100)/100, 'f', -1, 64) + "%"
	case p == 0:
		return "0%"
	default:
		return strconv.FormatFloat(p, 'g', 2, 64) + "%"
	}
}

// portion writes how much of a budget, without pretending to know it to the last
// digit: 0.99971 is "99.9%".
func portion(ratio float64) string {
	if ratio > 0.999 && ratio < 1 {
		return "99.9%"
	}
	return percent(ratio)
}

// whole writes a number of events: 259200 is "259,200".
func whole(v float64) string {
	s := strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// span writes a duration in its two largest units: "3h 20m".
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Round(time.Second).Seconds()))
	case d < time.Hour:
		d = d.Round(time.Second)
		return pair(int(d.Minutes()), "m", int(d.Seconds())%60, "s")
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return pair(int(d.Hours()), "h", int(d.Minutes())%60, "m")
	default:
		d = d.Round(time.Hour)
		return pair(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
	}
}

func pair(a int, unit string, b int, rest string) string {
	if b == 0 {
		return fmt.Sprintf("%d%s", a, unit)
	}
	return fmt.Sprintf("%d%s %d%s", a, unit, b, rest)
}
