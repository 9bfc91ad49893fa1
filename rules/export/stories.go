package export

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// mostSteps bounds the length of a unit test: promtool evaluates every rule at each.
const mostSteps = 4000

// pages are the pairs that page, or those of tickets where none does.
func (p *plan) pages() ([]rules.Pair, rules.Severity) {
	if pairs := p.of(rules.Page); len(pairs) > 0 {
		return pairs, rules.Page
	}
	return p.of(rules.Ticket), rules.Ticket
}

// quiet: a little less than promised fails, and nobody hears of it.
func (p *plan) quiet() *story {
	n := p.stepsIn(p.hour()) + 1
	s := &story{p: p, name: "quiet below the threshold", stretches: []stretch{p.flow(n, 1, 0.9*p.o.ErrorBudget())}}
	s.burn(n, 0, rules.Page)
	s.burn(n, 0, rules.Ticket)
	return s
}

// settle varies an error ratio a little until nothing meets its limit exactly.
func settle(ratio float64, try func(ratio float64) (story *story, near bool)) *story {
	for range 5 {
		if s, near := try(ratio); !near {
			return s
		}
		ratio *= 0.987
	}
	return nil
}

// fast: much fails at once. The alert fires in the minute that the arithmetic says,
// in full words, and ends when the short windows are clean again.
func (p *plan) fast() *story {
	pairs, sev := p.pages()
	if len(pairs) == 0 {
		return nil
	}
	before := p.stepsIn(3 * p.hour())
	return settle(min(0.9, 4*pairs[0].Factor*p.o.ErrorBudget()), func(ratio float64) (*story, bool) {
		s := &story{p: p, name: "a fast burn, and its end"}
		w := newWorld(p, []stretch{p.flow(before, 1, 0), p.flow(p.stepsIn(pairs[0].Long), 1, ratio)})
		f, ok := w.alert(sev)
		if !ok || w.close {
			return nil, w.close
		}
		burn := f.from - before + 10
		s.stretches = []stretch{p.flow(before, 1, 0), p.flow(burn, 1, ratio), p.flow(p.stepsIn(2*p.hour()), 1, 0)}
		w = newWorld(p, s.stretches)
		f, _ = w.alert(sev)
		if f.to > 0 {
			s.stretches[2].steps = f.to - before - burn + 1
			s.burn(f.to-1, 1, sev)
			s.burn(f.to, 0, sev)
		} else {
			s.stretches = s.stretches[:2]
		}
		s.burn(f.from-1, 0, sev)
		s.burn(f.from, 1, sev)
		s.tell(w, f.from)
		return s, w.close
	})
}

// tell demands labels and texts in full of the alerts that fire at step k.
func (s *story) tell(w *world, k int) {
	p := s.p
	if len(p.o.GroupBy) > 0 {
		return // Those of the group come on top.
	}
	var want []unitFiring
	for _, sev := range []rules.Severity{rules.Page, rules.Ticket} {
		f, ok := w.alert(sev)
		if !ok || f.from > k || f.to > 0 && f.to <= k {
			continue
		}
		labels, notes := p.alertLabels(sev, p.o.Alerting.Name), p.burnNotes(sev, p.of(sev))
		if strings.Contains(fmt.Sprint(p.o.Alert(sev), p.o.Labels), "{{") {
			return // Only a server can fill the spec's own templates.
		}
		fill := p.filler(w, k, sev)
		for name, text := range notes {
			notes[name] = fill.Replace(text)
		}
		delete(labels, "alertname")
		want = append(want, unitFiring{labels, notes})
	}
	s.alerts = append(s.alerts, unitAlert{At: p.at(k), Name: p.o.Alerting.Name, Want: want})
}

// filler fills the texts of an alert at step k as a server does.
func (p *plan) filler(w *world, k int, sev rules.Severity) *strings.Replacer {
	value := 0.0
	for _, pair := range p.of(sev) {
		if c := w.window(k, pair.Short); w.burns(k, pair) {
			value = c.bad / c.total
			break
		}
	}
	said := humanPercentage(value)
	replace := []string{
		"{{ $value | humanizePercentage }}", said, unless("unknown", "{{ $value | humanizePercentage }}"), said,
		blindText(), "", brokenBlind(), "", "{{ end }}", "", `{{ "{{" }}`, "{{",
	}
	// These series are recorded after the alert is judged, so they are a step old.
	for _, d := range append(slices.Clip(p.windows), p.o.Period) {
		c := w.window(k-1, d)
		replace = append(replace, p.asked("slo:sli_error:ratio_rate"+short(d), "humanizePercentage"), humanPercentage(c.bad/c.total))
	}
	c := w.window(k-1, p.now())
	_, _, spent := w.period(k - 1)
	return strings.NewReplacer(append(replace,
		p.asked("slo:current_burn_rate:ratio", "humanize"), humanized(c.bad/c.total/p.o.ErrorBudget()),
		p.asked("slo:period_error_budget_remaining:ratio", "humanizePercentage"), humanPercentage(1-spent))...)
}

