package incidents

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// BenchmarkStorm opens a thousand incidents at once, each on disk before its page.
func BenchmarkStorm(b *testing.B) {
	for b.Loop() {
		w := newWorld(b)
		w.at(time.Second)
		var all sync.WaitGroup
		for n := range 1000 {
			all.Go(func() {
				g := Group{Key: fmt.Sprint(n), Receiver: "oncall", At: w.now, Alerts: []Alert{alert("Slow", 0)}}
				if err := w.Observe(b.Context(), g); err != nil {
					b.Error(err)
				}
			})
		}
		all.Wait()
	}
}

// BenchmarkNothingNew is a flush that tells the log what it knows, beside a thousand
// other open incidents.
func BenchmarkNothingNew(b *testing.B) {
	w := newWorld(b)
	w.at(time.Second)
	for n := range 1000 {
		w.mu.Lock()
		w.tellLocked(w.observed(Group{Key: fmt.Sprint(n), Receiver: "oncall", At: w.now, Alerts: []Alert{alert("Slow", 0)}})...)
		w.mu.Unlock()
	}
	g := Group{Key: "7", Receiver: "oncall", At: w.now, Alerts: []Alert{alert("Slow", 0)}}
	for b.Loop() {
		if err := w.Observe(b.Context(), g); err != nil {
			b.Fatal(err)
		}
	}
}
