package rules

import "cmp"

// ObjectiveOf returns the ID of the objective that the labels of an alert name: by
// sloth_id, else by sloth_service and sloth_slo, else by service and slo. So alerts of
// another Prometheus, with rules that Sloth made of the same specs, are known too. ok
// is false for labels that name none, or more than one.
func (e *Engine) ObjectiveOf(alert map[string]string) (id string, ok bool) {
	if id = alert["sloth_id"]; id != "" && e.track(id) != nil {
		return id, true
	}
	service, slo := alert["sloth_service"], alert["sloth_slo"]
	service, slo = cmp.Or(service, alert["service"]), cmp.Or(slo, alert["slo"])
	if service == "" || slo == "" {
		return "", false
	}
	id = ""
	for _, tr := range e.all() {
		o := tr.objective()
		if o.Parent != "" || o.Service != service || o.SLO != slo {
			continue
		}
		if id != "" {
			return "", false
		}
		id = o.ID
	}
	return id, id != ""
}
