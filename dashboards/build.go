package dashboards

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/watchtower-hub/watchtower/rules"
)

// The defaults of Input.
const (
	// DefaultDatasource is the UID of the Prometheus data source that points at Watchtower.
	DefaultDatasource = "watchtower"
	// DefaultSpanCalls and DefaultSpanDuration are what the Collector's span
	// metrics connector writes, as Prometheus stores it.
	DefaultSpanCalls    = "traces_span_metrics_calls_total"
	DefaultSpanDuration = "traces_span_metrics_duration_milliseconds"
)

// Input is what dashboards are made from.
type Input struct {
	// Objectives to draw; each service among them gets a dashboard.
	Objectives []rules.Objective
	// Services without objectives that get a dashboard all the same.
	Services []string
	// Datasource is the UID of the Prometheus data source; DefaultDatasource when "".
	Datasource string
	// ExternalURL is where people reach Watchtower; without it there are no links to it.
	ExternalURL string
	// Playbook finds the id of the playbook for an alert with these labels; nil
	// when there is none to link to. It is called from several goroutines at once.
	Playbook func(labels map[string]string) (id string, ok bool)
	// SpanCalls and SpanDuration are the metrics counted from spans: a counter,
	// and a histogram without its suffix _bucket whose name ends in its unit,
	// _seconds or _milliseconds. The defaults are DefaultSpanCalls and DefaultSpanDuration.
	SpanCalls, SpanDuration string
	// Extras are panels of the users' own: further rows of a service, and dashboards beside the generated ones.
	Extras []Extra
}

// Dashboard is one generated dashboard.
type Dashboard struct {
	// UID is stable: it follows from the service's name.
	UID, Title string
	// File is the name of its file.
	File string
	// JSON is Grafana's classic format, indented, with a line end.
	JSON []byte
}

// Build generates the boards about all, a dashboard for each service, the users' own and
// one for each objective, in this order; services and objectives by name, the users' own
// by UID. The same input gives the same bytes; the order of the
// objectives does not matter.
func Build(in Input) ([]Dashboard, error) {
	var built []Dashboard
	for d, err := range Each(in, nil) {
		if err != nil {
			return nil, err
		}
		built = append(built, d)
	}
	return built, nil
}

// Each generates the same dashboards one after the other, in the same order: of a
// thousand services they do not have to be in memory all at once. Each is handed to
// prepare first, unless that is nil, which is called from several goroutines. The
// first error is the last that is given.
func Each(in Input, prepare func(Dashboard) (Dashboard, error)) iter.Seq2[Dashboard, error] {
	return func(yield func(Dashboard, error) bool) {
		plans, err := in.plans()
		if err != nil {
			yield(Dashboard{}, err)
			return
		}
		uids := map[string]string{}
		for d, err := range encodeAll(plans, prepare) {
			if other, twice := uids[d.UID]; twice && err == nil {
				err = fmt.Errorf("build dashboards: %q and %q would share the UID %s: rename one of the services", other, d.Title, d.UID)
			}
			uids[d.UID] = d.Title
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// plans are the boards to draw, each made when its turn comes.
func (in Input) plans() ([]func() board, error) {
	in.Datasource = cmp.Or(in.Datasource, DefaultDatasource)
	in.SpanCalls = cmp.Or(in.SpanCalls, DefaultSpanCalls)
	in.SpanDuration = cmp.Or(in.SpanDuration, DefaultSpanDuration)
	in.ExternalURL = strings.TrimRight(in.ExternalURL, "/")
	for _, metric := range []string{in.SpanCalls, in.SpanDuration} {
		if !metricName.MatchString(metric) {
			return nil, fmt.Errorf("build dashboards: %q is not a metric name", metric)
		}
	}
	objectives := slices.SortedFunc(slices.Values(in.Objectives), func(a, b rules.Objective) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.ID, b.ID))
	})
	// Groups are drawn with their whole, by a label.
	objectives = slices.DeleteFunc(objectives, func(o rules.Objective) bool { return o.Parent != "" })
	services := map[string][]rules.Objective{}
	for _, o := range objectives {
		services[o.Service] = append(services[o.Service], o)
	}
	for _, s := range in.Services {
		services[s] = append(services[s], nil...) // a key, also without objectives
	}
	extra, err := arrange(in.Extras)
	if err != nil {
		return nil, fmt.Errorf("build dashboards: %w", err)
	}
	for s := range extra.rows {
		services[s] = append(services[s], nil...)
	}
	plans := []func() board{
		func() board { return overview(in, objectives) },
		func() board { return in.live(objectives) },
		in.onCall,
		in.health,
	}
	for _, s := range slices.Sorted(maps.Keys(services)) {
		plans = append(plans, func() board {
			plan := in.service(s, services[s])
			plan.rows = append(plan.rows, extra.rows[s]...)
			return plan
		})
	}
	for _, plan := range extra.boards {
		plans = append(plans, func() board {
			plan.datasource, plan.links = in.Datasource, in.boardLinks()
			return plan
		})
	}
	for _, o := range objectives {
		plans = append(plans, func() board { return in.promise(o) })
	}
	return plans, nil
}

// metricName is a classic Prometheus metric name.
var metricName = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)

// orNone is put behind a query that may find nothing, which is no fault: it is one series
// of zeros then, called none by that label.
func orNone(label string) string {
	return fmt.Sprintf(` or on() label_replace(vector(0), %s, "none", "", "")`, quote(label))
}

// quoteMeta writes a text as a regular expression that matches it alone.
func quoteMeta(s string) string { return regexp.QuoteMeta(s) }

// quote writes a PromQL string. Its dollars are escaped, or Grafana would put the
// value of a variable into the name of a service.
func quote(s string) string { return strings.ReplaceAll(strconv.Quote(s), "$", `\x24`) }

// inPath writes a name into the path of an address, its dollars as those of quote.
func inPath(name string) string { return strings.ReplaceAll(url.PathEscape(name), "$", "%24") }

// number writes a float the way people do, without the noise of binary fractions.
func number(f float64) string { return strconv.FormatFloat(f, 'g', 6, 64) }

// objectiveLinks are the ways on from a panel about one objective.
func (in Input) objectiveLinks(o rules.Objective) []link {
	if in.ExternalURL == "" {
		return nil
	}
	links := []link{{"Objective " + o.ID, in.ExternalURL + "/objectives/" + inPath(o.ID)}}
	if in.Playbook != nil {
		if id, ok := in.Playbook(o.AlertLabels(rules.Page)); ok {
			links = append(links, link{"Playbook " + id, in.ExternalURL + "/playbooks/" + inPath(id)})
		}
	}
	return links
}

// boardLinks stand at the top of every dashboard.
func (in Input) boardLinks() []link {
	if in.ExternalURL == "" {
		return nil
	}
	return []link{
		{"Watchtower", in.ExternalURL + "/"},
		{"Incidents", in.ExternalURL + "/incidents"},
		{"Playbooks", in.ExternalURL + "/playbooks"},
		in.primer(),
	}
}

// primer is the page that explains the words of the boards.
func (in Input) primer() link {
	return link{"What the words mean", in.ExternalURL + "/primer"}
}
