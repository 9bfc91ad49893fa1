package dashboards

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// arranged are extras as rows of services and as boards.
type arranged struct {
	rows   map[string][]row
	boards []board
}

// arrange translates extras; the order in which they come decides that of rows
// and panels. The error joins every fault of all.
func arrange(extras []Extra) (arranged, error) {
	out := arranged{rows: map[string][]row{}}
	var faults []error
	for _, x := range extras {
		faults = append(faults, x.Validate())
	}
	for _, c := range clashes(extras) {
		faults = append(faults, fmt.Errorf("%s: %s", extras[c.index].name(), c.text))
	}
	if err := errors.Join(faults...); err != nil {
		return out, err
	}
	for _, x := range extras {
		if x.Board == nil {
			out.rows[x.Service] = x.into(out.rows[x.Service])
			continue
		}
		out.boards = append(out.boards, board{
			uid: x.Board.UID, title: strings.TrimSpace(x.Board.Title), description: strings.TrimSpace(x.Board.Description),
			from: "now-6h", rows: x.into(nil), tags: x.Board.tags(),
		})
	}
	slices.SortFunc(out.boards, func(a, b board) int { return cmp.Compare(a.uid, b.uid) })
	return out, nil
}

// boardTag is on the users' own dashboards that are in no other group.
const boardTag = "watchtower-board"

// ownTags say of a dashboard that it is generated from objectives.
func ownTags() []string { return []string{tag, generatedTag, serviceTag, objectiveTag} }

// tags are those of the board, one of which names its group.
func (b Board) tags() []string {
	if slices.ContainsFunc(b.Tags, func(t string) bool { return strings.HasPrefix(t, tag+"-") }) {
		return slices.Clone(b.Tags)
	}
	return append([]string{boardTag}, b.Tags...)
}

// into puts the panels under the rows that are there, and new ones behind them.
func (x Extra) into(rows []row) []row {
	for _, p := range x.Panels {
		title := p.row()
		i := slices.IndexFunc(rows, func(r row) bool { return r.title == title })
		if i < 0 {
			rows, i = append(rows, row{key: "extra/" + title, title: title}), len(rows)
		}
		rows[i].stacks = append(rows[i].stacks, stack{p.panel()})
	}
	return rows
}

// panel translates one that has no flaws.
func (p Panel) panel() panel {
	s, _ := p.shape()
	unit, _ := p.unit()
	low, high := p.ends()
	out := panel{
		kind: s.kind, key: p.key(), title: strings.TrimSpace(p.Title),
		shows: strings.TrimSpace(p.Shows), normal: strings.TrimSpace(p.Normal), act: strings.TrimSpace(p.Act),
		width: uint32(cmp.Or(p.Width, s.width)), height: uint32(cmp.Or(p.Height, s.height)), //nolint:gosec // Both were checked.
		unit: unit, steps: p.Thresholds.steps(), line: p.Line, min: low, max: high, content: p.Content,
	}
	for i, q := range p.Queries {
		out.queries = append(out.queries, query{strings.TrimSpace(q.Expr), cmp.Or(strings.TrimSpace(q.Legend), "__auto")})
		if s.kind == grid {
			out.columns = append(out.columns, column{field: p.valueColumn(i), name: cmp.Or(q.Legend, p.Title), unit: unit, steps: out.steps})
		}
	}
	return out
}

// valueColumn is Grafana's name for the numbers of a query in a table.
func (p Panel) valueColumn(i int) string {
	if len(p.Queries) == 1 {
		return valueField
	}
	return valueField + " #" + string(rune('A'+i))
}

// steps color from good to bad, whichever way that is.
func (t *Thresholds) steps() []step {
	switch {
	case t == nil:
		return nil
	case t.Watch > t.Bad:
		return []step{{nil, colorBad}, {&t.Bad, colorWatch}, {&t.Watch, colorGood}}
	default:
		return rising(t.Watch, t.Bad)
	}
}

// clash is a fault of one extra beside another.
type clash struct {
	index int
	flaw
}

// clashes are UIDs of boards, and panels of a service's rows, that come twice.
func clashes(extras []Extra) []clash {
	var found []clash
	first := map[string]Extra{}
	for i, x := range extras {
		if x.Board != nil {
			if other, twice := first["board "+x.Board.UID]; twice {
				found = append(found, clash{i, flaw{"board.uid", fmt.Sprintf("uid %s is taken by %s: choose another", x.Board.UID, other.name())}})
			} else {
				first["board "+x.Board.UID] = x
			}
			continue
		}
		mine := map[string]bool{}
		for j, p := range x.Panels {
			id := strings.Join([]string{"panel", x.Service, p.row(), p.key()}, "\x00")
			if other, twice := first[id]; twice && !mine[id] {
				found = append(found, clash{i, flaw{fmt.Sprintf("panels.%d.key", j), p.sentence(j, fmt.Sprintf(
					"%s has one with the key %s in the same row: give this one another key", other.name(), p.key()))}})
			} else {
				first[id], mine[id] = x, true
			}
		}
	}
	return found
}
