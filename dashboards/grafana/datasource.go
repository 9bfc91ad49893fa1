package grafana

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/watchtower-hub/watchtower/dashboards"
)

// DataSource is one of Grafana's data sources, in the words of its API.
type DataSource struct {
	Name     string         `json:"name" yaml:"name"`
	UID      string         `json:"uid" yaml:"uid"`
	Type     string         `json:"type" yaml:"type"`
	Access   string         `json:"access" yaml:"access"`
	URL      string         `json:"url" yaml:"url"`
	JSONData map[string]any `json:"jsonData" yaml:"jsonData"`
}

const (
	alertsUID = "watchtower-alerts"
	// prometheusVersion is the newest that Grafana's list of versions knows; it
	// stands for every later one.
	prometheusVersion = "2.50.1"
)

// DataSources are those that point at Watchtower: the metrics with everything
// that Prometheus' API answers, and the alerts with their silences. The address
// is where Grafana reaches Watchtower; interval is that between two samples,
// 15 s when 0: Grafana asks for no smaller steps, and $__rate_interval is at
// least four of it.
func DataSources(address string, interval time.Duration) []DataSource {
	address = strings.TrimRight(address, "/")
	return []DataSource{
		{
			Name: "Watchtower", UID: dashboards.DefaultDatasource, Type: "prometheus", Access: "proxy", URL: address,
			JSONData: map[string]any{
				"httpMethod":        http.MethodPost, // queries are longer than some servers let an address be
				"prometheusType":    "Prometheus",
				"prometheusVersion": prometheusVersion,
				"timeInterval":      model.Duration(cmp.Or(interval, 15*time.Second)).String(),
				"manageAlerts":      true,
				"alertmanagerUid":   alertsUID,
			},
		},
		{
			Name: "Watchtower alerts", UID: alertsUID, Type: "alertmanager", Access: "proxy", URL: address,
			JSONData: map[string]any{
				"implementation":             "prometheus",
				"handleGrafanaManagedAlerts": false,
			},
		},
	}
}

// PushDataSource makes a data source, or sets what differs from it in the one
// that has its UID; what somebody added there, like a password, stays. It returns
// Unchanged, WasAdded or WasChanged.
func (c *Client) PushDataSource(ctx context.Context, want DataSource, dryRun bool) (Outcome, error) { //nolint:revive // As PushOptions.DryRun.
	path := "/api/datasources/uid/" + url.PathEscape(want.UID)
	var have map[string]any
	err := c.ask(ctx, http.MethodGet, path, nil, &have)
	switch {
	case missing(err):
		if dryRun {
			return WasAdded, nil
		}
		if err := c.ask(ctx, http.MethodPost, "/api/datasources", want, nil); err != nil {
			return Failed, fmt.Errorf("make the data source %q: %w", want.Name, err)
		}
		return WasAdded, nil
	case err != nil:
		return Failed, fmt.Errorf("read the data source %q: %w", want.Name, err)
	}
	merged, changed, err := want.over(have)
	if err != nil || !changed {
		return Unchanged, err
	}
	if readOnly, _ := have["readOnly"].(bool); readOnly {
		return Failed, fmt.Errorf("the data source %q differs, but Grafana reads it from a file (provisioning): change it there", want.Name)
	}
	if !dryRun {
		if err := c.ask(ctx, http.MethodPut, path, merged, nil); err != nil {
			return Failed, fmt.Errorf("change the data source %q: %w", want.Name, err)
		}
	}
	return WasChanged, nil
}

// over sets want in have, and reports whether that changes anything.
func (want DataSource) over(have map[string]any) (map[string]any, bool, error) {
	raw, err := json.Marshal(want)
	if err != nil {
		return nil, false, fmt.Errorf("encode a data source: %w", err)
	}
	var set map[string]any
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, false, fmt.Errorf("encode a data source: %w", err)
	}
	merged := maps.Clone(have)
	maps.Copy(merged, set)
	settings := maps.Clone(object(have["jsonData"]))
	if settings == nil {
		settings = map[string]any{}
	}
	maps.Copy(settings, object(set["jsonData"]))
	merged["jsonData"] = settings
	return merged, !reflect.DeepEqual(merged, have), nil
}
