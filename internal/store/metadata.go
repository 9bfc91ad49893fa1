package store

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/metadata"
)

// Bounds of what is kept of pushed metadata, so that no sender can fill the memory.
const (
	maxFamilies       = 20_000
	maxVariants       = 4 // services may disagree about the help of one family
	maxHelp           = 1024
	maxMetadataBytes  = 16 << 20
	maxBatchedUpdates = 4096
)

// pushedMetadata is the type, unit and help of the metric families that came by
// OTLP and remote write. It lives in memory: senders repeat it all the time.
type pushedMetadata struct {
	mu       sync.RWMutex
	families map[string]*familyMetadata
	bytes    int
}

type familyMetadata struct {
	name     string
	variants []metadata.Metadata // newest first
}

// known returns the name under which the family is kept, and whether this very
// metadata is known, or there is no room to keep it.
func (p *pushedMetadata) known(family string, m metadata.Metadata) (string, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	f, ok := p.families[family]
	if !ok {
		return "", p.fullLocked()
	}
	if slices.Contains(f.variants, m) {
		return f.name, true
	}
	return f.name, false
}

func (p *pushedMetadata) fullLocked() bool {
	return len(p.families) >= maxFamilies || p.bytes >= maxMetadataBytes
}

// put adds the metadata of a family.
func (p *pushedMetadata) put(family string, m metadata.Metadata) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.families[family]
	if !ok {
		if p.fullLocked() {
			return
		}
		if p.families == nil {
			p.families = map[string]*familyMetadata{}
		}
		f = &familyMetadata{name: family}
		p.families[family] = f
		p.bytes += len(family)
	}
	if slices.Contains(f.variants, m) {
		return
	}
	if len(f.variants) == maxVariants {
		p.bytes -= metadataSize(f.variants[maxVariants-1])
		f.variants = f.variants[:maxVariants-1]
	}
	p.bytes += metadataSize(m)
	f.variants = append([]metadata.Metadata{m}, f.variants...)
}

func metadataSize(m metadata.Metadata) int { return len(m.Type) + len(m.Unit) + len(m.Help) }

// each calls f for the named family, or for all if the name is empty.
func (p *pushedMetadata) each(name string, f func(family string, variants []metadata.Metadata)) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if name != "" {
		if fm, ok := p.families[name]; ok {
			f(fm.name, fm.variants)
		}
		return
	}
	for _, fm := range p.families {
		f(fm.name, fm.variants)
	}
}

func (p *pushedMetadata) size() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.families)
}

// metadataBatch is the metadata of one transaction. Samples of one family follow
// each other, so that remembering the last one makes the rest of them cheap.
type metadataBatch struct {
	lastFamily string
	last       metadata.Metadata
	updates    []metadataUpdate
}

type metadataUpdate struct {
	family string
	meta   metadata.Metadata
}

// repeats reports whether the metadata is that of the sample before.
func (b *metadataBatch) repeats(family string, m *metadata.Metadata) bool {
	return m.Help == b.last.Help && family == b.lastFamily && m.Type == b.last.Type && m.Unit == b.last.Unit
}

// note keeps a copy of family, whose bytes the caller may reuse.
func (b *metadataBatch) note(p *pushedMetadata, family string, m metadata.Metadata) {
	if family == "" || b.repeats(family, &m) {
		return
	}
	last := m
	m.Help = clip(m.Help, maxHelp)
	name, known := p.known(family, m)
	if name == "" {
		name = strings.Clone(family)
	}
	b.lastFamily, b.last = name, last
	if !known && len(b.updates) < maxBatchedUpdates {
		b.updates = append(b.updates, metadataUpdate{name, m})
	}
}

func (b *metadataBatch) commit(p *pushedMetadata) {
	for _, u := range b.updates {
		p.put(u.family, u.meta)
	}
}

// clip shortens s to at most n bytes, between two characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// familyOf derives the name of the metric family from that of one of its series.
func familyOf(series string, t model.MetricType) string {
	switch t {
	case model.MetricTypeHistogram, model.MetricTypeGaugeHistogram, model.MetricTypeSummary:
		for _, suffix := range []string{"_bucket", "_count", "_sum", "_created"} {
			if family, ok := strings.CutSuffix(series, suffix); ok && family != "" {
				return family
			}
		}
	default:
	}
	return series
}
