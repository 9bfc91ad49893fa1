package grafana

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/dashboards"
)

// Newer Grafanas save what somebody edits in their second format, and then answer for
// it only as a resource, under the path that the refusal names.
var resourcePath = regexp.MustCompile(`/apis/dashboard\.grafana\.app/v2\S*/namespaces/\S+/dashboards/\S+`)

// inSecondFormat returns the path of the resource when that is why Grafana refused.
func inSecondFormat(err error) (path string, ok bool) {
	f, is := errors.AsType[*RefusalError](err)
	if !is || f.Status != http.StatusNotAcceptable {
		return "", false
	}
	path = resourcePath.FindString(f.Message)
	return path, path != ""
}

// resource is a dashboard in the second format.
type resource struct {
	Metadata struct {
		Created     time.Time         `json:"creationTimestamp"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec map[string]any `json:"spec"`
}

// compareSecond looks at a dashboard that was saved in the second format. Both sides
// are compared in that format, as far as it has the same things.
func (c *Client) compareSecond(ctx context.Context, g dashboards.Dashboard, d Difference, path string) (Difference, error) {
	var have resource
	if err := c.ask(ctx, http.MethodGet, path, nil, &have); err != nil {
		return d, fmt.Errorf("read dashboard %s: %w", g.UID, err)
	}
	converted, err := dashboards.V2(g)
	if err != nil {
		return d, err
	}
	var want resource
	if err := json.Unmarshal(converted.JSON, &want); err != nil {
		return d, fmt.Errorf("read a generated dashboard: %w", err)
	}
	d.overwrite, d.Kind = true, Same
	old, generated := likeClassic(have.Spec), likeClassic(want.Spec)
	if reflect.DeepEqual(old, generated) {
		return d, nil
	}
	d.Kind = Changed
	d.Edited = have.editor()
	if history, err := c.history(ctx, g.UID, Stored{Meta: Meta{UpdatedBy: d.Edited.By, Updated: d.Edited.At}}); err == nil && history.edit != nil {
		d.Edited = history.edit
	}
	d.Foreign = !hasTag(old, dashboards.GeneratedTag)
	d.Words = append([]string{"was saved in Grafana's second format"}, describe(old, generated)...)
	d.Unified = unified(g.UID, canonical(old), canonical(generated))
	return d, nil
}

// editor is who saved the resource, as far as it tells: an id of Grafana's.
func (r resource) editor() *Edit {
	a := r.Metadata.Annotations
	e := &Edit{By: cmp.Or(a["grafana.app/updatedBy"], a["grafana.app/createdBy"], "somebody"), At: r.Metadata.Created, Message: a["grafana.app/message"], Times: 1}
	if at, err := time.Parse(time.RFC3339, a["grafana.app/updatedTimestamp"]); err == nil {
		e.At = at
	}
	return e
}

// likeClassic writes what both formats have in the words of the classic one: titles,
// tags, and the panels with their queries and settings, by their id.
func likeClassic(spec map[string]any) map[string]any {
	var list []any
	for _, element := range object(spec["elements"]) {
		p := inside(element, "spec")
		if p == nil {
			continue
		}
		viz := object(p["vizConfig"])
		settings := object(viz["spec"])
		data := inside(p["data"], "spec")
		panel := map[string]any{
			"id": p["id"], "type": viz["group"], "title": p["title"], "description": p["description"], "links": p["links"],
			"options": settings["options"], "fieldConfig": settings["fieldConfig"], "transformations": data["transformations"],
		}
		var targets []any
		queries, _ := data["queries"].([]any)
		for _, q := range queries {
			asked := inside(q, "spec")
			query := map[string]any{"refId": asked["refId"]}
			maps.Copy(query, inside(asked["query"], "spec"))
			targets = append(targets, query)
		}
		panel["targets"] = targets
		list = append(list, panel)
	}
	slices.SortFunc(list, func(a, b any) int {
		return strings.Compare(fmt.Sprint(object(a)["id"]), fmt.Sprint(object(b)["id"]))
	})
	d := map[string]any{"title": spec["title"], "description": spec["description"], "tags": spec["tags"], "links": spec["links"], "panels": list}
	prune(d)
	return d
}
