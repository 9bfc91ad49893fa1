package collectors

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/watchtower-hub/watchtower/collectors/admission"
	"github.com/watchtower-hub/watchtower/collectors/relay"
	"github.com/watchtower-hub/watchtower/collectors/spans"
	"github.com/watchtower-hub/watchtower/collectors/tsdbexporter"
)

// Pipeline is the way of one kind of telemetry through the embedded Collector.
type Pipeline struct {
	// Name is the signal (metrics, traces, logs), for all but the main one followed by a slash and a word.
	Name string
	// Receivers, Processors and Exporters are the components, connectors among them, in order.
	Receivers, Processors, Exporters []string
}

// pipelines are the ways through the Collector by name.
type pipelines map[string]*Pipeline

func (p pipelines) section() section {
	written := make(section, len(p))
	for name, line := range p {
		written[name] = section{
			"receivers":  toAny(line.Receivers),
			"processors": toAny(line.Processors),
			"exporters":  toAny(line.Exporters),
		}
	}
	return written
}

// sorted lists the pipelines by name.
func (p pipelines) sorted() []Pipeline {
	lines := make([]Pipeline, 0, len(p))
	for _, name := range slices.Sorted(maps.Keys(p)) {
		lines = append(lines, *p[name])
	}
	return lines
}

// pipelines joins the built-in pipelines with the user's. Whatever the user sends elsewhere hangs behind the relay, so
// that its failures do not make senders repeat what is stored and counted already.
func (c Config) pipelines(user section) (pipelines, error) {
	lines := c.ownPipelines()
	asked, err := userPipelines(user)
	if err != nil {
		return nil, err
	}
	for _, line := range asked.sorted() {
		switch line.Name {
		case metricsPipeline, tracesPipeline:
			lines.extend(line)
		case spanMetricsPipeline, metricsRelayPipeline, tracesRelayPipeline:
			return nil, fmt.Errorf("service.pipelines.%s is built in; choose another name", line.Name)
		default:
			lines.add(line)
		}
	}
	if slices.ContainsFunc(asked.sorted(), func(line Pipeline) bool {
		return signal(line.Name) == logsPipeline && slices.Contains(line.Receivers, otlpReceiver)
	}) && asked[logsPipeline] == nil {
		// Logs are forwarded: there is nothing left to refuse.
		delete(lines, logsPipeline)
	}
	lines.attach(user)
	lines.prune()
	return lines, lines.unused(user)
}

// ownPipelines are those that are there without any user section.
func (c Config) ownPipelines() pipelines {
	var receivers []string
	if c.OTLP.GRPC != "" || c.OTLP.HTTP != "" {
		receivers = []string{otlpReceiver}
	}
	return pipelines{
		metricsPipeline: {
			Name:       metricsPipeline,
			Receivers:  receivers,
			Processors: []string{admission.Type, memoryLimiter},
			Exporters:  []string{tsdbexporter.Type},
		},
		tracesPipeline: {
			Name:       tracesPipeline,
			Receivers:  receivers,
			Processors: []string{admission.Type, memoryLimiter, spans.Type},
			Exporters:  []string{spanMetrics, serviceGraph},
		},
		spanMetricsPipeline: {
			Name:      spanMetricsPipeline,
			Receivers: []string{spanMetrics, serviceGraph},
			Exporters: []string{spanExporter},
		},
		// There is no store for logs: the exporter refuses them with a sentence.
		logsPipeline: {
			Name:      logsPipeline,
			Receivers: receivers,
			Exporters: []string{tsdbexporter.Type},
		},
	}
}

// extend adds a user's entries to the built-in pipeline of that name.
func (p pipelines) extend(line Pipeline) {
	own := p[line.Name]
	own.Receivers = union(own.Receivers, line.Receivers)
	own.Processors = union(own.Processors, line.Processors)
	if further := without(line.Exporters, own.Exporters...); len(further) > 0 {
		own.Exporters = union(own.Exporters, []string{relay.Type})
		name := line.Name + "/relay"
		p[name] = &Pipeline{Name: name, Receivers: []string{relay.Type}, Exporters: further}
	}
}

// add puts in a pipeline of the user's own. It gets OTLP from behind the relay.
func (p pipelines) add(line Pipeline) {
	kind := signal(line.Name)
	if slices.Contains(line.Receivers, otlpReceiver) && kind != logsPipeline {
		if main := p[kind]; main != nil {
			main.Exporters = union(main.Exporters, []string{relay.Type})
			line.Receivers = union(without(line.Receivers, otlpReceiver), []string{relay.Type})
		}
	}
	p[line.Name] = &line
}

// attach gives receivers that no pipeline names a way into the store.
func (p pipelines) attach(user section) {
	named := make(map[string]bool)
	for _, line := range p {
		for _, receiver := range line.Receivers {
			named[receiver] = true
		}
	}
	for _, receiver := range slices.Sorted(maps.Keys(child(user, "receivers"))) {
		if named[receiver] {
			continue
		}
		signals := []string{metricsPipeline}
		if kind, _, _ := strings.Cut(receiver, "/"); kind == otlpReceiver {
			signals = []string{metricsPipeline, tracesPipeline, logsPipeline}
		}
		for _, name := range signals {
			if line := p[name]; line != nil {
				line.Receivers = append(slices.Clone(line.Receivers), receiver)
			}
		}
	}
}

// prune removes built-in pipelines that nothing flows into.
func (p pipelines) prune() {
	for _, name := range []string{metricsPipeline, tracesPipeline, logsPipeline} {
		if line := p[name]; line != nil && len(line.Receivers) == 0 {
			delete(p, name)
		}
	}
	if p[tracesPipeline] == nil {
		delete(p, spanMetricsPipeline)
	}
}

// unused reports exporters that nothing is sent to: what is meant to be forwarded would silently stay here.
func (p pipelines) unused(user section) error {
	var faults []error
	for _, exporter := range slices.Sorted(maps.Keys(child(user, "exporters"))) {
		if exporter == tsdbexporter.Type || exporter == spanExporter {
			continue
		}
		if !slices.ContainsFunc(p.sorted(), func(line Pipeline) bool { return slices.Contains(line.Exporters, exporter) }) {
			faults = append(faults, fmt.Errorf("exporters.%s is not used: name it under service.pipelines.traces.exporters or service.pipelines.metrics.exporters", exporter))
		}
	}
	return errors.Join(faults...)
}

// userPipelines reads service.pipelines of a user's section.
func userPipelines(user section) (pipelines, error) {
	asked := make(pipelines)
	for name, value := range child(child(user, "service"), "pipelines") {
		entries, ok := value.(section)
		if !ok {
			return nil, fmt.Errorf("service.pipelines.%s: expected receivers, processors and exporters", name)
		}
		line := Pipeline{Name: name}
		for key, listed := range entries {
			names, err := texts(listed)
			if err != nil {
				return nil, fmt.Errorf("service.pipelines.%s.%s: %w", name, key, err)
			}
			switch key {
			case "receivers":
				line.Receivers = names
			case "processors":
				line.Processors = names
			case "exporters":
				line.Exporters = names
			default:
				return nil, fmt.Errorf("service.pipelines.%s: unknown key %q; known are receivers, processors, exporters", name, key)
			}
		}
		asked[name] = &line
	}
	return asked, nil
}

// signal is the kind of telemetry that a pipeline carries.
func signal(pipeline string) string {
	kind, _, _ := strings.Cut(pipeline, "/")
	return kind
}
