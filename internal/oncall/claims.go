package oncall

import (
	"cmp"
	"container/heap"
	"slices"
	"sort"
)

// claims is a layer of stretches of time that were written down one by one: overrides,
// or the events of a calendar. They are in order and no two have an instant in common.
type claims []piece

func (c claims) at(t int64) piece {
	i := sort.Search(len(c), func(i int) bool { return c[i].to > t })
	if i < len(c) && c[i].from <= t {
		return c[i]
	}
	gap := piece{span: span{never, forever}}
	if i > 0 {
		gap.from = c[i-1].to
	}
	if i < len(c) {
		gap.to = c[i].from
	}
	return gap
}

// maxOverlaps bounds what is told of the overlaps in one layer.
const maxOverlaps = 100

// flatten makes a layer of pieces that may overlap: the later one in the list wins.
// Overlaps of different users come as pairs of winner and loser.
func flatten(list []piece) (flat claims, overlaps [][2]piece) {
	order := make([]int, len(list))
	var ends []int64
	for i, p := range list {
		order[i] = i
		ends = append(ends, p.from, p.to)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(list[a].from, list[b].from) })
	slices.Sort(ends)
	ends = slices.Compact(ends)
	var active ranks
	for n, from := range ends {
		for len(order) > 0 && list[order[0]].from <= from {
			next := order[0]
			order = order[1:]
			overlaps = clash(overlaps, list, active, next)
			heap.Push(&active, next)
		}
		for len(active) > 0 && list[active[0]].to <= from {
			heap.Pop(&active)
		}
		if len(active) == 0 || n+1 == len(ends) {
			continue
		}
		p := list[active[0]]
		p.span = span{from, ends[n+1]}
		if last := len(flat) - 1; last >= 0 && flat[last].to == p.from && flat[last].sameAs(p) {
			flat[last].to = p.to
			continue
		}
		flat = append(flat, p)
	}
	return flat, overlaps
}

// clash adds the pairs that a piece makes with those before it.
func clash(pairs [][2]piece, list []piece, active ranks, next int) [][2]piece {
	for _, i := range active {
		if len(pairs) >= maxOverlaps {
			break
		}
		if list[i].to <= list[next].from || list[i].user == list[next].user {
			continue
		}
		pairs = append(pairs, [2]piece{list[max(i, next)], list[min(i, next)]})
	}
	return pairs
}

// ranks is a heap of places in a list, the last place on top.
type ranks []int

func (r ranks) Len() int           { return len(r) }
func (r ranks) Less(i, j int) bool { return r[i] > r[j] }
func (r ranks) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *ranks) Push(x any)        { *r = append(*r, x.(int)) } //nolint:errcheck,forcetypeassert // flatten pushes ints.
func (r *ranks) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}
