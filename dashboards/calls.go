package dashboards

import (
	"fmt"
	"regexp"

	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// callsRow shows whom a service calls, by the service graph of the traces.
func callsRow(service string) row {
	return row{
		key: "calls", title: "Whom it calls",
		stacks: beside(graphPanels("client", service, "server", [3]said{
			{
				title:  "Calls a second, by whom it calls",
				shows:  "How often this service calls each other service, database or queue; “none” if it calls nobody.",
				normal: "a steady multiple of the requests that come in.",
				act:    "more calls for each request than before: a retry loop, a lost cache, or a new release.",
			},
			{
				title:  "Share of its calls that fail",
				shows:  "For each service it calls, the share of calls that failed.",
				normal: "near zero.",
				act:    "the cause is likely there and not here: open the dashboard of that service, or page its owner.",
			},
			{
				title:  "How long they take to answer (p95)",
				shows:  "95 of 100 calls to each service are answered faster than its line, as it sees them itself.",
				normal: "flat lines.",
				act:    "a line that rises makes this service slow too: shorten the timeout, and let the fallback answer.",
			},
		})...),
	}
}

// calledByRow shows who calls a service.
func calledByRow(service string) row {
	return row{
		key: "calledby", title: "Who calls it",
		stacks: beside(graphPanels("server", service, "client", [3]said{
			{
				title:  "Calls a second, by who calls",
				shows:  "How often each other service calls this one; “user” is what comes from outside.",
				normal: "the shape of the day.",
				act:    "one caller that grows alone: something viral there, or its retries. Ask its owner before you add instances.",
			},
			{
				title:  "Share of calls that fail, by who calls",
				shows:  "For each caller, the share of its calls that failed.",
				normal: "near zero, and alike for all.",
				act:    "one caller alone asks for something wrong; all of them: it is this service.",
			},
			{
				title:  "How long its answers take, by who calls (p95)",
				shows:  "95 of 100 calls of each caller are answered faster than its line.",
				normal: "flat lines.",
				act:    "one caller alone asks for something expensive; all of them: this service or its database is slow.",
			},
		})...),
	}
}

// graphPanels draw the edges of the service graph at one service: end is the label of the
// service, by that of the other end.
func graphPanels(end, service, by string, says [3]said) []panel {
	match := fmt.Sprintf("%s=%s", end, quote(service))
	calls := func(extra string) string {
		return fmt.Sprintf("sum by (%s) (rate(traces_service_graph_request_total{%s%s}[$__rate_interval]))", by, match, extra)
	}
	queries := [3]string{
		fmt.Sprintf("topk(10, %s)", calls("")),
		fmt.Sprintf("topk(10, (%s or 0 * %s) / %s)", calls(`, failed="true"`), calls(""), calls("")),
		fmt.Sprintf("topk(10, histogram_quantile(0.95, sum by (le, %s) (rate(traces_service_graph_request_server_seconds_bucket{%s}[$__rate_interval]))))", by, match),
	}
	list := make([]panel, len(says))
	for i, s := range says {
		list[i] = panel{
			kind: lines, title: s.title, shows: s.shows, normal: s.normal, act: s.act, width: 8, height: 8, softMin: new(0.0),
			key: [3]string{"rate", "errors", "duration"}[i], queries: []query{{queries[i] + orNone(by), "{{" + by + "}}"}},
			unit: [3]string{units.RequestsPerSecond, ratio, units.Seconds}[i],
		}
	}
	list[1].steps, list[1].line = rising(0.001, 0.01), true
	return list
}

// saturationRow shows how full a service is, by what every client library of Prometheus
// and every Kubernetes tell.
func saturationRow(service string) row {
	job, container := "job=~"+quote("(.+/)?"+regexp.QuoteMeta(service)), "container="+quote(service)
	return row{
		key: "saturation", title: "How full it is",
		stacks: beside(
			panel{
				kind: lines, key: "cpu", title: "Processor", width: 8, height: 8,
				shows:   "How many processor cores each instance uses.",
				normal:  "the shape of the day, below what it may use.",
				act:     "near the limit, requests wait: add instances, and see what made it rise (playbook database-saturation if it waits for data).",
				queries: []query{{fmt.Sprintf("topk(10, sum by (instance) (rate(process_cpu_seconds_total{%s}[$__rate_interval])) or sum by (pod) (rate(container_cpu_usage_seconds_total{%s}[$__rate_interval])))", job, container), "{{instance}}{{pod}}"}},
				unit:    "short", softMin: new(0.0),
			},
			panel{
				kind: lines, key: "memory", title: "Memory", width: 8, height: 8,
				shows:   "What each instance holds in memory.",
				normal:  "flat, with a step at each release.",
				act:     "a line that only rises until it falls to the bottom is a leak: the instance is killed and starts again.",
				queries: []query{{fmt.Sprintf("topk(10, max by (instance) (process_resident_memory_bytes{%s}) or max by (pod) (container_memory_working_set_bytes{%s}))", job, container), "{{instance}}{{pod}}"}},
				unit:    units.BytesIEC, softMin: new(0.0),
			},
			panel{
				kind: lines, key: "files", title: "Open files and connections", width: 8, height: 8,
				shows:   "Of the files and connections that each instance may have open, the share that it has.",
				normal:  "far below 100 %.",
				act:     "near 100 % new connections are refused: look for one that is never closed, and raise the limit until it is found.",
				queries: []query{{fmt.Sprintf("topk(10, max by (instance) (process_open_fds{%s}) / max by (instance) (process_max_fds{%s}))", job, job), "{{instance}}"}},
				unit:    ratio, softMin: new(0.0), steps: rising(0.7, 0.9), line: true,
			},
		),
	}
}
