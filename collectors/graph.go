package collectors

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/watchtower-hub/watchtower/collectors/admission"
	"github.com/watchtower-hub/watchtower/collectors/deadline"
	"github.com/watchtower-hub/watchtower/collectors/relay"
	"github.com/watchtower-hub/watchtower/collectors/spans"
	"github.com/watchtower-hub/watchtower/collectors/tsdbexporter"
)

// Names of the built-in components. A user's otelcol section may change their settings and use them in pipelines.
const (
	otlpReceiver  = "otlp"
	memoryLimiter = "memory_limiter"
	spanMetrics   = "span_metrics"
	serviceGraph  = "service_graph"
	// spanExporter stores what spanMetrics and serviceGraph make. It keeps of the resource only what names the service: the series
	// are of the service, whichever of its instances the spans came from.
	spanExporter = tsdbexporter.Type + "/spans"
)

// Names of the built-in pipelines.
const (
	metricsPipeline      = "metrics"
	tracesPipeline       = "traces"
	logsPipeline         = "logs"
	spanMetricsPipeline  = "metrics/spans"
	metricsRelayPipeline = "metrics/relay"
	tracesRelayPipeline  = "traces/relay"
)

// section is a map of a Collector configuration.
type section = map[string]any

// graph is the configuration of the embedded Collector: the built-in components and pipelines, with the user's otelcol
// section merged over them. It is nil if nothing is to be received.
func (c Config) graph() (section, error) {
	user, err := c.userSection()
	if err != nil {
		return nil, fmt.Errorf("collectors.otelcol: %w", err)
	}
	lines, err := c.pipelines(user)
	if err != nil {
		return nil, fmt.Errorf("collectors.otelcol: %w", err)
	}
	if len(lines) == 0 {
		return nil, nil //nolint:nilnil // Nothing to run is not a fault.
	}
	merged := merge(c.builtIn(), user)
	service := child(merged, "service")
	service["pipelines"] = lines.section()
	extensions, err := texts(child(user, "service")["extensions"])
	if err != nil {
		return nil, fmt.Errorf("collectors.otelcol.service.extensions: %w", err)
	}
	service["extensions"] = union([]string{deadline.Type}, extensions)
	merged["service"] = service
	return merged, nil
}

// builtIn are the components that are always there, with their settings.
func (c Config) builtIn() section {
	protocols := section{}
	if c.OTLP.GRPC != "" {
		protocols["grpc"] = section{
			"endpoint": c.OTLP.GRPC,
			// As much as is accepted over HTTP.
			"max_recv_msg_size_mib": 20,
			"middlewares":           []any{section{"id": deadline.Type}},
		}
	}
	if c.OTLP.HTTP != "" {
		protocols["http"] = section{"endpoint": c.OTLP.HTTP, "read_header_timeout": "10s", "read_timeout": "30s"}
	}
	receivers := section{}
	if len(protocols) > 0 {
		receivers[otlpReceiver] = section{"protocols": protocols}
	}
	return section{
		"extensions": section{deadline.Type: section{}},
		"receivers":  receivers,
		"processors": section{
			admission.Type: section{},
			spans.Type:     section{},
			memoryLimiter: section{
				"check_interval":         "1s",
				"limit_percentage":       80,
				"spike_limit_percentage": 15,
			},
		},
		"connectors": section{
			relay.Type: section{},
			serviceGraph: section{
				"metrics_flush_interval": "5s",
				// The two ends of a call come in two requests, some seconds apart; what waits for the other end is
				// bounded.
				"store": section{"ttl": "10s", "max_items": 50_000},
			},
			spanMetrics: section{
				"metrics_flush_interval": "1s",
				"exemplars":              section{"enabled": true},
				"dimensions": []any{
					section{"name": "http.request.method"},
					section{"name": "http.response.status_code"},
					section{"name": "http.route"},
					section{"name": "deployment.environment.name"},
				},
				// The instance would be a new one with every start, and its series with it.
				"exclude_dimensions": []any{"collector.instance.id"},
				// Instances of a service that differ in other attributes only would write the same series.
				"resource_metrics_key_attributes": toAny(serviceAttributes()),
				"aggregation_cardinality_limit":   2000,
			},
		},
		"exporters": section{
			tsdbexporter.Type: section{},
			spanExporter:      section{"resource_attributes": toAny(serviceAttributes())},
		},
		"service": section{
			"telemetry": section{
				"logs":    section{"level": "info"},
				"metrics": section{"level": "none", "readers": []any{}},
				"traces":  section{"level": "none"},
			},
		},
	}
}