// slow: the budget goes too fast, and too slowly for a page.
func (p *plan) slow() *story {
	tickets := p.of(rules.Ticket)
	if len(tickets) == 0 {
		return nil
	}
	burn := 2 * tickets[len(tickets)-1].Factor
	for _, pair := range p.of(rules.Page) {
		burn = min(burn, 0.9*pair.Factor)
	}
	before := p.stepsIn(p.hour())
	return settle(min(0.9, burn*p.o.ErrorBudget()), func(ratio float64) (*story, bool) {
		s := &story{p: p, name: "a slow burn opens a ticket and pages nobody"}
		s.stretches = []stretch{p.flow(before, 1, 0), p.flow(mostSteps-before, 1, ratio)}
		w := newWorld(p, s.stretches)
		f, ok := w.alert(rules.Ticket)
		if page, pages := w.alert(rules.Page); !ok || pages && page.from <= f.from+10 {
			return nil, w.close
		}
		s.stretches[1].steps = f.from + 1 - before
		s.burn(f.from-1, 0, rules.Ticket)
		s.burn(f.from, 1, rules.Ticket)
		s.burn(f.from, 0, rules.Page)
		return s, w.close
	})
}

// campaign: fifty times the usual traffic, half a percent of it bad (at 99.9 %). The
// classic burn rate would not page; the budget of a whole period says it must.
func (p *plan) campaign() *story {
	pairs := p.of(rules.Page)
	if len(pairs) == 0 || p.flat() {
		return nil
	}
	burn := 5.0
	for _, pair := range pairs {
		burn = min(burn, 0.8*pair.Factor)
	}
	before := p.stepsIn(4 * pairs[0].Long)
	return settle(burn*p.o.ErrorBudget(), func(ratio float64) (*story, bool) {
		s := &story{p: p, name: fmt.Sprintf("a campaign of 50 times the traffic, %s of it bad", humanPercentage(ratio))}
		s.stretches = []stretch{p.flow(before, 1, 0), p.flow(p.stepsIn(2*pairs[0].Long), 50, ratio)}
		w := newWorld(p, s.stretches)
		f, ok := w.alert(rules.Page)
		classic := newWorld(p, s.stretches)
		classic.classic = true
		if _, would := classic.alert(rules.Page); !ok || would {
			return nil, w.close
		}
		s.stretches[1].steps = f.from + 1 - before
		s.burn(f.from-1, 0, rules.Page)
		s.burn(f.from, 1, rules.Page)
		return s, w.close
	})
}

// silent: telemetry stops in the middle of a burn. The page stays, however long it
// lasts, and the silence is told.
func (p *plan) silent() *story {
	pairs, sev := p.pages()
	if len(pairs) == 0 {
		return nil
	}
	before, gap := p.stepsIn(p.hour()), p.stepsIn(pairs[len(pairs)-1].Short)+10
	return settle(min(0.9, 4*pairs[0].Factor*p.o.ErrorBudget()), func(ratio float64) (*story, bool) {
		s := &story{p: p, name: "telemetry stops in the middle of a burn: nothing resolves"}
		w := newWorld(p, []stretch{p.flow(before, 1, 0), p.flow(p.stepsIn(pairs[0].Long), 1, ratio)})
		f, ok := w.alert(sev)
		if !ok || w.close {
			return nil, w.close
		}
		last := f.from + 5
		s.stretches = []stretch{p.flow(before, 1, 0), p.flow(last-before, 1, ratio), {steps: gap, gone: true}}
		s.burn(last+gap, 1, sev)
		if p.lost() {
			of, _ := silence(p.o)
			labels := p.alertLabels(of, lostName)
			lost := last + int(math.Ceil(float64(max(lostAfter, 4*p.interval))/float64(p.step)))
			s.expect(lost-1, 0, labels)
			s.expect(lost, 1, labels)
			s.expect(last+gap, 1, labels)
		}
		return s, false
	})
}

// idle: the users stop coming, while telemetry arrives.
func (p *plan) idle() *story {
	d := p.o.Alerting.NoTrafficFor
	if d == 0 || p.o.SLI.Raw() {
		return nil
	}
	before, empty := p.stepsIn(flowBefore), max(1, int(math.Round(float64(d)/float64(p.step))))
	if before+empty > mostSteps {
		return nil
	}
	sev, _ := silence(p.o)
	labels := p.alertLabels(sev, noTrafficName)
	damp := int(math.Ceil(float64(min(d/5, time.Minute)) / float64(p.step)))
	s := &story{p: p, name: "users stop coming while telemetry arrives, and come back", stretches: []stretch{
		p.flow(before, 1, 0), p.flow(empty+5, 0, 0), p.flow(damp+1, 1, 0),
	}}
	s.expect(before+empty-1, 0, labels)
	s.expect(before+empty, 1, labels)
	s.expect(before+empty+5+damp, 1, labels)
	s.expect(before+empty+5+damp+1, 0, labels)
	return s
}

// spent: the budget goes until each of its tickets has fired. Only the most urgent
// stays.
func (p *plan) spent() *story {
	if len(p.o.Alerting.BudgetSpent) == 0 {
		return nil
	}
	// The least ratio of bad events that has spent it all by the time that is told.
	known := int(math.Ceil(p.o.Period.Seconds()/100/p.step.Seconds())) + 1
	most := 0.0
	for _, share := range p.o.Alerting.BudgetSpent {
		most = max(most, share)
	}
	ratio := 1.05 * most * p.o.ErrorBudget() * p.o.Period.Seconds() / (float64(known) * p.step.Seconds())
	if ratio > 1 || known > mostSteps {
		return nil
	}
	s := &story{p: p, name: "the budget is spent", stretches: []stretch{p.flow(known+2, 1, ratio)}}
	for _, share := range p.o.Alerting.BudgetSpent {
		labels := p.alertLabels(rules.Ticket, spentName)
		labels["budget_spent"] = percent(share)
		s.expect(known-2, 0, labels)
		fires := 0
		if share == most {
			fires = 1
		}
		s.expect(known+2, fires, labels)
	}
	return s
}
