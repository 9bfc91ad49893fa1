package viewer

import (
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

// reduce makes one number of the values of a series. What is not known is the last value.
func reduce(points []chart.Point, calc string) float64 {
	values := make([]float64, 0, len(points))
	for _, p := range points {
		if !math.IsNaN(p.Value) {
			values = append(values, p.Value)
		}
	}
	if calc == "count" {
		return float64(len(values))
	}
	if len(values) == 0 {
		return math.NaN()
	}
	first, last := values[0], values[len(values)-1]
	switch calc {
	case "mean":
		return sum(values) / float64(len(values))
	case "sum", "total":
		return sum(values)
	case "min":
		return slices.Min(values)
	case "max":
		return slices.Max(values)
	case "first", "firstNotNull":
		return first
	case "range":
		return slices.Max(values) - slices.Min(values)
	case "diff", "delta":
		return last - first
	case "median":
		slices.Sort(values)
		return values[len(values)/2]
	case "last":
		return points[len(points)-1].Value
	default:
		return last
	}
}

func sum(values []float64) float64 {
	total := 0.0
	for _, v := range values {
		total += v
	}
	return total
}

// calcWord names a calculation over a column of a legend.
func calcWord(calc string) string {
	word, ok := map[string]string{
		"lastNotNull": "now", "last": "now", "mean": "mean", "max": "highest", "min": "lowest", "sum": "sum", "total": "sum",
		"first": "first", "firstNotNull": "first", "range": "range", "diff": "change", "delta": "change", "count": "count", "median": "median",
	}[calc]
	if !ok {
		return calc
	}
	return word
}

// placeholder is a label in the format of a legend.
var placeholder = regexp.MustCompile(`\{\{\s*([^}\s]+)\s*\}\}`)

// unnamed is the name of a series that has none of the labels in its format, such as the
// zero of "or vector(0)".
const unnamed = "none"

// nameOf returns the name of a series: by the format that the query has, else by its
// labels.
func nameOf(s Series, format string) string {
	if format != "" && format != "__auto" {
		name := placeholder.ReplaceAllStringFunc(format, func(match string) string {
			return s.Labels[placeholder.FindStringSubmatch(match)[1]]
		})
		return orElse(strings.TrimSpace(name), unnamed)
	}
	metric := s.Labels["__name__"]
	var parts []string
	for name := range s.Labels {
		if name != "__name__" {
			parts = append(parts, name)
		}
	}
	slices.Sort(parts)
	if len(parts) == 1 && metric == "" {
		return s.Labels[parts[0]]
	}
	for i, name := range parts {
		parts[i] = name + "=" + s.Labels[name]
	}
	if len(parts) == 0 {
		return orElse(metric, "value")
	}
	return strings.TrimSpace(metric + " " + strings.Join(parts, ", "))
}
