package dashboards

import "regexp"

// variable finds $name, ${name}, ${name:format} and [[name]]: the ways in which
// Grafana writes variables, its own as well, which begin with two underlines.
var variable = regexp.MustCompile(`\$(\w+)|\$\{(\w+)(?:[.:][^}]*)?\}|\[\[(\w+)(?::\w+)?\]\]`)

// variableName is the name in what variable found.
func variableName(found []string) string {
	for _, name := range found[1:] {
		if name != "" {
			return name
		}
	}
	return ""
}

// Interpolate puts values in the place of variables, as Grafana does before it
// asks or follows a link. Grafana's own variables for time have one that fits a
// range of six hours; for any other that is not in values it writes "x".
func Interpolate(text string, values map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(s string) string {
		name := variableName(variable.FindStringSubmatch(s))
		if v, is := values[name]; is {
			return v
		}
		switch name {
		case "__rate_interval":
			return "5m"
		case "__interval":
			return "1m"
		case "__interval_ms":
			return "60000"
		case "__range":
			return "6h"
		case "__range_s":
			return "21600"
		case "__range_ms":
			return "21600000"
		default:
			return "x"
		}
	})
}