// serviceAttributes name a service; Prometheus' job label is made of them.
func serviceAttributes() []string {
	return []string{"service.name", "service.namespace"}
}

// userSection is the otelcol section with all its maps made alike, refused where it would work against the rest.
func (c Config) userSection() (section, error) {
	normal, err := normalize("", c.Otelcol)
	if err != nil {
		return nil, err
	}
	user, ok := normal.(section)
	if !ok {
		return section{}, nil
	}
	known := []string{"receivers", "processors", "connectors", "exporters", "extensions", "service"}
	for _, key := range slices.Sorted(maps.Keys(user)) {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("unknown key %q; known are %s", key, strings.Join(known, ", "))
		}
		if _, isMap := user[key].(section); !isMap && user[key] != nil {
			return nil, fmt.Errorf("%s: expected a map, found %T", key, user[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(child(user, "service"))) {
		switch key {
		case "pipelines", "extensions":
		case "telemetry":
			return nil, errors.New("service.telemetry cannot be set: the Collector's own log and metrics are part of Watchtower's; remove this key")
		default:
			return nil, fmt.Errorf("unknown key %q in service; known are pipelines, extensions", key)
		}
	}
	return user, nil
}

// normalize makes every map of a decoded YAML value a section.
func normalize(path string, value any) (any, error) {
	switch value := value.(type) {
	case map[string]any:
		normal := make(section, len(value))
		for key, entry := range value {
			child, err := normalize(path+"."+key, entry)
			if err != nil {
				return nil, err
			}
			normal[key] = child
		}
		return normal, nil
	case map[any]any:
		named := make(map[string]any, len(value))
		for key, entry := range value {
			switch key.(type) {
			case string, int, int64, uint64, bool, float64:
				named[fmt.Sprint(key)] = entry
			default:
				return nil, fmt.Errorf("%s: key %v is not a name", strings.TrimPrefix(path, "."), key)
			}
		}
		return normalize(path, named)
	case []any:
		normal := make([]any, len(value))
		for i, entry := range value {
			child, err := normalize(fmt.Sprintf("%s[%d]", path, i), entry)
			if err != nil {
				return nil, err
			}
			normal[i] = child
		}
		return normal, nil
	default:
		return value, nil
	}
}

// merge puts over on top of base, map by map; lists and scalars are replaced. Neither is changed.
func merge(base, over section) section {
	merged := maps.Clone(base)
	for key, value := range over {
		below, isMap := base[key].(section)
		above, alsoMap := value.(section)
		switch {
		case isMap && alsoMap:
			merged[key] = merge(below, above)
		case isMap && value == nil:
			// An empty key, as in `redis:`, changes nothing.
		default:
			merged[key] = value
		}
	}
	return merged
}

// child is the section under a key, an empty one if there is none.
func child(parent section, key string) section {
	if found, ok := parent[key].(section); ok {
		return found
	}
	return section{}
}

// texts reads a list of names. A single name counts as a list of one.
func texts(value any) ([]string, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{value}, nil
	case []any:
		names := make([]string, len(value))
		for i, entry := range value {
			name, ok := entry.(string)
			if !ok {
				return nil, fmt.Errorf("expected a list of names, found %v in it", entry)
			}
			names[i] = name
		}
		return names, nil
	default:
		return nil, fmt.Errorf("expected a list of names, found %v", value)
	}
}

func toAny(names []string) []any {
	values := make([]any, len(names))
	for i, name := range names {
		values[i] = name
	}
	return values
}

// union lists what is in either, in order, once.
func union(first, second []string) []string {
	all := slices.Clone(first)
	for _, name := range second {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

func without(names []string, unwanted ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(unwanted, name) })
}
