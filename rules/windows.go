package rules

import (
	"embed"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Pair is a long and a short window that fire together, while both burn at Factor
// or more. A pair stands for the share Budget of the period's error budget, spent
// within the long window.
type Pair struct {
	Severity    Severity
	Long, Short time.Duration
	Factor      float64
	Budget      float64
}

// String names the windows for people: "1h and 5m".
func (p Pair) String() string {
	return model.Duration(p.Long).String() + " and " + model.Duration(p.Short).String()
}

// windowSet is a table of pairs as the embedded YAML gives it.
type windowSet struct {
	Name      string         `yaml:"name"`
	MinPeriod model.Duration `yaml:"min_period"`
	MaxPeriod model.Duration `yaml:"max_period"`
	OfPeriod  model.Duration `yaml:"of_period"`
	Pairs     []struct {
		Severity Severity       `yaml:"severity"`
		Budget   float64        `yaml:"budget"`
		Factor   float64        `yaml:"factor"`
		Long     model.Duration `yaml:"long"`
		Short    model.Duration `yaml:"short"`
	} `yaml:"pairs"`
}

//go:embed windows/*.yaml
var windowFiles embed.FS

// windowSets reads the embedded tables once; a fault in them is one of this
// program, which its tests find.
var windowSets = sync.OnceValue(func() map[string]windowSet {
	sets := map[string]windowSet{}
	for _, name := range []string{"google", "scaled"} {
		b, err := windowFiles.ReadFile("windows/" + name + ".yaml")
		if err != nil {
			panic(err)
		}
		var s windowSet
		if err := yaml.Unmarshal(b, &s); err != nil {
			panic(err)
		}
		sets[name] = s
	}
	return sets
})

// PairsFor returns the window pairs for a period, shortest first. Their factors are
// at least 1: a lower one would fire while the objective is kept.
func PairsFor(period time.Duration) []Pair {
	google := windowSets()["google"]
	if period >= time.Duration(google.MinPeriod) && period <= time.Duration(google.MaxPeriod) {
		var pairs []Pair
		for _, p := range google.Pairs {
			long := time.Duration(p.Long)
			f := max(1, p.Budget*period.Hours()/long.Hours())
			// Cut the noise of the division: 14.4, not 14.400000000000002.
			f = math.Round(f*1e9) / 1e9
			pairs = append(pairs, Pair{p.Severity, long, time.Duration(p.Short), f, f * long.Hours() / period.Hours()})
		}
		return pairs
	}
	scaled := windowSets()["scaled"]
	ratio := period.Hours() / time.Duration(scaled.OfPeriod).Hours()
	var pairs []Pair
	for _, p := range scaled.Pairs {
		long := scale(time.Duration(p.Long), ratio)
		short := scale(time.Duration(p.Short), ratio)
		pairs = append(pairs, Pair{p.Severity, long, short, p.Factor, p.Factor * long.Hours() / period.Hours()})
	}
	return pairs
}

// scale stretches a window by ratio, to whole minutes where it has many of them,
// else to whole seconds.
func scale(d time.Duration, ratio float64) time.Duration {
	d = time.Duration(float64(d) * ratio)
	if d >= 10*time.Minute {
		return d.Round(time.Minute)
	}
	return max(d.Round(time.Second), time.Second)
}

// pairs returns the spec's own pairs, else those that follow from the period.
func (o Objective) pairs() []Pair {
	if o.Alerting.Pairs == nil {
		return PairsFor(o.Period)
	}
	pairs := slices.Clone(o.Alerting.Pairs)
	for i, p := range pairs {
		pairs[i].Budget = p.Factor * p.Long.Hours() / o.Period.Hours()
	}
	return pairs
}

// Windows returns the pairs that can fire for this objective, and for each pair
// that cannot a sentence saying why.
func (o Objective) Windows() (pairs []Pair, dropped []string) {
	e := o.ErrorBudget()
	for _, p := range o.pairs() {
		if o.Alert(p.Severity).Disabled {
			continue
		}
		// A shorter one would often hold no slice of time.
		p.Short = max(p.Short, o.Budgeting.Slice)
		if p.Factor < 1 || p.Long > o.Period || p.Short > p.Long {
			dropped = append(dropped, fmt.Sprintf(
				"the %s on %s is left out: its burn rate %s must be 1 or more, else it fires while the objective is kept, and its windows must be a short and a long one within the period of %s",
				p.Severity, p, number(p.Factor), days(o.Period)))
			continue
		}
		if p.Factor*e >= 1 {
			dropped = append(dropped, fmt.Sprintf(
				"the %s on %s cannot fire: %s × the error budget %s is 100 %% or more of events; it needs an objective above %.2f%%",
				p.Severity, p, number(p.Factor), percent(e), 100*(1-1/p.Factor)))
			continue
		}
		pairs = append(pairs, p)
	}
	return pairs, dropped
}
