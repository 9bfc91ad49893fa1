package grafanatest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchtower-hub/watchtower/dashboards"
)

func (s *Server) listFolders(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, page(r, s.folders))
}

func (s *Server) postFolder(w http.ResponseWriter, r *http.Request) {
	var f folder
	if err := json.NewDecoder(r.Body).Decode(&f); err != nil || f.Title == "" {
		refuse(w, http.StatusBadRequest, "folder title cannot be empty")
		return
	}
	reply(w, http.StatusOK, s.makeFolder(f.Title))
}

func (s *Server) folderTitle(uid string) string {
	for _, f := range s.folders {
		if f.UID == uid {
			return f.Title
		}
	}
	return ""
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	hits := []map[string]any{}
	for _, uid := range slices.Sorted(maps.Keys(s.dashboards)) {
		d := s.dashboards[uid]
		tags, _ := d.newest().data["tags"].([]any)
		if want := query.Get("tag"); want != "" && !slices.Contains(tags, any(want)) {
			continue
		}
		if want := query.Get("folderUIDs"); want != "" && want != d.folderUID {
			continue
		}
		hits = append(hits, map[string]any{
			"id": d.id, "uid": uid, "title": d.newest().data["title"], "type": "dash-db", "tags": tags, "isStarred": false,
			"url": "/d/" + uid, "folderUid": d.folderUID, "folderTitle": s.folderTitle(d.folderUID),
		})
	}
	reply(w, http.StatusOK, page(r, hits))
}

func (s *Server) get(w http.ResponseWriter, uid string) {
	d := s.dashboards[uid]
	if d == nil {
		refuse(w, http.StatusNotFound, "Dashboard not found")
		return
	}
	if d.second {
		refuse(w, http.StatusNotAcceptable, "dashboard api version not supported, use "+secondPath+uid+" instead")
		return
	}
	meta := map[string]any{
		"type": "db", "canSave": true, "canEdit": true, "url": "/d/" + uid, "version": d.newest().number,
		"created": d.versions[0].at, "createdBy": d.versions[0].by, "updated": d.newest().at, "updatedBy": d.newest().by,
		"folderUid": d.folderUID, "folderTitle": s.folderTitle(d.folderUID),
		"provisioned": d.provisioned != "", "provisionedExternalId": d.provisioned,
	}
	if d.folderUID == "" {
		meta["folderTitle"] = "General"
	}
	reply(w, http.StatusOK, map[string]any{"dashboard": d.newest().data, "meta": meta})
}

// secondPath is where dashboards in the second format are.
const secondPath = "/apis/dashboard.grafana.app/v2beta1/namespaces/default/dashboards/"

// getSecond answers with the resource of a dashboard.
func (s *Server) getSecond(w http.ResponseWriter, uid string) {
	d := s.dashboards[uid]
	if d == nil || !d.second {
		refuse(w, http.StatusNotFound, "dashboards.dashboard.grafana.app not found")
		return
	}
	data := clone(d.newest().data)
	delete(data, "id")
	raw, err := json.Marshal(data)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	converted, err := dashboards.V2(dashboards.Dashboard{UID: uid, JSON: raw})
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	var r map[string]any
	if err := json.Unmarshal(converted.JSON, &r); err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	r["metadata"] = map[string]any{
		"name": uid, "namespace": "default", "creationTimestamp": d.versions[0].at,
		"annotations": map[string]any{
			"grafana.app/updatedBy": "user:" + d.newest().by, "grafana.app/updatedTimestamp": d.newest().at, "grafana.app/folder": d.folderUID,
		},
	}
	reply(w, http.StatusOK, r)
}

