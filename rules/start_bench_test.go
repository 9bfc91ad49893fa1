package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	blockindex "github.com/prometheus/prometheus/tsdb/index"
	"github.com/prometheus/prometheus/tsdb/tombstones"
)

// startDays is how much of the past a start has to deal with, in slices of a minute.
const startDays = 30

// startObjectives are n objectives on two series each.
func startObjectives(n int) []Objective {
	out := make([]Objective, 0, n)
	for i := range n {
		out = append(out, shareObjective(func(o *Objective) {
			o.ID = fmt.Sprintf("service-%d-requests", i)
			o.SLI.ErrorQuery = fmt.Sprintf(`sum(rate(http_requests_total{job="service-%d",code="500"}[{{.window}}]))`, i)
			o.SLI.TotalQuery = fmt.Sprintf(`sum(rate(http_requests_total{job="service-%d"}[{{.window}}]))`, i)
		}))
	}
	return out
}

// startStore is a TSDB with the last hour of the objectives' series at 15 s.
func startStore(b *testing.B, n int, now time.Time) *tsdb.DB {
	b.Helper()
	o := tsdb.DefaultOptions()
	o.RetentionDuration = (45 * testDay).Milliseconds()
	db, err := tsdb.Open(b.TempDir(), nil, nil, o, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	refs := make([]storage.SeriesRef, 2*n)
	for s := range 240 {
		app := db.Appender(context.Background())
		at := now.Add(time.Duration(s-239) * 15 * time.Second).UnixMilli()
		for i := range refs {
			lset := labels.EmptyLabels()
			if s == 0 {
				lset = startSeries(i)
			}
			ref, err := app.Append(refs[i], lset, at, float64(s*(100-i%2*99)))
			if err != nil {
				b.Fatal(err)
			}
			refs[i] = ref
		}
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	return db
}

func startSeries(i int) labels.Labels {
	return labels.FromStrings(model.MetricNameLabel, "http_requests_total", "job", fmt.Sprintf("service-%d", i/2), "code", []string{"200", "500"}[i%2])
}

// startLedger is a TSDB of slices, one each minute of so many days up to an hour ago, in
// three blocks as compaction leaves them. Totals are random, one minute in a hundred
// has bad events.
func startLedger(b *testing.B, objectives []Objective, now time.Time, days int) *tsdb.DB {
	b.Helper()
	dir := b.TempDir()
	end := now.Add(-time.Hour).Truncate(time.Minute)
	const blocks = 3
	for i := range blocks {
		length := time.Duration(days) * testDay / blocks
		from := end.Add(-time.Duration(blocks-i) * length)
		writeStartBlock(b, dir, objectives, from.UnixMilli(), from.Add(length).UnixMilli())
	}
	o := tsdb.DefaultOptions()
	o.RetentionDuration = (400 * testDay).Milliseconds()
	o.MinBlockDuration = (12 * time.Hour).Milliseconds()
	o.MaxBlockDuration = (40 * testDay).Milliseconds()
	o.OutOfOrderTimeWindow = o.RetentionDuration
	db, err := tsdb.Open(dir, nil, nil, o, nil)
	if err != nil {
		b.Fatal(err)
	}
	db.DisableCompactions()
	b.Cleanup(func() { _ = db.Close() })
	return db
}

// startVariants is how many different histories there are.
const startVariants = 16

func writeStartBlock(b *testing.B, dir string, objectives []Objective, from, to int64) {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Helper()
			b.Fatal(err)
		}
	}
	// A ULID, by its time: 26 digits of 5 bits.
	id := fmt.Sprintf("%010d%016d", from/1_000_000, 0)
	dir = filepath.Join(dir, id)
	cw, err := chunks.NewWriter(filepath.Join(dir, "chunks"))
	must(err)
	iw, err := blockindex.NewWriter(context.Background(), filepath.Join(dir, "index"))
	must(err)
	sets := make([]labels.Labels, 0, 3*len(objectives))
	symbols := map[string]bool{}
	for _, o := range objectives {
		tr := &track{id: o.ID, obj: o, generation: generation(o)}
		for _, name := range []string{sliceTotal, sliceBad, sliceSeen} {
			lset := tr.sliceLabels(name)
			sets = append(sets, lset)
			lset.Range(func(l labels.Label) { symbols[l.Name], symbols[l.Value] = true, true })
		}
	}
	slices.SortFunc(sets, labels.Compare)
	all := make([]string, 0, len(symbols))
	for s := range symbols {
		all = append(all, s)
	}
	slices.Sort(all)
	for _, s := range all {
		must(iw.AddSymbol(s))
	}
	history := map[string][][]chunks.Meta{}
	for _, name := range []string{sliceTotal, sliceBad, sliceSeen} {
		for v := range startVariants {
			history[name] = append(history[name], startChunks(b, name, uint64(v), from, to))
		}
	}
	for i, lset := range sets {
		metas := slices.Clone(history[lset.Get(model.MetricNameLabel)][i%startVariants])
		must(cw.WriteChunks(metas...))
		must(iw.AddSeries(storage.SeriesRef(i+1), lset, metas...))
	}
	must(cw.Close())
	must(iw.Close())
	_, err = tombstones.WriteFile(promslog.NewNopLogger(), dir, tombstones.NewMemTombstones())
	must(err)
	meta, err := json.Marshal(map[string]any{
		"ulid": id, "minTime": from, "maxTime": to + 1, "version": 1,
		"compaction": map[string]any{"level": 3, "sources": []string{id}},
	})
	must(err)
	must(os.WriteFile(filepath.Join(dir, "meta.json"), meta, 0o600))
}

