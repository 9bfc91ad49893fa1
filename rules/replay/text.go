package replay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// maxText bounds a file once it is unpacked.
const maxText = 4 << 30

// unpack reads a file, compressed with gzip or not.
func unpack(r io.Reader) ([]byte, error) {
	var head [2]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	r = io.MultiReader(bytes.NewReader(head[:n]), r)
	if n == 2 && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		r = z
	}
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("it holds more than %d GB: split it", maxText>>30)
	}
	return text, nil
}

// ReadText reads a history in OpenMetrics or Prometheus' text format, perhaps
// compressed with gzip. Every sample needs its timestamp; a series may have any number
// of samples. A text is OpenMetrics if it ends in "# EOF", as that format demands; its
// _created lines say when counters began. name is for errors.
func ReadText(name string, r io.Reader) (*Memory, error) {
	text, err := unpack(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	contentType := "text/plain"
	if bytes.HasSuffix(bytes.TrimRight(text, "\n"), []byte("# EOF")) {
		contentType = "application/openmetrics-text"
		text = append(bytes.TrimRight(text, "\n"), '\n')
	}
	p, err := textparse.New(text, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t := textReader{p: p, byText: map[string]*points{}, m: &Memory{}}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		t.entries++
		if err != nil {
			return nil, fmt.Errorf("%s: entry %d: %w", name, t.entries, err)
		}
		if entry != textparse.EntrySeries {
			continue
		}
		if err := t.sample(); err != nil {
			return nil, fmt.Errorf("%s: entry %d: %w", name, t.entries, err)
		}
	}
	t.m.settle()
	t.begin()
	if len(t.m.series) == 0 {
		return nil, fmt.Errorf("%s: there is no sample in it", name)
	}
	return t.m, nil
}

type textReader struct {
	p       textparse.Parser
	byText  map[string]*points
	m       *Memory
	entries int
	// last is the text of the series of the sample before, which mostly goes on.
	last   []byte
	lastOf *points
}

// sample takes one sample.
func (t *textReader) sample() error {
	text, at, v := t.p.Series()
	if at == nil {
		return fmt.Errorf("%s has no timestamp: a history needs one on every sample", text)
	}
	s := t.lastOf
	if s == nil || !bytes.Equal(text, t.last) {
		if s = t.byText[string(text)]; s == nil {
			s = &points{}
			t.p.Labels(&s.lset)
			t.byText[string(text)] = s
			t.m.series = append(t.m.series, s)
		}
		t.last, t.lastOf = append(t.last[:0], text...), s
	}
	s.list = append(s.list, point{t: *at, v: v})
	return nil
}

const createdSuffix = "_created"

// begin gives samples the start times that _created lines tell, and drops those.
func (t *textReader) begin() {
	births := map[uint64][]int64{}
	b := labels.NewBuilder(labels.EmptyLabels())
	t.m.series = slices.DeleteFunc(t.m.series, func(s *points) bool {
		base, created := strings.CutSuffix(s.lset.Get(model.MetricNameLabel), createdSuffix)
		if !created {
			return false
		}
		b.Reset(s.lset)
		key := b.Set(model.MetricNameLabel, base).Labels().Hash()
		for _, p := range s.list {
			if ms := p.v * 1000; ms > 0 && ms < math.MaxInt64/2 {
				births[key] = append(births[key], int64(ms))
			}
		}
		return true
	})
	if len(births) == 0 {
		return
	}
	for _, list := range births {
		slices.Sort(list)
	}
	for _, s := range t.m.series {
		name := s.lset.Get(model.MetricNameLabel)
		b.Reset(s.lset)
		for _, suffix := range []string{"_total", "_count", "_sum", "_bucket"} {
			if base, ok := strings.CutSuffix(name, suffix); ok {
				b.Set(model.MetricNameLabel, base)
				if suffix == "_bucket" {
					b.Del(labels.BucketLabel)
				}
			}
		}
		s.bear(births[b.Labels().Hash()])
	}
}

// bear gives each sample the latest of the births before it.
func (s *points) bear(births []int64) {
	i := -1
	for k := range s.list {
		for i+1 < len(births) && births[i+1] <= s.list[k].t {
			i++
		}
		if i >= 0 {
			s.list[k].start = births[i]
		}
	}
}
