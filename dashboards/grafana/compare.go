package grafana

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/watchtower-hub/watchtower/dashboards"
)

const (
	// readers are the requests under way at once while dashboards are compared.
	readers = 8
	// historyDepth is how far back we look for our own last version.
	historyDepth = 20
)

// Kind is how what is in Grafana stands to what would be generated.
type Kind string

// The kinds of differences.
const (
	Same    Kind = "same"
	Added   Kind = "added"   // not in Grafana yet
	Changed Kind = "changed" // in Grafana with other content, or in another folder
	Removed Kind = "removed" // generated earlier, and no more
)

// Edit is what somebody did by hand.
type Edit struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Message string    `json:"message,omitempty"`
	// Times is how often since our last version, as far as the history goes back.
	Times int `json:"times"`
}

// Difference is one dashboard's.
type Difference struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
	Kind  Kind   `json:"kind"`
	// Words say what differs, from what is in Grafana to what would be generated.
	Words []string `json:"words,omitempty"`
	// Edited by hand since we saved it; nil when it was not.
	Edited *Edit `json:"edited,omitempty"`
	// Foreign: in Grafana is a dashboard with this UID that we never saved.
	Foreign bool `json:"foreign,omitempty"`
	// Provisioned names the file that Grafana reads it from and lets nobody else save.
	Provisioned string `json:"provisioned,omitempty"`
	// Unified is the difference of their JSON, for people.
	Unified string `json:"-"`

	mark      string // the fingerprint of what is generated
	version   int    // in Grafana
	overwrite bool   // whatever version is there: it has none that we could name
}

// Plan is the comparison of a set of generated dashboards with a Grafana.
type Plan struct {
	// Folder is the title of the folder, and FolderUID its UID; "" where it has to be made.
	Folder, FolderUID string
	// Differences are one for each generated dashboard, in their order, then
	// those that are generated no more, by UID.
	Differences []Difference
}

// Count tells how many dashboards are of a kind.
func (p Plan) Count(k Kind) int {
	n := 0
	for _, d := range p.Differences {
		if d.Kind == k {
			n++
		}
	}
	return n
}

// Compare looks at what is in Grafana and changes nothing. Dashboards that are
// generated no more are looked for in the folder of that title alone.
func (c *Client) Compare(ctx context.Context, folder string, generated []dashboards.Dashboard) (Plan, error) {
	if _, err := c.Health(ctx); err != nil {
		return Plan{}, err
	}
	f, exists, err := c.folder(ctx, folder)
	if err != nil {
		return Plan{}, err
	}
	plan := Plan{Folder: folder, FolderUID: f.UID, Differences: make([]Difference, len(generated))}
	err = inParallel(len(generated), func(i int) error {
		var err error
		plan.Differences[i], err = c.compare(ctx, f, generated[i])
		return err
	})
	if err != nil || !exists {
		return plan, err
	}
	gone, err := c.gone(ctx, f, generated)
	plan.Differences = append(plan.Differences, gone...)
	return plan, err
}

