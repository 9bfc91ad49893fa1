package oncall

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// names finds users in what people write.
type names struct {
	terms  []term
	emails map[string]*User
}

// term is a word, or several, that means a user; in lower case.
type term struct {
	text string
	user *User
}

func namesOf(users map[string]*User) names {
	n := names{emails: map[string]*User{}}
	for _, id := range slices.Sorted(maps.Keys(users)) {
		u := users[id]
		if u.Email != "" {
			n.emails[strings.ToLower(u.Email)] = u
		}
		for _, text := range []string{u.ID, u.Name, u.Email} {
			if text != "" {
				n.terms = append(n.terms, term{strings.ToLower(text), u})
			}
		}
	}
	return n
}

// within returns the users whose ID, name or email stands in a text as whole words.
// "Alex Kim" means the user of that name and not also the user kim: the longer words
// count.
func (n names) within(text string) []*User {
	type hit struct {
		from, to int
		user     *User
	}
	var hits []hit
	text = strings.ToLower(text)
	for _, t := range n.terms {
		for from := 0; ; {
			i := strings.Index(text[from:], t.text)
			if i < 0 {
				break
			}
			from += i
			if to := from + len(t.text); bounded(text, from, to) {
				hits = append(hits, hit{from, to, t.user})
			}
			from++
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.to-b.from, a.to-a.from) })
	var found []*User
	for i, h := range hits {
		inLonger := slices.ContainsFunc(hits[:i], func(l hit) bool {
			return l.from <= h.from && h.to <= l.to && l.to-l.from > h.to-h.from
		})
		if !inLonger && !slices.Contains(found, h.user) {
			found = append(found, h.user)
		}
	}
	return found
}

// bounded tells whether text[from:to] are whole words.
func bounded(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	word := func(c rune) bool { return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsDigit(c)) }
	return !word(before) && !word(after)
}
