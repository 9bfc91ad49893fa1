package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"runtime"
	"sync"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// document is a dashboard whose panels are written as they are. The SDK's own list
// has an encoder of its own for each entry, whose result is then read and copied once
// more: a third of the time.
type document struct {
	dashboard.Dashboard
	Panels []any `json:"panels"`
}

// panelsOf lists the panels and rows of a dashboard.
func panelsOf(d dashboard.Dashboard) []any {
	panels := make([]any, 0, len(d.Panels))
	for _, p := range d.Panels {
		if p.RowPanel != nil {
			panels = append(panels, p.RowPanel)
			continue
		}
		panels = append(panels, p.Panel)
	}
	return panels
}

// encoded is what became of one plan.
type encoded struct {
	dashboard Dashboard
	err       error
}

// encodeAll makes the dashboards of the plans, in their order, on as many processors
// as there are, and no more than a few ahead of who takes them.
func encodeAll(plans []func() board, prepare func(Dashboard) (Dashboard, error)) iter.Seq2[Dashboard, error] {
	type job struct {
		plan func() board
		done chan<- encoded
	}
	return func(yield func(Dashboard, error) bool) {
		var wg sync.WaitGroup
		jobs, ordered, stop := make(chan job), make(chan (<-chan encoded), 4*runtime.GOMAXPROCS(0)), make(chan struct{})
		defer wg.Wait()
		defer close(stop)
		for range min(len(plans), runtime.GOMAXPROCS(0)) {
			wg.Go(func() {
				s := new(scratch)
				for j := range jobs {
					j.done <- encodeOne(j.plan(), prepare, s)
				}
			})
		}
		wg.Go(func() {
			defer close(ordered)
			defer close(jobs)
			for _, plan := range plans {
				done := make(chan encoded, 1) // so that nobody waits for who has stopped taking
				select {
				case ordered <- done:
				case <-stop:
					return
				}
				select {
				case jobs <- job{plan, done}:
				case <-stop:
					return
				}
			}
		})
		for done := range ordered {
			one := <-done
			if !yield(one.dashboard, one.err) {
				return
			}
		}
	}
}

// encodeOne makes one dashboard.
func encodeOne(plan board, prepare func(Dashboard) (Dashboard, error), s *scratch) encoded {
	content, err := plan.encode(s)
	if err != nil {
		return encoded{err: fmt.Errorf("build dashboard %q: %w", plan.title, err)}
	}
	d := Dashboard{UID: plan.uid, Title: plan.title, File: plan.uid + ".json", JSON: content}
	if prepare != nil {
		d, err = prepare(d)
	}
	return encoded{d, err}
}

// scratch is memory that one dashboard after the other is written in.
type scratch struct {
	compact  bytes.Buffer
	indented []byte
}

// pretty encodes JSON for people, indented and with a line end. The result is as
// large as it has to be: a thousand services make more than a hundred megabytes.
func (s *scratch) pretty(v any) ([]byte, error) {
	s.compact.Reset()
	if err := json.NewEncoder(&s.compact).Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	s.indented = append(indent(s.indented[:0], bytes.TrimSuffix(s.compact.Bytes(), []byte("\n"))), '\n')
	return bytes.Clone(s.indented), nil
}

// indent appends compact, valid JSON to dst as json.Indent writes it with two blanks.
// In the same pass it undoes the escapes \u003c, \u003e and \u0026, which Go's encoder
// makes for HTML, so that queries in a diff read as they were written.
func indent(dst, raw []byte) []byte {
	depth := 0
	line := func() {
		dst = append(dst, '\n')
		for range depth {
			dst = append(dst, "  "...)
		}
	}
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '"':
			var n int
			dst, n = appendString(dst, raw[i:])
			i += n - 1
		case '{', '[':
			dst = append(dst, c)
			if raw[i+1] == c+2 { // the end of the same kind, in ASCII
				dst = append(dst, c+2)
				i++
				continue
			}
			depth++
			line()
		case '}', ']':
			depth--
			line()
			dst = append(dst, c)
		case ',':
			dst = append(dst, c)
			line()
		case ':':
			dst = append(dst, ": "...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendString appends the JSON string that raw begins with, and returns how long it
// was there.
func appendString(dst, raw []byte) ([]byte, int) {
	from := 0
	for i := 1; ; i++ {
		switch raw[i] {
		case '"':
			return append(dst, raw[from:i+1]...), i + 1
		case '\\':
			if c := unescaped(raw[i+1:]); c != 0 {
				dst = append(append(dst, raw[from:i]...), c)
				i += 5
				from = i + 1
				continue
			}
			i++ // what follows is no end of the string
		}
	}
}

// unescaped is the character of an escape that is there for HTML's sake, else 0.
func unescaped(escape []byte) byte {
	if len(escape) < 5 || escape[0] != 'u' {
		return 0
	}
	switch string(escape[1:5]) {
	case "003c":
		return '<'
	case "003e":
		return '>'
	case "0026":
		return '&'
	default:
		return 0
	}
}
