package app

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/replay"
)

// Bounds of what one replay reads beside a running server.
const (
	replaySeries  = 5_000
	replaySamples = 200_000_000
)

// replay runs objectives over the store's history, in an engine of its own.
func (a *App) replay(ctx context.Context, ask web.ReplayRequest) (replay.Result, error) {
	refuse := func(err error) (replay.Result, error) {
		return replay.Result{}, fmt.Errorf("%w: %w", web.ErrReplay, err)
	}
	objectives, err := a.toReplay(ask)
	if err != nil {
		return refuse(err)
	}
	zone, err := time.LoadLocation(ask.Timezone)
	if err != nil {
		return refuse(fmt.Errorf("timezone: %w", err))
	}
	result, err := replay.Run(ctx, replay.Plan{
		Objectives: objectives, From: ask.From, To: ask.To, Zone: zone,
		Source:    replay.Stored{Store: a.store, Start: a.engine.Starts},
		MaxSeries: replaySeries, MaxSamples: replaySamples,
	})
	if err != nil && ctx.Err() == nil {
		return refuse(err)
	}
	return result, err
}

// toReplay are the objectives a replay asks for.
func (a *App) toReplay(ask web.ReplayRequest) ([]rules.Objective, error) {
	var all []rules.Objective
	if ask.Spec == "" {
		for _, s := range a.engine.Statuses() {
			if s.Objective.Parent == "" {
				all = append(all, s.Objective)
			}
		}
	} else {
		var err error
		if all, err = rules.ParseObjectives(cmp.Or(ask.File, "spec"), []byte(ask.Spec)); err != nil {
			return nil, fmt.Errorf("the spec has faults:\n%w", err)
		}
	}
	return replay.Choose(all, ask.Objectives)
}
