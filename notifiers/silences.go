package notifiers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/alertmanager/silence/silencepb"
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

// HeldSilence is a silence, as far as a timeline tells of it.
type HeldSilence struct {
	ID              string
	Author, Comment string
	From, To        time.Time
}

// SilenceByID returns a silence, whoever made it by whatever way. ok is false if it is not known, or no longer.
func (p *Pipeline) SilenceByID(ctx context.Context, id string) (s HeldSilence, ok bool) {
	found, _, err := p.silences.Query(ctx, silence.QIDs(id))
	if err != nil || len(found) == 0 {
		return HeldSilence{}, false
	}
	return HeldSilence{
		ID: found[0].Id, Author: found[0].CreatedBy, Comment: found[0].Comment,
		From: found[0].StartsAt.AsTime(), To: found[0].EndsAt.AsTime(),
	}, true
}
