package notifiers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/alertmanager/silence/silencepb"
	"github.com/prometheus/common/model"
)

// ActiveSilence is a silence that holds now.
type ActiveSilence struct {
	ID string
	// Matchers are in Alertmanager's notation, such as `slo="posts"`, sorted. If a silence has alternative sets of
	// them, these are those of the first.
	Matchers         []string
	StartsAt, EndsAt time.Time
	Author, Comment  string
}

// Silences returns the silences that hold now for an alert with these labels, all that hold if labels is empty, the
// one that ends first in front.
func (p *Pipeline) Silences(labels map[string]string) []ActiveSilence {
	params := []silence.QueryParam{silence.QState(silence.SilenceStateActive)}
	if len(labels) > 0 {
		set := make(model.LabelSet, len(labels))
		for name, value := range labels {
			set[model.LabelName(name)] = model.LabelValue(value)
		}
		params = append(params, silence.QMatches(set))
	}
	found, _, err := p.silences.Query(context.Background(), params...)
	if err != nil {
		p.logger.Error("silences could not be looked up", "err", err)
		return nil
	}
	active := make([]ActiveSilence, 0, len(found))
	for _, s := range found {
		active = append(active, ActiveSilence{
			ID: s.Id, Matchers: matcherTexts(s), StartsAt: s.StartsAt.AsTime(), EndsAt: s.EndsAt.AsTime(),
			Author: s.CreatedBy, Comment: s.Comment,
		})
	}
	slices.SortFunc(active, func(a, b ActiveSilence) int {
		return cmp.Or(a.EndsAt.Compare(b.EndsAt), cmp.Compare(a.ID, b.ID))
	})
	return active
}

// matcherTexts are the matchers of the first set.
func matcherTexts(s *silencepb.Silence) []string {
	var texts []string
	for _, set := range s.MatcherSets[:min(1, len(s.MatcherSets))] {
		for _, m := range set.Matchers {
			texts = append(texts, m.Name+operator(m.Type)+fmt.Sprintf("%q", m.Pattern))
		}
	}
	slices.Sort(texts)
	return texts
}

func operator(t silencepb.Matcher_Type) string {
	switch t {
	case silencepb.Matcher_REGEXP:
		return "=~"
	case silencepb.Matcher_NOT_EQUAL:
		return "!="
	case silencepb.Matcher_NOT_REGEXP:
		return "!~"
	default:
		return "="
	}
}
