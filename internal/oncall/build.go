package oncall

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// expanded is how far from the time at which a roster is made the events of calendars
// are followed, either way: somewhat more than shifts are looked for.
const expanded = 400 * day

// files are what a roster is made of: the file, and the calendars it names as far as
// they could be read.
type files struct {
	plan      *plan
	calendars map[sourceKey]*calendar
}

// sourceKey names a calendar.
type sourceKey struct{ schedule, name string }

func (s source) key() sourceKey { return sourceKey{s.schedule, s.name} }

// sources are all calendars of the plan.
func (p *plan) sources() []source {
	var out []source
	for _, id := range sortedKeys(p.schedules) {
		out = append(out, p.schedules[id].sources...)
	}
	return out
}

// readFiles reads the file at path and the calendar files it names. The error joins
// every fault.
func readFiles(path string) (files, error) {
	p, err := readPlan(path)
	if err != nil {
		return files{}, err
	}
	f := files{plan: p, calendars: map[sourceKey]*calendar{}}
	var faults []error
	for _, src := range p.sources() {
		if src.file == "" {
			continue
		}
		text, err := readBounded(src.file, maxCalendar)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%w: correct file, or put the calendar there", err)
			}
			faults = append(faults, at(path, src.line, fmt.Errorf("schedule %s: ics %s: %w", src.schedule, shown(src.name), err)))
			continue
		}
		c, err := parseCalendar(text)
		if err != nil {
			faults = append(faults, src.located(path, err))
			continue
		}
		f.calendars[src.key()] = c
	}
	return f, errors.Join(faults...)
}

// located says where an error of a calendar is: in its file, or for one that was
// fetched on the line that names it.
func (s source) located(path string, err error) error {
	var f *lineError
	if s.file != "" && errors.As(err, &f) {
		return at(s.file, f.line, f.err)
	}
	if s.file != "" {
		return at(s.file, 1, err)
	}
	return at(path, s.line, fmt.Errorf("schedule %s: calendar %s: %w", s.schedule, shown(s.name), err))
}

// roster puts the layers together as they hold around an instant. Stored overrides
// come in the order in which they were made, and the later one wins.
func (f files) roster(stored []Override, around time.Time) *Roster {
	now := around.Unix()
	r := &Roster{
		path: f.plan.path, users: f.plan.users, teams: f.plan.teams, schedules: map[string]*schedule{},
		policies: f.plan.policies,
		known:    span{now - expanded, now + expanded},
	}
	names := namesOf(r.users)
	added := map[string][]piece{}
	for _, o := range stored {
		p, err := f.plan.piece(o)
		if err != nil {
			r.warnings = append(r.warnings, at(r.path, 1, err))
			continue
		}
		added[o.Schedule] = append(added[o.Schedule], p)
	}
	for id, st := range f.plan.schedules {
		s := &schedule{id: id, line: st.line, loc: st.loc, layers: slices.Clone(st.rotations)}
		r.schedules[id] = s
		for _, src := range st.sources {
			c := f.calendars[src.key()]
			if c == nil {
				s.missing = append(s.missing, src.name)
				continue
			}
			x := expansion{calendar: c, loc: s.loc, names: names, window: r.known, why: "calendar " + shown(src.name)}
			list, faults := x.claims()
			for _, err := range faults {
				r.warnings = append(r.warnings, src.located(r.path, err))
			}
			s.add(list)
		}
		s.add(append(slices.Clone(st.overrides), added[id]...))
	}
	for _, p := range f.plan.unused() {
		r.warnings = append(r.warnings, at(r.path, p.Line, fmt.Errorf("policy %s is for nobody: say what it matches, or name it at a team", p.Name)))
	}
	slices.SortFunc(r.warnings, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return r
}

// add puts a layer of claims on top.
func (s *schedule) add(list []piece) {
	flat, pairs := flatten(list)
	s.layers = append(s.layers, flat)
	for _, pair := range pairs {
		both := pair[0]
		both.cut(pair[1].span)
		s.overlaps = append(s.overlaps, Overlap{
			Span: Span{s.time(both.from), s.time(both.to)}, Winner: s.shift(pair[0]), Loser: s.shift(pair[1]),
		})
	}
}

// Load makes a roster of the file at path and the calendars it names, as they hold
// around an instant. Nothing is fetched: of calendars behind addresses it takes the
// last good text that a Keeper left in the folder cache; "" means there is none, and
// Roster.Missing names them. Overrides made while a server runs are not part of it.
//
// The error joins every fault, each as "file:line: sentence".
func Load(path, cache string, around time.Time) (*Roster, error) {
	f, err := readFiles(path)
	if err != nil {
		return nil, err
	}
	for _, src := range f.plan.sources() {
		if src.address == "" || cache == "" {
			continue
		}
		if kept, err := readKept(cache, src.address); err == nil {
			if c, err := parseCalendar([]byte(kept.Text)); err == nil {
				f.calendars[src.key()] = c
			}
		}
	}
	return f.roster(nil, around), nil
}
