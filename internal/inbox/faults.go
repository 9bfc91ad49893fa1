package inbox

import (
	"net/http"
	"sync"
	"time"
)

// Fault is what goes wrong with one call of a method: any mixture of slowness, an HTTP status and an error of Slack's.
// The zero value is a call that goes well, which spaces faults out.
type Fault struct {
	// Delay passes before anything else happens.
	Delay time.Duration
	// Status is the HTTP status of the answer, which has no usable body, as 503; 429 comes with Retry-After.
	Status int
	// RetryAfter is sent, in whole seconds and at least one, with Status 429.
	RetryAfter time.Duration
	// Error is Slack's word for what is wrong, as channel_not_found; ignored when Status is set.
	Error string
	// Performed carries the call out all the same: Slack did it, and the answer was lost on its way.
	Performed bool
	// Times is how many calls meet this fault: 0 and 1 are one, a negative number is every call from now on.
	Times int
}

// RateLimited is the answer to a call that comes too soon.
func RateLimited(retryAfter time.Duration) Fault { return Fault{Status: 429, RetryAfter: retryAfter} }

// Broken is an answer of that HTTP status, as 503.
func Broken(status int) Fault { return Fault{Status: status} }

// Slow is a call that takes that long and goes well.
func Slow(delay time.Duration) Fault { return Fault{Delay: delay} }

// Refused is an error of Slack's, as channel_not_found.
func Refused(word string) Fault { return Fault{Error: word} }

// Lost is a call that Slack carries out and whose answer never arrives.
func Lost() Fault { return Fault{Status: 504, Performed: true} }

// pass lets a call go on: after the delay, and unless it is to fail without being carried out. Then it is answered here.
func (f Fault) pass(w http.ResponseWriter, r *http.Request) bool {
	if !pause(r.Context(), f.Delay) {
		return false
	}
	if broken := f.Status != 0 || f.Error != ""; broken && !f.Performed {
		f.answer(w)
		return false
	}
	return true
}

// faults are those still to come, by method. The method * stands for all.
type faults struct {
	mu    sync.Mutex
	queue map[string][]Fault
	taken func() // is called when one has happened
}

func newFaults(taken func()) *faults { return &faults{queue: map[string][]Fault{}, taken: taken} }

// Fail lets the next calls of a method go wrong, in this order, after those that were asked for before.
// The method "*" stands for every method; a method's own faults come first.
func (b *Inbox) Fail(method string, next ...Fault) {
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	b.faults.queue[method] = append(b.faults.queue[method], next...)
	b.changes.publish()
}

// Heal forgets every fault that was asked for.
func (b *Inbox) Heal() {
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	clear(b.faults.queue)
	b.changes.publish()
}

func (f *faults) take(method string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, key := range []string{method, "*"} {
		queue := f.queue[key]
		if len(queue) == 0 {
			continue
		}
		defer f.taken()
		next := queue[0]
		switch {
		case next.Times < 0:
		case next.Times > 1:
			queue[0].Times--
		default:
			f.queue[key] = queue[1:]
		}
		return next
	}
	return Fault{}
}
