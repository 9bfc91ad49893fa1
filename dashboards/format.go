package dashboards

import (
	"errors"
	"fmt"
	"sync"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// schemaVersion is that of Grafana's classic format which the SDK writes.
const schemaVersion = 42

// knownKinds tells the SDK, once for the process, how to read every kind of panel
// and query that it has a schema for.
var knownKinds = sync.OnceFunc(plugins.RegisterDefaultPlugins)

// CheckFormat reports the dashboards that do not fit Grafana's classic format, and
// where. It takes some milliseconds for each.
func CheckFormat(ds []Dashboard) error {
	return each(ds, func(d Dashboard) error {
		if err := checkFormat(d.JSON); err != nil {
			return fmt.Errorf("dashboard %s does not fit Grafana's format: %w", d.UID, err)
		}
		return nil
	})
}

// checkFormat reads a dashboard strictly into the types that the SDK generates
// from Grafana's schema of the classic format, and of each kind of panel and
// query: a key that the schema does not name, a value of another type, or one
// that breaks a constraint is a fault. The schema leaves the settings of panels
// open where the SDK has no kind of that name.
func checkFormat(raw []byte) error {
	knownKinds()
	var d dashboard.Dashboard
	if err := d.UnmarshalJSONStrict(raw); err != nil {
		return err
	}
	return errors.Join(d.Validate())
}
