package rules

import (
	"slices"
	"sync"
)

// plans keeps one copy of the windows that many objectives have in common. Every
// evaluation reads them for every objective, and so they stay in the processor's cache.
// Safe for concurrent use.
type plans struct {
	mu    sync.Mutex
	known map[int64][]plan
}

// plan are the windows of a judge; nobody changes it.
type plan struct {
	pairs       []Pair
	spans       []int64
	long, short []int
}

// maxPlans bounds how many are kept for one period; objectives beyond have their own.
const maxPlans = 16

// share lets a judge use the copy of its windows that others use.
func (p *plans) share(j *judge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.known[j.periodMillis]
	for _, k := range list {
		if slices.Equal(k.pairs, j.pairs) && slices.Equal(k.spans, j.spans) {
			j.pairs, j.spans, j.long, j.short = k.pairs, k.spans, k.long, k.short
			return
		}
	}
	if p.known == nil {
		p.known = map[int64][]plan{}
	}
	if len(list) < maxPlans {
		p.known[j.periodMillis] = append(list, plan{j.pairs, j.spans, j.long, j.short})
	}
}
