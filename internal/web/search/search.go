// Package search finds things by what people remember of them: a word of a title, the beginning of a name, a number.
//
// An Index is made of plain values and asked as often as one likes:
//
//	x := search.NewIndex([]search.Item{{Kind: "objectives", Name: "Sharing a post works", ID: "share-requests", Path: "/objectives/share-requests"}})
//	r := x.Find("shar post", "", 10)
//	r.Groups[0].Hits[0].Path // "/objectives/share-requests"
//
// A query is a list of words. An item is found if each of them is in it, in whatever order, in a name or in a text; case and
// accents do not matter, nor does the # before a number or a channel. What the query names exactly comes first, then what begins with it, then what has words that begin
// like those of the query, then what contains them; a name counts for more than a text.
//
// There is no clock and no I/O here. An Index does not change and may be used by many at once.
package search

import (
	"cmp"
	"slices"
	"strings"
)

// What is looked at of a query: longer ones are cut, further words are left out.
const (
	// MaxQuery is how many bytes of a query count.
	MaxQuery = 200
	// maxWords is how many words of a query count.
	maxWords = 10
)

// Item is something that can be found.
type Item struct {
	Kind  string // What it is, "objectives": results are grouped by it.
	Name  string // What people call it.
	ID    string // What machines call it; empty: the same.
	About string // A line that says more: its service, its team.
	Also  string // Further words that find it and are not shown.
	Text  string // Its full text, of which a result shows the part that matches.
	Path  string // Where it is.
}

// Hit is an item that was found.
type Hit struct {
	Name, ID, About []Part
	Excerpt         []Part // Of the text; nil unless the text is why it was found.
	Path            string
}

// Group is what was found of one kind, the best first.
type Group struct {
	Kind string
	Hits []Hit
	All  int // How many there are, shown or not.
}

// More is how many are not among the hits.
func (g Group) More() int { return g.All - len(g.Hits) }

// Result is what was found.
type Result struct {
	Query  string // As it was understood.
	Cut    bool   // The query was longer than what is looked for.
	All    int
	Groups []Group // That of the best hit first.
}

// Index is a set of items that can be searched.
type Index struct{ entries []entry }

// entry is an item, folded.
type entry struct {
	item                        Item
	name, id, about, also, text string
}

// NewIndex returns an index of items. Among equally good ones the first is found first.
func NewIndex(items []Item) *Index {
	x := &Index{entries: make([]entry, len(items))}
	for i, it := range items {
		x.entries[i] = entry{item: it, name: fold(it.Name), id: strings.TrimPrefix(fold(it.ID), "#"), about: fold(it.About), also: fold(it.Also), text: fold(it.Text)}
	}
	return x
}

// found is an entry and how well it matches.
type found struct {
	entry *entry
	cost  cost
}

// Find returns the items of a kind that a query finds, at most so many hits of each kind; an empty kind means all kinds. An
// empty query finds nothing.
func (x *Index) Find(query, kind string, most int) Result {
	words, whole, isCut := split(query)
	r := Result{Query: strings.Join(words.asked, " "), Cut: isCut}
	if len(words.folded) == 0 {
		return r
	}
	by := map[string][]found{}
	var kinds []string
	for i := range x.entries {
		e := &x.entries[i]
		k := e.item.Kind
		if kind != "" && k != kind {
			continue
		}
		if c, ok := e.match(words.folded, whole); ok {
			if by[k] == nil {
				kinds = append(kinds, k)
			}
			by[k] = append(by[k], found{e, c})
		}
	}
	for _, list := range by {
		slices.SortStableFunc(list, func(a, b found) int { return a.cost.compare(b.cost) })
	}
	slices.SortStableFunc(kinds, func(a, b string) int { return cmp.Compare(by[a][0].cost.worst, by[b][0].cost.worst) })
	for _, k := range kinds {
		g := Group{Kind: k, All: len(by[k])}
		for _, f := range by[k][:min(max(0, most), len(by[k]))] {
			g.Hits = append(g.Hits, f.entry.hit(words.folded))
		}
		r.All += g.All
		r.Groups = append(r.Groups, g)
	}
	return r
}

// hit is the entry as it is shown.
func (e *entry) hit(words []string) Hit {
	h := Hit{Path: e.item.Path, Name: Mark(e.item.Name, words), ID: Mark(e.item.ID, words), About: Mark(e.item.About, words)}
	for _, w := range words {
		// What is found elsewhere needs no excerpt.
		if e.text != "" && !strings.Contains(e.name, w) && !strings.Contains(e.id, w) && !strings.Contains(e.about, w) && strings.Contains(e.text, w) {
			h.Excerpt = Mark(excerpt(e.item.Text, w), words)
			break
		}
	}
	return h
}

// query is the words of a query, as they were asked and folded.
type query struct{ asked, folded []string }

// split returns the words of a query, and the whole of it as it is compared with names.
func split(q string) (words query, whole string, isCut bool) {
	q = strings.ToValidUTF8(q, " ")
	if len(q) > MaxQuery {
		q, isCut = strings.ToValidUTF8(q[:MaxQuery], ""), true
	}
	for w := range strings.FieldsSeq(q) {
		f := strings.TrimPrefix(fold(w), "#")
		if f == "" {
			continue // Accents of nothing, or the sign alone.
		}
		if len(words.asked) == maxWords {
			return words, strings.Join(words.folded, " "), true
		}
		words.asked, words.folded = append(words.asked, w), append(words.folded, f)
	}
	return words, strings.Join(words.folded, " "), isCut
}