// save follows the order in which Grafana looks for reasons to refuse.
func (s *Server) save(w http.ResponseWriter, r *http.Request, who account) {
	var cmd struct {
		Dashboard map[string]any `json:"dashboard"`
		FolderUID string         `json:"folderUid"`
		Message   string         `json:"message"`
		Overwrite bool           `json:"overwrite"`
	}
	if err := json.NewDecoder(r.Body).Decode(&cmd); err != nil || cmd.Dashboard == nil {
		refuse(w, http.StatusBadRequest, "bad request data")
		return
	}
	title, _ := cmd.Dashboard["title"].(string)
	uid, _ := cmd.Dashboard["uid"].(string)
	sent, _ := cmd.Dashboard["version"].(float64)
	d, exists := s.dashboards[uid]
	switch {
	case title == "":
		reply(w, http.StatusBadRequest, map[string]any{"status": "empty-name", "message": "Dashboard title cannot be empty"})
	case len(uid) > 40:
		refuse(w, http.StatusBadRequest, "uid too long, max 40 characters")
	case len(cmd.Message) > 500:
		refuse(w, http.StatusBadRequest, "message too long, max 500 characters")
	case cmd.FolderUID != "" && s.folderTitle(cmd.FolderUID) == "":
		refuse(w, http.StatusBadRequest, "folder not found")
	case exists && d.provisioned != "":
		refuse(w, http.StatusBadRequest, "Cannot save provisioned dashboard")
	case who.folders != nil && !slices.Contains(who.folders, cmd.FolderUID):
		refuse(w, http.StatusForbidden, "Access denied to save dashboard")
	case exists && d.newest().number != int(sent) && !cmd.Overwrite:
		reply(w, http.StatusPreconditionFailed, map[string]any{"status": "version-mismatch", "message": "The dashboard has been changed by someone else"})
	case exists && d.plugin != "" && !cmd.Overwrite:
		reply(w, http.StatusPreconditionFailed, map[string]any{"status": "plugin-dashboard", "message": fmt.Sprintf("The dashboard belongs to plugin %s.", d.plugin)})
	case s.UniqueTitles && s.titleTaken(uid, title, cmd.FolderUID):
		reply(w, http.StatusPreconditionFailed, map[string]any{"status": "name-exists", "message": "A dashboard with the same name in the folder already exists"})
	default:
		if !exists {
			d = s.fresh()
			s.dashboards[uid] = d
		}
		d.folderUID, d.second = cmd.FolderUID, false
		if s.Fill != nil {
			s.Fill(cmd.Dashboard)
		}
		d.add(version{by: who.login, message: cmd.Message, at: s.Now(), data: cmd.Dashboard})
		reply(w, http.StatusOK, map[string]any{
			"status": "success", "slug": uid, "version": d.newest().number, "id": d.id, "uid": uid, "url": "/d/" + uid, "folderUid": d.folderUID,
		})
	}
}

func (s *Server) titleTaken(uid, title, folderUID string) bool {
	for other, d := range s.dashboards {
		if other != uid && d.folderUID == folderUID && d.newest().data["title"] == title {
			return true
		}
	}
	return false
}

func (s *Server) delete(w http.ResponseWriter, uid string, who account) {
	d := s.dashboards[uid]
	switch {
	case d == nil:
		refuse(w, http.StatusNotFound, "Dashboard not found")
	case d.provisioned != "":
		refuse(w, http.StatusBadRequest, "provisioned dashboard cannot be deleted")
	case who.folders != nil && !slices.Contains(who.folders, d.folderUID):
		refuse(w, http.StatusForbidden, "Access denied to this dashboard")
	default:
		delete(s.dashboards, uid)
		reply(w, http.StatusOK, map[string]any{"title": d.newest().data["title"], "message": "Dashboard deleted", "uid": uid})
	}
}

