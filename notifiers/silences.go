package notifiers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/alertmanager/silence/silencepb"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// keyAnnotation is the annotation of a silence that holds NewSilence.Key. It travels with the silence, to disk and to
// peers.
const keyAnnotation = "watchtower_key"

// NewSilence is what Silence is asked for.
type NewSilence struct {
	// Matchers are label values that must all be equal. At least one, none of them empty: an empty value would match
	// every alert that lacks the label.
	Matchers map[string]string
	// Duration is how long it holds, from now.
	Duration time.Duration
	// Author is who asked, as people will read it.
	Author string
	// Comment says why. It may be empty.
	Comment string
	// Key, if not empty, makes the request repeatable: while a silence that was made with the same key holds, that one
	// is meant, whatever else is asked for.
	Key string
}

// validate returns every fault, joined.
func (s NewSilence) validate() error {
	var faults []error
	if len(s.Matchers) == 0 {
		faults = append(faults, errors.New("it names no label and would silence every alert; name at least one"))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Matchers)) {
		if name == "" || s.Matchers[name] == "" {
			faults = append(faults, fmt.Errorf("label %q has no value or no name: give both", name))
		}
	}
	if s.Duration <= 0 {
		faults = append(faults, fmt.Errorf("it lasts %s: give a duration above zero", s.Duration))
	}
	if s.Author == "" {
		faults = append(faults, errors.New("nobody asks for it: name the author"))
	}
	return errors.Join(faults...)
}

// ActiveSilence is a silence that holds now.
type ActiveSilence struct {
	ID string
	// Matchers are in Alertmanager's notation, such as `slo="posts"`, sorted. If a silence has alternative sets of
	// them, these are those of the first.
	Matchers         []string
	StartsAt, EndsAt time.Time
	Author, Comment  string
}

// Silence makes a silence and returns its id once it is on disk. After an error that concerns the disk the silence is
// in force until the process ends; asking again with the same Key then writes the same silence. Two instances of a
// cluster that are asked with the same Key within the time gossip takes make one silence each.
func (p *Pipeline) Silence(ctx context.Context, s NewSilence) (string, error) {
	if err := s.validate(); err != nil {
		return "", fmt.Errorf("silence: %w", err)
	}
	id, err := p.silenceOnce(ctx, s)
	if err != nil {
		return "", fmt.Errorf("silence: %w", err)
	}
	if err := p.flushSilences(); err != nil {
		return "", fmt.Errorf("silence %s is in force but would not survive a restart: %w", id, err)
	}
	return id, nil
}

// silenceOnce finds the silence that s means, or makes it.
func (p *Pipeline) silenceOnce(ctx context.Context, s NewSilence) (string, error) {
	p.silencing.Lock()
	defer p.silencing.Unlock()
	if s.Key != "" {
		existing, _, err := p.silences.Query(ctx, silence.QState(silence.SilenceStateActive, silence.SilenceStatePending))
		if err != nil {
			return "", err
		}
		for _, e := range existing {
			if e.Annotations[keyAnnotation] == s.Key {
				return e.Id, nil
			}
		}
	}
	now := time.Now()
	sil := &silencepb.Silence{
		StartsAt:  timestamppb.New(now),
		EndsAt:    timestamppb.New(now.Add(s.Duration)),
		CreatedBy: s.Author,
		Comment:   s.Comment,
	}
	if s.Key != "" {
		sil.Annotations = map[string]string{keyAnnotation: s.Key}
	}
	set := &silencepb.MatcherSet{}
	for _, name := range slices.Sorted(maps.Keys(s.Matchers)) {
		set.Matchers = append(set.Matchers, &silencepb.Matcher{
			Type: silencepb.Matcher_EQUAL, Name: name, Pattern: s.Matchers[name],
		})
	}
	sil.MatcherSets = []*silencepb.MatcherSet{set}
	if err := p.silences.Set(ctx, sil); err != nil {
		return "", err
	}
	return sil.Id, nil
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
