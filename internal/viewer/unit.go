package viewer

import (
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

// measureOf returns how values of one of Grafana's units are written. A unit that is not
// known is written after the number, as Grafana does.
func measureOf(unit string, decimals *int) chart.Measure {
	m := known(unit)
	m.Decimals = decimals
	return m
}

func known(unit string) chart.Measure {
	switch unit {
	case "", "none":
		return chart.Measure{}
	case "short":
		return chart.Count.Measure()
	case "percentunit":
		return chart.Ratio.Measure()
	case "percent":
		return single("%")
	case "suffix:x", "suffix:×":
		return chart.Times.Measure()
	case "bytes":
		return chart.Bytes.Measure()
	case "decbytes":
		return thousands("B", " ")
	case "kbytes", "mbytes", "gbytes":
		power := map[string]float64{"kbytes": 1 << 10, "mbytes": 1 << 20, "gbytes": 1 << 30}[unit]
		return over(chart.Bytes.Measure(), power)
	case "binBps":
		return suffixed(chart.Bytes.Measure(), "/s")
	case "Bps":
		return thousands("B/s", " ")
	case "bits", "decbits":
		return thousands("bit", " ")
	case "bps", "binbps":
		return thousands("bit/s", " ")
	case "hertz":
		return thousands("Hz", " ")
	case "celsius":
		return single(" °C")
	case "watt":
		return thousands("W", " ")
	}
	if m, ok := seconds(unit); ok {
		return m
	}
	if m, ok := rate(unit); ok {
		return m
	}
	return composed(unit)
}

// seconds are the units of time, all of which are written as people say times.
func seconds(unit string) (chart.Measure, bool) {
	of, ok := map[string]float64{
		"s": 1, "ms": 1e3, "µs": 1e6, "us": 1e6, "ns": 1e9, "m": 1.0 / 60, "h": 1.0 / 3600, "d": 1.0 / 86400,
		"dtdurations": 1, "dtdurationms": 1e3, "dthms": 1, "clocks": 1, "clockms": 1e3,
	}[unit]
	if !ok {
		return chart.Measure{}, false
	}
	m := chart.Seconds.Measure()
	for i := range m.Scales {
		m.Scales[i].Size *= of
	}
	return m, true
}

// rate are counts a second or a minute.
func rate(unit string) (chart.Measure, bool) {
	suffix, ok := map[string]string{
		"reqps": "/s", "ops": "/s", "rps": "/s", "wps": "/s", "cps": "/s", "eps": "/s", "iops": "/s", "pps": "/s", "mps": "/s",
		"opm": "/min", "rpm": "/min", "wpm": "/min", "cpm": "/min", "reqpm": "/min",
	}[unit]
	if !ok {
		return chart.Measure{}, false
	}
	return thousands(suffix, ""), true
}

// composed are units that say what is to be written: suffix:users, currencyUSD.
func composed(unit string) chart.Measure {
	kind, rest, ok := strings.Cut(unit, ":")
	switch {
	case ok && kind == "suffix":
		return single(" " + strings.TrimSpace(rest))
	case ok && kind == "prefix":
		return chart.Measure{Prefix: rest}
	case ok && (kind == "si" || kind == "count"):
		return thousands(strings.TrimLeft(rest, "0123456789"), " ")
	case ok && kind == "currency":
		return chart.Measure{Prefix: rest, Scales: chart.Count.Measure().Scales}
	}
	if sign, found := map[string]string{"currencyUSD": "$", "currencyEUR": "€", "currencyGBP": "£", "currencyJPY": "¥", "currencyINR": "₹"}[unit]; found {
		return chart.Measure{Prefix: sign, Scales: chart.Count.Measure().Scales}
	}
	return single(" " + unit)
}

func single(suffix string) chart.Measure {
	return chart.Measure{Scales: []chart.Scale{{Size: 1, Suffix: suffix}}}
}

// thousands are the scales of a unit by powers of a thousand: 1.5 kB, 3k/s.
func thousands(unit, between string) chart.Measure {
	var m chart.Measure
	size := 1.0
	for _, prefix := range []string{"", "k", "M", "G", "T"} {
		m.Scales = append(m.Scales, chart.Scale{Size: size, Suffix: between + prefix + unit})
		size *= 1000
	}
	return m
}

// over writes values that are so many times smaller than the measure's.
func over(m chart.Measure, power float64) chart.Measure {
	for i := range m.Scales {
		m.Scales[i].Size /= power
	}
	return m
}

func suffixed(m chart.Measure, suffix string) chart.Measure {
	for i := range m.Scales {
		m.Scales[i].Suffix += suffix
	}
	return m
}

// formatWords writes values that are no amounts: times and yes or no.
func formatWords(unit string, v float64, zone *time.Location) (string, bool) {
	switch unit {
	case "dateTimeAsIso", "dateTimeAsIsoNoDateIfToday", "dateTimeAsUS", "dateTimeAsLocal", "dateTimeFromNow", "time":
		if v < 0 || v > 4e12 {
			return "", false
		}
		return time.UnixMilli(int64(v)).In(zone).Format("2 Jan 2006 15:04:05 MST"), true
	case "bool":
		return strconv.FormatBool(v != 0), true
	case "bool_yes_no":
		return map[bool]string{true: "yes", false: "no"}[v != 0], true
	case "bool_on_off":
		return map[bool]string{true: "on", false: "off"}[v != 0], true
	case "string":
		return strconv.FormatFloat(v, 'f', -1, 64), true
	default:
		return "", false
	}
}
