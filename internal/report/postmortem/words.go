package postmortem

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/report"
)

// Lasting returns how long something took, in at most two units: "40 s",
// "2 min 20 s", "3 h 5 min", "2 days 4 h".
func Lasting(d time.Duration) string {
	d = max(0, d)
	names := [...]string{"day", "h", "min", "s"}
	sizes := [...]time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second, time.Second}
	for i, size := range sizes[:3] {
		if d.Round(sizes[i+2]) < size {
			continue
		}
		small := sizes[i+1]
		d = d.Round(small)
		name := names[i]
		if i == 0 && d >= 2*size {
			name = "days"
		}
		words := fmt.Sprintf("%d %s", d/size, name)
		if rest := d % size / small; rest > 0 {
			words += fmt.Sprintf(" %d %s", rest, names[i+1])
		}
		return words
	}
	return fmt.Sprintf("%d s", d.Round(time.Second)/time.Second)
}

// often says how often: "once", "3 times".
func often(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return strconv.Itoa(n) + " times"
}

// Count writes an integer with its thousands apart: "4,231".
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(s, "-")
	var b strings.Builder
	b.WriteString(s[:len(s)-len(digits)])
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// SpentWords says how much of the budget the incident took: "12% of 28d".
func (i Impact) SpentWords() string {
	switch {
	case i.Spent == nil || math.IsNaN(*i.Spent) || math.IsInf(*i.Spent, 0):
		return "unknown"
	case *i.Spent <= 0:
		return "none"
	default:
		return strings.TrimSuffix(percent(*i.Spent)+" of "+i.Period, " of ")
	}
}

// percent returns a part as a percentage to two digits: "112%", "3.4%", "0.041%".
func percent(part float64) string {
	if part < 1e-6 {
		return "under 0.0001%"
	}
	decimals := max(0, 1-int(math.Floor(math.Log10(100*part))))
	return strconv.FormatFloat(100*part, 'f', decimals, 64) + "%"
}

// LeftWords says what is left of the budget now.
func (i Impact) LeftWords() string {
	if i.Left == nil {
		return "unknown"
	}
	return report.Budget(*i.Left)
}

// Prose is the first paragraph of a piece of Markdown in plain text: a step of a
// playbook without its commands. Code keeps its backticks.
func Prose(markdown string) string {
	var lines []string
	for line := range strings.Lines(markdown) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~") || line == "" && len(lines) > 0 {
			break
		}
		if line == "" {
			continue
		}
		lines = append(lines, line)
	}
	return unmarked(strings.Join(strings.Fields(strings.Join(lines, " ")), " "))
}

// markup is what Prose takes off; what is in backticks comes first and stays.
var markup = regexp.MustCompile("`[^`]+`" + `|\*\*([^*]+)\*\*|__([^_]+)__|\[([^\]]*)\]\([^)]*\)`)

func unmarked(s string) string {
	return markup.ReplaceAllStringFunc(s, func(found string) string {
		m := markup.FindStringSubmatch(found)
		if found[0] == '`' {
			return found
		}
		return m[1] + m[2] + m[3]
	})
}