// startChunks are the chunks of one series of slices that end in (from, to].
func startChunks(b *testing.B, name string, seed uint64, from, to int64) []chunks.Meta {
	b.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	var out []chunks.Meta
	for at := from + 60_000; at <= to; {
		c := chunkenc.NewXORChunk()
		app, err := c.Appender()
		if err != nil {
			b.Fatal(err)
		}
		meta := chunks.Meta{Chunk: c, MinTime: at}
		for ; at <= to && c.NumSamples() < 120; at += 60_000 {
			v := map[string]float64{sliceTotal: float64(5000 + rnd.IntN(1000)), sliceSeen: 60_000, sliceBad: 0}[name]
			if name == sliceBad && rnd.IntN(100) == 0 {
				v = float64(1 + rnd.IntN(20))
			}
			app.Append(0, at, v)
			meta.MaxTime = at
		}
		out = append(out, meta)
	}
	return out
}

// BenchmarkStart is what a start with 10,000 objectives takes until all count: from a
// snapshot, and without one from the slices of 30 days, both on real TSDBs, plus the
// gap of an hour from raw samples.
func BenchmarkStart(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("objectives=%d", n), func(b *testing.B) {
			now := begin()
			o := EngineOptions{
				Objectives: startObjectives(n), Query: noQuery, SnapshotPath: filepath.Join(b.TempDir(), "snapshot"),
				Now: func() time.Time { return now },
			}
			o.Store, o.Ledger = startStore(b, n, now), startLedger(b, o.Objectives, now, startDays)
			// The clean end of a run that began with the slices.
			saved := filepath.Join(b.TempDir(), "saved")
			b.Run("slices", func(b *testing.B) { benchmarkStart(b, o, n) })
			if err := startOnce(b, o).writeSnapshot(saved, now.UnixMilli(), 1); err != nil {
				b.Fatal(err)
			}
			o.SnapshotPath = saved
			b.Run("snapshot", func(b *testing.B) { benchmarkStart(b, o, n) })
		})
	}
}

func benchmarkStart(b *testing.B, o EngineOptions, n int) {
	b.Helper()
	var all []Status
	used := cpuTime()
	for b.Loop() {
		all = startOnce(b, o).Statuses()
	}
	// A machine that does other things too tells little by its clock.
	b.ReportMetric((cpuTime()-used).Seconds()/float64(b.N), "cpu-s/op")
	for _, s := range []Status{all[0], all[n-1]} {
		if s.Total < startDays*1440*5000 {
			b.Fatalf("%s counted %v: %s", s.Objective.ID, s.Total, s.Reason)
		}
	}
}

func startOnce(b *testing.B, o EngineOptions) *Engine {
	b.Helper()
	e, err := NewEngine(o)
	if err != nil {
		b.Fatal(err)
	}
	snap, err := readSnapshot(o.SnapshotPath)
	if err != nil {
		b.Fatal(err)
	}
	e.restoreAll(context.Background(), snap)
	e.Evaluate(context.Background())
	return e
}

// cpuTime is what this process has used of all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWatch offers series to 10,000 objectives, one in ten of them wanted.
func BenchmarkWatch(b *testing.B) {
	const objectives, series = 10_000, 100_000
	all := make([]labels.Labels, 0, series)
	for i := range series {
		job := fmt.Sprintf("service-%d", i%(10*objectives))
		all = append(all, labels.FromStrings(model.MetricNameLabel, "http_requests_total", "job", job, "code", "200", "pod", fmt.Sprint(i)))
	}
	for b.Loop() {
		b.StopTimer()
		e, err := NewEngine(EngineOptions{Objectives: startObjectives(objectives), Store: newMemStore(), Ledger: newMemStore(), Query: noQuery})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		wanted := 0
		for _, lset := range all {
			if e.Watch(lset) != 0 {
				wanted++
			}
		}
		if wanted != objectives {
			b.Fatalf("%d series are wanted", wanted)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/series, "ns/series")
}
