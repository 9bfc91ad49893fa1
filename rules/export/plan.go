package export

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/watchtower-hub/watchtower/rules"
)

const (
	// mostStep bounds the time between two evaluations, so that an alert is late by a
	// minute and not by more.
	mostStep = time.Minute
	// lookBack is how long a server takes the last sample for the present, less some
	// time for evaluations that are late.
	lookBack = 4 * time.Minute
	// lostAfter is the least silence that means telemetry is lost, as in the engine.
	lostAfter = 2 * time.Minute
	// parentLabel tells the series of an objective's groups from those of the whole.
	parentLabel = "watchtower_parent"
)

// plan says how one objective is laid out in time and in names.
type plan struct {
	o rules.Objective
	// interval is how often samples arrive, step how often rules are evaluated.
	interval, step time.Duration
	// pairs can fire and are long enough for the interval; notes tell what was left
	// out or is only nearly the same as in the engine.
	pairs []rules.Pair
	notes []string
	// windows are all that are recorded, ascending, without the period.
	windows []time.Duration
	// by are the labels of the groups; nil for the objective as a whole.
	by []string
	// url is where people reach Watchtower, "" when nowhere.
	url string
}

// newPlan lays out an objective as a whole.
func newPlan(o rules.Objective, opts Options) (*plan, error) {
	p := &plan{o: o, interval: opts.ScrapeInterval, url: strings.TrimRight(opts.ExternalURL, "/")}
	if o.Parent != "" {
		return nil, fmt.Errorf("%s is a group of %s: export that one, and its groups come with it", o.ID, o.Parent)
	}
	for _, name := range o.RecordedWindows() {
		d, err := model.ParseDuration(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.ID, err)
		}
		p.windows = append(p.windows, time.Duration(d))
	}
	pairs, dropped := o.Windows()
	p.notes = dropped
	for _, pair := range pairs {
		p.windows = append(p.windows, pair.Short, pair.Long)
		if pair.Short < 4*p.interval {
			p.notes = append(p.notes, fmt.Sprintf("The %s on %s is left out: with samples every %s its short window holds too few; scrape at least every %s.",
				pair.Severity, pair, model.Duration(p.interval), model.Duration(pair.Short/4)))
			continue
		}
		p.pairs = append(p.pairs, pair)
	}
	p.windows = slices.DeleteFunc(p.windows, func(d time.Duration) bool { return d < 4*p.interval || d >= o.Period })
	slices.Sort(p.windows)
	p.windows = slices.Compact(p.windows)
	if len(p.windows) == 0 {
		return nil, fmt.Errorf("%s: no window of its period of %s holds four samples of one every %s: give it a longer period or scrape more often",
			o.ID, model.Duration(o.Period), model.Duration(p.interval))
	}
	p.step = stepOf(p.windows[0], p.interval)
	if p.step > lookBack {
		return nil, fmt.Errorf("%s: samples every %s are too rare for rules, which look back five minutes: scrape at least every %s",
			o.ID, model.Duration(p.interval), model.Duration(lookBack/2))
	}
	return p, p.slice()
}

// slowly is the time between two evaluations of the period, whose sums are long and
// change slowly.
func (p *plan) slowly() time.Duration { return min(2*p.step, max(p.step, lookBack)) }

// stepOf is a fifth of the shortest window in whole intervals, two at least, so that
// the range that counts a step never reaches over a whole further step.
func stepOf(shortest, interval time.Duration) time.Duration {
	step := min(shortest/5, mostStep).Truncate(interval)
	return max(step, 2*interval)
}

// slice fits the step into the slices of an objective that is budgeted by them.
func (p *plan) slice() error {
	s := p.o.Budgeting.Slice
	if s == 0 {
		return nil
	}
	step := min(p.step, s.Truncate(p.interval))
	for step >= 2*p.interval && s%step != 0 {
		step -= p.interval
	}
	if step < 2*p.interval {
		return fmt.Errorf("%s: its slices of %s cannot be divided into steps of two or more samples that come every %s: choose longer slices or scrape more often",
			p.o.ID, model.Duration(s), model.Duration(p.interval))
	}
	p.step = step
	p.notes = append(p.notes, fmt.Sprintf(
		"Slices of %s are judged every %s over the time before, wherever it begins; Watchtower judges those that begin on the clock.", model.Duration(s), model.Duration(p.step)))
	return nil
}