// inParallel calls do for 0 to n-1 and joins what fails; the first failure ends it.
func inParallel(n int, do func(i int) error) error {
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex // guards next and faults
		next   int
		faults []error
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return next - 1, next <= n && len(faults) == 0
	}
	for range min(n, readers) {
		wg.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if err := do(i); err != nil {
					mu.Lock()
					faults = append(faults, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if len(faults) > 1 {
		return faults[0] // the others failed for the same reason, or because of it
	}
	return errors.Join(faults...)
}

// compare looks at one dashboard.
func (c *Client) compare(ctx context.Context, folder Folder, g dashboards.Dashboard) (Difference, error) {
	want, err := content(g.JSON)
	if err != nil {
		return Difference{}, err
	}
	d := Difference{UID: g.UID, Title: g.Title, Kind: Added, mark: fingerprint(want)}
	stored, exists, err := c.dashboard(ctx, g.UID)
	if path, second := inSecondFormat(err); second {
		return c.compareSecond(ctx, g, d, path)
	}
	if err != nil || !exists {
		return d, err
	}
	have, err := content(stored.Dashboard)
	if err != nil {
		return Difference{}, fmt.Errorf("dashboard %s: %w", g.UID, err)
	}
	d.Kind, d.version = Same, stored.Meta.Version
	if stored.Meta.Provisioned {
		d.Provisioned = cmp.Or(stored.Meta.ProvisionedExternalID, "a file")
	}
	if stored.Meta.FolderUID != folder.UID || folder.UID == "" {
		d.Kind = Changed
		d.Words = append(d.Words, fmt.Sprintf("lies in the folder %q", cmp.Or(stored.Meta.FolderTitle, "General")))
	}
	if slices.Equal(canonical(have), canonical(want)) {
		return d, nil
	}
	history, err := c.history(ctx, g.UID, stored)
	if err != nil {
		return Difference{}, err
	}
	if history.newest == d.mark {
		return d, nil // what differs is what Grafana filled in when it saved it
	}
	d.Kind, d.Edited = Changed, history.edit
	d.Foreign = !history.ours && !hasTag(have, dashboards.GeneratedTag)
	d.Words = append(d.Words, describe(have, want)...)
	d.Unified = unified(g.UID, canonical(have), canonical(want))
	return d, nil
}

// past is what the history of a dashboard tells.
type past struct {
	newest string // the fingerprint of the newest version, if that is ours
	ours   bool   // we saved it some time
	edit   *Edit  // by hand, since then
}

// history reads who saved a dashboard. Without the right to read it the last
// editor counts as somebody else: overwriting has to be asked for.
func (c *Client) history(ctx context.Context, uid string, stored Stored) (past, error) {
	versions, err := c.versions(ctx, uid, historyDepth)
	if f, ok := errors.AsType[*RefusalError](err); ok && (f.Status == http.StatusForbidden || f.Status == http.StatusNotFound) {
		return past{edit: &Edit{By: stored.Meta.UpdatedBy, At: stored.Meta.Updated, Times: 1, Message: "the history cannot be read with this token"}}, nil
	}
	if err != nil {
		return past{}, fmt.Errorf("read the history of dashboard %s: %w", uid, err)
	}
	slices.SortStableFunc(versions, func(a, b Version) int { return cmp.Compare(b.Version, a.Version) })
	var p past
	for i, v := range versions {
		if v.Message == "Initial save" {
			if v, err = c.version(ctx, uid, v.Version); err != nil {
				return past{}, fmt.Errorf("read the history of dashboard %s: %w", uid, err)
			}
		}
		if mark, ok := fingerprintOf(v.Message); ok {
			p.ours = true
			if i == 0 {
				p.newest = mark
			}
			return p, nil
		}
		if p.edit == nil {
			p.edit = &Edit{By: v.CreatedBy, At: v.Created, Message: v.Message}
		}
		p.edit.Times++
	}
	return p, nil
}

// gone finds the dashboards in the folder that were generated once and are no more.
func (c *Client) gone(ctx context.Context, folder Folder, generated []dashboards.Dashboard) ([]Difference, error) {
	hits, err := c.search(ctx, folder.UID, dashboards.GeneratedTag)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, g := range generated {
		known[g.UID] = true
	}
	hits = slices.DeleteFunc(hits, func(h Hit) bool {
		return known[h.UID] || h.FolderUID != folder.UID || !slices.Contains(h.Tags, dashboards.GeneratedTag)
	})
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Compare(a.UID, b.UID) })
	gone := make([]Difference, len(hits))
	err = inParallel(len(hits), func(i int) error {
		d := Difference{UID: hits[i].UID, Title: hits[i].Title, Kind: Removed}
		stored, _, err := c.dashboard(ctx, d.UID)
		if _, second := inSecondFormat(err); second {
			stored.Meta.UpdatedBy, err = "somebody", nil // and the history tells who
		}
		if err != nil {
			return err
		}
		if stored.Meta.Provisioned {
			d.Provisioned = cmp.Or(stored.Meta.ProvisionedExternalID, "a file")
		}
		history, err := c.history(ctx, d.UID, stored)
		d.Edited = history.edit
		gone[i] = d
		return err
	})
	return gone, err
}

// hasTag looks into a dashboard's content.
func hasTag(content map[string]any, tag string) bool {
	tags, _ := content["tags"].([]any)
	return slices.Contains(tags, any(tag))
}

// body is what is saved: the generated content with the version that it replaces,
// so that Grafana refuses when somebody else has saved since we looked.
func (d Difference) body(generated []byte) (map[string]any, error) {
	var body map[string]any
	if err := json.Unmarshal(generated, &body); err != nil {
		return nil, fmt.Errorf("read a generated dashboard: %w", err)
	}
	body["id"], body["version"] = nil, d.version
	return body, nil
}
