package store

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/util/httputil"
)

// metadata serves GET /api/v1/metadata: what Prometheus knows from its targets,
// and what was pushed. Parameters and answer are those of Prometheus; unlike it,
// a limited answer is the same each time, in the order of the names.
func (h *apiHandler) metadata(w http.ResponseWriter, r *http.Request) {
	httputil.CompressionHandler{Handler: http.HandlerFunc(h.serveMetadata)}.ServeHTTP(w, r)
}

func (h *apiHandler) serveMetadata(w http.ResponseWriter, r *http.Request) {
	limit, ok := intParam(r, "limit")
	if !ok {
		respondError(w, http.StatusBadRequest, "bad_data", "limit must be a number")
		return
	}
	perMetric, ok := intParam(r, "limit_per_metric")
	if !ok {
		respondError(w, http.StatusBadRequest, "bad_data", "limit_per_metric must be a number")
		return
	}
	all := families{perMetric: perMetric, found: map[string][]metadata.Metadata{}}
	name := r.FormValue("metric")
	h.addTargets(&all, name)
	h.store.meta.each(name, func(family string, variants []metadata.Metadata) {
		for _, m := range variants {
			all.add(family, m)
		}
	})
	respond(w, http.StatusOK, map[string]any{"status": "success", "data": all.first(limit)})
}

func (h *apiHandler) addTargets(all *families, name string) {
	for _, pool := range h.options.Targets.TargetsActive() {
		for _, target := range pool {
			if name != "" {
				if m, ok := target.GetMetadata(name); ok {
					all.add(m.MetricFamily, metadata.Metadata{Type: m.Type, Help: m.Help, Unit: m.Unit})
				}
				continue
			}
			for _, m := range target.ListMetadata() {
				all.add(m.MetricFamily, metadata.Metadata{Type: m.Type, Help: m.Help, Unit: m.Unit})
			}
		}
	}
}

// families collects the distinct metadata of each metric family.
type families struct {
	perMetric int // 0 or less: no limit
	found     map[string][]metadata.Metadata
}

func (f *families) add(family string, m metadata.Metadata) {
	known := f.found[family]
	if f.perMetric > 0 && len(known) >= f.perMetric || slices.Contains(known, m) {
		return
	}
	f.found[family] = append(known, m)
}

// first returns the first n families by name, all of them if n is negative.
func (f *families) first(n int) map[string][]metadata.Metadata {
	if n < 0 || len(f.found) <= n {
		return f.found
	}
	names := make([]string, 0, len(f.found))
	for name := range f.found {
		names = append(names, name)
	}
	slices.Sort(names)
	first := make(map[string][]metadata.Metadata, n)
	for _, name := range names[:n] {
		first[name] = f.found[name]
	}
	return first
}

// intParam is -1 if the parameter is not given.
func intParam(r *http.Request, name string) (n int, ok bool) {
	s := r.FormValue(name)
	if s == "" {
		return -1, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}