// history answers for the list, or for one version of it.
func (s *Server) history(w http.ResponseWriter, r *http.Request, uid, number string) {
	d := s.dashboards[uid]
	if d == nil {
		refuse(w, http.StatusNotFound, "Dashboard not found")
		return
	}
	entry := func(v version, message string) map[string]any {
		return map[string]any{
			"id": d.id*1000 + v.number, "dashboardId": d.id, "uid": uid, "parentVersion": v.parent, "restoredFrom": 0, "version": v.number,
			"created": v.at, "createdBy": v.by, "message": message, "data": v.data,
		}
	}
	if number != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(number, "/"))
		if err != nil || n < 1 || n > len(d.versions) {
			refuse(w, http.StatusNotFound, "Dashboard version not found")
			return
		}
		reply(w, http.StatusOK, entry(d.versions[n-1], d.versions[n-1].message))
		return
	}
	list := []map[string]any{}
	for _, v := range slices.Backward(d.versions) {
		message := v.message
		if v.parent == 0 {
			message = "Initial save"
		}
		list = append(list, entry(v, message))
	}
	list = page(r, list)
	if s.NewHistory {
		reply(w, http.StatusOK, map[string]any{"continueToken": "", "versions": list})
		return
	}
	reply(w, http.StatusOK, list)
}

func (s *Server) getSource(w http.ResponseWriter, uid string) {
	if s.datasources[uid] == nil {
		refuse(w, http.StatusNotFound, "Data source not found")
		return
	}
	reply(w, http.StatusOK, s.datasources[uid])
}

func (s *Server) putSource(w http.ResponseWriter, r *http.Request, uid string) {
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in["name"] == nil || in["type"] == nil {
		refuse(w, http.StatusBadRequest, "bad request data")
		return
	}
	for other, source := range s.datasources {
		if other != uid && (source["name"] == in["name"] || other == in["uid"]) {
			refuse(w, http.StatusConflict, "data source with the same name already exists")
			return
		}
	}
	if uid == "" {
		s.lastID++
		uid, _ = in["uid"].(string)
		in["id"], in["orgId"], in["readOnly"], in["version"], in["isDefault"], in["basicAuth"] = float64(s.lastID), 1.0, false, 1.0, false, false
	} else if readOnly, _ := s.datasources[uid]["readOnly"].(bool); readOnly {
		refuse(w, http.StatusForbidden, "Cannot update read-only data source")
		return
	}
	s.datasources[uid] = in
	reply(w, http.StatusOK, map[string]any{"datasource": in, "id": in["id"], "message": "Datasource added", "name": in["name"]})
}

func (s *Server) deleteSource(w http.ResponseWriter, uid string) {
	if s.datasources[uid] == nil {
		refuse(w, http.StatusNotFound, "Data source not found")
		return
	}
	delete(s.datasources, uid)
	reply(w, http.StatusOK, map[string]any{"message": "Data source deleted"})
}

func (s *Server) deleteFolder(w http.ResponseWriter, uid string) {
	if s.folderTitle(uid) == "" {
		refuse(w, http.StatusNotFound, "folder not found")
		return
	}
	s.folders = slices.DeleteFunc(s.folders, func(f folder) bool { return f.UID == uid })
	maps.DeleteFunc(s.dashboards, func(_ string, d *dashboard) bool { return d.folderUID == uid })
	reply(w, http.StatusOK, map[string]any{"message": "Folder deleted"})
}

// query answers like a Prometheus without any series: it reads the query, and refuses
// what is no PromQL.
func (s *Server) query(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Queries []struct {
			RefID      string `json:"refId"`
			Expr       string `json:"expr"`
			Datasource struct {
				UID string `json:"uid"`
			} `json:"datasource"`
		} `json:"queries"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Queries) == 0 {
		refuse(w, http.StatusBadRequest, "bad request data")
		return
	}
	results, status := map[string]any{}, http.StatusOK
	for _, q := range in.Queries {
		if s.datasources[q.Datasource.UID] == nil {
			refuse(w, http.StatusNotFound, "Data source not found")
			return
		}
		expr := strings.NewReplacer("$__rate_interval", "1m", "$__interval", "1m", "$__range", "1h").Replace(q.Expr)
		if _, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err != nil {
			results[q.RefID], status = map[string]any{"status": http.StatusBadRequest, "error": err.Error()}, http.StatusBadRequest
			continue
		}
		results[q.RefID] = map[string]any{"status": http.StatusOK, "frames": []any{}}
	}
	reply(w, status, map[string]any{"results": results})
}
