package inbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxFaultDelay is more than any client waits.
const maxFaultDelay = 10 * time.Minute

// faultJSON is a fault as it is written over HTTP.
type faultJSON struct {
	Method     string `json:"method"`
	Status     int    `json:"status,omitempty"`
	RetryAfter period `json:"retry_after,omitempty"`
	Error      string `json:"error,omitempty"`
	Delay      period `json:"delay,omitempty"`
	Performed  bool   `json:"performed,omitempty"`
	Times      int    `json:"times"`
}

// period is a duration: seconds, or a text as 1m30s.
type period time.Duration

// MarshalJSON writes a text.
func (p period) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(p).String()) }

// UnmarshalJSON reads a number of seconds or a text.
func (p *period) UnmarshalJSON(raw []byte) error {
	if seconds, err := strconv.ParseFloat(string(raw), 64); err == nil {
		*p = period(seconds * float64(time.Second))
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("%s is neither a number of seconds nor a duration as \"1m30s\"", raw)
	}
	d, err := time.ParseDuration(text)
	*p = period(d)
	return err
}

// serveFaults lists, adds and forgets faults.
func (b *Inbox) serveFaults(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodDelete:
		b.Heal()
	case http.MethodPost:
		if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") && b.healForm(w, r) {
			return
		}
		faults, err := readFaults(http.MaxBytesReader(w, r.Body, maxBody), b.knows)
		if err != nil {
			writeJSON(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
			return
		}
		for _, f := range faults {
			b.Fail(f.Method, f.fault())
		}
	default:
		w.Header().Set("Allow", "GET, POST, DELETE")
		http.Error(w, "Faults are listed with GET, added with POST and forgotten with DELETE.", http.StatusMethodNotAllowed)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"faults": b.faults.list()})
}

// healForm is the page's button. What curl -d sends without a content type looks like a form, too, and is JSON.
func (b *Inbox) healForm(w http.ResponseWriter, r *http.Request) bool {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	r.Body = io.NopCloser(bytes.NewReader(raw))
	if err != nil || !bytes.Contains(raw, []byte("heal=all")) || r.ParseForm() != nil {
		r.Body = io.NopCloser(bytes.NewReader(raw))
		return false
	}
	b.Heal()
	goBack(w, r, "")
	return true
}

// knows the methods that can fail.
func (b *Inbox) knows(method string) bool {
	_, known := b.methods[method]
	return known || method == "*" || method == "response_url" || method == "upload_url"
}

// readFaults reads one fault or an array of them.
func readFaults(body io.Reader, known func(string) bool) ([]faultJSON, error) {
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read faults: %w", err)
	}
	raw = bytes.TrimSpace(raw)
	if !bytes.HasPrefix(raw, []byte("[")) {
		raw = slices.Concat([]byte("["), raw, []byte("]"))
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var faults []faultJSON
	if err := decoder.Decode(&faults); err != nil {
		return nil, fmt.Errorf("a fault is an object as {\"method\": \"chat.postMessage\", \"status\": 503, \"times\": 3}: %w", err)
	}
	if len(faults) == 0 {
		return nil, errors.New("no fault was given")
	}
	for _, f := range faults {
		switch delay, after := time.Duration(f.Delay), time.Duration(f.RetryAfter); {
		case !known(f.Method):
			return nil, fmt.Errorf("%q is no method of this inbox; * stands for all", f.Method)
		case f.Status != 0 && (f.Status < 400 || f.Status > 599):
			return nil, fmt.Errorf("status %d is no failure; use 429 or 500 to 599", f.Status)
		case delay < 0 || delay > maxFaultDelay || after < 0 || after > time.Hour:
			return nil, fmt.Errorf("a delay is up to %v, a retry_after up to an hour", maxFaultDelay)
		case f.Status == 0 && f.Error == "" && delay == 0:
			return nil, fmt.Errorf("a fault needs a status, an error or a delay")
		}
	}
	return faults, nil
}

func (f faultJSON) fault() Fault {
	return Fault{
		Delay: time.Duration(f.Delay), Status: f.Status, RetryAfter: time.Duration(f.RetryAfter), Error: f.Error, Performed: f.Performed, Times: f.Times,
	}
}

// list returns what is still to come, by method.
func (f *faults) list() []faultJSON {
	f.mu.Lock()
	defer f.mu.Unlock()
	listed := []faultJSON{}
	for method, queue := range f.queue {
		for _, one := range queue {
			listed = append(listed, faultJSON{
				Method: method, Status: one.Status, RetryAfter: period(one.RetryAfter), Error: one.Error, Delay: period(one.Delay),
				Performed: one.Performed, Times: written(one.Times),
			})
		}
	}
	slices.SortStableFunc(listed, func(a, b faultJSON) int { return strings.Compare(a.Method, b.Method) })
	return listed
}

// written is how often, where zero means once.
func written(times int) int {
	if times == 0 {
		return 1
	}
	return times
}

// say tells people what is still to come.
func (f *faults) say() []string {
	var said []string
	for _, one := range f.list() {
		what := "is slow by " + time.Duration(one.Delay).String()
		switch {
		case one.Status == http.StatusTooManyRequests:
			what = "is rate limited"
		case one.Status != 0:
			what = "fails with status " + strconv.Itoa(one.Status)
		case one.Error != "":
			what = "is refused with " + one.Error
		}
		if one.Performed {
			what += " after it was carried out"
		}
		method := one.Method
		if method == "*" {
			method = "Every method"
		}
		switch {
		case one.Times < 0:
			what += ", until healed"
		case one.Times == 1:
			what += ", once"
		default:
			what += fmt.Sprintf(", %d times", one.Times)
		}
		said = append(said, method+" "+what)
	}
	return said
}