// groups lays out the groups of the objective.
func (p *plan) groups() *plan {
	g := *p
	g.by = p.o.GroupBy
	return &g
}

// selector names the recorded series.
func (p *plan) selector() string {
	if p.by != nil {
		return fmt.Sprintf("{%s=%q}", parentLabel, p.o.ID)
	}
	return fmt.Sprintf("{sloth_id=%q}", p.o.ID)
}

// total and bad are the events counted in a window, stepTotal and stepBad in a step.
func (p *plan) total(d time.Duration) string { return totalName(d) + p.selector() }
func (p *plan) bad(d time.Duration) string   { return badName(d) + p.selector() }
func (p *plan) stepTotal() string            { return p.total(p.step) }

func totalName(d time.Duration) string { return "slo:sli_total:increase" + short(d) }
func badName(d time.Duration) string   { return "slo:sli_bad:increase" + short(d) }

// ratio is the error ratio of a window; it has no sample without events.
func (p *plan) ratio(d time.Duration) string {
	return fmt.Sprintf("(%s / %s)", p.bad(d), p.total(d))
}

// seen is for how many seconds of the period there is telemetry, expected how many
// events a whole period has.
func (p *plan) seenName() string     { return "slo:sli_seen:seconds" + short(p.o.Period) }
func (p *plan) expectedName() string { return "slo:sli_total:expected" + short(p.o.Period) }
func (p *plan) seen() string         { return p.seenName() + p.selector() }
func (p *plan) expected() string     { return p.expectedName() + p.selector() }

// consumed is the share of the period's error budget that is spent.
func (p *plan) consumed() string {
	return fmt.Sprintf("(%s / (%s * %s))", p.bad(p.o.Period), figure(p.o.ErrorBudget()), p.expected())
}

// over is the range that holds the steps of a window: half a step less, so that the
// step at its far edge is not in it, whether a range includes its edge (Prometheus
// before 3.0) or not.
func (p *plan) over(d time.Duration) string {
	n := max(1, int64(math.Round(float64(d)/float64(p.step))))
	return short(time.Duration(n)*p.step - p.step/2)
}

// now is the shortest window, hour the long one of the first pair, whether that may
// fire or not.
func (p *plan) now() time.Duration { return p.windows[0] }

func (p *plan) hour() time.Duration {
	all := p.o.Alerting.Pairs
	if all == nil {
		all = rules.PairsFor(p.o.Period)
	}
	if len(all) == 0 || !slices.Contains(p.windows, all[0].Long) {
		return p.windows[len(p.windows)-1]
	}
	return all[0].Long
}

// severities are those whose burning alerts, with the pairs that make them do it.
func (p *plan) of(s rules.Severity) []rules.Pair {
	var out []rules.Pair
	for _, pair := range p.pairs {
		if pair.Severity == s {
			out = append(out, pair)
		}
	}
	return out
}

// labels go on every recorded series.
func (p *plan) labels(more ...string) map[string]string {
	ls := maps.Clone(p.o.Labels)
	if ls == nil {
		ls = map[string]string{}
	}
	for _, name := range p.by {
		delete(ls, name)
	}
	ls["sloth_service"], ls["sloth_slo"] = p.o.Service, p.o.SLO
	if p.by == nil {
		ls["sloth_id"] = p.o.ID
	} else {
		ls[parentLabel] = p.o.ID
	}
	for i := 0; i+1 < len(more); i += 2 {
		ls[more[i]] = more[i+1]
	}
	return ls
}

// silence is the severity of alerts about silence, as in the engine; false when
// burning alerts nobody.
func silence(o rules.Objective) (rules.Severity, bool) {
	if !o.Alerting.Page.Disabled {
		return rules.Page, true
	}
	return rules.Ticket, !o.Alerting.Ticket.Disabled
}

// short writes a duration as PromQL does: 5m, 1d, 4w.
func short(d time.Duration) string { return model.Duration(d).String() }

// figure writes a number without the noise of binary fractions.
func figure(v float64) string {
	f, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	return strconv.FormatFloat(f, 'f', -1, 64)
}
