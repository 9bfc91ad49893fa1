package replay

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/watchtower-hub/watchtower/rules"
)

// Counts is a history of one objective's events, as a CSV file tells it.
type Counts struct {
	m *Memory
	// good tells that the file counts good events beside all, not bad ones.
	good bool
}

var _ Source = (*Counts)(nil)

// Bounds are the times of the first and the last row.
func (c *Counts) Bounds() (first, last time.Time) { return c.m.Bounds() }

// The series that a CSV file is turned into.
const (
	csvTotal = "replayed_events_total"
	csvPart  = "replayed_part_total"
)

// ReadCSV reads a history with the columns time, total and bad or good, perhaps
// compressed with gzip. The header names the columns, in any order, and says what a row
// counts:
//
//	time,bad,total                         events since the row before
//	time,cumulative_bad,cumulative_total   events since a counter began
//
// A time is RFC 3339, or seconds since 1970. A cumulative count that falls began again;
// the first one is where counting begins. name is for errors.
func ReadCSV(name string, r io.Reader) (*Counts, error) {
	text, err := unpack(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	rows := csv.NewReader(bytes.NewReader(text))
	rows.ReuseRecord, rows.TrimLeadingSpace, rows.Comment = true, true, '#'
	header, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: read the header: %w", name, err)
	}
	t, err := newTable(header)
	if err != nil {
		return nil, fmt.Errorf("%s:1: %w", name, err)
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := t.row(row); err != nil {
			line, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
	}
	if len(t.total) < 2 {
		return nil, fmt.Errorf("%s: there are fewer than two rows in it", name)
	}
	return t.counts(), nil
}

// table is a CSV file on its way in.
type table struct {
	time, partAt, totalAt int
	good, cumulative      bool
	part, total           []point
	partCount, totalCount float64
}

const columns = "time, total, and bad or good; for counts that go on rising: time, cumulative_total, and cumulative_bad or cumulative_good"

func newTable(header []string) (*table, error) {
	t := &table{time: -1, partAt: -1, totalAt: -1}
	seen := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if _, twice := seen[name]; twice {
			return nil, fmt.Errorf("the column %q is given twice", name)
		}
		seen[name] = i
	}
	for _, prefix := range []string{"", "cumulative_"} {
		for _, part := range []string{"bad", "good"} {
			names := []string{"time", prefix + part, prefix + "total"}
			if len(seen) != len(names) || slices.ContainsFunc(names, func(n string) bool { _, ok := seen[n]; return !ok }) {
				continue
			}
			t.time, t.partAt, t.totalAt = seen["time"], seen[names[1]], seen[names[2]]
			t.good, t.cumulative = part == "good", prefix != ""
			return t, nil
		}
	}
	return nil, fmt.Errorf("the header is %q: name the columns %s", strings.Join(header, ","), columns)
}

// row takes one row.
func (t *table) row(row []string) error {
	at, err := readTime(row[t.time])
	if err != nil {
		return err
	}
	if n := len(t.total); n > 0 && at <= t.total[n-1].t {
		return fmt.Errorf("the time %s is not after the row before: put the rows in order", row[t.time])
	}
	part, err := readCount(row[t.partAt])
	if err != nil {
		return err
	}
	total, err := readCount(row[t.totalAt])
	if err != nil {
		return err
	}
	if part > total {
		return fmt.Errorf("%s of %s events: a part is larger than all", row[t.partAt], row[t.totalAt])
	}
	if t.cumulative {
		t.partCount, t.totalCount = part, total
	} else {
		t.partCount += part
		t.totalCount += total
	}
	t.part = append(t.part, point{t: at, v: t.partCount})
	t.total = append(t.total, point{t: at, v: t.totalCount})
	return nil
}

func (t *table) counts() *Counts {
	if !t.cumulative {
		// Its counters begin with the time of the first row, which lasts as long as that
		// of the second.
		start := max(1, 2*t.total[0].t-t.total[1].t)
		t.total[0].start, t.part[0].start = start, start
	}
	name := func(n string) labels.Labels { return labels.FromStrings(model.MetricNameLabel, n) }
	return &Counts{good: t.good, m: &Memory{series: []*points{{name(csvTotal), t.total}, {name(csvPart), t.part}}}}
}

func readCount(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is no count: give a number of events, 0 or more", text)
	}
	return v, nil
}

// readTime returns a time in Unix milliseconds.
func readTime(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UnixMilli(), nil
	}
	const latest = 253402300800 // the year 10000: milliseconds are no seconds
	if s, err := strconv.ParseFloat(text, 64); err == nil && s > 0 && s < latest {
		return int64(math.Round(s * 1000)), nil
	}
	return 0, fmt.Errorf("%q is no time: write 2026-11-02T09:41:00Z, or seconds since 1970", text)
}

// For returns the objective with its events taken from the file: it counts as the file
// does, and as a whole, since a CSV has no labels to split it by. What cannot be
// counted is refused.
func (c *Counts) For(o rules.Objective) (rules.Objective, error) {
	selectors, err := o.Selectors()
	if err != nil {
		return o, fmt.Errorf("objective %s: %w", o.ID, err)
	}
	if len(selectors) == 0 {
		return o, fmt.Errorf("objective %s cannot be counted from samples and must be asked for by PromQL, which a CSV cannot answer: "+
			"replay it from a server, a TSDB directory or an OpenMetrics file", o.ID)
	}
	of := func(name string) string { return "sum(rate(" + name + "[{{.window}}]))" }
	o.GroupBy, o.MaxGroups = nil, 0
	o.SLI = rules.SLI{ErrorQuery: of(csvPart), TotalQuery: of(csvTotal)}
	if c.good {
		o.SLI.ErrorQuery = of(csvTotal) + " - " + of(csvPart)
	}
	return o, nil
}

// Series are those of the file.
func (c *Counts) Series(ctx context.Context, s Selection) ([]Series, func(), error) {
	return c.m.Series(ctx, s)
}

// Queryable is nil: a CSV answers no PromQL.
func (c *Counts) Queryable() storage.Queryable { return nil }
