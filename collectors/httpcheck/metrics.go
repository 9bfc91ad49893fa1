package httpcheck

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// series remembers which series of a target exist, so that they can go on or end when the answer changes.
type series struct {
	target Target
	// url is the endpoint as shown: without a password.
	url string
	// code is the status code of the last check, 0 if there was no answer, -1 before the first.
	code int
	// faults are the reasons seen so far.
	faults map[string]bool
}

func newSeries(target Target) *series {
	shown := target.Endpoint
	if address, err := url.Parse(target.Endpoint); err == nil {
		shown = address.Redacted()
	}
	return &series{target: target, url: shown, code: -1, faults: make(map[string]bool)}
}

// metrics are the data points of one answer.
func (s *series) metrics(found answer) pmetric.Metrics {
	md := pmetric.NewMetrics()
	scope := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	scope.Scope().SetName("github.com/watchtower-hub/watchtower/collectors/httpcheck")
	at := pcommon.NewTimestampFromTime(found.at)

	duration := gauge(scope, "httpcheck.duration", "ms", "Measures the duration of the HTTP check.")
	s.point(duration, at).SetIntValue(found.duration.Milliseconds())
	s.status(scope, at, found.code)
	s.errors(scope, at, found.fault)
	s.certificate(scope, found)
	return md
}

func (s *series) status(scope pmetric.ScopeMetrics, at pcommon.Timestamp, code int) {
	points := sum(scope, "httpcheck.status", "1", "1 if the check resulted in status_code matching the status_class, otherwise 0.")
	if s.code >= 0 && s.code != code {
		for class := 1; class <= 5; class++ {
			// The store ends a series at a point that has no value.
			s.statusPoint(points, at, s.code, class).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		}
	}
	for class := 1; class <= 5; class++ {
		point := s.statusPoint(points, at, code, class)
		if code/100 == class {
			point.SetIntValue(1)
		} else {
			point.SetIntValue(0)
		}
	}
	s.code = code
}

func (s *series) statusPoint(points pmetric.NumberDataPointSlice, at pcommon.Timestamp, code, class int) pmetric.NumberDataPoint {
	point := s.point(points, at)
	point.Attributes().PutInt("http.status_code", int64(code))
	point.Attributes().PutStr("http.method", s.target.Method)
	point.Attributes().PutStr("http.status_class", fmt.Sprintf("%dxx", class))
	return point
}

func (s *series) errors(scope pmetric.ScopeMetrics, at pcommon.Timestamp, fault string) {
	if fault != "" {
		s.faults[fault] = true
	}
	if len(s.faults) == 0 {
		return
	}
	points := sum(scope, "httpcheck.error", "{error}", "Records errors occurring during HTTP check.")
	for _, seen := range slices.Sorted(maps.Keys(s.faults)) {
		point := s.point(points, at)
		point.Attributes().PutStr("error.message", seen)
		if seen == fault {
			point.SetIntValue(1)
		} else {
			point.SetIntValue(0)
		}
	}
}

func (s *series) certificate(scope pmetric.ScopeMetrics, found answer) {
	if found.certificate == nil {
		return
	}
	points := gauge(scope, "httpcheck.tls.cert_remaining", "s",
		"Time in seconds until certificate expiry, as specified by NotAfter field in the x.509 certificate. Negative values represent time in seconds since expiration.")
	point := s.point(points, pcommon.NewTimestampFromTime(found.at))
	point.SetIntValue(int64(found.certificate.NotAfter.Sub(found.at) / time.Second))
	point.Attributes().PutStr("http.tls.issuer", found.certificate.Issuer.String())
	point.Attributes().PutStr("http.tls.cn", found.certificate.Subject.CommonName)
	names := point.Attributes().PutEmptySlice("http.tls.san")
	for _, name := range found.certificate.DNSNames {
		names.AppendEmpty().SetStr(name)
	}
	for _, address := range found.certificate.IPAddresses {
		names.AppendEmpty().SetStr(address.String())
	}
}

func (s *series) point(points pmetric.NumberDataPointSlice, at pcommon.Timestamp) pmetric.NumberDataPoint {
	point := points.AppendEmpty()
	point.SetTimestamp(at)
	point.Attributes().PutStr("http.url", s.url)
	return point
}

func gauge(scope pmetric.ScopeMetrics, name, unit, description string) pmetric.NumberDataPointSlice {
	return metric(scope, name, unit, description).SetEmptyGauge().DataPoints()
}

// sum is cumulative but may fall: what Prometheus calls a gauge.
func sum(scope pmetric.ScopeMetrics, name, unit, description string) pmetric.NumberDataPointSlice {
	empty := metric(scope, name, unit, description).SetEmptySum()
	empty.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return empty.DataPoints()
}

func metric(scope pmetric.ScopeMetrics, name, unit, description string) pmetric.Metric {
	m := scope.Metrics().AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetDescription(description)
	return m
}
