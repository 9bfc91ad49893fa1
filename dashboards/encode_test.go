package dashboards

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// indented is how Go's own encoder writes what indent writes.
func indented(tb testing.TB, v any) string {
	tb.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

func TestPrettyIsGosOwn(t *testing.T) {
	for _, v := range []any{
		nil, 1.5, "", "x",
		[]any{},
		map[string]any{},
		[]any{[]any{}, map[string]any{"a": []any{}}},
		map[string]any{"a<b>&c": `<"\u003c\` + "\n\t\u2028é", "b": []any{1, true, nil, "{[,:]}", `\\"`, "\\", `\u0026`}},
	} {
		got, err := new(scratch).pretty(v)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(indented(t, v), string(got)); diff != "" {
			t.Errorf("differs (-want +got):\n%s", diff)
		}
	}
	if _, err := new(scratch).pretty(math.NaN()); err == nil {
		t.Error("what is no JSON was written")
	}
	for _, d := range build(t, sample()) {
		var v any
		if err := json.Unmarshal(d.JSON, &v); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(d.JSON), `\u003`) || len(d.JSON) != cap(bytes.Clone(d.JSON)) && cap(d.JSON) > 2*len(d.JSON) {
			t.Errorf("%s is not written to be read, or takes more memory than it needs", d.UID)
		}
	}
}

func FuzzPretty(f *testing.F) {
	for _, text := range []string{`{"a":"<\u003c"}`, `[]`, `["\\",{}]`, `"\u0026amp"`, `{"":[[],[{}]]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v any
		if json.Unmarshal(raw, &v) != nil {
			return
		}
		got, err := new(scratch).pretty(v)
		if err != nil {
			t.Fatal(err)
		}
		if want := indented(t, v); string(got) != want {
			t.Errorf("%s becomes\n%s\nwant\n%s", raw, got, want)
		}
	})
}

// many are n services with two objectives each.
func many(n int) Input {
	var in Input
	for i := range n {
		service := fmt.Sprintf("service-%04d", i)
		in.Objectives = append(in.Objectives, objective(service, "availability", 0.999, 28*day), objective(service, "latency", 0.99, 28*day))
	}
	return in
}

// A thousand services: the same bytes from run to run, however the work is divided.
func TestManyAreTheSameFromRunToRun(t *testing.T) {
	first := build(t, many(1000))
	turned := many(1000)
	slices.Reverse(turned.Objectives)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for i, d := range build(t, turned) {
		if d.UID != first[i].UID || !bytes.Equal(d.JSON, first[i].JSON) {
			t.Fatalf("dashboard %d, %s, differs", i, d.UID)
		}
	}
}

// A goal: a thousand services, of which each has about three dashboards, in 2 s and
// 200 MB. all has them in memory at once; each writes one after the other.
func BenchmarkBuild(b *testing.B) {
	in := many(1000)
	for name, run := range map[string]func() (n, size int, err error){
		"all": func() (n, size int, err error) {
			ds, err := Build(in)
			for _, d := range ds {
				size += len(d.JSON)
			}
			return len(ds), size, err
		},
		"each": func() (n, size int, err error) {
			for d, err := range Each(in, nil) {
				if err != nil {
					return 0, 0, err
				}
				n, size = n+1, size+len(d.JSON)
			}
			return n, size, nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			peak := uint64(0)
			for b.Loop() {
				b.StopTimer()
				runtime.GC() // as in a process that has just begun
				b.StartTimer()
				stop, watched := make(chan struct{}), make(chan uint64)
				go func() { watched <- watchHeap(stop) }()
				n, size, err := run()
				close(stop)
				if err != nil {
					b.Fatal(err)
				}
				peak = max(peak, <-watched)
				b.ReportMetric(float64(n), "dashboards")
				b.ReportMetric(float64(size)/1e6, "MB-written")
			}
			b.ReportMetric(float64(peak)/1e6, "MB-heap-peak")
		})
	}
}

// Who takes no more ends the work, and a fault is the last that comes.
func TestEachEnds(t *testing.T) {
	n := 0
	for range Each(many(50), nil) {
		if n++; n == 3 {
			break
		}
	}
	var last error
	n = 0
	for d, err := range Each(many(50), func(d Dashboard) (Dashboard, error) {
		if d.UID == serviceUID("service-0007") {
			return d, errors.New("no")
		}
		return d, nil
	}) {
		if last != nil {
			t.Fatalf("%s came after the fault", d.UID)
		}
		last = err
		n++
	}
	if last == nil || n != len(build(t, Input{}))+8 {
		t.Errorf("after %d dashboards: %v", n, last)
	}
	if _, err := WriteEach(t.TempDir(), Each(Input{SpanCalls: "not a name"}, nil)); err == nil {
		t.Error("a bad metric name was taken")
	}
}

// watchHeap returns the most memory that objects took until stop.
func watchHeap(stop <-chan struct{}) uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	peak := uint64(0)
	for {
		metrics.Read(sample)
		peak = max(peak, sample[0].Value.Uint64())
		select {
		case <-stop:
			return peak
		case <-time.After(time.Millisecond):
		}
	}
}
