package demo

import "time"

// Story says how much traffic the backend gets and what fails, as functions of
// the time since the load began. The zero Story is silent; see [Viral].
type Story struct {
	CalmRate float64       // requests a second before anyone noticed
	PeakRate float64       // requests a second once the post went viral
	RampAt   time.Duration // when the post starts to spread
	PeakAt   time.Duration // when the peak rate is reached
	BreakAt  time.Duration // when the bad release of share goes out
	HealAt   time.Duration // when it is rolled back
	CoolAt   time.Duration // when the crowd begins to leave
	EndAt    time.Duration // when traffic is calm again

	BreakRatio float64 // share of requests to share that fail while it is broken
	ViralRatio float64 // share of requests to feed that fail while traffic is above half its peak
	CalmRatio  float64 // share of requests that fail on any other day
}

// Viral is the story the demo tells: ten times the traffic within 40 seconds, and
// a bad release of share 15 seconds later that lives for half a minute.
func Viral() Story {
	return Story{
		CalmRate: 6, PeakRate: 60,
		RampAt: 15 * time.Second, PeakAt: 55 * time.Second,
		BreakAt: 70 * time.Second, HealAt: 100 * time.Second,
		CoolAt: 170 * time.Second, EndAt: 230 * time.Second,
		BreakRatio: 0.4, ViralRatio: 0.01, CalmRatio: 0.0002,
	}
}

// Rate is the traffic at t, in requests a second.
func (s Story) Rate(t time.Duration) float64 {
	switch {
	case t < s.RampAt || t >= s.EndAt:
		return s.CalmRate
	case t < s.PeakAt:
		return between(s.CalmRate, s.PeakRate, float64(t-s.RampAt)/float64(s.PeakAt-s.RampAt))
	case t < s.CoolAt:
		return s.PeakRate
	default:
		return between(s.PeakRate, s.CalmRate, float64(t-s.CoolAt)/float64(s.EndAt-s.CoolAt))
	}
}

// FailureRatio is the share of a service's requests that fail at t, 0–1.
func (s Story) FailureRatio(service string, t time.Duration) float64 {
	switch {
	case service == "share" && t >= s.BreakAt && t < s.HealAt:
		return s.BreakRatio
	case service == "feed" && s.Rate(t) > s.PeakRate/2:
		return s.ViralRatio
	default:
		return s.CalmRatio
	}
}

// The releases of the backend's services.
const (
	goodRelease = "2.3.1"
	badRelease  = "2.4.0"
)

// Serve says which release of a service serves a request at t, and what share of
// such requests fail: the bad release of share goes to half of the requests. luck,
// 0–1, is the request's own.
func (s Story) Serve(service string, t time.Duration, luck float64) (release string, fails float64) {
	ratio := s.FailureRatio(service, t)
	switch {
	case service != "share" || t < s.BreakAt || t >= s.HealAt:
		return goodRelease, ratio
	case luck < 0.5:
		return badRelease, min(1, 2*ratio)
	default:
		return goodRelease, s.CalmRatio
	}
}

func between(a, b, x float64) float64 { return a + (b-a)*x }
