package collectors

import (
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/servicegraphconnector"
	"github.com/open-telemetry/opentelemetry-collector-contrib/connector/spanmetricsconnector"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/memcachedreceiver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/nginxreceiver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/postgresqlreceiver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/redisreceiver"
	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/statsdreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"

	"github.com/watchtower-hub/watchtower/collectors/admission"
	"github.com/watchtower-hub/watchtower/collectors/deadline"
	"github.com/watchtower-hub/watchtower/collectors/httpcheck"
	"github.com/watchtower-hub/watchtower/collectors/relay"
	"github.com/watchtower-hub/watchtower/collectors/spans"
	"github.com/watchtower-hub/watchtower/collectors/tsdbexporter"
)

// hooks are what our own components are connected to. The zero value serves to check a configuration.
type hooks struct {
	exporter    *tsdbexporter.Exporter
	spans       spans.Options
	deferred    func(items int, err error)
	relayFailed func(items int, err error)
}

// factories is the one list of the components that are compiled in.
func (h hooks) factories() (otelcol.Factories, error) {
	var faults faultList
	return otelcol.Factories{
		Receivers: factoryMap[receiver.Factory](&faults,
			otlpreceiver.NewFactory(),
			httpcheck.NewFactory(),
			hostmetricsreceiver.NewFactory(),
			memcachedFactory(),
			nginxreceiver.NewFactory(),
			postgresqlreceiver.NewFactory(),
			redisreceiver.NewFactory(),
			statsdreceiver.NewFactory(),
		),
		Processors: factoryMap[processor.Factory](&faults,
			admission.NewFactory(h.deferred),
			memorylimiterprocessor.NewFactory(),
			spans.NewFactory(h.spans),
		),
		Connectors: factoryMap[connector.Factory](&faults,
			relay.NewFactory(h.relayFailed),
			servicegraphconnector.NewFactory(),
			spanmetricsconnector.NewFactory(),
		),
		Exporters: factoryMap[exporter.Factory](&faults,
			tsdbexporter.NewFactory(h.exporter),
			otlpexporter.NewFactory(),
			otlphttpexporter.NewFactory(),
		),
		Extensions: factoryMap[extension.Factory](&faults,
			deadline.NewFactory(),
		),
		Telemetry: otelconftelemetry.NewFactory(),
	}, faults.err()
}

// faultList collects errors of calls that are made inside one expression.
type faultList []error

func (l *faultList) err() error {
	if len(*l) == 0 {
		return nil
	}
	return fmt.Errorf("list the compiled-in components: %w", (*l)[0])
}

func factoryMap[T component.Factory](faults *faultList, factories ...T) map[component.Type]T {
	found, err := otelcol.MakeFactoryMap(factories...)
	if err != nil {
		*faults = append(*faults, err)
	}
	return found
}

// memcachedFactory is the memcached receiver with the transport that its documentation promises: it leaves it empty,
// and the core it is built with here refuses that.
func memcachedFactory() receiver.Factory {
	upstream := memcachedreceiver.NewFactory()
	return receiver.NewFactory(upstream.Type(), func() component.Config {
		cfg := upstream.CreateDefaultConfig()
		if conf, ok := cfg.(*memcachedreceiver.Config); ok {
			conf.Transport = confignet.TransportTypeTCP
		}
		return cfg
	}, receiver.WithMetrics(upstream.CreateMetrics, upstream.MetricsStability()))
}
