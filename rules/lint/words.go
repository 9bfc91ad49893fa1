package lint

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// length writes a duration as specs do, without weeks: "30d", "1h30m".
func length(d time.Duration) string {
	const day = 24 * time.Hour
	d = d.Round(time.Second)
	var b strings.Builder
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / u.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d %= u.unit
		}
	}
	if b.Len() == 0 {
		return "0s"
	}
	return b.String()
}

// figure writes a number with as many digits as people read: 14.4, 1,020, 0.003.
func figure(v float64) string {
	if math.Abs(v) < 1000 {
		s := strconv.FormatFloat(v, 'g', 3, 64)
		if strings.Contains(s, "e") {
			s = strconv.FormatFloat(v, 'f', -1, 64)
		}
		return s
	}
	s := strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent writes a ratio as a percentage that keeps its nines: "99.95%".
func percent(ratio float64) string {
	p := ratio * 100
	digits := 2
	if far := math.Min(math.Abs(p), math.Abs(100-p)); far > 0 && far < 0.1 {
		digits = int(math.Ceil(-math.Log10(far))) + 1
	}
	s := strconv.FormatFloat(p, 'f', digits, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + "%"
}

// counted writes "1 series" or "3 values" of the given words.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return figure(float64(n)) + " " + many
}

// list writes at most four of some words: "a, b, c, d and 3 more".
func list(words []string) string {
	const most = 4
	if len(words) > most+1 {
		return strings.Join(words[:most], ", ") + " and " + strconv.Itoa(len(words)-most) + " more"
	}
	return strings.Join(words, ", ")
}

// shortest is the length from which a word can be told to be misspelled: 500 and 503
// are both right.
const shortest = 4

// Near returns the word that a misspelled one was probably meant to be; "" when none
// is close.
func Near(word string, words []string) string {
	n := utf8.RuneCountInString(word)
	best, closest := "", max(1, n/5)+1
	for _, w := range words {
		switch {
		case w == word:
			continue
		case strings.EqualFold(w, word):
			return w
		case n < shortest:
			continue
		}
		if d := distance(word, w, closest); d < closest {
			best, closest = w, d
		}
	}
	return best
}

// distance counts the letters to insert, drop, replace or swap to turn a into b; most
// or more is told as most.
func distance(a, b string, most int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= most || len(y)-len(x) >= most {
		return most
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		least := row[0]
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least >= most {
			return most
		}
		before, last, row = last, row, before
	}
	return min(last[len(y)], most)
}
