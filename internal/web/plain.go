package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/bulletin"
	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/viewer"
	"github.com/watchtower-hub/watchtower/rules"
)

// plainBody is the first page in plain words: does it work, for how many people not, who works on it, since when.
type plainBody struct {
	Verdict  verdict
	Starting bool
	Troubles []trouble
	Services []plainService
	Live     string // Path of the live board; empty: there is none.
}

// trouble is something that people cannot do at the moment.
type trouble struct {
	What, HowMany, Meaning string // HowMany and Meaning may be empty.
	Since                  moment
	Who                    string
}

// plainService is what people do with one service.
type plainService struct {
	Name     string
	Promises []plainPromise
}

type plainPromise struct {
	What, State string
	Is          condition
}

func (s *site) plainOverview(w http.ResponseWriter, r *http.Request) error {
	statuses, incidents := s.o.Engine.Statuses(), s.openIncidents()
	promises := familiesOf(statuses).promises()
	b := plainBody{Troubles: s.troubles(r, promises, incidents), Services: s.plainServices(promises)}
	b.Verdict = plainVerdict(promises, len(b.Troubles))
	if s.o.Dashboards != nil {
		b.Live = viewer.Path(liveBoard)
	}
	if !s.isReady() {
		b.Starting = true
		b.Verdict = verdict{unknown, "One moment.", "Watchtower is starting. This page fills by itself."}
	}
	return s.render(w, r, http.StatusOK, page{Template: "plain", Title: b.Verdict.Answer, Nav: "/", Is: b.Verdict.Is, Refresh: 3, Body: b})
}

// plainVerdict answers "does it work?".
func plainVerdict(promises []rules.Status, troubles int) verdict {
	blind := 0
	for _, st := range promises {
		if conditionOf(st) == unknown {
			blind++
		}
	}
	switch {
	case troubles == 1:
		return verdict{broken, "Something does not work at the moment.", "What it is, and who is working on it, stands below."}
	case troubles > 1:
		return verdict{broken, fmt.Sprintf("%d things do not work at the moment.", troubles), "What they are, and who is working on them, stands below."}
	case len(promises) == 0:
		return verdict{unknown, "We cannot tell yet.", "Nothing is watched so far."}
	case blind == len(promises):
		return verdict{unknown, "We cannot tell at the moment.", "The app sends us no measurements."}
	case blind > 0:
		return verdict{unknown, "What we can see works.", fmt.Sprintf("Of %s we hear nothing at the moment; see below.", plural(blind, "thing"))}
	default:
		return verdict{fine, "Yes, the app works.", ""}
	}
}

// troubles are what does not work: broken promises, and pages that are about none.
func (s *site) troubles(r *http.Request, promises []rules.Status, incidents []Incident) []trouble {
	var known []rules.Status
	var out []trouble
	for _, st := range promises {
		switch conditionOf(st) {
		case broken:
			known = append(known, st)
		case unknown: // Engineers are called because nobody knows; people are told just that.
			known = append(known, st)
			continue
		default:
			continue
		}
		out = append(out, s.troubleOf(r, st, incidents))
	}
	for _, in := range pagesBesides(incidents, known) {
		out = append(out, trouble{What: in.Title, Since: s.at(in.Since), Who: s.workingOn(in)})
	}
	return out
}

func (s *site) troubleOf(r *http.Request, st rules.Status, incidents []Incident) trouble {
	o := st.Objective
	in := Incident{Team: o.Team}
	for _, a := range st.Alerts {
		if a.State == rules.AlertFiring && a.Severity == rules.Page && (in.Since.IsZero() || a.Since.Before(in.Since)) {
			in.Since = a.Since
		}
	}
	whole := wholeOf(o)
	about := func(i Incident) bool {
		return i.Severity == string(rules.Page) && (i.Objective == whole || strings.HasPrefix(i.Objective, whole+":"))
	}
	if i := slices.IndexFunc(incidents, about); i >= 0 {
		in = incidents[i]
	}
	t := trouble{What: s.plainPromiseOf(o), Since: s.at(in.Since), Who: s.workingOn(in), HowMany: s.howMany(r, st, in.Since)}
	if m := strings.TrimSpace(o.Meaning); m != "" {
		t.Meaning = upperFirst(m)
	}
	return t
}

// plainPromiseOf names what people do; of a group it is the promise of the whole, without the labels that tell groups apart.
func (s *site) plainPromiseOf(o rules.Objective) string {
	if o.Parent != "" {
		if st, ok := s.o.Engine.Status(o.Parent); ok {
			return promiseOf(st.Objective)
		}
	}
	return promiseOf(o)
}

// howMany says how many attempts fail now, and how many have since it began.
func (s *site) howMany(r *http.Request, st rules.Status, since time.Time) string {
	if st.NoData {
		return "For how many people is not known."
	}
	p := bulletin.Promise{Slow: report.Slow(st.Objective), Ratio: st.ErrorRatio}
	words := upperFirst(p.HowMany())
	if since.IsZero() {
		return words
	}
	t, err := s.o.Engine.Tally(r.Context(), st.Objective.ID, since, s.o.Now())
	if bad := int64(t.Total - t.Good); err == nil && bad > 0 {
		failed := "have failed"
		if p.Slow {
			failed = "have taken too long"
		}
		words += fmt.Sprintf(" Since it began, about %s of %s %s.", bulletin.About(bad), bulletin.About(int64(t.Total)), failed)
	}
	return words
}

// workingOn says who has an incident, or who is asked to.
func (s *site) workingOn(in Incident) string {
	if in.Owner != "" {
		words := in.Owner + " is working on it"
		if in.AcknowledgedAt != nil {
			words += ", since " + s.at(*in.AcknowledgedAt).Short
		}
		return words + "."
	}
	if s.o.OnCall != nil {
		for _, duty := range s.o.OnCall() {
			if duty.Team == in.Team && duty.Now.User != "" {
				return duty.Now.User + " has been called and has not answered yet."
			}
		}
	}
	if in.Team != "" {
		return "Team " + in.Team + " has been called. Nobody has taken it yet."
	}
	return "The people on call have been called. Nobody has taken it yet."
}

// plainServices are the promises by service, what does not work first.
func (s *site) plainServices(promises []rules.Status) []plainService {
	by := map[string][]plainPromise{}
	for _, st := range promises {
		o := st.Objective
		is, words := plainState(conditionOf(st))
		by[o.Service] = append(by[o.Service], plainPromise{What: s.plainPromiseOf(o), State: words, Is: is})
	}
	out := make([]plainService, 0, len(by))
	for name, list := range by {
		slices.SortStableFunc(list, func(a, b plainPromise) int { return a.Is.rank() - b.Is.rank() })
		out = append(out, plainService{name, list})
	}
	slices.SortFunc(out, func(a, b plainService) int {
		if d := a.Promises[0].Is.rank() - b.Promises[0].Is.rank(); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// plainState says in plain words how a promise is doing. Budgets are engineers' business, save what they mean: it failed too
// often lately.
func plainState(c condition) (is condition, words string) {
	switch c {
	case broken:
		return broken, "Does not work for everybody"
	case unknown:
		return unknown, "Not known: we hear nothing of it"
	case leaking:
		return leaking, "Works, but fails more often than it should"
	case spent:
		return risk, "Works now; it failed too often lately"
	default:
		return fine, "Works"
	}
}
