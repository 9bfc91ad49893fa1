package rules

// PagingAlerts returns the labels of every alert of the objective that wakes
// somebody, as AlertLabels does for one: that it burns, that its telemetry is lost,
// that its traffic ceased. What is told as a ticket, or disabled, is not among them.
func (o Objective) PagingAlerts() []map[string]string {
	var out []map[string]string
	for _, rule := range alertRules(o, nil) {
		if rule.severity != Page {
			continue
		}
		ls := o.AlertLabels(Page)
		ls["alertname"] = rule.name
		out = append(out, ls)
	}
	return out
}
