package incidents

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// What an event may hold: what is longer is cut when it is told here, and refused when
// a peer tells it.
const (
	maxID    = 200
	maxName  = 200
	maxText  = 4000
	maxKey   = 200
	maxValue = 2000
	maxData  = 100
	maxTags  = 50
)

// clip cuts text to n bytes at most, at a character's end, and makes it valid UTF-8.
func clip(text string, n int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= n {
		return text
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

// bounded is an event as it is kept. An ID that is too long is replaced by its hash.
func (e Event) bounded(now time.Time) Event {
	if e.At.IsZero() {
		e.At = now
	}
	e.At = millis(e.At)
	if len(e.ID) > maxID || !utf8.ValidString(e.ID) {
		e.ID = idOf(e.ID)
	}
	e.By, e.ByID, e.Text = clip(e.By, maxName), clip(e.ByID, maxName), clip(e.Text, maxText)
	if len(e.Data) == 0 {
		e.Data = nil
		return e
	}
	data := make(map[string]string, len(e.Data))
	for _, key := range slices.SortedFunc(maps.Keys(e.Data), labelsLast) {
		if len(data) < maxData {
			data[clip(key, maxKey)] = clip(e.Data[key], maxValue)
		}
	}
	e.Data = data
	return e
}

// labelsLast orders keys so that what is cut off are labels.
func labelsLast(a, b string) int {
	isLabel := func(key string) int {
		if strings.HasPrefix(key, DataLabel) {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(isLabel(a), isLabel(b)), strings.Compare(a, b))
}

// acceptable tells whether a peer's event is one that this program could have told.
func (e Event) acceptable() bool {
	if e.ID == "" || e.Incident == "" || e.Kind == "" || e.At.IsZero() || len(e.Incident) > maxID || len(e.Kind) > maxName || len(e.Data) > maxData {
		return false
	}
	b := e.bounded(e.At)
	return b.ID == e.ID && b.By == e.By && b.ByID == e.ByID && b.Text == e.Text && b.At.Equal(e.At) && maps.Equal(b.Data, e.Data)
}

// bounded is an annotation as it is kept.
func (a Annotation) bounded() Annotation {
	a.At = millis(a.At)
	a.Text, a.Service, a.Link = clip(strings.TrimSpace(a.Text), maxText), clip(a.Service, maxName), clip(a.Link, maxValue)
	tags := make([]string, 0, len(a.Tags))
	for _, tag := range a.Tags[:min(len(a.Tags), maxTags)] {
		tags = append(tags, clip(tag, maxName))
	}
	a.Tags = tags
	if len(tags) == 0 {
		a.Tags = nil
	}
	return a
}

// acceptable tells whether a peer's annotation is one that this program could have kept.
func (a Annotation) acceptable() bool {
	b := a.bounded()
	return a.ID != "" && len(a.ID) <= maxID && a.Text != "" && b.Text == a.Text && b.Service == a.Service && b.Link == a.Link &&
		b.At.Equal(a.At) && slices.Equal(b.Tags, a.Tags)
}
