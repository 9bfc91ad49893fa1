package incidents

import "time"

// Times say how long a service's incidents take.
type Times struct {
	// Service is empty for all.
	Service string `json:"service,omitempty"`
	// Incidents counts them, Acknowledged those that anybody acknowledged, Resolved those
	// that are over.
	Incidents    int `json:"incidents"`
	Acknowledged int `json:"acknowledged"`
	Resolved     int `json:"resolved"`
	// MTTA is the mean time from the beginning to the first acknowledgment, over those
	// that were acknowledged; MTTR the mean time from the beginning to the end, over
	// those that are over. 0 if there are none.
	MTTA time.Duration `json:"-"`
	MTTR time.Duration `json:"-"`
}

// TimesOf returns the times of the incidents of a service, or of all if it is empty.
func TimesOf(all []Incident, service string) Times {
	t := Times{Service: service}
	var acknowledging, resolving time.Duration
	for i := range all {
		in := &all[i]
		if service != "" && in.Service != service {
			continue
		}
		t.Incidents++
		if !in.AcknowledgedAt.IsZero() {
			t.Acknowledged++
			acknowledging += since(in.OpenedAt, in.AcknowledgedAt)
		}
		if !in.ResolvedAt.IsZero() {
			t.Resolved++
			resolving += since(in.OpenedAt, in.ResolvedAt)
		}
	}
	if t.Acknowledged > 0 {
		t.MTTA = acknowledging / time.Duration(t.Acknowledged)
	}
	if t.Resolved > 0 {
		t.MTTR = resolving / time.Duration(t.Resolved)
	}
	return t
}
