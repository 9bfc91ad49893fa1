package search

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cost is how badly something matches: 0 is what the query names.
type cost struct {
	worst int // Of the words.
	sum   int // Over the words.
}

func (c cost) compare(other cost) int {
	return cmp.Or(cmp.Compare(c.worst, other.worst), cmp.Compare(c.sum, other.sum))
}

// How well a word or a query is in a field.
const (
	exact      = iota // It is the field.
	prefix            // The field begins with it.
	wordPrefix        // A word of the field begins with it.
	contains          // It is within a word of the field.
	absent
)

// What a field adds to the cost: a name is worth more than a line about it, and that more than a text.
const (
	ofName  = 0
	ofAbout = absent
	ofText  = 2 * absent
	never   = 3 * absent
)

// wholeBonus is what the name of an item that is, or begins with, the whole query is better by.
const wholeBonus = never

// match tells whether every word is in the entry, and how well.
func (e *entry) match(words []string, whole string) (cost, bool) {
	var c cost
	for _, w := range words {
		one := e.matchWord(w)
		if one >= never {
			return cost{}, false
		}
		c.worst, c.sum = max(c.worst, one), c.sum+one
	}
	// A query that is a name, or begins one, is no collection of words.
	if at := min(position(e.name, whole), position(e.id, whole)); at <= prefix {
		c.worst, c.sum = at-wholeBonus, at
	}
	return c, true
}

// matchWord returns the cost of a word, never if it is nowhere.
func (e *entry) matchWord(w string) int {
	best := never
	for _, f := range [...]struct {
		field string
		base  int
	}{{e.name, ofName}, {e.id, ofName}, {e.about, ofAbout}, {e.also, ofAbout}, {e.text, ofText}} {
		if f.base >= best {
			break // The fields that follow are worth less.
		}
		if at := position(f.field, w); at < absent {
			best = min(best, f.base+at)
		}
	}
	return best
}

// position says how a folded word is in a folded field.
func position(field, w string) int {
	if field == "" {
		return absent
	}
	if rest, ok := strings.CutPrefix(field, w); ok {
		if rest == "" {
			return exact
		}
		return prefix
	}
	best := absent
	for from := 0; ; {
		i := strings.Index(field[from:], w)
		if i < 0 {
			return best
		}
		best = contains
		if beginsWord(field, from+i) {
			return wordPrefix
		}
		_, size := utf8.DecodeRuneInString(field[from+i:])
		from += i + size
	}
}

// beginsWord tells whether a word begins at i: before it is no letter and no digit.
func beginsWord(s string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return i == 0 || !unicode.IsLetter(r) && !unicode.IsDigit(r)
}
