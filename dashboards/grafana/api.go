package grafana

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// pageSize is how much one answer of a list holds at most; Grafana's own default.
const pageSize = 1000

// Health is the answer of GET /api/health, which needs no token.
type Health struct {
	Version  string `json:"version"`
	Database string `json:"database"`
}

// Folder holds dashboards.
type Folder struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
	URL   string `json:"url,omitempty"`
}

// Hit is a dashboard that a search found.
type Hit struct {
	UID       string   `json:"uid"`
	Title     string   `json:"title"`
	Tags      []string `json:"tags"`
	FolderUID string   `json:"folderUid"`
}

// Stored is a dashboard as Grafana has it.
type Stored struct {
	Dashboard json.RawMessage `json:"dashboard"`
	Meta      Meta            `json:"meta"`
}

// Meta is what Grafana keeps beside a dashboard.
type Meta struct {
	FolderUID   string    `json:"folderUid"`
	FolderTitle string    `json:"folderTitle"`
	Version     int       `json:"version"`
	Updated     time.Time `json:"updated"`
	UpdatedBy   string    `json:"updatedBy"`
	// Provisioned: read from a file, and nobody may save it.
	Provisioned           bool   `json:"provisioned"`
	ProvisionedExternalID string `json:"provisionedExternalId"`
}

// Version is one entry of a dashboard's history.
type Version struct {
	Version   int       `json:"version"`
	Created   time.Time `json:"created"`
	CreatedBy string    `json:"createdBy"`
	Message   string    `json:"message"`
}

// save is the body of POST /api/dashboards/db.
type save struct {
	Dashboard map[string]any `json:"dashboard"`
	FolderUID string         `json:"folderUid"`
	Message   string         `json:"message"`
	Overwrite bool           `json:"overwrite"`
}

// Health asks who is there.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	if err := c.ask(ctx, http.MethodGet, "/api/health", nil, &h); err != nil {
		return Health{}, err
	}
	if h.Database == "" {
		return Health{}, fmt.Errorf("%s/api/health does not answer as Grafana does: is this Grafana's address?", c.url)
	}
	return h, nil
}

// folder finds the folder of that title at the top level.
func (c *Client) folder(ctx context.Context, title string) (Folder, bool, error) {
	var found []Folder
	for page := 1; ; page++ {
		var some []Folder
		if err := c.ask(ctx, http.MethodGet, "/api/folders?"+paging(page).Encode(), nil, &some); err != nil {
			return Folder{}, false, fmt.Errorf("list folders: %w", err)
		}
		for _, f := range some {
			if f.Title == title {
				found = append(found, f)
			}
		}
		if len(some) < pageSize {
			break
		}
	}
	switch len(found) {
	case 0:
		return Folder{}, false, nil
	case 1:
		return found[0], true, nil
	default:
		return Folder{}, false, fmt.Errorf("Grafana has %d folders called %q: rename all but one, or name another in dashboards.grafana.folder", len(found), title) //nolint:staticcheck // A name begins the sentence.
	}
}

// makeFolder makes a folder at the top level.
func (c *Client) makeFolder(ctx context.Context, title string) (Folder, error) {
	var f Folder
	if err := c.ask(ctx, http.MethodPost, "/api/folders", Folder{Title: title}, &f); err != nil {
		return Folder{}, fmt.Errorf("make the folder %q: %w", title, err)
	}
	return f, nil
}

// search finds the dashboards of a folder that carry a tag.
func (c *Client) search(ctx context.Context, folderUID, tag string) ([]Hit, error) {
	var hits []Hit
	for page := 1; ; page++ {
		query := paging(page)
		query.Set("type", "dash-db")
		query.Set("tag", tag)
		query.Set("folderUIDs", folderUID)
		var some []Hit
		if err := c.ask(ctx, http.MethodGet, "/api/search?"+query.Encode(), nil, &some); err != nil {
			return nil, fmt.Errorf("search dashboards: %w", err)
		}
		hits = append(hits, some...)
		if len(some) < pageSize {
			return hits, nil
		}
	}
}

// dashboard reads one dashboard; ok is false when there is none.
func (c *Client) dashboard(ctx context.Context, uid string) (d Stored, ok bool, err error) {
	err = c.ask(ctx, http.MethodGet, "/api/dashboards/uid/"+url.PathEscape(uid), nil, &d)
	if missing(err) {
		return Stored{}, false, nil
	}
	if err != nil {
		return Stored{}, false, fmt.Errorf("read dashboard %s: %w", uid, err)
	}
	return d, true, nil
}

// save writes one dashboard.
func (c *Client) save(ctx context.Context, s save) error {
	return c.ask(ctx, http.MethodPost, "/api/dashboards/db", s, nil)
}

// remove takes one dashboard away. That it is gone already is no fault.
func (c *Client) remove(ctx context.Context, uid string) error {
	err := c.ask(ctx, http.MethodDelete, "/api/dashboards/uid/"+url.PathEscape(uid), nil, nil)
	if missing(err) {
		return nil
	}
	return err
}

// versions reads the newest entries of a dashboard's history, the newest first.
func (c *Client) versions(ctx context.Context, uid string, limit int) ([]Version, error) {
	path := "/api/dashboards/uid/" + url.PathEscape(uid) + "/versions"
	var answer json.RawMessage
	if err := c.ask(ctx, http.MethodGet, path+"?limit="+strconv.Itoa(limit), nil, &answer); err != nil {
		return nil, err
	}
	// Newer Grafanas answer with an object that holds the list, older ones with the list.
	var list []Version
	if json.Unmarshal(answer, &list) == nil {
		return list, nil
	}
	var held struct {
		Versions []Version `json:"versions"`
	}
	if err := json.Unmarshal(answer, &held); err != nil || held.Versions == nil {
		return nil, errors.Join(fmt.Errorf("the history of %s cannot be read: this Grafana answers in a form that is not known", uid), err)
	}
	return held.Versions, nil
}

// version reads one entry of the history. In lists Grafana writes "Initial save"
// over the message of a first version; here it stands as it was sent.
func (c *Client) version(ctx context.Context, uid string, number int) (Version, error) {
	var v Version
	return v, c.ask(ctx, http.MethodGet, "/api/dashboards/uid/"+url.PathEscape(uid)+"/versions/"+strconv.Itoa(number), nil, &v)
}

func paging(page int) url.Values {
	return url.Values{"limit": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(page)}}
}
