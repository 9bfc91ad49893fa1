package grafana

import (
	"context"
	"fmt"
	"time"

	"github.com/watchtower-hub/watchtower/dashboards"
)

// PushOptions say what may be lost.
type PushOptions struct {
	// Force overwrites what was edited by hand and what we never saved.
	Force bool
	// Prune removes what is generated no more. What was edited by hand is removed
	// with Force alone.
	Prune bool
	// DryRun changes nothing, and tells what would be done.
	DryRun bool
}

// Outcome is what became of one dashboard.
type Outcome string

// The outcomes.
const (
	Unchanged  Outcome = "unchanged"
	WasAdded   Outcome = "added"
	WasChanged Outcome = "changed"
	WasRemoved Outcome = "removed"
	// Kept: generated no more, and removed only with Prune.
	Kept Outcome = "kept"
	// Refused: overwriting would lose what is not ours.
	Refused Outcome = "refused"
	// Failed: Grafana did not do it.
	Failed Outcome = "failed"
)

// Delivery is one dashboard's outcome.
type Delivery struct {
	UID     string  `json:"uid"`
	Title   string  `json:"title"`
	Outcome Outcome `json:"outcome"`
	// Why it was kept or refused, or failed, and what to do.
	Why string `json:"why,omitempty"`
}

// Push does what a plan asks for: generated has to be what it was made from.
// Dashboards that are refused or fail do not keep it from the others; what will
// befall them all, like a bad token, ends it with an error beside what was done.
func (c *Client) Push(ctx context.Context, plan Plan, generated []dashboards.Dashboard, o PushOptions) ([]Delivery, error) {
	files := map[string][]byte{}
	for _, g := range generated {
		files[g.UID] = g.JSON
	}
	if plan.FolderUID == "" && len(generated) > 0 && !o.DryRun {
		folder, err := c.makeFolder(ctx, plan.Folder)
		if err != nil {
			return nil, err
		}
		plan.FolderUID = folder.UID
	}
	done := make([]Delivery, 0, len(plan.Differences))
	for _, d := range plan.Differences {
		delivery := d.decide(o)
		var err error
		if !o.DryRun {
			switch delivery.Outcome {
			case WasAdded, WasChanged:
				err = c.put(ctx, plan.FolderUID, d, files[d.UID])
			case WasRemoved:
				err = c.remove(ctx, d.UID)
			default:
			}
		}
		if err != nil {
			delivery.Outcome, delivery.Why = Failed, err.Error()
		}
		done = append(done, delivery)
		if err != nil && hopeless(err) {
			return done, fmt.Errorf("push dashboard %s: %w", d.UID, err)
		}
	}
	return done, nil
}

// decide is the policy: what is ours and untouched is replaced, anything else
// only when it is asked for.
func (d Difference) decide(o PushOptions) Delivery {
	out := Delivery{UID: d.UID, Title: d.Title}
	switch {
	case d.Kind == Same:
		out.Outcome = Unchanged
	case d.Kind == Added:
		out.Outcome = WasAdded
	case d.Kind == Removed && !o.Prune:
		out.Outcome, out.Why = Kept, "it is generated no more; --prune removes it"
	case d.Provisioned != "":
		out.Outcome = Refused
		out.Why = fmt.Sprintf("Grafana reads it from %s (provisioning) and lets nobody else save or remove it: deliver it one way only", d.Provisioned)
	case d.Foreign && !o.Force:
		out.Outcome, out.Why = Refused, "a dashboard with this UID is there that Watchtower did not generate"+d.saved()+"; --force overwrites it"
	case d.Edited != nil && !o.Force:
		verb := "overwrites"
		if d.Kind == Removed {
			verb = "removes"
		}
		out.Outcome, out.Why = Refused, d.Edited.String()+"; `watchtower dashboards diff` shows what, --force "+verb+" it"
	case d.Kind == Removed:
		out.Outcome = WasRemoved
	default:
		out.Outcome = WasChanged
	}
	return out
}

// saved tells who saved a foreign dashboard.
func (d Difference) saved() string {
	if d.Edited == nil {
		return ""
	}
	return fmt.Sprintf(", last saved by %s on %s", d.Edited.By, moment(d.Edited.At))
}

// String tells of the edit in words.
func (e Edit) String() string {
	text := "edited by hand"
	if e.Times > 1 {
		text += fmt.Sprintf(" %d times, last", e.Times)
	}
	text += fmt.Sprintf(" by %s on %s", e.By, moment(e.At))
	if e.Message != "" {
		text += fmt.Sprintf(" (%s)", e.Message)
	}
	return text
}

// moment writes a time for people, to the minute.
func moment(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

// put saves one dashboard over the version that was looked at.
func (c *Client) put(ctx context.Context, folderUID string, d Difference, generated []byte) error {
	body, err := d.body(generated)
	if err != nil {
		return err
	}
	err = c.save(ctx, save{Dashboard: body, FolderUID: folderUID, Message: message(d.mark), Overwrite: d.overwrite})
	if !conflict(err) {
		return err
	}
	// Our own save may have come through although its answer was lost, and was repeated.
	stored, exists, readErr := c.dashboard(ctx, d.UID)
	if readErr != nil || !exists || stored.Meta.FolderUID != folderUID {
		return err
	}
	if past, readErr := c.history(ctx, d.UID, stored); readErr == nil && past.newest == d.mark {
		return nil
	}
	return err
}
