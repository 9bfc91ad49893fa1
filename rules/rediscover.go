package rules

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// groupPart precedes the ID of an objective in the name of the part of a snapshot
// that holds its groups.
const groupPart = "groups of "

// appendGroup encodes the groups of an objective; nothing for one without: the part's
// name, the labels, and their values for each member.
func (e *Engine) appendGroup(dst []byte, tr *track) []byte {
	e.mu.RLock()
	defer e.mu.RUnlock()
	g := tr.group
	if g == nil {
		return dst
	}
	dst = appendText(dst, groupPart+tr.id)
	dst = appendTexts(dst, g.by)
	dst = binary.AppendUvarint(dst, uint64(len(g.members)))
	for _, m := range g.members {
		dst = appendTexts(dst, g.valuesOf(m.obj.Group))
	}
	return dst
}

func appendTexts(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendText(dst, s)
	}
	return dst
}

// groups returns the values of the members an objective had, by the same labels.
func (s *snapshot) groups(id string, by []string) [][]string {
	if s == nil || s.parts[groupPart+id] == nil {
		return nil
	}
	r := snapReader{b: s.parts[groupPart+id]}
	_ = r.text()
	if !slices.Equal(r.texts(), by) {
		return nil
	}
	var out [][]string
	for n := r.uint(); n > 0 && !r.bad; n-- {
		if values := r.texts(); len(values) == len(by) {
			out = append(out, values)
		}
	}
	return out
}

func (r *snapReader) texts() []string {
	var out []string
	for n := r.uint(); n > 0 && !r.bad; n-- {
		out = append(out, r.text())
	}
	return out
}

// discover makes the member that a stored series of a grouped objective belongs to.
func (e *Engine) discover(tr *track, lset labels.Labels) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if tr.group != nil && e.tracks[tr.id] == tr {
		e.memberOf(tr, lset)
	}
}

// rediscover makes the members of a grouped objective that were there before: in the
// snapshot, or with slices on disk within the period.
func (e *Engine) rediscover(ctx context.Context, tr *track, snap *snapshot) error {
	tr.mu.Lock()
	grouped, by, period := tr.group != nil, tr.obj.GroupBy, tr.obj.Period
	tr.mu.Unlock()
	if !grouped {
		return nil
	}
	found := snap.groups(tr.id, by)
	to := e.now()
	q, err := e.ledger.Querier(to.Add(-period).UnixMilli(), to.UnixMilli())
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	defer func() { _ = q.Close() }()
	set := q.Select(ctx, false, &storage.SelectHints{Start: to.Add(-period).UnixMilli(), End: to.UnixMilli(), Func: "series"},
		labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, sliceTotal),
		labels.MustNewMatcher(labels.MatchEqual, parentLabel, tr.id))
	for set.Next() {
		lset := set.At().Labels()
		values := make([]string, len(by))
		for i, name := range by {
			values[i] = lset.Get(groupLabelPrefix + name)
		}
		// Perhaps it was grouped by other labels then.
		if lset.Get(objectiveLabel) == memberID(tr.id, values) {
			found = append(found, values)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if g := tr.group; g != nil && slices.Equal(g.by, by) && e.tracks[tr.id] == tr {
		for _, values := range found {
			e.memberWith(tr, values)
		}
	}
	if err := set.Err(); err != nil {
		return fmt.Errorf("look for groups of %s: %w", tr.id, err)
	}
	return nil
}
