package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

// cmdHistory makes up a past of 100 requests a second: history FILE FROM STEP
// LENGTH:RATIO..., such as history oct.om 2026-10-01T00:00:00Z 1m 2d:0.0002 30m:0.2.
// FROM may be relative to now: -6h. FILE ends in .csv or .om; without an ending it is
// the directory of a TSDB.
func cmdHistory(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 4 {
		ts.Fatalf("usage: history FILE FROM STEP LENGTH:RATIO...")
	}
	at, err := readMoment("from", args[1], time.Now().Truncate(time.Minute), time.UTC)
	ts.Check(err)
	step, err := model.ParseDuration(args[2])
	ts.Check(err)
	p := scriptPast{at: at, step: time.Duration(step)}
	for _, part := range args[3:] {
		length, ratio, _ := strings.Cut(part, ":")
		d, err := model.ParseDuration(length)
		ts.Check(err)
		var r float64
		_, err = fmt.Sscan(ratio, &r)
		ts.Check(err)
		p.pass(time.Duration(d), r)
	}
	path := ts.MkAbs(args[0])
	switch filepath.Ext(path) {
	case ".csv":
		ts.Check(os.WriteFile(path, []byte(p.csv()), 0o600))
	case ".om":
		ts.Check(os.WriteFile(path, []byte(p.openMetrics()), 0o600))
	default:
		ts.Check(p.store(path))
	}
}

// scriptPast is the past that a script makes up: events in each step.
type scriptPast struct {
	at   time.Time
	step time.Duration
	rows []scriptRow
}

type scriptRow struct {
	at         time.Time
	bad, total float64
}

func (p *scriptPast) pass(d time.Duration, ratio float64) {
	for end := p.at.Add(d); p.at.Before(end); {
		p.at = p.at.Add(p.step)
		n := 100 * p.step.Seconds()
		p.rows = append(p.rows, scriptRow{p.at, math.Round(n * ratio), n})
	}
}

func (p *scriptPast) csv() string {
	var b strings.Builder
	b.WriteString("time,bad,total\n")
	for _, r := range p.rows {
		fmt.Fprintf(&b, "%s,%g,%g\n", r.at.Format(time.RFC3339), r.bad, r.total)
	}
	return b.String()
}

// series calls f for the samples of both counters, in order of time.
func (p *scriptPast) series(f func(code string, at time.Time, v float64) error) error {
	good, bad := 0.0, 0.0
	for _, r := range p.rows {
		good += r.total - r.bad
		bad += r.bad
		if err := f("200", r.at, good); err != nil {
			return err
		}
		if err := f("500", r.at, bad); err != nil {
			return err
		}
	}
	return nil
}

func (p *scriptPast) openMetrics() string {
	of := map[string]*strings.Builder{"200": {}, "500": {}}
	_ = p.series(func(code string, at time.Time, v float64) error {
		_, err := fmt.Fprintf(of[code], "http_requests_total{job=\"share\",code=%q} %g %d\n", code, v, at.Unix())
		return err
	})
	return "# TYPE http_requests counter\n" + of["200"].String() + of["500"].String() + "# EOF\n"
}

// store writes the past into a TSDB.
func (p *scriptPast) store(dir string) error {
	db, err := tsdb.Open(dir, nil, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		return err
	}
	app := db.Appender(context.Background())
	err = p.series(func(code string, at time.Time, v float64) error {
		_, err := app.Append(0, labels.FromStrings("__name__", "http_requests_total", "job", "share", "code", code), at.UnixMilli(), v)
		return err
	})
	if err != nil {
		return err
	}
	if err := app.Commit(); err != nil {
		return err
	}
	return db.Close()
}

// TestReplayAsDocumented: the example of docs/replay.md is what the script prints.
func TestReplayAsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/replay.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := txtar.ParseFile("testdata/script/replay.txtar")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range script.Files {
		if f.Name != "want.txt" && f.Name != "compare.txt" {
			continue
		}
		found++
		if !strings.Contains(string(doc), string(f.Data)) {
			t.Errorf("docs/replay.md does not show what %s holds", f.Name)
		}
	}
	if found != 2 {
		t.Errorf("%d outputs in the script", found)
	}
}
