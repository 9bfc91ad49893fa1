package search

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Part is a stretch of a text that matches, or does not. The parts of a text joined are that text, byte for byte; whoever
// shows them escapes each.
type Part struct {
	Text  string `json:"text"`
	Match bool   `json:"match,omitempty"`
}

// Mark splits a text where words of a query begin and end. The words are folded ones.
func Mark(text string, words []string) []Part {
	if text == "" {
		return nil
	}
	folded, at := foldWithPlaces(text)
	var spans []span
	for _, w := range words {
		if w != "" {
			spans = appendSpans(spans, folded, w, at)
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var parts []Part
	done := 0
	for i := 0; i < len(spans); {
		from, to := spans[i].from, spans[i].to
		// Words that overlap, or touch, are marked as one.
		for i++; i < len(spans) && spans[i].from <= to; i++ {
			to = max(to, spans[i].to)
		}
		if from > done {
			parts = append(parts, Part{Text: text[done:from]})
		}
		parts = append(parts, Part{Text: text[from:to], Match: true})
		done = to
	}
	if done < len(text) {
		parts = append(parts, Part{Text: text[done:]})
	}
	return parts
}

// span is a stretch of the text as it is written.
type span struct{ from, to int }

// appendSpans adds where w is in a folded text. If words begin with it, only those are meant: who looks for "a post" does not
// look for the a of "sharing".
func appendSpans(spans []span, folded, w string, at []int) []span {
	before := len(spans)
	inner := []span(nil)
	for from := 0; ; {
		i := strings.Index(folded[from:], w)
		if i < 0 {
			break
		}
		i += from
		s := span{at[i], at[i+len(w)]}
		if beginsWord(folded, i) {
			spans = append(spans, s)
		} else {
			inner = append(inner, s)
		}
		from = i + len(w)
	}
	if len(spans) == before {
		return append(spans, inner...)
	}
	return spans
}

// How much of a text an excerpt shows before and after what matches, in bytes.
const (
	excerptBefore = 60
	excerptAfter  = 120
)

// excerpt returns the part of a text around a folded word that is in it, cut between words.
func excerpt(text, w string) string {
	folded, at := foldWithPlaces(text)
	i := strings.Index(folded, w)
	if i < 0 {
		return ""
	}
	for j := i; j >= 0 && j+len(w) <= len(folded); {
		if beginsWord(folded, j) {
			i = j
			break
		}
		next := strings.Index(folded[j+len(w):], w)
		if next < 0 {
			break
		}
		j += len(w) + next
	}
	from, to := max(0, at[i]-excerptBefore), min(len(text), at[i+len(w)]+excerptAfter)
	if from > 0 {
		if space := strings.IndexFunc(text[from:at[i]], unicode.IsSpace); space >= 0 {
			from += space
		} else {
			from = at[i]
		}
	}
	if to < len(text) {
		if space := strings.LastIndexFunc(text[at[i+len(w)]:to], unicode.IsSpace); space >= 0 {
			to = at[i+len(w)] + space
		} else {
			to = at[i+len(w)]
		}
	}
	cut := strings.Join(strings.Fields(text[from:to]), " ")
	if from > 0 {
		cut = "… " + cut
	}
	if to < len(text) {
		cut += " …"
	}
	return cut
}

// fold returns a text as it is compared: in lower case, without accents. Invalid bytes become U+FFFD.
func fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s {
		if r = foldRune(r); r >= 0 {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// foldWithPlaces is fold, and for each byte of what it returns, and for its end, where that begins in s.
func foldWithPlaces(s string) (folded string, at []int) {
	var b strings.Builder
	b.Grow(len(s))
	at = make([]int, 0, len(s)+1)
	end := 0 // Of what was written, accents of it included.
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		if r = foldRune(r); r >= 0 {
			for range utf8.RuneLen(r) {
				at = append(at, i)
			}
			b.WriteRune(r)
		}
		end = i + size
	}
	return b.String(), append(at, end)
}

// foldRune returns the letter that stands for r, and -1 for an accent of the letter before.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	if unicode.Is(unicode.Mn, r) {
		return -1
	}
	r = unicode.ToLower(r)
	if plain, ok := letters[r]; ok {
		return plain
	}
	return r
}

// letters are those of Latin alphabets, and what stands for them when they are typed without accents.
var letters = lettersOf(map[rune]string{
	'a': "àáâãäåāăąǎæ", 'c': "çćĉċč", 'd': "ďđð", 'e': "èéêëēĕėęěə", 'g': "ĝğġģ", 'h': "ĥħ", 'i': "ìíîïĩīĭįıǐ", 'j': "ĵ", 'k': "ķ",
	'l': "ĺļľŀł", 'n': "ñńņňŉŋ", 'o': "òóôõöøōŏőǒœ", 'r': "ŕŗř", 's': "śŝşšșß", 't': "ţťŧțþ", 'u': "ùúûüũūŭůűųǔ", 'w': "ŵ", 'y': "ýÿŷ",
	'z': "źżž", 'σ': "ς",
})

func lettersOf(accented map[rune]string) map[rune]rune {
	all := map[rune]rune{}
	for plain, others := range accented {
		for _, r := range others {
			all[r] = plain
		}
	}
	return all
}
